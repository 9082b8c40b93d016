// SPDX-License-Identifier: Apache-2.0
// The context: an isolate's first parameter, a one-pointer value through which it does what completes at once. Valid in
// the isolate it was given to, while that isolate runs; it never suspends.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tina/buffer.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/handler_info.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/handle.hpp"
#include "tina/log_level.hpp"
#include "tina/memory.hpp"
#include "tina/message.hpp"
#include "tina/monitor.hpp"
#include "tina/restart.hpp"
#include "tina/result.hpp"
#include "tina/role.hpp"
#include "tina/shard_status.hpp"
#include "tina/shutdown.hpp"
#include "tina/time.hpp"
#include "tina/timer.hpp"

namespace tina {

/// What an isolate does that completes at once, and what it can see: the first parameter of its handler. A value of one
/// pointer, to be passed on by value.
///
/// Lifetime: that of the isolate.
/// Affinity: the isolate it was given to, while that runs.
class context {
public:
    /// This isolate's own handle.
    [[nodiscard]] tina::handle handle() const noexcept { return detail::self_handle(*slot_); }
    /// Which shard this isolate lives on, from 0.
    [[nodiscard]] std::uint32_t shard_index() const noexcept { return handle().shard(); }
    /// How many shards the system has.
    [[nodiscard]] std::uint32_t shard_count() const noexcept { return detail::shard_count(*slot_); }

    /// The time. Does not move within an activation.
    [[nodiscard]] instant now() const noexcept {
        const std::int64_t known_ns = slot_->core->owner->time_ns;
        return known_ns != 0 ? instant{duration{known_ns}} : detail::current_time(*slot_);
    }
    /// The wall clock, in UTC; in simulation that of the machine, which may be off and jump. For what people read:
    /// now() is for measuring time.
    [[nodiscard]] std::chrono::sys_time<duration> wall_time() const noexcept {
        return std::chrono::sys_time<duration>{duration{detail::wall_time_ns(*slot_)}};
    }
    /// 64 random bits, from a generator of the isolate's shard; not for secrets.
    [[nodiscard]] std::uint64_t random() const noexcept { return detail::next_random(*slot_); }

    /// Sends a copy of `content` to `target`. The answer must be looked at: anything but `ok` means that nothing was
    /// sent.
    ///
    /// Cost: no allocation, never waits; see deliver() for waiting.
    template <class Message>
    [[nodiscard, gnu::always_inline]] send_result send(tina::handle target, const Message& content) const noexcept {
        const detail::copied_if_small<Message> given = detail::read_first(content);
        if (send_at_once<Message>(target, given)) return send_result::ok;
        return send_the_long_way<Message>(*slot_, target, given);
    }
    /// The same; that the handler accepts such a message is checked when it is compiled.
    template <class Handler, class Message>
    [[nodiscard]] send_result send(handle_to<Handler> target, const Message& content) const noexcept {
        static_assert(detail::accepts_message<Handler, Message>(),
                      "this handler does not accept such a message: it is not in its `accepts`");
        return send(static_cast<tina::handle>(target), content);
    }

    /// Sends a copy of `content` with `attached`: a lease or a reply token, moved, or a shared lease, of which one more
    /// share travels. Only where the answer is `ok` is what was moved used up; else it is the caller's still. Received
    /// bytes are copied into a transfer buffer where the target is on another shard.
    ///
    /// Cost: no allocation, no copy of the bytes, never waits.
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content, lease&& attached) const noexcept {
        return send_with(target, content, attached);
    }
    /// The same with a share of bytes, moved.
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   shared_lease&& attached) const noexcept {
        return send_with(target, content, attached);
    }
    /// The same with the right to answer a call.
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content, reply_token&& attached) const noexcept {
        return send_with(target, content, attached);
    }
    /// The same with one more share of the bytes; `attached` stays the caller's.
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   const shared_lease& attached) const noexcept {
        const detail::copied_if_small<Message> given = detail::read_first(content);
        const detail::handler_stretch busy(*slot_);
        return write(detail::send_share(*slot_, target, detail::message_key_of<Message>, attached.paper()), given);
    }
    /// The same with received bytes.
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   buffer_lease&& attached) const noexcept {
        const detail::copied_if_small<Message> given = detail::read_first(content);
        const detail::handler_stretch busy(*slot_);
        const auto answer =
            write(detail::send_with_buffer(*slot_, target, detail::message_key_of<Message>, attached.buffer(),
                                           attached.data(), static_cast<std::uint32_t>(attached.size())),
                  given);
        if (answer == send_result::ok) attached.forget();
        return answer;
    }
    /// The same; that the handler accepts such a message is checked when it is compiled.
    template <class Handler, class Message, class Attachment>
    [[nodiscard]] send_result send(handle_to<Handler> target, const Message& content,
                                   Attachment&& attached) const noexcept {
        static_assert(detail::accepts_message<Handler, Message>(),
                      "this handler does not accept such a message: it is not in its `accepts`");
        return send(static_cast<tina::handle>(target), content, std::forward<Attachment>(attached));
    }

    /// Sends to whoever has a role at present, with an attachment or without. Nobody, and one that is being started
    /// again: `stale_handle`.
    template <class Message, class... Attachment>
    [[nodiscard]] send_result send(const role& target, const Message& content,
                                   Attachment&&... attached) const noexcept {
        return send(detail::resolve(*slot_, detail::role_target{target.tag()}), content,
                    std::forward<Attachment>(attached)...);
    }

    /// A transfer buffer to write into and attach to a message.
    ///
    /// Units:  `bytes` in bytes, at most `shard_limits::lease_bytes`; they are not cleared.
    /// Yields: `lease`; `errc::no_leases`, `errc::too_large`, `errc::pool_exhausted`.
    /// Cost:   no allocation.
    [[nodiscard]] result<lease> allocate(std::size_t bytes) const noexcept {
        const auto made = detail::allocate_lease(*slot_, bytes);
        if (made.error != 0) return result<lease>(detail::packed_error{made.error});
        return lease(made.lease, *slot_);
    }

    /// Starts an isolate of `Handler`, a function or a struct, on this shard; it first runs after this activation.
    /// Descriptors among `arguments` are consumed whatever the answer. A `tina::restart` before the arguments says what
    /// happens when it ends; temporary if there is none.
    ///
    /// Yields: its handle; `errc::no_slots`, `errc::unknown_type` (not in the spec's types).
    /// Cost:   no allocation.
    template <auto Handler, class... Arguments>
    [[nodiscard]] auto spawn(Arguments&&... arguments) const noexcept {
        return spawn_handler<detail::function_handler<Handler>>(std::forward<Arguments>(arguments)...);
    }
    /// The same for a handler that is a struct; yields a `handle_to` it.
    template <class Handler, class... Arguments>
    [[nodiscard]] auto spawn(Arguments&&... arguments) const noexcept {
        return spawn_handler<detail::struct_handler<Handler>>(std::forward<Arguments>(arguments)...);
    }

    /// Writes an entry to the log. For formatted entries see tina/fmt.hpp.
    ///
    /// Cost: no allocation, no system call; dropped and counted when the shard's log is full.
    void log(log_level level, std::string_view text) const noexcept {
        const auto place = detail::begin_log(*slot_, level);
        if (place.text == nullptr) return;
        const std::size_t bytes = text.size() < place.capacity ? text.size() : place.capacity;
        std::memcpy(place.text, text.data(), bytes);
        detail::end_log(*slot_, bytes);
    }

    /// Memory that lives as long as this isolate; `type_options::working_arena_bytes` of it. Full:
    /// tina::arena_exhausted.
    [[nodiscard]] arena& working() const noexcept { return *static_cast<arena*>(detail::working_arena(*slot_)); }
    /// Memory that lives until this isolate suspends; `shard_limits::scratch_bytes` of it. Full: tina::arena_exhausted.
    [[nodiscard]] arena& scratch() const noexcept { return *static_cast<arena*>(detail::scratch_arena(*slot_)); }

    /// Sets a timer that sends this isolate a copy of `content` when `span` has passed. The message needs no room: it
    /// comes also where the mailbox is full, and is not counted against its capacity.
    ///
    /// Units:    one tick of the wheel, 16.384 us, late at most.
    /// Yields:   `timer`; `errc::no_timers`, `errc::not_accepted` (this isolate's type does not accept such a message).
    /// Lifetime: until its message has been received, it is cancelled, or the isolate ends.
    /// Cost:     no allocation.
    template <class Message>
    [[nodiscard]] result<timer> set_timer(duration span, const Message& content) const noexcept {
        return set(span, false, content);
    }
    /// The same again and again: first when `period` has passed, then every `period` from then on, without drift. While
    /// one message still waits or is being read, no further one is sent: what was missed is counted.
    ///
    /// Units:    `period` is one tick of the wheel at least.
    /// Lifetime: until it is cancelled or the isolate ends.
    template <class Message>
    [[nodiscard]] result<timer> set_periodic_timer(duration period, const Message& content) const noexcept {
        return set(period, true, content);
    }
    /// Cancels a timer of this isolate. Its message is not received any more, also where it waits in the mailbox.
    ///
    /// Yields: false if the timer was over already: its only message had been received, or it had been cancelled.
    /// Cost:   constant; where its message waits already, the length of the queue that it waits in.
    bool cancel(timer what) const noexcept { return detail::cancel_timer(*slot_, what.bits()); }
    /// Sets a timer of this isolate anew, with the message it has: it fires when `span` has passed from now, a periodic
    /// one every `span`. What waits of it in the mailbox is taken back. Yields and costs as cancel().
    [[nodiscard]] bool rearm(timer what, duration span) const noexcept {
        return detail::rearm_timer(*slot_, what.bits(), span);
    }

    /// Asks to be told when `target` ends: exactly one `down` comes, from whatever shard, also where it had ended
    /// before or the mailbox is full. Which isolate is meant is settled by the handle: its successor needs a monitor of
    /// its own. Several monitors of one target bring a `down` each.
    ///
    /// Yields:   `monitor`; `errc::no_monitors`, `errc::not_accepted` (this isolate's type does not accept `down`).
    /// Lifetime: until its `down` has been received, it is taken back, or the isolate ends.
    /// Cost:     no allocation; across shards one entry of the system lane there and one back.
    [[nodiscard]] result<tina::monitor> monitor(tina::handle target) const noexcept {
        const auto made = detail::set_monitor(*slot_, target, false);
        if (made.error != 0) return result<tina::monitor>(detail::packed_error{made.error});
        return tina::monitor(made.name);
    }
    /// Takes a monitor of this isolate back. Its `down` is not received any more, also where it waits in the mailbox.
    ///
    /// Yields: false if there was nothing to take back: its `down` had been received.
    /// Cost:   constant; where its `down` waits already, the length of the queue that it waits in.
    bool demonitor(tina::monitor what) const noexcept { return detail::withdraw_monitor(*slot_, what.bits()); }
    /// Has this isolate and `target` end together: when one of them crashes the other ends as crashed, when it ends in
    /// any other way the other is stopped. One that had ended before stops this isolate.
    ///
    /// Yields: `result<void>`; `errc::no_monitors`.
    /// Cost:   as monitor().
    [[nodiscard]] result<void> link(tina::handle target) const noexcept {
        return result<void>(detail::packed_error{detail::set_monitor(*slot_, target, true).error});
    }
    /// Ends an isolate, this one too, as soon as this activation is over; on another shard when the order comes there.
    /// It does not go on: its frame is destroyed where it waits, destructors run, its sockets close as on a clean end.
    /// A permanent child is started again.
    ///
    /// Yields: `ok`; `stale_handle`; across shards `channel_full`.
    [[nodiscard]] send_result stop(tina::handle target) const noexcept { return detail::stop_isolate(*slot_, target); }

    /// Who has a role: on this shard where it has a child of that role, else on the first that has one.
    ///
    /// Yields: its handle; `errc::restarting`, `errc::unknown_role` (no child of that role, or it has ended for good).
    /// Cost:   a search among the system's roles, and a look at one word for each shard.
    [[nodiscard]] result<tina::handle> whereis(const role& who) const noexcept {
        return found(detail::find_role(*slot_, who.tag(), detail::nothing));
    }
    /// Who has a role on a certain shard.
    [[nodiscard]] result<tina::handle> whereis(const role& who, std::uint32_t shard) const noexcept {
        return found(detail::find_role(*slot_, who.tag(), shard));
    }

    /// Whether a shard runs its tree. One that is quarantined has no isolates; what is sent to it meets stale handles.
    [[nodiscard]] shard_status status_of(std::uint32_t shard) const noexcept {
        return detail::status_of_shard(*slot_, shard);
    }
    /// Asks the whole system to stop: to drain, or to end at once where it is. This isolate goes on meanwhile, as all
    /// others do.
    void request_stop(stop_mode how = stop_mode::drain) const noexcept { detail::request_stop(*slot_, how); }

    /// For the runtime.
    explicit context(detail::slot_header& slot) noexcept : slot_(&slot) {}
    [[nodiscard]] detail::slot_header& slot() const noexcept { return *slot_; }

private:
    [[nodiscard]] static result<tina::handle> found(const detail::role_answer& answer) noexcept {
        if (answer.error != 0) return result<tina::handle>(detail::packed_error{answer.error});
        return answer.who;
    }
    template <class Message>
    [[nodiscard]] result<timer> set(duration span, bool periodic, const Message& content) const noexcept {
        const detail::copied_if_small<Message> given = detail::read_first(content);
        const detail::handler_stretch busy(*slot_);
        const auto made = detail::set_timer(*slot_, span, periodic, detail::message_key_of<Message>);
        if (made.error != 0) return result<timer>(detail::packed_error{made.error});
        std::memcpy(made.payload, &given, detail::message_bytes<Message>);
        return timer(made.name);
    }
    template <class Message>
    [[nodiscard]] static send_result write(const detail::send_place& place, const Message& content) noexcept {
        if (place.payload != nullptr) std::memcpy(place.payload, &content, detail::message_bytes<Message>);
        return place.answer;
    }
    template <class Message, class Attachment>
    [[nodiscard]] send_result send_with(tina::handle target, const Message& content,
                                        Attachment& attached) const noexcept {
        const detail::copied_if_small<Message> given = detail::read_first(content);
        const detail::handler_stretch busy(*slot_);
        const auto place = detail::send_with_paper(*slot_, target, detail::message_key_of<Message>, attached.paper());
        if (place.payload != nullptr) attached.forget();
        return write(place, given);
    }

    template <class Message>
    [[nodiscard, gnu::always_inline]] bool send_at_once(tina::handle target, const Message& content) const noexcept {
        const detail::handler_stretch busy(*slot_);
        const auto fill = [&](detail::envelope& taken) {
            std::memcpy(taken.payload, &content, detail::message_bytes<Message>);
        };
        return detail::hand_to_poised(*slot_, target, detail::message_key_of<Message>, fill);
    }

    // Out of line, so that no handler keeps the content of a message in registers that a call preserves.
    template <class Message>
    [[nodiscard, gnu::noinline]] static send_result send_the_long_way(
        detail::slot_header& self, tina::handle target, detail::copied_if_small<Message> content) noexcept {
        const detail::handler_stretch busy(self);
        return write(detail::send_anyhow(self, target, detail::message_key_of<Message>), content);
    }

    template <class Handler, class... Arguments>
    [[nodiscard]] auto spawn_handler(restart mode, Arguments&&... arguments) const noexcept {
        static_assert(!Handler::owns_descriptors,
                      "an isolate with a descriptor argument can only be temporary: a restart would have none to give");
        return spawn_as<Handler>(mode, std::forward<Arguments>(arguments)...);
    }
    template <class Handler, class... Arguments>
        requires(!std::is_same_v<std::remove_cvref_t<detail::first_of<Arguments...>>, restart>)
    [[nodiscard]] auto spawn_handler(Arguments&&... arguments) const noexcept {
        return spawn_as<Handler>(restart::temporary, std::forward<Arguments>(arguments)...);
    }
    template <class Handler, class... Arguments>
    [[nodiscard]] auto spawn_as(restart mode, Arguments&&... arguments) const noexcept {
        using handle_type = typename Handler::handle_type;
        auto pack = Handler::pack(std::forward<Arguments>(arguments)...);
        const auto answer = detail::spawn(*slot_, Handler::info(), static_cast<std::uint8_t>(mode), &pack);
        if (answer.error != 0) return result<handle_type>(detail::packed_error{answer.error});
        return result<handle_type>(handle_type(answer.child));
    }

    detail::slot_header* slot_;
};

static_assert(sizeof(context) == sizeof(void*) && std::is_trivially_copyable_v<context>);

}  // namespace tina
