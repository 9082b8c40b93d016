// SPDX-License-Identifier: Apache-2.0
// Who waits on the receiving side of a descriptor, for bytes or for a connection: the steps that both share. At most
// one isolate waits there. Works on one shard, on its own thread.
#pragma once

#include "lib/descriptors.hpp"
#include "lib/ready.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

[[nodiscard]] inline std::uint64_t token_of(const shard& at, const descriptor& record, token_kind kind) noexcept {
    return make_token(kind, ref_of(at, record));
}

[[nodiscard]] inline auto record_links(shard& at) noexcept {
    return [&at](std::uint32_t index) -> list_links& { return at.io.records[index].links; };
}

inline void set_unattended(shard& at, descriptor& record, bool unattended) noexcept {
    if (record.unattended == unattended) return;
    record.unattended = unattended;
    at.io.unattended += unattended ? 1 : ~std::uint32_t{0};
}

/// The record on which an isolate may receive; null if there is none.
[[nodiscard]] inline descriptor* find_readable(shard& at, const slot_header& self, descriptor_ref from) noexcept {
    descriptor* const record = find_descriptor(at, from);
    const bool readable = record != nullptr && (record->kind == descriptor_kind::listening ||
                                                (record->kind == descriptor_kind::stream &&
                                                 record->end(descriptor_end::read).owner == at.index_of_slot(self)));
    return readable ? record : nullptr;
}

/// The same where nobody waits yet; null, with the error set, if there is none.
[[nodiscard]] inline descriptor* find_to_receive(shard& at, const slot_header& self, wait_record& wait,
                                                 descriptor_ref from) noexcept {
    descriptor* const record = find_readable(at, self, from);
    if (record != nullptr && record->receiver == nothing) return record;
    wait.error = packed_error{record != nullptr ? errc::busy : errc::bad_descriptor}.value;
    return nullptr;
}

inline void set_receiver(shard& at, const slot_header& self, descriptor& record, descriptor_wait& wait) noexcept {
    record.receiver = at.index_of_slot(self);
    wait.descriptor = at.io.records.index_of(record);
    set_unattended(at, record, false);
}

inline void attach_receiver(shard& at, slot_header& self, descriptor& record, descriptor_wait& wait) noexcept {
    set_receiver(at, self, record, wait);
    suspend(at, self, wait);
}

inline void finish_receiving(descriptor& record, packed_error error) noexcept {
    record.receiving = receive_state::finished;
    record.finish_error = error.value;
}

}  // namespace tina::detail
