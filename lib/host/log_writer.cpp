// SPDX-License-Identifier: Apache-2.0
// Writing without waiting. A pipe or terminal is opened anew, because O_NONBLOCK on the descriptor that was given would
// concern everybody who shares it; a reader who has stopped then costs log entries and never the shard.
#include "lib/host/log_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

namespace tina::detail {

log_writer::log_writer(int descriptor) noexcept : descriptor_(descriptor) {
    struct stat status{};
    if (fstat(descriptor, &status) != 0 || !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) return;
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    const int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (own < 0) return;
    descriptor_ = own;
    owned_ = true;
}

log_writer::~log_writer() {
    if (owned_) close(descriptor_);
}

std::size_t log_writer::write(std::span<const char> lines) noexcept {
    // Sockets take a flag; files never block for long; for the rest poll(2) is the best there is.
    ssize_t wrote = send(descriptor_, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote < 0 && errno == ENOTSOCK) {
        pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
        if (!owned_ && poll(&ready, 1, 0) != 1) return 0;
        wrote = ::write(descriptor_, lines.data(), lines.size());
    }
    if (wrote > 0) return static_cast<std::size_t>(wrote);
    // A descriptor that is closed or broken takes everything: there is nobody to tell.
    return errno == EAGAIN || errno == EINTR ? 0 : lines.size();
}

std::int64_t log_writer::wall_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace tina::detail
