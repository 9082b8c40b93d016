// SPDX-License-Identifier: Apache-2.0
// The effects that need no descriptor: receive and deliver messages, yield, sleep, crash. An effect is a plain value
// that says what the isolate wants; `co_yield` hands it to the shard's interpreter and gives back the effect's own
// result.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tina/detail/awaiter.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/handle.hpp"
#include "tina/message.hpp"
#include "tina/result.hpp"
#include "tina/role.hpp"
#include "tina/time.hpp"

namespace tina {

namespace detail {

template <class... Messages>
inline constexpr std::array<message_key, sizeof...(Messages)> message_keys{message_key_of<Messages>...};

template <class... Messages>
struct receive_within_effect : timed_effect<receive_within_effect<Messages...>> {
    inline static constexpr std::string_view name = "receive";

    class awaiter : public awaiter_base<receive_wait> {
    public:
        awaiter(slot_header& self, const receive_within_effect& what) noexcept : awaiter_base(self) {
            begin_receive(self, wait_, message_keys<Messages...>.data(), sizeof...(Messages), what.until);
        }
        awaiter(slot_header& self, const receive_within_effect& what, arm_plan& plan) noexcept : awaiter_base(self) {
            plan_arm(plan, wait_kind::receive, what.until);
            plan.types = {message_keys<Messages...>.data(), sizeof...(Messages)};
        }
        [[nodiscard]] result<message<Messages...>> await_resume() const {
            if (wait_.error == packed_error{errc::not_accepted}.value) [[unlikely]]
                throw_foreign_receive(*slot_);
            if (wait_.error != 0) return result<message<Messages...>>(packed_error{wait_.error});
            return message<Messages...>(slot_->taken, slot_);
        }
    };
};

template <class... Messages>
struct receive_effect {
    /// Yields `result<message>` instead, with `errc::deadline` when `span` has passed.
    [[nodiscard]] constexpr receive_within_effect<Messages...> within(duration span) const noexcept {
        return receive_within_effect<Messages...>{}.within(span);
    }
    /// Yields `result<message>` instead, with `errc::deadline` at `moment`.
    [[nodiscard]] constexpr receive_within_effect<Messages...> by(instant moment) const noexcept {
        return receive_within_effect<Messages...>{}.by(moment);
    }

    /// What is waited for stands in the slot's header: nothing of it is in the coroutine's frame.
    class awaiter {
    public:
        awaiter(slot_header& self, const receive_effect&) noexcept : slot_(&self) {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;

        // It starts here, where the compiler sees that a poised isolate suspends.
        [[nodiscard]] bool await_ready() const {
            if constexpr (is_single) {
                if (poise(*slot_, message_keys<Messages...>[0])) [[likely]]
                    return false;
            }
            return receive_anyhow(*slot_, message_keys<Messages...>.data(), sizeof...(Messages));
        }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        [[nodiscard]] message<Messages...> await_resume() const noexcept {
            if (slot_->taken == nullptr) __builtin_unreachable();  // spares the lease its question
            return {slot_->taken, slot_};
        }

    private:
        static constexpr bool is_single = sizeof...(Messages) == 1;
        slot_header* slot_;
    };

    class arm_awaiter : public awaiter_base<receive_wait> {
    public:
        arm_awaiter(slot_header& self, const receive_effect&, arm_plan& plan) noexcept : awaiter_base(self) {
            plan_arm(plan, wait_kind::receive, deadline{});
            plan.types = {message_keys<Messages...>.data(), sizeof...(Messages)};
        }
        [[nodiscard]] message<Messages...> await_resume() const {
            if (wait_.error != 0) [[unlikely]]
                throw_foreign_receive(*slot_);
            return {slot_->taken, slot_};
        }
    };
};

/// `Target`: a handle, or a role_target.
template <class Message, class Target = handle>
struct deliver_effect : timed_effect<deliver_effect<Message, Target>> {
    inline static constexpr std::string_view name = "deliver";
    Target target;
    Message content;

    class awaiter : public awaiter_base<deliver_wait> {
    public:
        awaiter(slot_header& self, const deliver_effect& what) noexcept : awaiter_base(self) {
            std::memcpy(bytes_.data(), &what.content, message_bytes<Message>);
            wait_.target = resolve(self, what.target);
            wait_.key = message_key_of<Message>;
            wait_.bytes = bytes_.data();
            begin_deliver(self, wait_, what.until);
        }
        [[nodiscard]] result<void> await_resume() const noexcept { return result<void>(packed_error{wait_.error}); }

    private:
        std::array<std::byte, sizeof(Message)> bytes_;
    };
};

struct yield_effect {
    class awaiter : public awaiter_base<wait_record> {
    public:
        awaiter(slot_header& self, const yield_effect&) noexcept : awaiter_base(self) { begin_yield(self, wait_); }
        void await_resume() const noexcept {}
    };
};

struct sleep_effect {
    inline static constexpr std::string_view name = "sleep";
    deadline until;

    [[nodiscard]] constexpr or_crash_effect<sleep_effect> or_crash() const noexcept { return {*this}; }

    class awaiter : public awaiter_base<wait_record> {
    public:
        awaiter(slot_header& self, const sleep_effect& what) noexcept : awaiter_base(self) {
            begin_sleep(self, wait_, what.until);
        }
        awaiter(slot_header& self, const sleep_effect& what, arm_plan& plan) noexcept : awaiter_base(self) {
            plan_arm(plan, wait_kind::sleep, what.until);
        }
        result<void> await_resume() const noexcept { return result<void>(packed_error{wait_.error}); }
    };
};

struct crash_effect {
    const char* text;
    std::size_t text_bytes;

    class awaiter : public awaiter_base<wait_record> {
    public:
        awaiter(slot_header& self, const crash_effect& what) noexcept : awaiter_base(self) {
            note_crash(self, {what.text, what.text_bytes});
            wait_.set_up(wait_kind::none);
            wait_.done = true;
        }
        [[noreturn]] void await_resume() const { throw crash_signal{}; }
    };
};

}  // namespace detail

/// Waits for the oldest message of one of `Messages`; others keep their place in the mailbox.
///
/// Yields:   `message<Messages...>`; with `.within` or `.by` a `result` of it with `errc::deadline` or
///           `errc::no_timers`. It is never interrupted: see docs/guides/shutdown.md.
/// Lifetime: the message is the isolate's until it is dropped or the isolate ends.
/// Cost:     no allocation. Waiting for a type that the isolate does not accept ends it: nothing could ever come.
template <class... Messages>
[[nodiscard]] constexpr detail::receive_effect<Messages...> receive() noexcept {
    static_assert(sizeof...(Messages) > 0, "say what to receive: tina::receive<some_message>()");
    return {};
}

/// Sends `content` to `target`, waiting for room where a send would have been refused for want of it.
///
/// Yields:   `result<void>`: the message is in the target's mailbox; or `errc::stale_handle`, `errc::not_accepted`,
///           `errc::deadline` (it is not, and will not be), `errc::no_timers`.
/// Lifetime: `content` is copied at once.
/// Cost:     no allocation; across shards one message there and a word back.
template <class Message>
[[nodiscard]] constexpr detail::deliver_effect<Message> deliver(handle target, const Message& content) noexcept {
    return {{}, target, content};
}
/// Delivers to whoever has a role when the effect is yielded; `errc::stale_handle` where nobody has it at present.
template <class Message>
[[nodiscard]] constexpr detail::deliver_effect<Message, detail::role_target> deliver(const role& target,
                                                                                     const Message& content) noexcept {
    return {{}, {target.tag()}, content};
}

/// Lets others run; goes on after what is ready now.
///
/// Yields: nothing.
[[nodiscard]] constexpr detail::yield_effect yield() noexcept { return {}; }

/// Does nothing for `span`.
///
/// Units:  one tick of the wheel, 16.384 us, late at most.
/// Yields: `result<void>`; `errc::interrupted` (once, at shutdown) or `errc::no_timers`.
[[nodiscard]] constexpr detail::sleep_effect sleep(duration span) noexcept { return {detail::deadline{span}}; }

/// Does nothing until `moment`; see sleep().
[[nodiscard]] constexpr detail::sleep_effect sleep_until(instant moment) noexcept { return {detail::deadline{moment}}; }

/// Ends this isolate as crashed; destructors run, its supervisor decides what follows.
///
/// Lifetime: `why` is copied at once, up to 119 bytes of it.
/// Yields:   never.
[[nodiscard]] constexpr detail::crash_effect crash(std::string_view why) noexcept { return {why.data(), why.size()}; }

}  // namespace tina
