// SPDX-License-Identifier: Apache-2.0
// The signal handlers that contain faults: installed when the first system starts that wants it, taken away when the
// last has stopped. What happens on threads that are no shards goes to the handlers that were there before.
#pragma once

#include <cstddef>
#include <string>

#include "lib/fault_state.hpp"
#include "lib/memory_map.hpp"
#include "tina/fault_options.hpp"

namespace tina::detail {

/// Whether a build does what the spec says: with a sanitizer `automatic` is off.
[[nodiscard]] bool wants_containment(containment wanted) noexcept;

/// Keeps the handlers installed while it lives. Affinity: any thread; not a signal handler.
class fault_signals {
public:
    fault_signals() = default;
    fault_signals(const fault_signals&) = delete;
    fault_signals& operator=(const fault_signals&) = delete;
    ~fault_signals();

    /// Installs the handlers and tries them, in a process of their own. Empty, or why faults cannot be contained.
    [[nodiscard]] std::string install();

private:
    bool installed_ = false;
};

/// Makes a thread one whose faults are contained while it lives: it has a stack for signal handlers then. On that
/// thread.
class fault_thread {
public:
    fault_thread() = default;
    fault_thread(const fault_thread&) = delete;
    fault_thread& operator=(const fault_thread&) = delete;
    ~fault_thread();

    /// Fills in what `state` must know of the thread. Empty, or why it is not possible.
    [[nodiscard]] std::string enter(fault_state& state);

private:
    memory_map stack_;
    bool entered_ = false;
};

}  // namespace tina::detail
