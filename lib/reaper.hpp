// SPDX-License-Identifier: Apache-2.0
// What runs in the place of a handler that has died while it was queued to run: a coroutine, one per shard, that marks
// the running slot as out of the queue each time it is resumed, so that the way from the queue to the handler has no
// question to ask. Owned by the shard, made at boot.
#pragma once

#include <coroutine>
#include <cstdlib>
#include <utility>

namespace tina::detail {

class reaper {
public:
    struct promise_type {
        reaper get_return_object() noexcept { return reaper(handle_type::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::abort(); }
    };

    reaper() = default;
    reaper(reaper&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    reaper& operator=(reaper&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~reaper() {
        if (handle_ != nullptr) handle_.destroy();
    }

    /// In the form of slot_header::frame.
    [[nodiscard]] void* frame() const noexcept { return handle_.address(); }

private:
    using handle_type = std::coroutine_handle<promise_type>;
    explicit reaper(handle_type handle) noexcept : handle_(handle) {}

    handle_type handle_;
};

}  // namespace tina::detail
