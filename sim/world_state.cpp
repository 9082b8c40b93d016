// SPDX-License-Identifier: Apache-2.0
// The loop of a world: what is due next, what must hold after it, and what befalls machines from moment to moment.
#include "sim/world_state.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

#include "lib/fault_state.hpp"
#include "sim/network.hpp"

namespace tina::sim {

namespace {

constexpr std::int64_t moment_ns = 100'000'000;
constexpr std::uint64_t moment_mark = ~std::uint64_t{0};
// Structure is looked at often at first, so that short runs are checked too, and less and less often then.
constexpr std::uint64_t structure_events_least = 4096;
constexpr std::uint64_t structure_events_most = 65'536;
constexpr std::int64_t rest_within_ns = 10'000'000'000;  ///< how long a healed world may take to come to rest

[[nodiscard]] verdict ask(const std::function<verdict()>& predicate) {
    try {
        return predicate();
    } catch (const run_over&) { throw; } catch (const std::exception& error) {
        return "the predicate threw: " + std::string(error.what());
    }
}

}  // namespace

sim_world::sim_world(const run_request& wanted)
    : choices(wanted.from, wanted.seed, wanted.edits), events(time, choices), request(wanted) {
    if (wanted.keep == recording::all) {
        choices.keep_workload();
        events.keep_all();
        names.keep_names();
    }
    const bool all = wanted.on_event || wanted.branch || wanted.wants_novelty;
    if (all || wanted.stop_at_event != ~std::uint64_t{0}) listen(all ? 0 : wanted.stop_at_event);
    choose_order();
    detail::this_thread_marks = this;
}

sim_world::~sim_world() {
    take_apart();
    detail::this_thread_marks = nullptr;
}

/// Each run has a way of its own to choose who runs next.
void sim_world::choose_order() {
    // The quiet base takes the first of those that are ready, but where the seed's way is to choose it is asked as
    // well.
    if (request.profile == fault_profile::none) return;
    const std::uint64_t bits = decide(request.seed, site::swarm, hash_of("order"), 0);
    order_ = static_cast<run_order>(bits % 3);
    change_every_ = 200 + mix(bits) % 5000;
}

// --- machines --------------------------------------------------------------------------------------------------------

sim_machine& sim_world::add_machine(const machine_options& options, system_spec spec) {
    for (const auto& each : machines_) {
        if (each->name() == options.name) throw unusable_run{"there are two machines named \"" + options.name + "\""};
    }
    if (options.name.empty()) throw unusable_run{"a machine has no name: give it one"};
    const auto index = static_cast<std::uint16_t>(machines_.size());
    machines_.push_back(std::make_unique<sim_machine>(*this, index, options, std::move(spec)));
    sim_machine& made = *machines_.back();
    if (const std::vector<std::string> errors = made.check(); !errors.empty()) {
        std::string reason = "the spec of machine \"" + options.name + "\" is refused:";
        for (const std::string& each : errors) reason += "\n  " + each;
        throw unusable_run{std::move(reason)};
    }
    join_network(made);
    made.start_clock();
    set_clock_faults(made);
    restart_machine(made);
    return made;
}

/// By how much a clock is off: from the most it can be to one side to the most to the other, and 0, the quiet one.
std::int64_t sim_world::decide_off(site what, sim_machine& machine) {
    const fault_setting& setting = machine.faults().of(what);
    if (!setting.declared) return 0;
    const std::uint64_t value = choices.value_if(what, machine.self(), setting.how_likely, 1, setting.high + 1);
    return value == 0 ? 0 : static_cast<std::int64_t>(value - 1) - static_cast<std::int64_t>(setting.high / 2);
}

/// A clock is off as the faults say now, and not as they said before.
void sim_world::set_clock_faults(sim_machine& machine) {
    const auto off_ppb = static_cast<std::int32_t>(decide_off(site::clock_drift, machine));
    const std::int32_t ppb = machine.options().clock_drift_ppb + off_ppb;
    if (ppb != machine.clock().drift_ppb()) machine.clock().set_drift(time.now_ns(), ppb);
    machine.clock().set_fault_offset(decide_off(site::clock_offset, machine));
}

void sim_world::restart_machine(sim_machine& machine) {
    if (machine.is_up()) return;
    machine.forget();
    events.record({.who = machine.self().id, .machine = machine.index(), .kind = event_kind::machine_up});
    power_network(machine, true);
    if (std::string reason = machine.boot(); !reason.empty()) {
        throw unusable_run{"machine \"" + machine.name() + "\" does not boot: " + reason};
    }
}

void sim_world::crash_machine(sim_machine& machine) {
    if (!machine.is_up()) return;
    events.record({.who = machine.self().id, .machine = machine.index(), .kind = event_kind::machine_down});
    power_network(machine, false);
    machine.power_off();
}

std::uint32_t sim_world::add_shard(sim_shard& shard) {
    shards_.push_back(&shard);
    return queue.add();
}

fault_settings sim_world::settle_settings(const sim::faults& declared) const {
    return fault_settings(declared, request.from == base::quiet ? fault_profile::declared : request.profile,
                          request.seed);
}

void sim_world::set_faults(const sim::faults& wanted) {
    declared_ = wanted;
    settings_ = settle_settings(wanted);
    for (const auto& each : machines_) {
        each->refresh_faults();
        set_clock_faults(*each);
    }
    feel_faults();
}

void sim_world::set_faults(sim_machine& machine, const sim::faults& wanted) {
    machine.set_faults(wanted);
    machine.refresh_faults();
    set_clock_faults(machine);
    feel_faults();
}

/// What is decided elsewhere than where it strikes begins to be.
void sim_world::feel_faults() {
    tell_network_of_faults();
    begin_moments();
}

// --- from moment to moment -------------------------------------------------------------------------------------------

void sim_world::begin_moments() {
    if (moments_on_) return;
    bool any = settings_.has_moments();
    for (const auto& each : machines_) any |= each->faults().has_moments();
    if (!any) return;
    moments_on_ = true;
    time.schedule((time.now_ns() / moment_ns + 1) * moment_ns, *this, moment_mark);
}

void sim_world::moment() {
    moments_on_ = false;
    if (choices.is_healed()) return;
    for (const auto& each : machines_) moment_of(*each);
    begin_moments();
}

std::uint64_t sim_world::strike(site what, entity& whom, sim_machine& machine) {
    const fault_setting& setting = machine.faults().of(what);
    if (!setting.declared && !choices.has_edits_of(what)) return 0;
    const std::uint64_t value = choices.value_if(what, whom, setting.how_likely, setting.low, setting.high);
    if (value == 0) return 0;
    const bool is_clock = what == site::clock_step || what == site::clock_pause;
    events.record({.who = whom.id,
                   .value = static_cast<std::int64_t>(value),
                   .detail = static_cast<std::uint32_t>(what),
                   .machine = machine.index(),
                   .kind = is_clock ? event_kind::clock_fault : event_kind::fault});
    return value;
}

void sim_world::moment_of(sim_machine& machine) {
    if (!machine.is_up()) return;
    if (const std::uint64_t down_ns = strike(site::crash_machine, machine.self(), machine); down_ns != 0) {
        crash_machine(machine);
        sim_machine* const which = &machine;
        return call_after(static_cast<std::int64_t>(down_ns), [this, which] { power_returns(*which); });
    }
    if (const std::uint64_t by = strike(site::clock_step, machine.self(), machine); by != 0) {
        const auto half = static_cast<std::int64_t>(machine.faults().of(site::clock_step).high / 2);
        machine.clock().step_wall(static_cast<std::int64_t>(by) - half);
    }
    if (const std::uint64_t span = strike(site::clock_pause, machine.self(), machine); span != 0) {
        machine.stand_still(time.now_ns() + static_cast<std::int64_t>(span));
    }
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        sim_shard& shard = machine.shard(i);
        if (shard.has_stopped()) continue;
        const std::uint64_t slowness = strike(site::slow_shard, shard.director().self(), machine);
        shard.slow_down(slowness == 0 ? 1 : slowness);
        if (strike(site::crash_shard, shard.director().self(), machine) == 0) continue;
        events.record({.who = shard.director().self().id,
                       .machine = machine.index(),
                       .shard = static_cast<std::uint16_t>(i),
                       .kind = event_kind::shard_fault});
        shard.fail();
    }
}

// --- running ---------------------------------------------------------------------------------------------------------

void sim_world::on_due(std::uint64_t argument) {
    events.set_context(0);
    if (argument == moment_mark) return moment();
    const std::function<void()> what = std::exchange(calls_[argument], nullptr);
    free_calls_.push_back(static_cast<std::uint32_t>(argument));
    what();
}

void sim_world::call_after(std::int64_t span_ns, std::function<void()> what) {
    std::uint32_t place = static_cast<std::uint32_t>(calls_.size());
    if (free_calls_.empty()) {
        calls_.push_back(std::move(what));
    } else {
        place = free_calls_.back();
        free_calls_.pop_back();
        calls_[place] = std::move(what);
    }
    time.schedule(time.now_ns() + span_ns, *this, place);
}

/// The next thing that is due, which is at `next_ns`.
void sim_world::step(std::int64_t next_ns) {
    if (time.next_ns() <= next_ns) {
        time.run_next();
    } else {
        time.advance_to(next_ns);
        shards_[queue.next()]->turn();
    }
    after_step();
}

void sim_world::after_step() {
    if (request.beat != nullptr) std::atomic_ref(*request.beat).fetch_add(1, std::memory_order_relaxed);
    if (!always.empty()) check_always();
    if (events.count() >= structure_due_) {
        structure_due_ = events.count() + std::clamp(events.count(), structure_events_least, structure_events_most);
        check_structures();
    }
    if (failed_ || stopped_early_) throw run_over{};
    if (!at_rest.empty() && next_ns() > time.now_ns()) check_rest();
}

void sim_world::check_structures() {
    for (const auto& each : machines_) {
        std::string what = check_structure(*each);
        if (!what.empty()) fail("the runtime's own invariants", each->name() + ": " + what);
    }
}

void sim_world::advance_to(std::int64_t end_ns) {
    has_run_ = true;
    for (std::int64_t next = next_ns(); next <= end_ns; next = next_ns()) step(next);
    time.advance_to(end_ns);
}

bool sim_world::advance_until(const std::function<bool()>& reached, std::int64_t end_ns) {
    has_run_ = true;
    while (!reached()) {
        const std::int64_t next = next_ns();
        if (next > end_ns) {
            if (end_ns != never_ns) time.advance_to(end_ns);
            return reached();
        }
        step(next);
    }
    return true;
}

void sim_world::phase(std::uint32_t which) { events.record({.detail = which, .kind = event_kind::phase}); }

void sim_world::set_core(const std::vector<std::string_view>& wanted) {
    core_.clear();
    for (const auto& each : machines_) {
        if (std::find(wanted.begin(), wanted.end(), each->name()) != wanted.end()) core_.push_back(each->index());
    }
}

bool sim_world::is_in_core(const sim_machine& machine) const {
    return core_.empty() || std::find(core_.begin(), core_.end(), machine.index()) != core_.end();
}

/// The time without power is over; outside the core nothing comes back while it is healed.
void sim_world::power_returns(sim_machine& machine) {
    if (choices.is_healed() && !is_in_core(machine)) return power_is_owed_.push_back(&machine);
    restart_machine(machine);
}

/// What was left as it was goes on where it stopped.
void sim_world::thaw() {
    thaw_network();
    for (const auto& each : machines_) each->thaw();
    for (sim_machine* const each : std::exchange(power_is_owed_, {})) restart_machine(*each);
}

void sim_world::heal_machine(sim_machine& machine) {
    machine.clock().set_right(time.now_ns());
    machine.go_on();
    if (!machine.is_up()) restart_machine(machine);
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) machine.shard(i).slow_down(1);
}

/// Ends all faults, those of the core if there is one, and lets the world come to what it must.
void sim_world::settle() {
    check_structures();
    if (failed_) throw run_over{};
    choices.calm();
    phase(1);
    heal_network();
    for (const auto& each : machines_) {
        if (is_in_core(*each)) heal_machine(*each);
        else each->freeze();
    }
    require_goals();
    // What is left comes to rest, where it ever does: what wakes itself again and again never will.
    if (!at_rest.empty() && !failed_) {
        last_rest_ = ~std::uint64_t{0};
        check_rest();
        if (last_rest_ == ~std::uint64_t{0}) {
            static_cast<void>(
                advance_until([&] { return last_rest_ != ~std::uint64_t{0}; }, time.now_ns() + rest_within_ns));
        }
    }
    thaw();
    choices.excite();
    phase(0);
    begin_moments();
}

void sim_world::require_goals() {
    const std::int64_t healed_ns = time.now_ns();
    for (goal& each : goals) each.met = false;
    const auto look = [&] {
        bool all = true;
        for (goal& each : goals) {
            if (each.met) continue;
            ++each.checked;
            each.met = !ask(each.holds).has_value();
            all &= each.met;
        }
        return all;
    };
    for (;;) {
        if (look()) return;
        // The goal whose time is over first.
        goal* next = nullptr;
        for (goal& each : goals) {
            if (!each.met && (next == nullptr || each.within < next->within)) next = &each;
        }
        const std::int64_t end_ns = healed_ns + next->within.count();
        if (advance_until(look, end_ns)) return;
        const verdict why = ask(next->holds);
        if (!why) continue;
        std::string detail = *why;
        if (!detail.empty()) detail += "; ";
        detail += "not within " + std::to_string(next->within.count() / 1'000'000) + " ms after all faults had ended";
        fail(next->name, std::move(detail));
        throw run_over{};
    }
}

bool sim_world::is_at_rest() {
    for (const auto& each : machines_) {
        if (!each->is_at_rest()) return false;
    }
    return network_at_rest();
}

void sim_world::check_rest() {
    if (events.count() == last_rest_ || !is_at_rest()) return;
    last_rest_ = events.count();
    for (property& each : at_rest) {
        ++each.checked;
        if (verdict why = ask(each.holds)) {
            fail(each.name, std::move(*why));
            throw run_over{};
        }
    }
}

void sim_world::check_always() {
    if (failed_ || in_predicate_) return;
    in_predicate_ = true;
    for (property& each : always) {
        ++each.checked;
        if (verdict why = ask(each.holds)) {
            fail(each.name, std::move(*why));
            break;
        }
    }
    in_predicate_ = false;
}

void sim_world::fail(std::string property, std::string detail) {
    if (failed_) return;
    const std::uint64_t last = events.count();
    failed_ = failure{std::move(property), std::move(detail), last, time.now_ns()};
    events.record({.cause = last, .who = hash_of(failed_->property), .kind = event_kind::failure});
    static_cast<void>(names.named(failed_->property));
}

// --- what is told ----------------------------------------------------------------------------------------------------

void sim_world::note_novelty(std::uint64_t hash) {
    if (novelty_seen_.insert(hash).second) novelty_.push_back(hash);
}

void sim_world::listen(std::uint64_t from) {
    events.set_listener([this](const event_record& what) { heard(what); }, from);
}

void sim_world::heard(const event_record& what) {
    if (request.on_event) request.on_event(what);
    if (request.branch) {
        if (const auto seed = request.branch(what)) choices.reseed_at({what.number, *seed});
    }
    if (what.number >= request.stop_at_event) stopped_early_ = true;
    if (request.wants_novelty) {
        last_kinds_ = last_kinds_ << 8 | static_cast<std::uint64_t>(what.kind);
        note_novelty(combine(last_kinds_ & 0xffff'ffff, what.detail));
    }
    if (checkers_.empty() || in_predicate_ || failed_) return;
    in_predicate_ = true;
    const event_view view = view_of(what);
    for (const event_checker& each : checkers_) {
        verdict why = each.check(view);
        if (!why) continue;
        fail(each.name, std::move(*why));
        break;
    }
    in_predicate_ = false;
}

event_view sim_world::view_of(const event_record& what) {
    event_view view{.number = what.number,
                    .cause = what.cause,
                    .at = instant{duration{what.at_ns}},
                    .kind = info_of(what.kind).name,
                    .shard = what.shard,
                    .value = what.value};
    if (what.machine < machines_.size()) view.machine = machines_[what.machine]->name();
    if (const entity* const who = names.find(what.who)) view.who = who->name;
    const bool has_message = what.kind == event_kind::delivery || what.kind == event_kind::receipt ||
                             what.kind == event_kind::send || what.kind == event_kind::drop;
    if (has_message) view.message = payloads.name_of(what.detail);
    const bool has_type = what.kind == event_kind::spawn || what.kind == event_kind::dispatch;
    if (has_type && what.machine < machines_.size()) {
        view.type = machines_[what.machine]->type_name(what.shard, what.detail);
    }
    return view;
}

void sim_world::add_log(const sim_shard& from, std::string_view line) {
    std::string where = from.on().name();
    if (from.on().shard_count() > 1) where += "/" + std::to_string(from.index());
    log_.push_back(std::to_string(time.now_ns()) + " " + where + ": " + std::string(line));
}

bool sim_world::pass(const detail::mark& which, bool held) noexcept {
    if (which.kind == detail::mark_kind::buggify) {
        held = decide_buggify(which);
        ++marks_[&which].met;
        if (held) ++marks_[&which].held;
        return held;
    }
    mark_count& count = marks_[&which];
    ++count.met;
    note_type(count);
    if (!held) return false;
    if (++count.held == 1) note_novelty(hash_of(which.name));
    events.record({.who = hash_of(which.name), .detail = 1, .kind = event_kind::mark});
    static_cast<void>(names.named(std::string(which.name)));
    if (which.kind == detail::mark_kind::unreachable) fail("never reached: " + std::string(which.name), {});
    return true;
}

/// In which isolates a mark stands says to which scenarios it belongs.
void sim_world::note_type(mark_count& of) {
    const tina::detail::shard* const at = tina::detail::running_shard();
    const bool is_isolate = at != nullptr && at->current != nullptr;
    const std::string_view type = is_isolate ? at->types[at->current->type].plan->what->name : std::string_view{};
    if (std::find(of.types.begin(), of.types.end(), type) == of.types.end()) of.types.push_back(type);
}

bool sim_world::decide_buggify(const detail::mark& which) {
    const fault_setting& setting = settings_.of(site::buggify);
    if (!setting.declared && !choices.has_edits_of(site::buggify)) return false;
    std::string whom = "buggify";
    if (const tina::detail::shard* const at = tina::detail::running_shard(); at != nullptr && at->current != nullptr) {
        if (const entity* const who = running_isolate()) whom = who->name;
    }
    return choices.happens(site::buggify, names.named(whom + " " + std::string(which.name)), setting.how_likely);
}

const entity* sim_world::running_isolate() noexcept {
    const tina::detail::shard* const at = tina::detail::running_shard();
    if (at == nullptr || at->current == nullptr || at->decider == nullptr) return nullptr;
    return static_cast<const shard_director*>(at->decider)->name_of(at->index_of_slot(*at->current));
}

bool sim_world::exhausts_arena() noexcept {
    tina::detail::shard* const at = tina::detail::running_shard();
    if (at == nullptr || at->decider == nullptr) return false;
    return static_cast<shard_director*>(at->decider)->exhausts_arena();
}

void sim_world::take_apart() {
    for (const auto& each : machines_) each->take_apart();
    for (const auto& each : machines_) each->forget();
}

}  // namespace tina::sim
