// SPDX-License-Identifier: Apache-2.0
// Whether what was interrupted can be abandoned soundly: the stack is walked from the fault to the guarded call, and
// every function on it must be the program's own, or one of a library that is known to hold no lock and to leave
// nothing half done. Called from signal handlers.
#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
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

/// Functions, by where they begin, sorted.
class function_set {
public:
    void add(std::uintptr_t begin) noexcept;
    [[nodiscard]] bool has(std::uintptr_t begin) const noexcept;

private:
    std::array<std::uintptr_t, 96> begins_{};
    std::size_t count_ = 0;
};

/// What all threads share; set up when signal handlers are installed.
struct verdict_tables {
    code_map code;
    function_set leaves;    ///< of the C library, that work on memory and strings
    function_set ends;      ///< that are on the stack when a program ends itself
    function_set throwers;  ///< that are on the stack while an exception is on its way

    /// Notes what is loaded, and where the leaves begin.
    void start() noexcept;
};

/// What interrupted the code that is to be abandoned.
enum class interruption : std::uint8_t {
    fault,    ///< it did so itself, at this instruction
    request,  ///< somebody else did, at any instruction
};

/// Walks the stack of what `context` says was interrupted. It may mend the context where that jumped to nowhere, so
/// that the walk begins at the call. It survives a stack that is not readable.
[[nodiscard]] stack_finding judge_stack(const verdict_tables& tables, fault_state& state, ucontext_t& context,
                                        interruption by) noexcept;

/// Whether nothing but the program's own code is on the stack, from the caller to the guarded call. Not in a signal
/// handler.
[[nodiscard]] bool is_only_own_on_stack(const verdict_tables& tables) noexcept;

/// The place on the stack of the return address of the outermost library's function that was interrupted, by which it
/// returns to the program's own code. Null if there is none, if an exception is on its way, or if the stack cannot be
/// walked.
[[nodiscard]] std::uintptr_t* find_return_to_own(const verdict_tables& tables, fault_state& state,
                                                 ucontext_t& context) noexcept;

/// Adds the functions of libraries on the stack of what was interrupted to `tables.ends`.
void learn_ends(verdict_tables& tables, const ucontext_t& context) noexcept;

}  // namespace tina::detail
