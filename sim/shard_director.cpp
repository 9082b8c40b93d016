// SPDX-License-Identifier: Apache-2.0
// Names, choices and events of one shard. What is told of is never changed here.
#include "sim/shard_director.hpp"

#include <algorithm>

#include "lib/mailbox.hpp"
#include "lib/restarts.hpp"
#include "sim/machine.hpp"
#include "sim/payload.hpp"
#include "sim/world_state.hpp"

namespace tina::sim {

namespace lib = tina::detail;

namespace {

constexpr std::uint32_t patience = 256;  ///< who was passed over so often runs next

/// The names of the children of a tree, in start order: the role, or the type and its number among those of that type.
void name_children(const group_spec& group, std::unordered_map<std::string, std::uint32_t>& counts,
                   std::vector<std::string>& names) {
    for (const tree_node& node : group.children) {
        if (!node.group.empty()) {
            name_children(node.group.front(), counts, names);
            continue;
        }
        if (node.child.part) {
            names.emplace_back(node.child.part->name());
            continue;
        }
        const std::string type(short_name(node.child.what->name));
        names.push_back(type + "/" + std::to_string(counts[type]++));
    }
}

[[nodiscard]] site site_of(lib::scarce what) noexcept {
    switch (what) {
    case lib::scarce::envelope: return site::pool_exhausted;
    case lib::scarce::mailbox: return site::mailbox_full;
    case lib::scarce::channel: return site::channel_full;
    case lib::scarce::slot: return site::no_slots;
    case lib::scarce::timer: return site::no_timers;
    case lib::scarce::call: return site::no_calls;
    case lib::scarce::lease: return site::no_leases;
    }
    return site::pool_exhausted;
}

/// Overwrites what earlier calls have left on the stack, where the handler that runs next has its variables: those that
/// it never sets differ then from what they are without this. Volatile, for nobody reads it.
[[gnu::noinline, gnu::no_sanitize_address]] void paint_stack(std::uint8_t pattern) noexcept {
    constexpr std::size_t painted_bytes = 4096;
    volatile std::uint8_t below[painted_bytes];
    for (volatile std::uint8_t& each : below) each = pattern;
}

}  // namespace

shard_director::shard_director(sim_world& world, sim_machine& machine, lib::shard& shard)
    : world_(world),
      machine_(machine),
      shard_(shard),
      self_(&world.names.named(machine.name() + "/" + std::to_string(shard.index))) {
    inbound_.resize(machine.shard_count());
    std::unordered_map<std::string, std::uint32_t> counts;
    name_children(shard.plan.spec.tree, counts, child_names_);
}

shard_director::~shard_director() = default;

void shard_director::set_order(run_order order, std::uint64_t change_every) noexcept {
    order_ = order;
    change_every_ = change_every;
    next_change_ = change_every;
    // In the quiet base the choices that differed are edits, and are looked for at each choice.
    chooses_ = order != run_order::fifo || world_.choices.has_edits_of(site::ready_pick);
}

slot_note& shard_director::note(std::uint32_t slot) {
    if (slot >= notes_.size()) notes_.resize(slot + 1);
    return notes_[slot];
}

std::uint64_t shard_director::record(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value,
                                     std::uint64_t cause, std::uint64_t payload) {
    const entity* const who = name_of(slot);
    return world_.events.record({.cause = cause,
                                 .who = who != nullptr ? who->id : self_->id,
                                 .payload = payload,
                                 .value = value,
                                 .detail = detail,
                                 .machine = machine_.index(),
                                 .shard = static_cast<std::uint16_t>(shard_.index),
                                 .kind = kind});
}

void shard_director::completion_cause(std::uint64_t event) noexcept { world_.events.set_context(event); }

// --- what happens ----------------------------------------------------------------------------------------------------

void shard_director::on_event(const lib::event& what) noexcept {
    if (muted_) return;
    switch (what.kind) {
    case lib::event_kind::spawn: return tell_spawn(what);
    case lib::event_kind::dispatch: return tell_dispatch(what);
    case lib::event_kind::exit: return tell_exit(what);
    case lib::event_kind::receipt: {
        const lib::slot_header& slot = shard_.slots[what.slot];
        // Who runs gets a message that was there; whoever waits gets one whose bytes are still to be written.
        if (slot.state == lib::slot_state::running)
            return tell_receipt(what.slot, static_cast<std::uint32_t>(what.value));
        note(what.slot).taken = static_cast<std::uint32_t>(what.value);
        return;
    }
    case lib::event_kind::effect:
        note(what.slot).waits_since = record(event_kind::effect, what.slot, what.detail, 0);
        note(what.slot).kind = what.detail + 1;
        return;
    case lib::event_kind::delivery: {
        const std::uint64_t number = record(event_kind::delivery, what.slot, what.detail, what.value);
        if (lib::is_suspended(shard_.slots[what.slot].state)) {
            note(what.slot).woken_by = number;
            note(what.slot).kind = what.detail;
        }
        return;
    }
    case lib::event_kind::timer:
        note(what.slot).woken_by = record(event_kind::timer, what.slot, what.detail, 0, note(what.slot).waits_since);
        return;
    case lib::event_kind::completion: {
        const std::uint64_t number = record(event_kind::completion, what.slot, what.detail, what.value);
        if (what.slot != lib::nothing) note(what.slot).woken_by = number;
        return;
    }
    case lib::event_kind::send: static_cast<void>(record(event_kind::send, what.slot, what.detail, what.value)); return;
    case lib::event_kind::drop:
        world_.note_novelty(combine(what.detail, static_cast<std::uint64_t>(what.value)));
        static_cast<void>(record(event_kind::drop, what.slot, what.detail, what.value));
        return;
    }
}

void shard_director::tell_receipt(std::uint32_t slot, std::uint32_t envelope) {
    const lib::envelope& taken = shard_.envelopes[envelope];
    const std::uint64_t payload = world_.payloads.hash(taken.tag(), taken.bytes(), taken.payload);
    record(event_kind::receipt, slot, taken.tag(), taken.bytes(), 0, payload);
}

void shard_director::tell_dispatch(const lib::event& what) {
    world_.before_activation();
    slot_note& of = note(what.slot);
    const std::uint64_t number = record(event_kind::dispatch, what.slot, what.detail, 0, of.woken_by);
    world_.events.set_context(number);
    ++of.turns;
    of.waited = 0;
    if (of.taken != lib::nothing) tell_receipt(what.slot, std::exchange(of.taken, lib::nothing));
    if (of.reply != nullptr) {
        const std::byte* const reply = std::exchange(of.reply, nullptr);
        record(event_kind::receipt, what.slot, of.reply_tag, of.reply_bytes, 0,
               world_.payloads.hash(of.reply_tag, of.reply_bytes, reply));
    }
}

std::string shard_director::child_name(std::uint32_t child) const { return self_->name + "/" + child_names_[child]; }

entity& shard_director::name_spawned(const lib::slot_header& slot) {
    if (!lib::is_dynamic(slot)) return world_.names.named(child_name(lib::child_of(slot)));
    const entity* parent = remote_parent_ != nullptr ? remote_parent_ : self_;
    if (remote_parent_ == nullptr && shard_.current != nullptr) {
        if (const entity* const of = name_of(shard_.index_of_slot(*shard_.current))) parent = of;
    }
    const std::string stem = parent->name + "/" + std::string(short_name(shard_.types[slot.type].plan->what->name));
    return world_.names.named(stem + "/" + std::to_string(world_.next_child(stem)));
}

void shard_director::tell_spawn(const lib::event& what) {
    slot_note& of = note(what.slot);
    const bool successor = of.successor;
    if (!successor) {
        entity& name = name_spawned(shard_.slots[what.slot]);
        if (of.who != nullptr && of.may_end && of.who != &name) world_.names.drop(*of.who);
        of = {};
        of.who = &name;
    }
    of.fresh = true;
    of.may_end = lib::is_dynamic(shard_.slots[what.slot]);
    // A successor follows from the end of the one before.
    const std::uint64_t cause = successor ? of.woken_by : 0;
    of.woken_by = record(event_kind::spawn, what.slot, what.detail, successor ? 1 : 0, cause);
}

void shard_director::tell_exit(const lib::event& what) {
    const std::uint64_t number = record(event_kind::exit, what.slot, what.detail, 0);
    slot_note& of = note(what.slot);
    of.taken = lib::nothing;
    of.reply = nullptr;
    of.woken_by = number;
    // A static child's successor is named after the child, one that was spawned after itself.
    of.successor = false;
}

void shard_director::succeeds(std::uint32_t dead, std::uint32_t successor) noexcept {
    if (muted_) return;
    entity* const who = note(dead).who;
    const std::uint64_t ended = note(dead).woken_by;
    const std::uint32_t turns = note(dead).turns;
    const std::uint32_t demoted = note(dead).demoted;
    note(dead).who = nullptr;
    slot_note& of = note(successor);
    if (successor != dead && of.who != nullptr && of.may_end && of.who != who) world_.names.drop(*of.who);
    of = {};
    of.who = who;
    of.turns = turns;
    of.demoted = demoted;
    of.successor = true;
    of.woken_by = ended;
}

void shard_director::answered(std::uint32_t caller, std::uint64_t key, const std::byte* reply) noexcept {
    if (muted_) return;
    slot_note& of = note(caller);
    of.reply = reply;
    of.reply_tag = static_cast<std::uint32_t>(key);
    of.reply_bytes = static_cast<std::uint32_t>(key >> 32);
    of.kind = of.reply_tag;
    of.woken_by = record(event_kind::delivery, caller, of.reply_tag, of.reply_bytes);
}

void shard_director::spawns_for(std::uint32_t shard, std::uint32_t slot) noexcept {
    remote_parent_ = shard == lib::nothing ? nullptr : machine_.name_of(shard, slot);
}

// --- channels --------------------------------------------------------------------------------------------------------

void shard_director::entered_channel(std::uint32_t to, std::uint32_t, std::uint32_t tag) noexcept {
    if (muted_) return;
    std::int64_t delay_ns = 0;
    const fault_setting& setting = machine_.faults().of(site::channel_delay);
    if (setting.declared) {
        const entity* const from = shard_.current != nullptr ? name_of(shard_.index_of_slot(*shard_.current)) : nullptr;
        entity& pair = world_.names.pair(from != nullptr ? *from : *self_, machine_.shard_entity(to));
        const bool on = !setting.how_likely.never();
        delay_ns = static_cast<std::int64_t>(
            world_.choices.between(site::channel_delay, pair, setting.low, on ? setting.high : setting.low, tag));
    }
    machine_.send_message(shard_.index, to, delay_ns);
}

std::uint32_t shard_director::visible(std::uint32_t from, std::uint32_t consumed) noexcept {
    if (muted_) return 0xffff'ffff;
    inbound& channel = inbound_[from];
    while (channel.first != consumed && !channel.entries.empty()) {
        channel.entries.pop_front();
        ++channel.first;
    }
    if (channel.last_ns <= world_.time.now_ns()) return static_cast<std::uint32_t>(channel.entries.size());
    std::uint32_t count = 0;
    for (const arrival& each : channel.entries) {
        if (each.at_ns > world_.time.now_ns()) break;
        ++count;
    }
    return count;
}

void shard_director::takes_from_channel(std::uint32_t from, std::uint32_t consumed) noexcept {
    if (muted_) return;
    const inbound& channel = inbound_[from];
    const std::uint32_t index = consumed - channel.first;
    if (index < channel.entries.size()) world_.events.set_context(channel.entries[index].cause);
}

std::int64_t shard_director::expect(std::uint32_t from, std::int64_t at_ns, std::uint64_t cause) {
    inbound& channel = inbound_[from];
    channel.last_ns = std::max(channel.last_ns, at_ns);
    channel.entries.push_back({channel.last_ns, cause});
    return channel.last_ns;
}

std::int64_t shard_director::next_visible_ns() const noexcept {
    std::int64_t next_ns = never_ns;
    for (const inbound& each : inbound_) {
        for (const arrival& entry : each.entries) {
            if (entry.at_ns > world_.time.now_ns()) {
                next_ns = std::min(next_ns, entry.at_ns);
                break;
            }
        }
    }
    return next_ns;
}

void shard_director::entered_lane(std::uint32_t to, const void* entry) noexcept {
    if (!muted_) machine_.director(to).lane_causes_[entry] = world_.events.context();
}

void shard_director::takes_from_lane(const void* entry) noexcept {
    if (muted_) return;
    const auto found = lane_causes_.find(entry);
    if (found == lane_causes_.end()) return;
    world_.events.set_context(found->second);
    lane_causes_.erase(found);
}

// --- choices ---------------------------------------------------------------------------------------------------------

bool shard_director::asks(site what, const lib::slot_header& slot) const noexcept {
    const fault_settings& settings = machine_.faults();
    if (!settings.of(what).declared && !world_.choices.has_edits_of(what)) return false;
    return world_.choices.has_edits_of(what) || settings.strikes(what, *shard_.types[slot.type].plan->what);
}

bool shard_director::strikes(site what, const lib::slot_header& slot, std::uint32_t kind) {
    if (muted_ || !asks(what, slot)) return false;
    slot_note& of = note(shard_.index_of_slot(slot));
    if (of.who == nullptr) return false;
    const fault_settings& settings = machine_.faults();
    const bool in_scope = settings.strikes(what, *shard_.types[slot.type].plan->what);
    const ratio how = in_scope ? settings.of(what).how_likely : ratio{};
    if (!world_.choices.happens(what, *of.who, how, kind)) return false;
    record(event_kind::fault, shard_.index_of_slot(slot), static_cast<std::uint32_t>(what), 1);
    return true;
}

bool shard_director::crashes_before(const lib::slot_header& slot) noexcept {
    const bool crashes = decides_to_crash(slot);
    // The last that happens before the handler runs.
    if (world_.request.memory_fill != 0) paint_stack(world_.request.memory_fill);
    return crashes;
}

bool shard_director::decides_to_crash(const lib::slot_header& slot) noexcept {
    slot_note& of = note(shard_.index_of_slot(slot));
    if (of.fresh) {
        of.fresh = false;
        return strikes(of.successor ? site::crash_in_restart : site::crash_at_start, slot, 0);
    }
    return strikes(site::crash_before, slot, of.kind);
}

bool shard_director::crashes_after_effect(const lib::slot_header& slot) noexcept {
    return strikes(site::crash_after_effect, slot, note(shard_.index_of_slot(slot)).kind);
}

std::uint32_t shard_director::effects_at_once(const lib::slot_header& slot, std::uint32_t usual) noexcept {
    // Where a crash between effects is possible every effect is a place for it.
    return !muted_ && asks(site::crash_between_effects, slot) ? 0 : usual;
}

bool shard_director::crashes_between_effects(const lib::slot_header& slot) noexcept {
    return strikes(site::crash_between_effects, slot, 0);
}

bool shard_director::finds_none(lib::scarce what, const lib::slot_header& who, std::uint64_t key) noexcept {
    return strikes(site_of(what), who, static_cast<std::uint32_t>(key));
}

bool shard_director::exhausts_arena() noexcept {
    return shard_.current != nullptr && strikes(site::arena_exhausted, *shard_.current, 0);
}

std::uint64_t shard_director::random_bits(const lib::slot_header* who) noexcept {
    if (muted_) return 0;
    entity* const of = who != nullptr ? note(shard_.index_of_slot(*who)).who : nullptr;
    return world_.choices.draw(site::random, of != nullptr ? *of : *self_);
}

std::uint64_t shard_director::priority_of(std::uint32_t slot) noexcept {
    const slot_note& of = notes_[slot];
    const bool by_turn = order_ == run_order::uniform;
    const std::uint64_t bits = world_.choices.bits_at(site::ready_pick, *of.who, by_turn ? of.turns : 0);
    // Those that were demoted come behind all others, the one demoted last at the end.
    return of.demoted == 0 || by_turn ? bits >> 1 | std::uint64_t{1} << 63 : ~std::uint64_t{of.demoted} & 0xffff'ffff;
}

std::uint32_t shard_director::choose_next(std::span<const std::uint32_t> ready) noexcept {
    if (muted_) return 0;
    std::uint32_t chosen = 0;
    bool decided = false;
    for (std::uint32_t i = 0; i < ready.size() && !decided; ++i) {
        slot_note& of = note(ready[i]);
        if (of.who == nullptr) return 0;
        const edit* const edited = world_.choices.edit_at(site::ready_pick, *of.who, of.turns);
        if ((edited == nullptr || edited->value != of.waited + 1) && of.waited < patience) continue;
        chosen = i;
        decided = true;
    }
    if (!decided && !world_.choices.is_calm() && order_ != run_order::fifo) {
        for (std::uint32_t i = 1; i < ready.size(); ++i) {
            if (priority_of(ready[i]) > priority_of(ready[chosen])) chosen = i;
        }
        if (order_ == run_order::by_priority && world_.events.count() >= next_change_) {
            next_change_ = world_.events.count() + change_every_;
            note(ready[chosen]).demoted = ++changes_;
        }
    }
    slot_note& next = note(ready[chosen]);
    if (chosen != 0) world_.choices.note_made(site::ready_pick, *next.who, next.turns, next.waited + 1);
    for (std::uint32_t i = 0; i < ready.size(); ++i) {
        if (i != chosen) ++note(ready[i]).waited;
    }
    return chosen;
}

}  // namespace tina::sim
