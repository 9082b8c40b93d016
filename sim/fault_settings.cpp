// SPDX-License-Identifier: Apache-2.0
// From what a scenario declares to what a run's seed takes of it.
#include "sim/fault_settings.hpp"

#include <algorithm>

namespace tina::sim {

namespace {

[[nodiscard]] bool has(handler_set (*which)() noexcept, const tina::detail::handler_info& type) noexcept {
    if (which == nullptr) return false;
    const handler_set set = which();
    return std::find(set.first, set.first + set.count, &type) != set.first + set.count;
}

[[nodiscard]] std::uint64_t at_least_one(duration span) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(span.count(), 1));
}

}  // namespace

fault_settings::fault_settings(const faults& declared, fault_profile profile, std::uint64_t seed)
    : effective_(declared), profile_(profile), seed_(seed) {
    for (const site each : {site::crash_before, site::crash_after_effect, site::crash_between_effects,
                            site::crash_at_start, site::crash_in_restart}) {
        set(each, &faults::crash_isolate);
    }
    set(site::channel_full, &faults::channel_full);
    set(site::pool_exhausted, &faults::pool_exhausted);
    set(site::mailbox_full, &faults::mailbox_full);
    set(site::no_slots, &faults::no_slots);
    set(site::no_timers, &faults::no_timers);
    set(site::no_calls, &faults::no_calls);
    set(site::no_leases, &faults::no_leases);
    set(site::arena_exhausted, &faults::arena_exhausted);
    set(site::crash_shard, effective_.crash_shard);
    set(site::slow_shard, effective_.slow_shard, 2, 100);
    set(site::crash_machine, effective_.crash_machine, at_least_one(effective_.machine_down_for.least),
        at_least_one(effective_.machine_down_for.most));
    const std::uint64_t step = at_least_one(effective_.clock_step_by);
    set(site::clock_step, effective_.clock_step, 1, 2 * step);
    set(site::clock_pause, effective_.clock_pause, at_least_one(effective_.clock_pause_for.least),
        at_least_one(effective_.clock_pause_for.most));
    set(site::buggify, effective_.buggify);
    set_span(site::channel_delay, effective_.channel_delay);
    set_span(site::cycle_cost, effective_.cycle_cost);
    set_span(site::net_latency, effective_.net_latency);

    // What the network decides for itself, it decides by the chances of this run.
    const auto share = [this](site what, chance& how) {
        set(what, how);
        const ratio now = of(what).how_likely;
        if (profile_ != fault_profile::declared) how = {now.numerator, now.denominator};
    };
    share(site::net_loss, effective_.net_loss);
    share(site::net_reset, effective_.net_reset);
    share(site::net_refuse, effective_.net_refuse);
    share(site::net_silence, effective_.net_silence);
    share(site::net_segment, effective_.net_segment);
    share(site::partial_write, effective_.partial_write);
    share(site::net_partition, effective_.net_partition);
    share(site::net_clog, effective_.net_clog);
    fault_setting& drift = all_[static_cast<std::size_t>(site::clock_drift)];
    drift.declared = effective_.clock_drift_ppm > 0;
    drift.how_likely = drift.declared ? swarmed(site::clock_drift, 1, 1) : ratio{};
    drift.high = std::uint64_t{2} * effective_.clock_drift_ppm * 1000;
    fault_setting& offset = all_[static_cast<std::size_t>(site::clock_offset)];
    offset.declared = effective_.clock_offset.count() > 0;
    offset.how_likely = offset.declared ? swarmed(site::clock_offset, 1, 1) : ratio{};
    offset.high = 2 * at_least_one(effective_.clock_offset);
}

ratio fault_settings::swarmed(site what, std::uint32_t numerator, std::uint32_t denominator) const noexcept {
    if (profile_ == fault_profile::none || numerator == 0) return {};
    if (profile_ == fault_profile::declared) return {numerator, denominator};
    // Of four runs one is without a fault kind, and one has it four times as often.
    switch (decide(seed_, site::swarm, static_cast<std::uint64_t>(hash_of(info_of(what).name)), 0) % 4) {
    case 0: return {};
    case 1: return {numerator > 0xffff'ffff / 4 ? numerator : numerator * 4, denominator};
    default: return {numerator, denominator};
    }
}

void fault_settings::set(site what, chance how, std::uint64_t low, std::uint64_t high) {
    fault_setting& setting = all_[static_cast<std::size_t>(what)];
    setting.declared = how.numerator > 0;
    setting.how_likely = swarmed(what, how.numerator, how.denominator);
    setting.low = low;
    setting.high = std::max(low, high);
}

void fault_settings::set(site what, isolate_chance faults::* how) {
    set(what, chance{(effective_.*how).numerator, (effective_.*how).denominator});
    all_[static_cast<std::size_t>(what)].scope = how;
}

void fault_settings::set_span(site what, span_range& span) {
    fault_setting& setting = all_[static_cast<std::size_t>(what)];
    setting.declared = span.most.count() > 0;
    const ratio now = setting.declared ? swarmed(what, 1, 1) : ratio{};
    if (now.never()) span = {};
    setting.how_likely = now;
    setting.low = static_cast<std::uint64_t>(std::max<std::int64_t>(span.least.count(), 0));
    setting.high = static_cast<std::uint64_t>(std::max<std::int64_t>(span.most.count(), 0));
}

bool fault_settings::strikes(site what, const tina::detail::handler_info& type) const noexcept {
    const fault_setting& setting = of(what);
    if (!setting.declared) return false;
    if (setting.scope == nullptr) return true;
    const isolate_chance& scope = effective_.*setting.scope;
    return (scope.only == nullptr && scope.also == nullptr) || has(scope.only, type) || has(scope.also, type);
}

bool fault_settings::has_moments() const noexcept {
    for (const site each :
         {site::crash_shard, site::slow_shard, site::crash_machine, site::clock_step, site::clock_pause}) {
        if (of(each).declared) return true;
    }
    return false;
}

}  // namespace tina::sim
