// SPDX-License-Identifier: Apache-2.0
// Whether faults can be contained on this machine, found out by dying of each kind once, in a child process, so that
// this one neither prints anything nor is changed.
#pragma once

#include <string>

#include "lib/host/stack_verdict.hpp"

namespace tina::detail {

/// Tries the installed signal handlers, and learns which functions of libraries are on the stack when a program ends
/// itself by abort(), assert() or std::terminate(). Empty, or what did not work.
[[nodiscard]] std::string run_fault_self_test(verdict_tables& tables);

/// While the self-test learns: where to. Null in every other process. Read by the signal handlers.
extern verdict_tables* learning_into;

}  // namespace tina::detail
