// SPDX-License-Identifier: Apache-2.0
// A call that can be abandoned: a signal handler edits the context it interrupted so that execution goes on where the
// call returns. Not setjmp, which compilers treat in a way of its own: for them this is an ordinary function. x86-64
// only. What is abandoned is never unwound.
#pragma once

namespace tina::detail {

/// What a guarded call leaves for who abandons it.
struct recovery_point {
    void* stack = nullptr;  ///< its stack pointer; null: it is not being called
};

/// Where execution goes on when a call is abandoned: its stack pointer in RSP, what it is to return in EAX.
extern "C" void tina_guarded_landing() noexcept;
/// Behind the last instruction of the two.
extern "C" void tina_guarded_end() noexcept;

/// Calls `function(argument)`. Returns 0; or, if the call was abandoned, the number its abandoner chose. Control words
/// of the floating-point units are then as they were before.
extern "C" int tina_guarded_call(void (*function)(void*), void* argument, recovery_point* point);

}  // namespace tina::detail
