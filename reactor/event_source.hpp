// SPDX-License-Identifier: Apache-2.0
// What epoll tells: one epoll descriptor, one eventfd that wakes it, and the batch of events that was told last. Owned
// by an epoll reactor and used on its thread only, but for wake(). It knows no operations and must never allocate.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

namespace tina::detail {

/// Edges of readiness: a descriptor is told of once each time something has changed.
class event_source {
public:
    event_source() = default;
    event_source(const event_source&) = delete;
    event_source& operator=(const event_source&) = delete;
    ~event_source();

    /// 0, or -errno of the step that `failed_call` names.
    [[nodiscard]] int open(const char*& failed_call) noexcept;

    /// Watches a descriptor from now on until it is closed; its events carry `tag`. What is ready already counts as a
    /// change. 0 or -errno.
    [[nodiscard]] int watch(int descriptor, std::uint64_t tag) noexcept;

    /// Takes events, for which it waits up to `limit_ns`; less than 0: without end. The batch before must have been
    /// cleared. A system call that was interrupted tells of nothing.
    void look(std::int64_t limit_ns) noexcept;

    /// Of the last look, without wakes.
    [[nodiscard]] std::span<const epoll_event> events() const noexcept { return {events_.data(), count_}; }
    void clear() noexcept { count_ = 0; }

    /// Ends a look, or the next one. Affinity: any thread.
    void wake() const noexcept;

private:
    [[nodiscard]] int add(int descriptor, std::uint32_t what, std::uint64_t tag) noexcept;
    [[nodiscard]] int ask(std::int64_t limit_ns) noexcept;

    /// Few, so that what they bring is still in the cache when it is used. More are told by the next look.
    static constexpr std::size_t batch = 32;
    static constexpr std::uint64_t wake_tag = UINT64_MAX;

    int poll_ = -1;
    int wake_ = -1;
    bool is_coarse_ = false;  ///< the kernel, or a filter, knows only waits of whole milliseconds
    std::size_t count_ = 0;
    std::array<epoll_event, batch> events_{};
};

}  // namespace tina::detail
