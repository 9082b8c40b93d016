// SPDX-License-Identifier: Apache-2.0
// How isolates end: the word for it that logs, monitors and counters share.
#pragma once

#include <cstdint>

namespace tina {

/// How an isolate ended.
enum class exit_reason : std::uint8_t {
    done,       ///< its handler returned
    crashed,    ///< tina::crash(), `.or_crash()`, or one it was linked to crashed
    exception,  ///< an exception left it
    signal,     ///< a hardware fault, or abort()
    budget,     ///< it ran longer without waiting than its CPU budget allows
    stopped,    ///< context::stop(), or a link to one that ended without a crash
    shutdown,   ///< its supervisor ended it, for the sake of another child or with the system
    gone,       ///< it had ended before it was asked about, or never was
};

/// A word for each reason, for logs.
[[nodiscard]] constexpr const char* to_string(exit_reason reason) noexcept {
    switch (reason) {
    case exit_reason::done: return "done";
    case exit_reason::crashed: return "crashed";
    case exit_reason::exception: return "exception";
    case exit_reason::signal: return "signal";
    case exit_reason::budget: return "budget";
    case exit_reason::stopped: return "stopped";
    case exit_reason::shutdown: return "shutdown";
    case exit_reason::gone: return "gone";
    }
    return "?";
}

/// Whether an end is a failure: what starts a transient child again, and what takes down those that are linked.
[[nodiscard]] constexpr bool is_crash(exit_reason reason) noexcept {
    return reason >= exit_reason::crashed && reason <= exit_reason::budget;
}

}  // namespace tina
