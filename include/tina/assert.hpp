// SPDX-License-Identifier: Apache-2.0
// Assertions about the library's own invariants. They are always on, cost O(1), and end the process with one line that
// says where it happened and what was being run; they never test input from a peer, a file, the kernel or a user's
// spec.
#pragma once

#include "tina/export.hpp"

namespace tina::detail {

/// Prints the failed condition with the shard, isolate and time it failed in, then aborts.
[[noreturn]] TINA_EXPORT void assertion_failed(const char* condition, const char* text, const char* file,
                                               int line) noexcept;

}  // namespace tina::detail

/// Ends the process if `condition` does not hold; `text` says what failed, and what to do about it.
#define TINA_ASSERT(condition, text)                                                                                   \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                                               \
                                  : ::tina::detail::assertion_failed(#condition, text, __FILE__, __LINE__))

/// The same in debug builds only; may be costly.
#ifdef NDEBUG
#define TINA_DEBUG_ASSERT(condition, text) static_cast<void>(0)
#else
#define TINA_DEBUG_ASSERT(condition, text) TINA_ASSERT(condition, text)
#endif
