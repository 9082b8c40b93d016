// SPDX-License-Identifier: Apache-2.0
// Whether what was interrupted can be abandoned soundly: the stack is walked from the fault to the guarded call, and
// every function on it must be the program's own, or one of a library that is known to hold no lock and to leave
// nothing half done. Called from signal handlers.
#pragma once

#include <ucontext.h>

#include <cstdint>

#include "lib/code_map.hpp"
#include "lib/fault_state.hpp"

namespace tina::detail {

enum class verdict : std::uint8_t {
    sound,         ///< nothing but the program's own code and leaves that are known
    library,       ///< a library was at work, which may hold a lock
    unknown_code,  ///< code of nobody known
    not_walkable,  ///< the way back to the runtime cannot be found
};

struct stack_finding {
    verdict what = verdict::not_walkable;
    std::uintptr_t at = 0;  ///< the instruction that decided
};

/// What all threads share; set up when signal handlers are installed.
struct verdict_tables {
    code_map code;
    std::array<std::uintptr_t, 192> leaves{};  ///< where functions of libraries begin that may be on the stack, sorted
    std::size_t leaf_count = 0;

    /// Notes what is loaded, and where the functions of the C library begin that work on memory and strings.
    void start() noexcept;
    void add_leaf(std::uintptr_t begin) noexcept;
    [[nodiscard]] bool is_leaf(std::uintptr_t begin) const noexcept;
};

/// Walks the stack of what `context` says was interrupted. It may mend the context where that jumped to nowhere, so
/// that the walk begins at the call. It survives a stack that is not readable.
[[nodiscard]] stack_finding judge_stack(const verdict_tables& tables, fault_state& state, ucontext_t& context) noexcept;

/// The functions of libraries on the stack of what was interrupted, for the self-test to learn.
void learn_leaves(verdict_tables& tables, const ucontext_t& context) noexcept;

}  // namespace tina::detail
