// SPDX-License-Identifier: Apache-2.0
// What leases do at once. A lease is held by its paper, an envelope; where it moves, a new paper is made and the old
// one given back, so that at each moment exactly one envelope or one entry of a channel answers for it.
#include "lib/leases.hpp"

#include <cstring>

#include "lib/attachment.hpp"
#include "lib/calls.hpp"
#include "lib/holdings.hpp"
#include "lib/mailbox.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

constexpr taken_attachment no_lease{nullptr, 0, nothing};

/// An envelope without message that proves who holds `what`. `nothing` if none is free.
[[nodiscard]] std::uint32_t make_paper(shard& at, slot_header& holder, attachment what) noexcept {
    const std::uint32_t paper = at.envelopes.take();
    if (paper == nothing) return nothing;
    what.stage = attachment_stage::alone;
    attach(at, paper, what);
    hold_envelope(at, holder, paper);
    return paper;
}

[[nodiscard]] std::byte* data_of(shard& at, const attachment& what) noexcept {
    if (what.kind == attachment_kind::buffer) {
        return at.io.buffers + std::size_t{what.id} * at.io.buffer_bytes + what.offset;
    }
    return block_at(at, what.id).data + what.offset;
}

/// What a paper stood for has gone elsewhere.
void use_up_paper(shard& at, slot_header& holder, std::uint32_t paper) noexcept {
    const bool alone = at.attachments[paper].stage == attachment_stage::alone;
    detach(at, paper);
    if (alone) release_envelope(at, holder, paper);
}

}  // namespace

lease_block& block_at(shard& at, std::uint32_t place) noexcept {
    return at.shared.port(shard_of_place(place)).lease_blocks[index_of_place(place)];
}

lease_block* take_block(shard& at) noexcept {
    const std::uint32_t index = at.lease_blocks.take();
    if (index == nothing) return nullptr;
    lease_block& block = at.lease_blocks[index];
    block.place = make_place(at.index, index);
    block.event = lane_event::lease_home;
    block.references.store(1, std::memory_order_relaxed);  // nobody else knows it yet
    block.capacity = at.plan.spec.limits.lease_bytes;
    block.data = at.lease_memory + at.lease_stride * index;
    return &block;
}

void free_block(shard& at, lease_block& block) noexcept { at.lease_blocks.give_back(index_of_place(block.place)); }

void drop_reference(shard& at, std::uint32_t place) noexcept {
    lease_block& block = block_at(at, place);
    // Acquire and release: the last one to drop it sees all that the others did with it, before it is written anew.
    if (block.references.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    if (shard_of_place(place) == at.index) return free_block(at, block);
    send_entry(at, shard_of_place(place), block);
}

allocated_lease allocate_lease(slot_header& self, std::size_t bytes) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    if (bytes > at.plan.spec.limits.lease_bytes) return {no_lease, packed_error{errc::too_large}.value};
    if (at.finds_none(scarce::lease, self)) return {no_lease, packed_error{errc::no_leases}.value};
    lease_block* const block = take_block(at);
    if (block == nullptr) return {no_lease, packed_error{errc::no_leases}.value};
    const auto size = static_cast<std::uint32_t>(bytes);
    const std::uint32_t paper =
        make_paper(at, self, {.id = block->place, .bytes = size, .kind = attachment_kind::lease});
    if (paper == nothing) {
        free_block(at, *block);
        return {no_lease, packed_error{errc::pool_exhausted}.value};
    }
    return {{block->data, size, paper}, 0};
}

taken_attachment take_attachment(slot_header& holder, envelope& carrier, attachment_kind kind) noexcept {
    const runtime_stretch busy(owner_of(holder));
    shard& at = owner_of(holder);
    const std::uint32_t paper = at.envelopes.index_of(carrier);
    attachment& what = at.attachments[paper];
    if (!carries(carrier) || what.stage != attachment_stage::with_message) return no_lease;
    const bool fits = what.kind == kind || (kind == attachment_kind::lease && what.kind == attachment_kind::buffer);
    if (!fits) return no_lease;
    what.stage = attachment_stage::taken;
    return {kind == attachment_kind::token ? nullptr : data_of(at, what), what.bytes, paper};
}

void release_paper(slot_header& holder, std::uint32_t paper) noexcept {
    const runtime_stretch busy(owner_of(holder));
    shard& at = owner_of(holder);
    const bool alone = at.attachments[paper].stage == attachment_stage::alone;
    if (carries(at.envelopes[paper])) {
        if (at.attachments[paper].kind == attachment_kind::token) {
            drop_token(at, at.attachments[paper].id);
            detach(at, paper);
        } else {
            drop_attachment(at, paper, errc::unanswered);
        }
    }
    if (alone) release_envelope(at, holder, paper);
}

send_place send_with_paper(slot_header& self, handle target, std::uint64_t key, std::uint32_t paper) noexcept {
    shard& at = owner_of(self);
    attachment what = at.attachments[paper];
    if (what.kind == attachment_kind::buffer && target.shard() != at.index) {
        const send_place placed =
            send_with_buffer(self, target, key, static_cast<std::uint16_t>(what.id), data_of(at, what), what.bytes);
        if (placed.payload != nullptr) use_up_paper(at, self, paper);
        return placed;
    }
    what.stage = attachment_stage::with_message;
    const send_place placed = send_carrying(at, self, target, key, what);
    if (placed.payload != nullptr) use_up_paper(at, self, paper);
    return placed;
}

send_place send_share(slot_header& self, handle target, std::uint64_t key, std::uint32_t paper) noexcept {
    shard& at = owner_of(self);
    attachment what = at.attachments[paper];
    what.stage = attachment_stage::with_message;
    lease_block& block = block_at(at, what.id);
    // Relaxed: the share that is copied keeps the block alive meanwhile.
    block.references.fetch_add(1, std::memory_order_relaxed);
    const send_place placed = send_attached(at, self, target, key, what);
    if (placed.payload == nullptr) drop_reference(at, what.id);
    return placed;
}

send_place send_with_buffer(slot_header& self, handle target, std::uint64_t key, std::uint16_t buffer,
                            const std::byte* data, std::uint32_t bytes) noexcept {
    shard& at = owner_of(self);
    const auto offset = static_cast<std::uint32_t>(data - (at.io.buffers + std::size_t{buffer} * at.io.buffer_bytes));
    if (target.shard() == at.index) {
        const send_place placed = send_attached(
            at, self, target, key, {.id = buffer, .bytes = bytes, .offset = offset, .kind = attachment_kind::buffer});
        if (placed.payload != nullptr) unhold_buffer(at, self, buffer);
        return placed;
    }
    // The kernel's buffers are few and stay on their shard: across shards the bytes travel in a transfer buffer.
    lease_block* const block = bytes <= at.plan.spec.limits.lease_bytes ? take_block(at) : nullptr;
    if (block == nullptr) {
        count_refusal(at, send_result::pool_exhausted, target, key);
        return {nullptr, send_result::pool_exhausted};
    }
    std::memcpy(block->data, data, bytes);
    const send_place placed =
        send_attached(at, self, target, key, {.id = block->place, .bytes = bytes, .kind = attachment_kind::lease});
    if (placed.payload == nullptr) {
        drop_reference(at, block->place);
    } else {
        give_back_buffer(at, self, buffer);
    }
    return placed;
}

allocated_lease share_lease(slot_header& holder, std::uint32_t paper) noexcept {
    const runtime_stretch busy(owner_of(holder));
    shard& at = owner_of(holder);
    attachment& what = at.attachments[paper];
    if (what.kind == attachment_kind::buffer) {
        // Received bytes are copied: the kernel's buffers are few, and stay on their shard.
        if (what.bytes > at.plan.spec.limits.lease_bytes) return {no_lease, packed_error{errc::too_large}.value};
        lease_block* const block = take_block(at);
        if (block == nullptr) return {no_lease, packed_error{errc::no_leases}.value};
        std::memcpy(block->data, data_of(at, what), what.bytes);
        drop_buffer_share(at, static_cast<std::uint16_t>(what.id));
        what.id = block->place;
        what.offset = 0;
    }
    block_at(at, what.id).bytes = what.bytes;
    what.kind = attachment_kind::shared_lease;
    return {{data_of(at, what), what.bytes, paper}, 0};
}

allocated_lease copy_share(slot_header& holder, std::uint32_t paper) noexcept {
    const runtime_stretch busy(owner_of(holder));
    shard& at = owner_of(holder);
    const attachment what = at.attachments[paper];
    const std::uint32_t made = make_paper(at, holder, what);
    if (made == nothing) return {no_lease, packed_error{errc::pool_exhausted}.value};
    block_at(at, what.id).references.fetch_add(1, std::memory_order_relaxed);  // as in send_share()
    return {{data_of(at, what), what.bytes, made}, 0};
}

void resize_lease(slot_header& holder, std::uint32_t paper, std::uint32_t bytes) noexcept {
    const runtime_stretch busy(owner_of(holder));
    owner_of(holder).attachments[paper].bytes = bytes;
}

void drop_unattached(shard& at, const attachment& what, errc why) noexcept {
    switch (what.kind) {
    case attachment_kind::none: break;
    case attachment_kind::lease:
    case attachment_kind::shared_lease: drop_reference(at, what.id); break;
    case attachment_kind::buffer: drop_buffer_share(at, static_cast<std::uint16_t>(what.id)); break;
    case attachment_kind::token: end_call(at, what.id, why); break;
    }
}

void drop_attachment(shard& at, std::uint32_t index, errc why) noexcept {
    const attachment what = at.attachments[index];
    detach(at, index);
    drop_unattached(at, what, why);
}

}  // namespace tina::detail
