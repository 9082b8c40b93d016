// SPDX-License-Identifier: Apache-2.0
// What the promises of handlers and of nested tasks share: what may be yielded and awaited in them. Every member is
// noexcept; what must not compile says so here.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "tina/detail/awaiter.hpp"
#include "tina/detail/core.hpp"
#include "tina/fwd.hpp"

namespace tina::detail {

template <class...>
inline constexpr bool never = false;

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

class promise_base {
public:
    explicit promise_base(slot_header& slot) noexcept : slot_(&slot) {}

    std::suspend_always initial_suspend() const noexcept { return {}; }

    // The line is one store, for the log entry of a crash. The builtin rather than std::source_location, which g++ 12
    // keeps in the frame for that.
    template <effect Effect>
    typename Effect::awaiter yield_value(const Effect& what, std::uint32_t source_line = __builtin_LINE()) noexcept {
        if constexpr (!requires { typename Effect::of_runtime; }) line_ = source_line;
        return typename Effect::awaiter(*slot_, what);
    }
    template <class Other>
    void yield_value(const Other&, std::uint32_t = 0) noexcept {
        static_assert(
            !requires { typename Other::lacks_deadline; },
            "a call needs a deadline: tina::call<reply>(target, request).within(50ms)");
        static_assert(!is_task<Other>, "a tina::task is awaited: co_await load(self, ...), not co_yield");
        static_assert(
            requires { typename Other::lacks_deadline; } || is_task<Other> || never<Other>,
            "co_yield takes an effect of tina, such as tina::receive<a_message>()");
    }

    template <class T>
    typename task<T>::awaiter await_transform(task<T>&& what) const noexcept {
        return typename task<T>::awaiter(*slot_, what);
    }
    template <class T>
    void await_transform(task<T>&) const noexcept {
        static_assert(never<T>, "a task is awaited where it is made, without a name: co_await load(self, ...)");
    }
    template <class Other>
    void await_transform(Other&&) const noexcept {
        static_assert(never<Other>, "a handler waits by co_yield of an effect; co_await takes a tina::task only");
    }

    /// The source line of the last co_yield, or wait(), as far as this frame knows; 0: there was none.
    [[nodiscard]] std::uint32_t line() const noexcept { return line_; }
    void note_line(std::uint32_t source_line) noexcept { line_ = source_line; }

protected:
    /// Has `frame` resumed when the coroutine that runs now suspends. Through run_batch() rather than by symmetric
    /// transfer: g++ at -O0 makes that a call, and a depth of tasks a depth of the stack.
    void resume_next(void* frame) const noexcept {
        slot_->frame = frame;
        slot_->core->owner->cleanup_wanted = cleanup::all;
    }

    slot_header* slot_;
    std::uint32_t line_ = 0;
};

/// What is known of a coroutine's promise from the address of its frame, whatever promise it is: it stands behind two
/// pointers, where no member of it is aligned to more than 16 bytes.
[[nodiscard]] inline promise_base& promise_of(void* frame) noexcept {
    return std::coroutine_handle<promise_base>::from_address(frame).promise();
}
inline constexpr std::size_t promise_alignment_max = 16;

}  // namespace tina::detail
