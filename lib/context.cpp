// SPDX-License-Identifier: Apache-2.0
// What a context does at once. Each of these is called by the isolate that runs.
#include "lib/shard.hpp"
#include "tina/detail/runtime.hpp"

namespace tina::detail {

handle self_handle(const slot_header& self) noexcept { return self.own_handle(); }

instant current_time(slot_header& self) noexcept { return instant{duration{owner_of(self).now_ns()}}; }

std::uint64_t next_random(slot_header& self) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    return at.decider == nullptr ? at.random() : at.decider->random_bits(&self);
}

std::int64_t wall_time_ns(slot_header& self) noexcept {
    const runtime_stretch busy(owner_of(self));
    return owner_of(self).log.wall_ns();
}

std::uint32_t shard_count(const slot_header& self) noexcept { return owner_of(self).shared.shard_count(); }

shard_status status_of_shard(const slot_header& self, std::uint32_t shard) noexcept {
    fabric& shared = owner_of(self).shared;
    if (shard >= shared.shard_count()) return shard_status::running;
    // Acquire: partner is the release of that shard.
    return shared.port(shard).status.load(std::memory_order_acquire);
}

void request_stop(slot_header& self, stop_mode how) noexcept {
    const runtime_stretch busy(owner_of(self));
    owner_of(self).shared.request_stop(how);
}

namespace {

[[nodiscard]] role_answer answer_of(std::uint64_t word) noexcept {
    if (word == role_vacant) return {{}, packed_error{errc::unknown_role}.value};
    if (word == role_restarting) return {{}, packed_error{errc::restarting}.value};
    return {handle::from_bits(word), 0};
}

}  // namespace

role_answer find_role(const slot_header& self, std::uint32_t tag, std::uint32_t on) noexcept {
    const shard& at = owner_of(self);
    const std::atomic<std::uint64_t>* const words = at.shared.roles.words_of(tag);
    if (words == nullptr) return answer_of(role_vacant);
    // Acquire: partner is the release in note_role().
    const auto word_on = [&](std::uint32_t shard) { return words[shard].load(std::memory_order_acquire); };
    const std::uint32_t shards = at.shared.shard_count();
    if (on != nothing) return answer_of(on < shards ? word_on(on) : role_vacant);
    std::uint64_t found = word_on(at.index);
    for (std::uint32_t shard = 0; found == role_vacant && shard < shards; ++shard) found = word_on(shard);
    return answer_of(found);
}

void* working_arena(slot_header& self) noexcept {
    shard& at = owner_of(self);
    const type_plan& plan = *at.types[self.type].plan;
    if (plan.options.working_arena_bytes == 0) return at.no_arena.get();
    return at.slot_memory(self) + plan.arena_offset;
}

void* scratch_arena(slot_header& self) noexcept {
    const runtime_stretch busy(owner_of(self));
    owner_of(self).cleanup_wanted = cleanup::all;
    owner_of(self).scratch_used = true;
    return owner_of(self).scratch.get();
}

log_place begin_log(slot_header& self, log_level level) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    const std::span<char> place = at.log.begin(level, at.types[self.type].plan->what->name, at.index_of_slot(self));
    return {place.empty() ? nullptr : place.data(), place.size()};
}

void end_log(slot_header& self, std::size_t text_bytes) noexcept {
    const runtime_stretch busy(owner_of(self));
    owner_of(self).log.end(text_bytes);
}

}  // namespace tina::detail
