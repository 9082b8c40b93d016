// SPDX-License-Identifier: Apache-2.0
// What an envelope carries besides its message: a lease or the token of a call. The envelope is the proof of ownership:
// whoever holds it holds what it carries, and the runtime finds it there when its holder dies. An envelope can outlive
// its message as the proof of what was taken out of it.
#pragma once

#include <cstdint>

#include "lib/lane.hpp"
#include "lib/shard.hpp"
#include "tina/error.hpp"

namespace tina::detail {

[[nodiscard]] inline bool carries(const envelope& carrier) noexcept { return carrier.carries_something(); }

inline void attach(shard& at, envelope& carrier, const attachment& what) noexcept {
    // Member by member: in larger pieces it would be read sooner than the smaller ones that it was made of are written.
    attachment& carried = at.attachments[at.envelopes.index_of(carrier)];
    carried.id = what.id;
    carried.bytes = what.bytes;
    carried.offset = what.offset;
    carried.kind = what.kind;
    carried.stage = what.stage;
    carrier.set_carries_something(true);
}
inline void attach(shard& at, std::uint32_t index, const attachment& what) noexcept {
    attach(at, at.envelopes[index], what);
}
/// The envelope carries nothing any more.
inline void detach(shard& at, std::uint32_t index) noexcept {
    at.attachments[index].kind = attachment_kind::none;
    at.envelopes[index].set_carries_something(false);
}

/// Gives back what an envelope carries: a lease goes home, a call ends with `why`.
void drop_attachment(shard& at, std::uint32_t index, errc why) noexcept;
inline void drop_carried(shard& at, std::uint32_t index, errc why) noexcept {
    if (carries(at.envelopes[index])) [[unlikely]]
        drop_attachment(at, index, why);
}
/// The same for something that arrived from another shard and has no envelope.
void drop_unattached(shard& at, const attachment& what, errc why) noexcept;

}  // namespace tina::detail
