// SPDX-License-Identifier: Apache-2.0
// The coroutine that stands in a slot for a stackful handler: it runs the fiber when it is resumed and suspends where
// the fiber waits. So whatever schedules, ends or restarts isolates knows of coroutines only.
#pragma once

#include <coroutine>

#include "tina/context.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/isolate.hpp"

namespace tina::detail {

/// The effect of running the fiber: yields whether it has ended. What the fiber waits for is in the slot already.
struct fiber_turn {
    using of_runtime = void;

    class awaiter {
    public:
        awaiter(slot_header& self, const fiber_turn&) noexcept : slot_(&self) {}

        [[nodiscard]] bool await_ready() const noexcept { return false; }
        // Here rather than in the constructor: while the fiber runs, the coroutine is suspended and may be destroyed.
        bool await_suspend(std::coroutine_handle<>) noexcept {
            ended_ = run_fiber(*slot_);
            return !ended_;
        }
        [[nodiscard]] bool await_resume() const noexcept { return ended_; }

    private:
        slot_header* slot_;
        bool ended_ = false;
    };
};

/// The fiber of a slot, from start to end.
class fiber_life {
public:
    fiber_life(slot_header& self, fiber_entry run, void* what) noexcept : slot_(&self) { start_fiber(self, run, what); }
    fiber_life(const fiber_life&) = delete;
    fiber_life& operator=(const fiber_life&) = delete;
    ~fiber_life() { drop_fiber(*slot_); }

private:
    slot_header* slot_;
};

/// Calls `Body` on a fiber; an exception that leaves it ends there, as the reason of the isolate's end.
template <class Body>
void enter_fiber(slot_header& self, void* body) noexcept {
    try {
        (*static_cast<Body*>(body))();
    } catch (...) { note_exception(self); }
}

template <class Body>
isolate run_on_fiber(context self, Body body) {
    const fiber_life fiber(self.slot(), &enter_fiber<Body>, &body);
    for (;;) {
        // `auto`: g++ 12 does not get further than an internal error with the expression in a condition.
        const auto ended = co_yield fiber_turn{};
        if (ended) co_return;
    }
}

}  // namespace tina::detail
