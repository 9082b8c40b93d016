// SPDX-License-Identifier: Apache-2.0
// Taking and giving back envelopes and buffers. Every path by which one of them changes hands is here or in mailbox.cpp
// and stream.cpp.
#include "lib/holdings.hpp"

#include "lib/delivery.hpp"

namespace tina::detail {

void hold_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    ++note.leases;
    // Bytes of one buffer can come to two isolates only when a read half changes hands between two reads. The first
    // keeps the buffer in its list; the other's lease counts all the same.
    if (note.holder == nothing) note.holder = at.index_of_slot(holder);
    if (note.holder != at.index_of_slot(holder) || ++note.holder_leases > 1) return;
    ++holder.leases;
    list_push(holder.held, buffer | buffer_bit, [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
}

void return_buffer_if_unused(shard& at, std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    if (note.leases > 0 || note.held) return;
    at.io_reactor->return_buffer(buffer);
    --at.io.buffers_in_use;
}

namespace {

void unlink_holding(shard& at, slot_header& holder, std::uint32_t holding) noexcept {
    list_remove(holder.held, holding, [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
}

void forget_holder(shard& at, std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    slot_header& holder = at.slots[note.holder];
    unlink_holding(at, holder, buffer | buffer_bit);
    --holder.leases;
    note.holder = nothing;
    note.holder_leases = 0;
}

}  // namespace

void unhold_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    if (note.holder == at.index_of_slot(holder) && --note.holder_leases == 0) forget_holder(at, buffer);
}

void drop_buffer_share(shard& at, std::uint16_t buffer) noexcept {
    TINA_ASSERT(at.io.notes[buffer].leases > 0, "a buffer lease was given back twice");
    --at.io.notes[buffer].leases;
    return_buffer_if_unused(at, buffer);
}

namespace {

/// Out of line, so that give_back_buffer() saves no registers.
[[gnu::noinline]] void give_back_anyhow(shard& at, slot_header& holder, std::uint16_t buffer) noexcept {
    unhold_buffer(at, holder, buffer);
    drop_buffer_share(at, buffer);
}

[[gnu::always_inline]] inline void give_back_here(shard& at, slot_header& holder, std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    const bool holds_nothing_else = holder.held == (buffer | buffer_bit) && note.links.next == nothing;
    if (note.leases == 1 && holds_nothing_else && !note.held) [[likely]] {
        holder.held = nothing;
        --holder.leases;
        note.leases = 0;
        note.holder = nothing;
        note.holder_leases = 0;
        --at.io.buffers_in_use;
        return at.io_reactor->return_buffer(buffer);
    }
    give_back_anyhow(at, holder, buffer);
}

}  // namespace

void give_back_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept {
    give_back_here(at, holder, buffer);
}

void release_buffer(slot_header& holder, std::uint16_t buffer) noexcept {
    shard& at = owner_of(holder);
    enter_runtime(at);
    give_back_here(at, holder, buffer);
    leave_runtime(at);
}

void release_envelope(shard& at, slot_header& holder, std::uint32_t index) noexcept {
    unlink_holding(at, holder, index);
    free_envelope(at, index);
}

void release_anyhow(slot_header& holder, envelope& taken) noexcept {
    const runtime_stretch busy(owner_of(holder));
    shard& at = owner_of(holder);
    const std::uint32_t index = at.envelopes.index_of(taken);
    if (is_standing(at, index)) [[unlikely]]
        return note_dropped(at, index - at.envelopes.capacity());
    if (carries(taken)) {
        attachment& what = at.attachments[index];
        if (what.stage == attachment_stage::taken) {
            what.stage = attachment_stage::alone;
            return;
        }
        // What nobody took goes back with the message.
        what.stage = attachment_stage::alone;
        return release_paper(holder, index);
    }
    release_envelope(at, holder, index);
}

void free_envelope(shard& at, std::uint32_t index) noexcept {
    at.envelopes.give_back(index);
    if (at.pool_waiters != nothing) [[unlikely]]
        admit_from_pool(at);
}

void release_tokens(shard& at, slot_header& holder) noexcept {
    for (std::uint32_t holding = holder.held; holding != nothing; holding = holding_links(at, holding).next) {
        if ((holding & (buffer_bit | standing_bit)) != 0 || !carries(at.envelopes[holding])) continue;
        if (at.attachments[holding].kind == attachment_kind::token) drop_attachment(at, holding, errc::target_gone);
    }
}

void release_holdings(shard& at, slot_header& holder) noexcept {
    while (holder.held != nothing) {
        const std::uint32_t holding = holder.held;
        if ((holding & standing_bit) != 0) {
            forget_standing(at, holding & ~standing_bit);
        } else if ((holding & buffer_bit) == 0) {
            drop_carried(at, holding, errc::target_gone);
            release_envelope(at, holder, holding);
        } else {
            const auto buffer = static_cast<std::uint16_t>(holding & ~buffer_bit);
            at.io.notes[buffer].leases -= at.io.notes[buffer].holder_leases;
            forget_holder(at, buffer);
            return_buffer_if_unused(at, buffer);
        }
    }
}

}  // namespace tina::detail
