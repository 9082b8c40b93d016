// SPDX-License-Identifier: Apache-2.0
// The right to answer a call: taken out of a request, kept for later or passed on to another isolate, used once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "tina/assert.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/detail/runtime.hpp"

namespace tina {

/// The right to answer one call. Move-only. Dropping it without an answer ends the call with `errc::unanswered`, or
/// with `errc::target_gone` where its holder ends in the same activation. To let another isolate answer, attach it to a
/// message: `self.send(other, header, std::move(token))`.
///
/// Lifetime: until it is used, dropped, sent, or its isolate ends.
/// Affinity: the isolate that took it.
class [[nodiscard]] reply_token {
public:
    reply_token() = default;
    /// Takes what `other` holds, which is empty afterwards.
    reply_token(reply_token&& other) noexcept
        : paper_(std::exchange(other.paper_, detail::nothing)), slot_(other.slot_) {}
    /// Drops what this holds, and takes what `other` holds.
    reply_token& operator=(reply_token&& other) noexcept {
        if (this == &other) return *this;
        drop();
        paper_ = std::exchange(other.paper_, detail::nothing);
        slot_ = other.slot_;
        return *this;
    }
    ~reply_token() { drop(); }

    /// Whether it can still be used.
    explicit operator bool() const noexcept { return paper_ != detail::nothing; }

    /// Answers the call and uses the token up. An answer that nobody waits for any more is discarded and counted.
    ///
    /// Cost: no allocation; needs no room in any mailbox or channel.
    template <class Reply>
    void reply(const Reply& answer) noexcept {
        const detail::copied_if_small<Reply> given = detail::read_first(answer);
        const detail::handler_stretch busy(*slot_);
        const auto place = detail::reply_to(*slot_, paper(), detail::message_key_of<Reply>);
        if (place.bytes != nullptr) std::memcpy(place.bytes, &given, detail::message_bytes<Reply>);
        drop();
        paper_ = detail::nothing;
    }

    /// For the interpreter.
    reply_token(std::uint32_t paper, detail::slot_header& holder) noexcept : paper_(paper), slot_(&holder) {}
    [[nodiscard]] std::uint32_t paper() const noexcept {
        TINA_ASSERT(paper_ != detail::nothing, "an empty reply token was used: its call was answered already");
        return paper_;
    }
    void forget() noexcept { paper_ = detail::nothing; }

private:
    void drop() noexcept {
        if (paper_ != detail::nothing) detail::release_paper(*slot_, paper_);
    }

    std::uint32_t paper_ = detail::nothing;
    detail::slot_header* slot_ = nullptr;
};

}  // namespace tina
