// SPDX-License-Identifier: Apache-2.0
// poll(2) before write(2): at most as much as a pipe takes in one piece, so that a reader who has stopped costs log entries and
// never the shard.
#include "lib/host/log_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace tina::detail {

std::size_t log_writer::write(std::span<const char> lines) noexcept {
    pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, 0) != 1) return 0;
    // A descriptor that is closed or broken takes everything: there is nobody to tell.
    if ((ready.revents & POLLOUT) == 0) return lines.size();
    const ssize_t wrote = ::write(descriptor_, lines.data(), lines.size());
    if (wrote > 0) return static_cast<std::size_t>(wrote);
    return errno == EAGAIN || errno == EINTR ? 0 : lines.size();
}

std::int64_t log_writer::wall_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace tina::detail
