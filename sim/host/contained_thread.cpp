// SPDX-License-Identifier: Apache-2.0
// The handlers of signals are installed once for the process; what a thread needs for them, once for the thread.
#include "sim/host/contained_thread.hpp"

#include "lib/host/fault_signals.hpp"

namespace tina::sim {

namespace {

/// The handlers of the process, installed by the first who needs them.
[[nodiscard]] const std::string& install_once() {
    static tina::detail::fault_signals handlers;
    static const std::string reason = handlers.install();
    return reason;
}

struct thread_facts {
    tina::detail::fault_thread containment;
    tina::detail::fault_state state;
    std::string reason;

    thread_facts() : reason(containment.enter(state)) { tina::detail::this_thread_faults = nullptr; }
};

}  // namespace

std::string contain_faults(tina::detail::fault_state& state) {
    if (const std::string& reason = install_once(); !reason.empty()) return reason;
    thread_local thread_facts facts;
    if (!facts.reason.empty()) return facts.reason;
    state.stack = facts.state.stack;
    state.stack_guard = facts.state.stack_guard;
    state.signals = facts.state.signals;
    state.armed = true;
    return {};
}

}  // namespace tina::sim
