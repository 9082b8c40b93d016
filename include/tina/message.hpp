// SPDX-License-Identifier: Apache-2.0
// Messages: the list of types that a handler accepts, the lease under which a handler reads one, and the answers of a
// send. A lease gives its envelope back to the shard's pool when it is dropped; it never outlives its isolate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tina/detail/core.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/handle.hpp"
#include "tina/lease.hpp"
#include "tina/reply_token.hpp"

namespace tina {

namespace detail {

template <class Attachment>
inline constexpr attachment_kind attachment_kind_of = attachment_kind::none;
template <>
inline constexpr attachment_kind attachment_kind_of<lease> = attachment_kind::lease;
template <>
inline constexpr attachment_kind attachment_kind_of<shared_lease> = attachment_kind::shared_lease;
template <>
inline constexpr attachment_kind attachment_kind_of<reply_token> = attachment_kind::token;

}  // namespace detail

/// A list of message types: `using accepts = tina::messages<deposit, get_balance>;`.
template <class... Messages>
struct messages {};

/// What a send answers.
enum class send_result : std::uint8_t {
    ok,              ///< it is in the target's mailbox, or on its way to the target's shard
    mailbox_full,    ///< the target's mailbox is full
    channel_full,    ///< the channel to the target's shard is full
    pool_exhausted,  ///< this shard has no free envelope
    stale_handle,    ///< the target has ended, or the handle names nobody
    not_accepted,    ///< the target's type does not accept this message
};

/// A word for each answer, for logs.
[[nodiscard]] constexpr const char* to_string(send_result answer) noexcept {
    switch (answer) {
    case send_result::ok: return "ok";
    case send_result::mailbox_full: return "mailbox_full";
    case send_result::channel_full: return "channel_full";
    case send_result::pool_exhausted: return "pool_exhausted";
    case send_result::stale_handle: return "stale_handle";
    case send_result::not_accepted: return "not_accepted";
    }
    return "?";
}

/// A received message, of one of `Messages`.
///
/// Lifetime: the envelope is the isolate's until this is dropped or the isolate ends.
/// Affinity: the isolate that received it.
template <class... Messages>
class [[nodiscard]] message {
    static_assert(sizeof...(Messages) > 0);

public:
    /// Takes what `other` holds, which is empty afterwards.
    message(message&& other) noexcept : envelope_(std::exchange(other.envelope_, nullptr)), slot_(other.slot_) {}
    /// Drops what this holds, and takes what `other` holds.
    message& operator=(message&& other) noexcept {
        if (this != &other) {
            drop();
            envelope_ = std::exchange(other.envelope_, nullptr);
            slot_ = other.slot_;
        }
        return *this;
    }
    ~message() { drop(); }

    /// The message if it is a `T`, else null.
    template <class T>
    [[nodiscard]] const T* get() const noexcept {
        static_assert((std::is_same_v<T, Messages> || ...), "this receive was not for messages of that type");
        if (envelope_->key != detail::message_key_of<T>) return nullptr;
        return std::launder(reinterpret_cast<const T*>(envelope_->payload));
    }

    /// The message, where only one type was asked for.
    [[nodiscard]] const auto& operator*() const noexcept
        requires(sizeof...(Messages) == 1)
    {
        return *only();
    }
    /// A member of the message, where only one type was asked for.
    [[nodiscard]] const auto* operator->() const noexcept
        requires(sizeof...(Messages) == 1)
    {
        return only();
    }

    /// Calls the one of `handlers` that takes the type of this message; there must be one for each type.
    template <class... Handlers>
    decltype(auto) match(Handlers&&... handlers) const {
        struct overloads : std::remove_cvref_t<Handlers>... {
            using std::remove_cvref_t<Handlers>::operator()...;
        };
        overloads chosen{std::forward<Handlers>(handlers)...};
        return match_next<0>(chosen);
    }

    /// Answers the call that this message is the request of. An answer that nobody waits for any more is discarded and
    /// counted. False if the message is no request, was answered already, or its token was taken out.
    ///
    /// Cost: no allocation; needs no room in any mailbox or channel.
    template <class Reply>
    bool reply(const Reply& answer) const noexcept {
        const detail::copied_if_small<Reply> given = detail::read_first(answer);
        const detail::handler_stretch busy(*slot_);
        const auto place = detail::reply_to_message(*slot_, *envelope_, detail::message_key_of<Reply>);
        if (place.bytes != nullptr) std::memcpy(place.bytes, &given, detail::message_bytes<Reply>);
        return place.answered;
    }
    /// Whether the sender waits for reply().
    [[nodiscard]] bool awaits_reply() const noexcept { return detail::awaits_reply(*slot_, *envelope_); }

    /// Takes what the message carries: a `tina::lease`, `tina::shared_lease` or `tina::reply_token`. Empty if it
    /// carries nothing of that kind, or it was taken already. What is not taken is given back with the message; what is
    /// taken may outlive it.
    template <class Attachment>
    [[nodiscard]] Attachment take() noexcept {
        constexpr detail::attachment_kind kind = detail::attachment_kind_of<Attachment>;
        static_assert(kind != detail::attachment_kind::none,
                      "a message can carry a tina::lease, a tina::shared_lease or a tina::reply_token");
        const detail::taken_attachment taken = detail::take_attachment(*slot_, *envelope_, kind);
        if (taken.paper == detail::nothing) return Attachment{};
        if constexpr (kind == detail::attachment_kind::token) {
            return Attachment(taken.paper, *slot_);
        } else {
            return Attachment(taken, *slot_);
        }
    }

    /// Who sent it; a handle that names nobody if it came from outside the isolates.
    [[nodiscard]] handle sender() const noexcept { return envelope_->sender; }

    /// For the interpreter.
    message(detail::envelope* taken, detail::slot_header* slot) noexcept : envelope_(taken), slot_(slot) {}

private:
    [[nodiscard]] const auto* only() const noexcept {
        return std::launder(reinterpret_cast<const detail::first_of<Messages...>*>(envelope_->payload));
    }

    template <std::size_t Index>
    decltype(auto) match_next(auto& chosen) const {
        using type = std::tuple_element_t<Index, std::tuple<Messages...>>;
        if constexpr (Index + 1 == sizeof...(Messages)) {
            return chosen(*get<type>());
        } else {
            if (const type* found = get<type>()) return chosen(*found);
            return match_next<Index + 1>(chosen);
        }
    }

    void drop() noexcept {
        if (envelope_ != nullptr) detail::release_message(*slot_, *envelope_);
    }

    detail::envelope* envelope_;
    detail::slot_header* slot_;
};

}  // namespace tina
