// SPDX-License-Identifier: Apache-2.0
// The effect of waiting for several things at once. Its arms are effects that can lose without losing anything: what a
// recv or an accept brings too late waits with its socket, a message stays in the mailbox, a timer is taken back, and
// the reply to a call is discarded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>

#include "tina/call.hpp"
#include "tina/detail/awaiter.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/effect.hpp"

namespace tina {

/// Which arm of an any_of came first, and its result.
template <class... Results>
class [[nodiscard]] any_result {
public:
    /// The result of arm `Index`, in that arm's own type; null if another came first.
    template <std::size_t Index>
    [[nodiscard]] auto* get() noexcept {
        static_assert(Index < sizeof...(Results), "this any_of has fewer arms");
        return std::get_if<Index>(&value_);
    }
    /// The same of a constant one.
    template <std::size_t Index>
    [[nodiscard]] const auto* get() const noexcept {
        static_assert(Index < sizeof...(Results), "this any_of has fewer arms");
        return std::get_if<Index>(&value_);
    }
    /// Which arm came first, from 0.
    [[nodiscard]] std::size_t index() const noexcept { return value_.index(); }

    /// For the interpreter.
    template <std::size_t Index, class Result>
    any_result(std::in_place_index_t<Index> arm, Result&& result) noexcept
        : value_(arm, std::forward<Result>(result)) {}

private:
    std::variant<Results...> value_;
};

namespace detail {

/// Effects side by side. (std::tuple is not trivially copyable in libstdc++.)
template <class... Arms>
struct arm_list {};
template <class First, class... Rest>
struct arm_list<First, Rest...> {
    First first;
    [[no_unique_address]] arm_list<Rest...> rest;
};

template <class... Arms>
struct list_builder;
template <>
struct list_builder<> {
    static constexpr arm_list<> build() noexcept { return {}; }
};
template <class First, class... Rest>
struct list_builder<First, Rest...> {
    static constexpr arm_list<First, Rest...> build(const First& first, const Rest&... rest) noexcept {
        return {first, list_builder<Rest...>::build(rest...)};
    }
};

/// Their awaiters, none of them begun.
template <class... Arms>
struct arm_awaiters {
    arm_awaiters(slot_header&, const arm_list<>&, arm_plan*) noexcept {}
};
template <class First, class... Rest>
struct arm_awaiters<First, Rest...> {
    arm_awaiter_of<First> first;
    [[no_unique_address]] arm_awaiters<Rest...> rest;

    arm_awaiters(slot_header& self, const arm_list<First, Rest...>& what, arm_plan* plans) noexcept
        : first(self, what.first, *plans), rest(self, what.rest, plans + 1) {}
};

template <std::size_t Index, class List>
constexpr auto& arm_of(List& list) noexcept {
    if constexpr (Index == 0) {
        return list.first;
    } else {
        return arm_of<Index - 1>(list.rest);
    }
}

template <class Effect>
using result_of = decltype(std::declval<typename Effect::awaiter&>().await_resume());

template <class Effect>
inline constexpr bool is_call = false;
template <class Reply, class Request, class Target>
inline constexpr bool is_call<call_effect<Reply, Request, Target>> = true;

template <class Effect>
inline constexpr bool is_receive = false;
template <class... Messages>
inline constexpr bool is_receive<receive_effect<Messages...>> = true;
template <class... Messages>
inline constexpr bool is_receive<receive_within_effect<Messages...>> = true;

template <class Effect>
inline constexpr message_key one_key = 0;
template <class Message>
inline constexpr message_key one_key<receive_effect<Message>> = message_key_of<Message>;
template <class Message>
inline constexpr message_key one_key<receive_within_effect<Message>> = message_key_of<Message>;

/// The message type of the one receive among some arms, and which arm it is; 0 if there is no such one.
struct receiving_arm {
    std::uint8_t arm = 0;
    message_key key = 0;
};
template <class... Arms>
consteval receiving_arm find_receiving_arm() {
    constexpr bool receives[] = {is_receive<Arms>...};
    constexpr message_key keys[] = {one_key<Arms>...};
    receiving_arm found;
    std::size_t count = 0;
    for (std::uint8_t arm = 0; arm < sizeof...(Arms); ++arm) {
        if (receives[arm] && ++count == 1) found = {arm, keys[arm]};
    }
    return count == 1 ? found : receiving_arm{};
}

template <class... Arms>
struct any_of_effect {
    arm_list<Arms...> arms;

    class awaiter : public awaiter_base<any_wait> {
        struct plan_array {
            arm_plan plans[sizeof...(Arms)];
            plan_array() noexcept {}  // NOLINT: filled in by the arms
        };

    public:
        using result_type = any_result<result_of<Arms>...>;

        // Never inline: what is planned would take room in the coroutine's frame.
        [[gnu::noinline]] awaiter(slot_header& self, const any_of_effect& what) noexcept
            : awaiter(self, what, plan_array()) {}

        [[nodiscard]] result_type await_resume() { return resume<0>(); }

    private:
        awaiter(slot_header& self, const any_of_effect& what, plan_array&& planned) noexcept
            : awaiter_base(self), arms_(self, what.arms, planned.plans) {
            wait_.set_up(wait_kind::any);
            wait_.arm_count = sizeof...(Arms);
            constexpr receiving_arm receiving = find_receiving_arm<Arms...>();
            wait_.receiver = receiving.arm;
            wait_.key = receiving.key;
            [&]<std::size_t... Index>(std::index_sequence<Index...>) {
                ((wait_.arms[Index] = planned.plans[Index].wait), ...);
            }(std::index_sequence_for<Arms...>{});
            if constexpr ((is_call<Arms> || ...)) send_calls(self, wait_, planned.plans);
            begin_any(self, wait_, planned.plans);
        }
        template <std::size_t Index>
        [[nodiscard]] result_type resume() {
            if constexpr (Index + 1 < sizeof...(Arms)) {
                if (wait_.winner != Index) return resume<Index + 1>();
            }
            auto& arm = arm_of<Index>(arms_);
            return result_type(std::in_place_index<Index>, arm.await_resume());
        }

        arm_awaiters<Arms...> arms_;
    };
};

template <class T>
inline constexpr bool says_or_crash = false;
template <class Effect>
inline constexpr bool says_or_crash<or_crash_effect<Effect>> = true;
template <class T>
concept lacks_its_deadline = requires { typename T::lacks_deadline; };

template <class Arm>
consteval bool check_arm() {
    static_assert(!says_or_crash<Arm>, "an arm of any_of cannot say .or_crash(): look at its result, which may be an "
                                       "error only if this arm came first");
    static_assert(!lacks_its_deadline<Arm>, "a call needs a deadline: tina::call<reply>(target, request).within(50ms)");
    static_assert(arm_effect<Arm> || says_or_crash<Arm> || lacks_its_deadline<Arm>,
                  "an arm of any_of can be recv, accept, receive, sleep or call");
    return true;
}

}  // namespace detail

/// Waits for whichever of one to four effects comes first: recv, accept, receive, sleep or call, each with a deadline
/// of its own or without. Where several are ready they win turn by turn, beginning after the arm that won last.
///
/// What loses, loses nothing: a recv or an accept stays armed, and one buffer or one connection that it brings waits
/// with its socket; a message stays in the mailbox; the request of a call stands, its reply is discarded. Calls are
/// made in any case, also where another arm is ready already. An error is a result like any other, and wins. Of two
/// receives that a message fits, the one whose turn it is gets it; of two recvs or accepts on one socket the second
/// gets `errc::busy`, as if another isolate waited there.
///
/// Yields:   `any_result`: `get<I>()` is a pointer to the result of arm I in its own type, null if another won.
/// Lifetime: a call's request is copied at once.
/// Cost:     no allocation; a timer for each deadline.
template <class... Arms>
[[nodiscard]] constexpr detail::any_of_effect<Arms...> any_of(const Arms&... arms) noexcept {
    static_assert(sizeof...(Arms) > 0 && sizeof...(Arms) <= detail::any_arms_max, "any_of takes one to four arms");
    static_assert((detail::check_arm<Arms>() && ...));
    return {detail::list_builder<Arms...>::build(arms...)};
}

}  // namespace tina
