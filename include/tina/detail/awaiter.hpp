// SPDX-License-Identifier: Apache-2.0
// How a handler waits: an awaiter is built in the coroutine's frame by co_yield and starts its effect as it is built,
// so that the interpreter knows the address of the wait from the first moment. It therefore can be neither copied nor
// moved.
#pragma once

#include <coroutine>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tina/detail/runtime.hpp"
#include "tina/export.hpp"
#include "tina/result.hpp"
#include "tina/time.hpp"

namespace tina::detail {

/// What `.or_crash()` and `crash` throw: the one exception of the library. It carries nothing; the reason has been
/// noted.
struct crash_signal {};

[[noreturn]] TINA_EXPORT void throw_crash(slot_header& self, std::string_view effect, std::error_code error);
/// The same for a handler that waits for a message which its type does not accept.
[[noreturn]] TINA_EXPORT void throw_foreign_receive(slot_header& self);

template <class Wait>
class awaiter_base {
public:
    explicit awaiter_base(slot_header& self) noexcept : slot_(&self) {}
    awaiter_base(const awaiter_base&) = delete;
    awaiter_base& operator=(const awaiter_base&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return wait_.done; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}

protected:
    /// Sets the wait up without beginning it: begin_any() does that.
    void plan_arm(arm_plan& plan, wait_kind kind, deadline until) noexcept {
        wait_.set_up(kind);
        plan.wait = &wait_;
        plan.until = until;
    }

    Wait wait_;
    slot_header* slot_;
};

/// What co_yield accepts. An effect is copied as bytes and owns nothing.
template <class T>
concept effect =
    requires { typename T::awaiter; } && std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

/// What awaits an effect as an arm of any_of: it can be built without being begun.
template <class Effect>
struct find_arm_awaiter {
    using type = typename Effect::awaiter;
};
template <class Effect>
    requires requires { typename Effect::arm_awaiter; }
struct find_arm_awaiter<Effect> {
    using type = typename Effect::arm_awaiter;
};
template <class Effect>
using arm_awaiter_of = typename find_arm_awaiter<Effect>::type;

/// What may be an arm of any_of.
template <class T>
concept arm_effect = effect<T> && std::is_constructible_v<arm_awaiter_of<T>, slot_header&, const T&, arm_plan&>;

/// `.or_crash()`: unwraps the result of an effect, or ends the isolate with the error as reason.
template <class Effect>
struct or_crash_effect {
    Effect inner;

    class awaiter : public Effect::awaiter {
    public:
        awaiter(slot_header& self, const or_crash_effect& what) noexcept : Effect::awaiter(self, what.inner) {}

        auto await_resume() {
            auto outcome = Effect::awaiter::await_resume();
            if (!outcome) throw_crash(*this->slot_, Effect::name, outcome.error());
            return *std::move(outcome);
        }
    };
};

/// Adds `.within`, `.by` and `.or_crash` to an effect whose result can be an error.
template <class Effect>
struct timed_effect {
    deadline until;

    /// Ends the wait with `errc::deadline` when `span` has passed since the effect was yielded.
    [[nodiscard]] constexpr Effect within(duration span) const noexcept { return with(deadline{span}); }
    /// Ends the wait with `errc::deadline` at `moment`.
    [[nodiscard]] constexpr Effect by(instant moment) const noexcept { return with(deadline{moment}); }
    /// Yields the value itself; an error ends the isolate, destructors running.
    [[nodiscard]] constexpr or_crash_effect<Effect> or_crash() const noexcept {
        return {static_cast<const Effect&>(*this)};
    }

private:
    [[nodiscard]] constexpr Effect with(deadline limit) const noexcept {
        Effect copy = static_cast<const Effect&>(*this);
        copy.until = limit;
        return copy;
    }
};

}  // namespace tina::detail
