// SPDX-License-Identifier: Apache-2.0
// What tina::guard, where a program links it, tells the runtime: whether this thread holds a lock. Without it nobody
// knows, and a handler that does not end is abandoned only while it is in code of its own.
#pragma once

#include <atomic>

#include "tina/export.hpp"

namespace tina::detail {

struct guard_hooks {
    /// How many locks this thread holds, counting what it is about to take or give back.
    unsigned (*locks_held)() noexcept;
};

/// Release by the guard when it is loaded: partner is the acquire in a signal handler. Null: it is not linked.
TINA_EXPORT extern std::atomic<const guard_hooks*> installed_guard;

/// Of this thread; 0 where nobody counts them.
[[nodiscard]] unsigned locks_held() noexcept;

/// Takes a diverted return back, before an exception looks at the stack. By the guard; on any thread.
TINA_EXPORT void undo_diverted_return() noexcept;
/// A lock was given back, and none is held any more: the activation ends now if its time was up.
TINA_EXPORT void end_if_overdue() noexcept;

}  // namespace tina::detail
