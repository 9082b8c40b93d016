// SPDX-License-Identifier: Apache-2.0
// The system calls of epoll. What is registered stays registered until its descriptor is closed, so that a connection
// costs one registration in its whole life.
#include "reactor/event_source.hpp"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "tina/assert.hpp"

namespace tina::detail {
namespace {

constexpr std::int64_t ns_per_ms = 1'000'000;
constexpr std::int64_t ns_per_s = 1'000'000'000;

/// Rounded up: a wait that ends early by less than a millisecond would be repeated without sleeping.
int whole_ms(std::int64_t span_ns) noexcept {
    if (span_ns < 0) { return -1; }
    return static_cast<int>(std::min<std::int64_t>(span_ns / ns_per_ms + (span_ns % ns_per_ms != 0 ? 1 : 0), INT_MAX));
}

}  // namespace

event_source::~event_source() {
    if (wake_ >= 0) { ::close(wake_); }
    if (poll_ >= 0) { ::close(poll_); }
}

int event_source::open(const char*& failed_call) noexcept {
    failed_call = "epoll_create1";
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll_ < 0) { return -errno; }
    failed_call = "eventfd";
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) { return -errno; }
    failed_call = "epoll_ctl";
    // Not for writing, which is always possible and would be told.
    return add(wake_, EPOLLIN | EPOLLET, wake_tag);
}

int event_source::watch(int descriptor, std::uint64_t tag) noexcept {
    return add(descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, tag);
}

int event_source::add(int descriptor, std::uint32_t what, std::uint64_t tag) noexcept {
    epoll_event wanted{.events = what, .data = {.u64 = tag}};
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &wanted) == 0) { return 0; }
    if (errno != EEXIST) { return -errno; }
    // It is watched under a tag that does not count any more.
    return ::epoll_ctl(poll_, EPOLL_CTL_MOD, descriptor, &wanted) == 0 ? 0 : -errno;
}

void event_source::look(std::int64_t limit_ns) noexcept {
    const int result = ask(limit_ns);
    TINA_ASSERT(result >= 0 || result == -EINTR,
                "epoll_wait failed for good; was its descriptor closed, or a seccomp filter installed?");
    // Wakes have done their work by ending the wait. The eventfd is never read: the edge reports each write.
    const auto told = events_.begin() + std::max(result, 0);
    const auto end =
        std::remove_if(events_.begin(), told, [](const epoll_event& each) { return each.data.u64 == wake_tag; });
    count_ = static_cast<std::size_t>(end - events_.begin());
}

/// The number of events, or -errno.
int event_source::ask(std::int64_t limit_ns) noexcept {
    constexpr int most = static_cast<int>(batch);
    const bool is_exact = limit_ns > 0 && !is_coarse_;
    if (is_exact) {
        const timespec limit{.tv_sec = limit_ns / ns_per_s, .tv_nsec = limit_ns % ns_per_s};
        const long result = ::syscall(SYS_epoll_pwait2, poll_, events_.data(), most, &limit, nullptr, std::size_t{0});
        if (result >= 0) { return static_cast<int>(result); }
        // Linux has it since 5.11; filters that are older than it answer EPERM.
        if (errno != ENOSYS && errno != EPERM) { return -errno; }
        is_coarse_ = true;
    }
    const int result = ::epoll_wait(poll_, events_.data(), most, whole_ms(limit_ns));
    return result < 0 ? -errno : result;
}

void event_source::wake() const noexcept {
    const std::uint64_t one = 1;
    // Fails only when 2^64 - 2 wakes were counted, and then the descriptor is readable anyway.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

}  // namespace tina::detail
