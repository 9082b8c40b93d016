// SPDX-License-Identifier: Apache-2.0
// The effect of asking: a request that another isolate answers, with a deadline that cannot be left out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>

#include "tina/detail/awaiter.hpp"
#include "tina/detail/handler_info.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/handle.hpp"
#include "tina/result.hpp"
#include "tina/role.hpp"
#include "tina/time.hpp"

namespace tina {

namespace detail {

/// `Target`: a handle, or a role_target.
template <class Reply, class Request, class Target = handle>
struct call_effect {
    inline static constexpr std::string_view name = "call";
    Target target;
    Request content;
    deadline until;

    /// Yields the reply itself; an error ends the isolate, destructors running.
    [[nodiscard]] constexpr or_crash_effect<call_effect> or_crash() const noexcept { return {*this}; }

    class awaiter : public awaiter_base<call_wait> {
    public:
        awaiter(slot_header& self, const call_effect& what) noexcept : awaiter_base(self) {
            wait_.reply = reply_.data();
            const handler_stretch busy(self);
            std::byte* const bytes = begin_call(self, wait_, resolve(self, what.target), message_key_of<Request>,
                                                message_key_of<Reply>, what.until);
            if (bytes != nullptr) std::memcpy(bytes, &what.content, message_bytes<Request>);
        }
        awaiter(slot_header& self, const call_effect& what, arm_plan& plan) noexcept : awaiter_base(self) {
            plan_arm(plan, wait_kind::call, deadline{});  // the request has it
            wait_.reply = reply_.data();
            plan.request = {.target = resolve(self, what.target),
                            .key = message_key_of<Request>,
                            .reply_key = message_key_of<Reply>,
                            .until = what.until};
            plan.request_bytes = reinterpret_cast<const std::byte*>(&what.content);
        }
        [[nodiscard]] result<Reply> await_resume() const noexcept {
            static_cast<void>(&reply_of<Reply>::entered);  // no code: the reply is in the program's list
            if (wait_.error != 0) return result<Reply>(packed_error{wait_.error});
            return *std::launder(reinterpret_cast<const Reply*>(reply_.data()));
        }

    private:
        alignas(Reply) std::array<std::byte, sizeof(Reply)> reply_;
    };
};

/// A call without its deadline: not an effect yet.
template <class Reply, class Request, class Target = handle>
struct call_without_deadline {
    using lacks_deadline = void;
    Target target;
    Request content;

    /// Ends the wait with `errc::deadline` when `span` has passed since the call was yielded.
    [[nodiscard]] constexpr call_effect<Reply, Request, Target> within(duration span) const noexcept {
        return {target, content, deadline{span}};
    }
    /// Ends the wait with `errc::deadline` at `moment`.
    [[nodiscard]] constexpr call_effect<Reply, Request, Target> by(instant moment) const noexcept {
        return {target, content, deadline{moment}};
    }
};

}  // namespace detail

/// Sends `request` to `target` and waits for its answer, a `Reply`. A deadline must follow: `.within(50ms)` or
/// `.by(moment)`. Each call ends in exactly one way, and an answer needs no room in a mailbox.
///
/// Yields:   `result<Reply>`; at once `errc::target_gone` (a stale handle), `errc::not_accepted`, `errc::mailbox_full`,
///           `errc::channel_full`, `errc::pool_exhausted`, `errc::no_calls`, `errc::no_timers`; later `errc::deadline`,
///           `errc::target_gone` (it ended before it answered), `errc::unanswered` (it dropped the request),
///           `errc::unexpected_reply`, and from another shard also the first four.
/// Lifetime: `request` is copied at once.
/// Cost:     no allocation; one message there, and the reply by the system lane.
template <class Reply, class Request>
[[nodiscard]] constexpr detail::call_without_deadline<Reply, Request> call(handle target,
                                                                           const Request& request) noexcept {
    static_assert(detail::check_message<Reply>());
    return {target, request};
}
/// The same; that the handler accepts such a request is checked when it is compiled.
template <class Reply, class Handler, class Request>
[[nodiscard]] constexpr detail::call_without_deadline<Reply, Request> call(handle_to<Handler> target,
                                                                           const Request& request) noexcept {
    static_assert(detail::accepts_message<Handler, Request>(),
                  "this handler does not accept such a request: it is not in its `accepts`");
    return call<Reply>(static_cast<handle>(target), request);
}
/// Calls whoever has a role when the call is yielded; `errc::target_gone` where nobody has it at present.
template <class Reply, class Request>
[[nodiscard]] constexpr detail::call_without_deadline<Reply, Request, detail::role_target> call(
    const role& target, const Request& request) noexcept {
    static_assert(detail::check_message<Reply>());
    return {{target.tag()}, request};
}

}  // namespace tina
