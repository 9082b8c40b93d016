// SPDX-License-Identifier: Apache-2.0
// The context: an isolate's first parameter, a one-pointer value through which it does what completes at once. Valid in
// the isolate it was given to, while that isolate runs; it never suspends.
#pragma once

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
#include "tina/restart.hpp"
#include "tina/result.hpp"
#include "tina/time.hpp"

namespace tina {

class context {
public:
    /// This isolate's own handle.
    [[nodiscard]] tina::handle handle() const noexcept { return detail::self_handle(*slot_); }
    /// Which shard this isolate lives on, from 0.
    [[nodiscard]] std::uint32_t shard_index() const noexcept { return handle().shard(); }
    [[nodiscard]] std::uint32_t shard_count() const noexcept { return detail::shard_count(*slot_); }

    /// The time. Does not move within an activation.
    [[nodiscard]] instant now() const noexcept { return detail::current_time(*slot_); }
    /// 64 random bits, from a generator of the isolate's shard; not for secrets.
    [[nodiscard]] std::uint64_t random() const noexcept { return detail::next_random(*slot_); }

    /// Sends a copy of `content` to `target`. The answer must be looked at: anything but `ok` means that nothing was
    /// sent.
    ///
    /// Cost: no allocation, never waits; see deliver() for waiting.
    template <class Message>
    [[nodiscard, gnu::always_inline]] send_result send(tina::handle target, const Message& content) const noexcept {
        const auto fill = [&](std::byte* payload) { std::memcpy(payload, &content, detail::message_bytes<Message>); };
        if (detail::hand_to_poised(*slot_, target, detail::message_key_of<Message>, fill)) return send_result::ok;
        return send_the_long_way<Message>(*slot_, target, content);
    }
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
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   shared_lease&& attached) const noexcept {
        return send_with(target, content, attached);
    }
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content, reply_token&& attached) const noexcept {
        return send_with(target, content, attached);
    }
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   const shared_lease& attached) const noexcept {
        return write(detail::send_share(*slot_, target, detail::message_key_of<Message>, attached.paper()), content);
    }
    template <class Message>
    [[nodiscard]] send_result send(tina::handle target, const Message& content,
                                   buffer_lease&& attached) const noexcept {
        const auto answer =
            write(detail::send_with_buffer(*slot_, target, detail::message_key_of<Message>, attached.buffer(),
                                           attached.data(), static_cast<std::uint32_t>(attached.size())),
                  content);
        if (answer == send_result::ok) attached.forget();
        return answer;
    }
    template <class Handler, class Message, class Attachment>
    [[nodiscard]] send_result send(handle_to<Handler> target, const Message& content,
                                   Attachment&& attached) const noexcept {
        static_assert(detail::accepts_message<Handler, Message>(),
                      "this handler does not accept such a message: it is not in its `accepts`");
        return send(static_cast<tina::handle>(target), content, std::forward<Attachment>(attached));
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

    /// Starts an isolate of `Handler` on this shard; it first runs after this activation. Descriptors among `arguments`
    /// are consumed whatever the answer. A `tina::restart` before the arguments says what happens when it ends;
    /// temporary if there is none.
    ///
    /// Yields: its handle; `errc::no_slots`, `errc::unknown_type` (not in the spec's types).
    /// Cost:   no allocation.
    template <auto Handler, class... Arguments>
    [[nodiscard]] auto spawn(Arguments&&... arguments) const noexcept {
        return spawn_handler<detail::function_handler<Handler>>(std::forward<Arguments>(arguments)...);
    }
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

    /// Asks the whole system to stop.
    void request_stop() const noexcept { detail::request_stop(*slot_); }

    /// For the runtime.
    explicit context(detail::slot_header& slot) noexcept : slot_(&slot) {}
    [[nodiscard]] detail::slot_header& slot() const noexcept { return *slot_; }

private:
    template <class Message>
    [[nodiscard]] static send_result write(const detail::send_place& place, const Message& content) noexcept {
        if (place.payload != nullptr) std::memcpy(place.payload, &content, detail::message_bytes<Message>);
        return place.answer;
    }
    template <class Message, class Attachment>
    [[nodiscard]] send_result send_with(tina::handle target, const Message& content,
                                        Attachment& attached) const noexcept {
        const auto place = detail::send_with_paper(*slot_, target, detail::message_key_of<Message>, attached.paper());
        if (place.payload != nullptr) attached.forget();
        return write(place, content);
    }

    // What fits into registers is passed in them, so that a handler need not keep it in memory.
    template <class Message>
    using copied_if_small = std::conditional_t<(sizeof(Message) <= 2 * sizeof(void*)), Message, const Message&>;

    // Out of line, so that no handler keeps the content of a message in registers that a call preserves.
    template <class Message>
    [[nodiscard, gnu::noinline]] static send_result send_the_long_way(detail::slot_header& self, tina::handle target,
                                                                      copied_if_small<Message> content) noexcept {
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
