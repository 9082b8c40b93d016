// SPDX-License-Identifier: Apache-2.0
// Names, choices and events of one shard. What is told of is never changed here.
#include "sim/shard_director.hpp"

#include <algorithm>
#include <array>
#include <utility>

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

/// The choices that are made on isolates, whenever they do something.
constexpr std::array struck_sites{
    site::crash_before,    site::crash_after_effect, site::crash_between_effects,
    site::crash_at_start,  site::crash_in_restart,   site::channel_full,
    site::pool_exhausted,  site::mailbox_full,       site::no_slots,
    site::no_timers,       site::no_calls,           site::no_leases,
    site::arena_exhausted,
};

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
      shard_index_(static_cast<std::uint16_t>(shard.index)),
      place_(place_of(machine.index(), shard_index_, 0)),
      self_(&world.names.named(machine.name() + "/" + std::to_string(shard.index))),
      time_(world.time),
      events_(world.events) {
    if (world.request.memory_fill != 0) events_.mark_runs_unusual();
    inbound_.resize(machine.shard_count());
    outbound_.resize(machine.shard_count());
    lane_last_ns_.resize(machine.shard_count());
    std::unordered_map<std::string, std::uint32_t> counts;
    name_children(shard.plan.spec.tree, counts, child_names_);
    refresh_faults();
}

shard_director::~shard_director() = default;

void shard_director::set_order(run_order order, std::uint64_t change_every) noexcept {
    order_ = order;
    change_every_ = change_every;
    next_change_ = change_every;
    // In the quiet base the choices that differed are edits, and are looked for at each choice.
    chooses_ = order != run_order::fifo || world_.choices.has_edits_of(site::ready_pick);
}

void shard_director::refresh_faults() {
    const fault_settings& settings = machine_.faults();
    questions_.assign(shard_.types.size(), {});
    strikes_ = false;
    for (const site what : struck_sites) {
        const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(what);
        const bool is_edited = world_.choices.has_edits_of(what);
        const bool is_declared = settings.of(what).declared;
        for (std::size_t type = 0; type < questions_.size(); ++type) {
            const bool in_scope = settings.strikes(what, *shard_.types[type].plan->what);
            if (in_scope) questions_[type].in_scope |= bit;
            if (!is_edited && !(is_declared && in_scope)) continue;
            questions_[type].asked |= bit;
            strikes_ = true;
        }
    }
    delays_ = settings.of(site::channel_delay).declared;
}

void shard_director::add_notes(std::uint32_t slot) {
    notes_.resize(slot + 1);
    replies_.resize(slot + 1);
    for (; note_count_ <= slot; ++note_count_) set_name(notes_[note_count_], nullptr);
}

std::uint64_t shard_director::enter(std::uint64_t who, const told& what) {
    return events_.enter(
        {.kind = what.kind, .place = place_ | what.detail, .who = who, .value = what.value, .payload = what.payload},
        what.cause);
}

template <bool IsUnseen>
[[gnu::always_inline]] inline std::uint64_t shard_director::enter_as(std::uint64_t who, const told& what) {
    if constexpr (!IsUnseen) return enter(who, what);
    return events_.enter_unseen(
        {.kind = what.kind, .place = place_ | what.detail, .who = who, .value = what.value, .payload = what.payload},
        what.cause, time_.now_ns());
}

std::uint64_t shard_director::record(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value,
                                     std::uint64_t cause) {
    const std::uint64_t who = slot < note_count_ ? notes_[slot].id : self_->id;
    return enter(who,
                 {.kind = kind, .detail = detail, .value = value, .cause = cause != 0 ? cause : events_.context()});
}

void shard_director::completion_cause(std::uint64_t event) noexcept { events_.set_context(event); }

// --- what happens ----------------------------------------------------------------------------------------------------

void shard_director::on_event(lib::event_kind kind, std::uint32_t slot, std::uint32_t detail,
                              std::int64_t value) noexcept {
    if (muted_) return;
    switch (kind) {
    case lib::event_kind::dispatch: return dispatch_with_all(slot, detail);
    case lib::event_kind::receipt: return tell_taken(slot, static_cast<std::uint32_t>(value));
    case lib::event_kind::effect: return effect_with_all(slot, detail);
    case lib::event_kind::delivery: return tell_delivery(slot, detail, value);
    case lib::event_kind::spawn: return tell_spawn(slot, detail);
    case lib::event_kind::exit: return tell_exit(slot, detail);
    case lib::event_kind::timer: return tell_timer(slot, detail);
    case lib::event_kind::completion: return tell_completion(slot, detail, value);
    case lib::event_kind::drop: return tell_drop(slot, detail, value);
    }
}

// Whoever runs, waits or is alive has been told of as spawned, and has a note. Recording comes last where it can, so
// that nothing need be kept while those who listen are called.

template <bool IsUnseen>
[[gnu::always_inline]] inline void shard_director::tell_effect(std::uint32_t slot, std::uint32_t kind) noexcept {
    slot_note& of = notes_[slot];
    of.waits_since = events_.next_number();
    of.kind = kind + 1;
    enter_as<IsUnseen>(of.id, {.kind = event_kind::effect, .detail = kind, .cause = events_.context()});
}

void shard_director::effect_with_all(std::uint32_t slot, std::uint32_t kind) noexcept {
    if (!muted_) tell_effect<false>(slot, kind);
}

void shard_director::on_effect(std::uint32_t slot, std::uint32_t kind) noexcept {
    if (muted_ || !events_.is_unseen(1)) [[unlikely]]
        return effect_with_all(slot, kind);
    tell_effect<true>(slot, kind);
}

/// A message has gone to another shard.
template <bool IsUnseen>
[[gnu::always_inline]] inline void shard_director::tell_send(std::uint32_t to, std::uint32_t tag,
                                                             std::uint64_t cause) noexcept {
    const lib::slot_header* const sender = shard_.current;
    const std::uint64_t who = sender != nullptr ? notes_[shard_.index_of_slot(*sender)].id : self_->id;
    enter_as<IsUnseen>(who, {.kind = event_kind::send, .detail = tag, .value = to, .cause = cause});
}

/// A message has come from another shard to one who waits for it, and gets it when it runs.
template <bool IsUnseen>
[[gnu::always_inline]] inline void shard_director::tell_arrival(std::uint32_t slot, std::uint64_t what,
                                                                std::uint32_t envelope, std::uint64_t cause) noexcept {
    slot_note& of = notes_[slot];
    of.taken = envelope;
    of.woken_by = events_.next_number();
    of.kind = static_cast<std::uint32_t>(what);
    enter_as<IsUnseen>(of.id, {.kind = event_kind::delivery,
                               .detail = static_cast<std::uint32_t>(what),
                               .value = static_cast<std::int64_t>(what >> 32),
                               .cause = cause});
}

void shard_director::arrival_with_all(std::uint32_t slot, std::uint64_t what, std::uint32_t envelope) noexcept {
    if (!muted_) tell_arrival<false>(slot, what, envelope, events_.context());
}

void shard_director::on_arrival(std::uint32_t slot, std::uint64_t what, std::uint32_t envelope) noexcept {
    arrival_with_all(slot, what, envelope);
}

void shard_director::hands_over(std::uint32_t from, std::uint32_t consumed, std::uint32_t slot, std::uint64_t what,
                                std::uint32_t envelope) noexcept {
    if (muted_) return;
    const std::uint64_t cause = inbound_[from].at(consumed).cause;
    events_.set_context(cause);
    if (!events_.is_unseen(1)) [[unlikely]]
        return arrival_with_all(slot, what, envelope);
    tell_arrival<true>(slot, what, envelope, cause);
}

void shard_director::tell_delivery(std::uint32_t slot, std::uint32_t tag, std::int64_t bytes) noexcept {
    slot_note& of = notes_[slot];
    if (lib::is_suspended(shard_.slots[slot].state)) {
        of.woken_by = events_.next_number();
        of.kind = tag;
    }
    enter(of.id, {.kind = event_kind::delivery, .detail = tag, .value = bytes, .cause = events_.context()});
}

void shard_director::tell_timer(std::uint32_t slot, std::uint32_t kind) noexcept {
    note(slot).woken_by = record(event_kind::timer, slot, kind, 0, note(slot).waits_since);
}

void shard_director::tell_completion(std::uint32_t slot, std::uint32_t descriptor, std::int64_t result) noexcept {
    const std::uint64_t number = record(event_kind::completion, slot, descriptor, result);
    if (slot != lib::nothing) note(slot).woken_by = number;
}

void shard_director::tell_drop(std::uint32_t slot, std::uint32_t tag, std::int64_t reason) noexcept {
    world_.note_novelty(combine(tag, static_cast<std::uint64_t>(reason)));
    record(event_kind::drop, slot, tag, reason);
}

/// Who runs gets a message that was there; whoever waits gets one whose bytes are still to be written.
void shard_director::tell_taken(std::uint32_t slot, std::uint32_t envelope) noexcept {
    if (shard_.slots[slot].state == lib::slot_state::running) return tell_receipt(notes_[slot].id, envelope);
    note(slot).taken = envelope;
}

void shard_director::tell_receipt(std::uint64_t who, std::uint32_t envelope) noexcept {
    const lib::envelope& taken = shard_.envelopes[envelope];
    enter(who, {.kind = event_kind::receipt,
                .detail = taken.tag(),
                .value = taken.bytes(),
                .cause = events_.context(),
                .payload = world_.payloads.hash(taken.tag(), taken.bytes(), taken.payload)});
}

void shard_director::tell_reply(std::uint32_t slot) noexcept {
    slot_note& of = notes_[slot];
    of.answered = false;
    const reply_note& reply = replies_[slot];
    const auto tag = static_cast<std::uint32_t>(reply.key);
    const auto bytes = static_cast<std::uint32_t>(reply.key >> 32);
    enter(of.id, {.kind = event_kind::receipt,
                  .detail = tag,
                  .value = bytes,
                  .cause = events_.context(),
                  .payload = world_.payloads.hash(tag, bytes, reply.bytes)});
}

void shard_director::dispatch_with_all(std::uint32_t slot, std::uint32_t type) noexcept {
    if (muted_) return;
    world_.before_activation();
    slot_note& of = notes_[slot];
    ++of.turns;
    of.waited = 0;
    begins_ = std::exchange(of.fresh, false);
    const std::uint64_t cause = of.woken_by != 0 ? of.woken_by : events_.context();
    events_.set_context(enter(of.id, {.kind = event_kind::dispatch, .detail = type, .cause = cause}));
    if (of.taken != lib::nothing) tell_receipt(of.id, std::exchange(of.taken, lib::nothing));
    if (of.answered) tell_reply(slot);
    // The last that happens before the handler runs.
    if (world_.request.memory_fill != 0) paint_stack(world_.request.memory_fill);
}

/// dispatch_with_all() for who gets a message, and that is all.
void shard_director::on_dispatch(std::uint32_t slot, std::uint32_t type) noexcept {
    if (muted_ || !events_.is_plain_run(2)) [[unlikely]]
        return dispatch_with_all(slot, type);
    slot_note& of = notes_[slot];
    if ((of.fresh | of.answered) || of.taken == lib::nothing) [[unlikely]]
        return dispatch_with_all(slot, type);
    const lib::envelope& taken = shard_.envelopes[of.taken];
    const std::uint64_t key = taken.key;
    if (!world_.payloads.is_of_words(key)) [[unlikely]]
        return dispatch_with_all(slot, type);
    // What is read comes first: nothing is read or written twice then.
    const std::uint64_t payload = hash_words(taken.payload, key >> 32);
    const std::uint64_t who = of.id;
    const std::uint64_t place = place_;
    const std::uint64_t number = events_.next_number();
    const std::int64_t now_ns = time_.now_ns();
    ++of.turns;
    of.waited = 0;
    of.taken = lib::nothing;
    begins_ = false;
    events_.set_context(number);
    // Who has been given a message has been woken by it.
    events_.enter_unseen({.kind = event_kind::dispatch, .place = place | type, .who = who}, of.woken_by, now_ns);
    events_.enter_unseen({.kind = event_kind::receipt,
                          .place = place | static_cast<std::uint32_t>(key),
                          .who = who,
                          .value = static_cast<std::int64_t>(key >> 32),
                          .payload = payload},
                         number, now_ns);
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

void shard_director::tell_spawn(std::uint32_t slot, std::uint32_t type) noexcept {
    slot_note& of = note(slot);
    const bool successor = of.successor;
    if (!successor) {
        entity& name = name_spawned(shard_.slots[slot]);
        if (of.who != nullptr && of.may_end && of.who != &name) world_.names.drop(*of.who);
        of = {};
        set_name(of, &name);
    }
    of.fresh = true;
    of.may_end = lib::is_dynamic(shard_.slots[slot]);
    // A successor follows from the end of the one before.
    const std::uint64_t cause = successor ? of.woken_by : 0;
    of.woken_by = record(event_kind::spawn, slot, type, successor ? 1 : 0, cause);
}

void shard_director::tell_exit(std::uint32_t slot, std::uint32_t crashed) noexcept {
    const std::uint64_t number = record(event_kind::exit, slot, crashed, 0);
    slot_note& of = note(slot);
    of.taken = lib::nothing;
    of.answered = false;
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
    set_name(note(dead), nullptr);
    slot_note& of = note(successor);
    if (successor != dead && of.who != nullptr && of.may_end && of.who != who) world_.names.drop(*of.who);
    of = {};
    set_name(of, who);
    of.turns = turns;
    of.demoted = demoted;
    of.successor = true;
    of.woken_by = ended;
}

void shard_director::answered(std::uint32_t caller, std::uint64_t key, const std::byte* reply) noexcept {
    if (muted_) return;
    slot_note& of = note(caller);
    of.answered = reply != nullptr;  // null: there is only the reason why there is none
    replies_[caller] = {reply, key};
    of.kind = static_cast<std::uint32_t>(key);
    of.woken_by = record(event_kind::delivery, caller, of.kind, static_cast<std::int64_t>(key >> 32));
}

void shard_director::spawns_for(std::uint32_t shard, std::uint32_t slot) noexcept {
    remote_parent_ = shard == lib::nothing ? nullptr : machine_.name_of(shard, slot);
}

// --- channels --------------------------------------------------------------------------------------------------------

std::int64_t shard_director::decide_delay(std::uint32_t to, std::uint32_t tag) {
    const fault_setting& setting = machine_.faults().of(site::channel_delay);
    const entity* const from = shard_.current != nullptr ? name_of(shard_.index_of_slot(*shard_.current)) : nullptr;
    entity& pair = world_.names.pair(from != nullptr ? *from : *self_, machine_.shard_entity(to));
    const bool on = !setting.how_likely.never();
    return static_cast<std::int64_t>(
        world_.choices.between(site::channel_delay, pair, setting.low, on ? setting.high : setting.low, tag));
}

[[gnu::always_inline]] inline shard_director::inbound& shard_director::outbound(std::uint32_t to) noexcept {
    inbound*& there = outbound_[to];
    if (there == nullptr) [[unlikely]]
        there = &machine_.director(to).inbound_[shard_index_];
    return *there;
}

void shard_director::entered_channel(std::uint32_t to, std::uint32_t produced, std::uint32_t tag) noexcept {
    if (muted_ || delays_ || !events_.is_unseen(1)) [[unlikely]]
        return send_with_all(to, produced, tag);
    inbound& there = outbound(to);
    const std::int64_t now_ns = time_.now_ns();
    if (there.last_ns > now_ns || !there.has_room_for(produced)) [[unlikely]]
        return send_with_all(to, produced, tag);
    // What can be seen at once is told by the runtime, as ever, when it has shown it.
    const std::uint64_t cause = events_.context();
    there.last_ns = now_ns;
    there.put(produced, {now_ns, cause});
    tell_send<true>(to, tag, cause);
}

void shard_director::send_with_all(std::uint32_t to, std::uint32_t produced, std::uint32_t tag) noexcept {
    if (muted_) return;
    const std::uint64_t cause = events_.context();
    tell_send<false>(to, tag, cause);
    const std::int64_t now_ns = time_.now_ns();
    const std::int64_t delay_ns = delays_ ? decide_delay(to, tag) : 0;
    inbound& there = outbound(to);
    if (!there.has_room_for(produced)) there.grow();
    there.last_ns = std::max(there.last_ns, now_ns + delay_ns);
    there.put(produced, {there.last_ns, cause});
    if (there.last_ns > now_ns) machine_.expect_message(to, there.last_ns);
}

std::uint32_t shard_director::visible(std::uint32_t from, std::uint32_t consumed) noexcept {
    if (muted_) return 0xffff'ffff;
    inbound& channel = inbound_[from];
    channel.first = consumed;
    if (channel.last_ns <= time_.now_ns()) return channel.end - consumed;
    std::uint32_t next = consumed;
    while (next != channel.end && channel.at(next).at_ns <= time_.now_ns()) ++next;
    return next - consumed;
}

void shard_director::takes_from_channel(std::uint32_t from, std::uint32_t consumed) noexcept {
    if (!muted_) events_.set_context(inbound_[from].at(consumed).cause);
}

void shard_director::inbound::grow() {
    const std::uint32_t larger_mask = 2 * mask + 1;
    auto larger = std::make_unique<arrival[]>(std::size_t{larger_mask} + 1);
    for (std::uint32_t number = first; number != end; ++number) larger[number & larger_mask] = at(number);
    entries = std::move(larger);
    mask = larger_mask;
}

std::int64_t shard_director::next_visible_ns() const noexcept {
    std::int64_t next_ns = held_.empty() ? never_ns : held_.front().first;
    for (const inbound& each : inbound_) {
        if (each.last_ns <= time_.now_ns()) continue;
        std::uint32_t next = each.first;
        while (next != each.end && each.at(next).at_ns <= time_.now_ns()) ++next;
        if (next != each.end) next_ns = std::min(next_ns, each.at(next).at_ns);
    }
    return next_ns;
}

void shard_director::entered_lane(std::uint32_t to, const lib::lane_entry& entry) noexcept {
    if (muted_) return;
    // Numbers that no message's tag has: those are hashes.
    const std::int64_t delay_ns = delays_ ? decide_delay(to, static_cast<std::uint32_t>(entry.event) + 1) : 0;
    shard_director& there = machine_.director(to);
    std::int64_t& last_ns = there.lane_last_ns_[shard_index_];
    last_ns = std::max(last_ns, time_.now_ns() + delay_ns);
    there.lane_[&entry] = {last_ns, events_.context()};
    if (last_ns > time_.now_ns()) machine_.shard(to).expect_turn(last_ns);
}

bool shard_director::holds_back(lib::lane_entry& entry) noexcept {
    if (muted_ || shard_.drain.begun) return false;
    const auto found = lane_.find(&entry);
    if (found == lane_.end() || found->second.at_ns <= time_.now_ns()) return false;
    const auto later = [](std::int64_t at_ns, const auto& other) { return at_ns < other.first; };
    held_.insert(std::upper_bound(held_.begin(), held_.end(), found->second.at_ns, later),
                 {found->second.at_ns, &entry});
    holds_ = true;
    return true;
}

lib::lane_entry* shard_director::next_held() noexcept {
    if (held_.empty()) return nullptr;
    if (!muted_ && !shard_.drain.begun && held_.front().first > time_.now_ns()) return nullptr;
    lib::lane_entry* const next = held_.front().second;
    held_.pop_front();
    holds_ = !held_.empty();
    return next;
}

void shard_director::takes_from_lane(const lib::lane_entry& entry) noexcept {
    if (muted_) return;
    const auto found = lane_.find(&entry);
    if (found == lane_.end()) return;
    events_.set_context(found->second.cause);
    lane_.erase(found);
}

// --- choices ---------------------------------------------------------------------------------------------------------

bool shard_director::strikes(site what, const lib::slot_header& slot, std::uint32_t kind) {
    if (muted_ || !asks(what, slot)) return false;
    slot_note& of = note(shard_.index_of_slot(slot));
    if (of.who == nullptr) return false;
    const bool in_scope = (questions_[slot.type].in_scope >> static_cast<unsigned>(what) & 1) != 0;
    const ratio how = in_scope ? machine_.faults().of(what).how_likely : ratio{};
    if (!world_.choices.happens(what, *of.who, how, kind)) return false;
    record(event_kind::fault, shard_.index_of_slot(slot), static_cast<std::uint32_t>(what), 1);
    return true;
}

bool shard_director::crashes_before(const lib::slot_header& slot) noexcept {
    const slot_note& of = note(shard_.index_of_slot(slot));
    if (begins_) return strikes(of.successor ? site::crash_in_restart : site::crash_at_start, slot, 0);
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
        if (order_ == run_order::by_priority && events_.count() >= next_change_) {
            next_change_ = events_.count() + change_every_;
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
