// SPDX-License-Identifier: Apache-2.0
// Why there is no io_uring here, or no epoll, in words: turns the step that failed and its -errno into one line with
// cause and cure. Boot only. It reads limits and settings of the system; it must never change one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tina::detail {

/// What was being done when the kernel refused.
enum class boot_step {
    pages,             ///< mapping memory for the buffer ring and the backlog
    event,             ///< making the descriptor that wake() writes to
    setup,             ///< io_uring_setup
    register_buffers,  ///< io_uring_register, of the provided buffers
    enter,             ///< io_uring_enter
    sockets,           ///< making the sockets that the probe tries itself on
};

/// One line: the cause of `error` (an -errno) in `step`, and its cure. `locked_bytes` is about how much the
/// ring and its buffer ring count against RLIMIT_MEMLOCK.
[[nodiscard]] std::string explain_refusal(boot_step step, int error, std::size_t locked_bytes);

/// The same for epoll; `call` is the system call that failed.
[[nodiscard]] std::string explain_epoll_refusal(std::string_view call, int error);

/// One line for a kernel that has io_uring, permits it, and does not do `what`; `result` is what it did.
[[nodiscard]] std::string explain_misbehaviour(std::string_view what, std::string_view result);

}  // namespace tina::detail
