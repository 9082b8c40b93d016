// SPDX-License-Identifier: Apache-2.0
// The two ways out of a signal handler that has found a handler to be over: the shard goes on without it, or the
// process ends with a report.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <string_view>

#include "lib/fault_state.hpp"
#include "lib/host/stack_verdict.hpp"

namespace tina::detail {

/// Whoever was interrupted may have asked for checks of alignment, which the kernel leaves on in a signal handler. Its
/// own code would fault; what it returns to gets its flags back.
inline void stop_checking_alignment() noexcept {
    constexpr unsigned long long alignment_check = 0x4'0000;
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~alignment_check);
}

/// Has the interrupted code go on where a guarded call returns. `signals`: the mask from then on; null: as it was.
void redirect(ucontext_t& context, const recovery_point& point, const sigset_t* signals) noexcept;

/// Says what has happened, where, and why it cannot be contained, after what the shard has logged; then the signal ends
/// the process as if tina were not there. `at`: an instruction that belongs to the reason, or 0.
void end_process(fault_state& state, const fault_event& event, std::string_view why, std::uintptr_t at) noexcept;

/// Why a verdict is not `sound`.
[[nodiscard]] std::string_view reason_of(verdict found) noexcept;

/// Whose code is whose, in this process.
[[nodiscard]] verdict_tables& tables_of_process() noexcept;

/// Whether a signal was sent by another process rather than by this one or by what its thread did.
[[nodiscard]] bool is_from_elsewhere(const siginfo_t& info) noexcept;

}  // namespace tina::detail
