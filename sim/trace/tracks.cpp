// SPDX-License-Identifier: Apache-2.0
// One pass finds the tracks, a second puts them in order.
#include "sim/trace/tracks.hpp"

#include <algorithm>

#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

[[nodiscard]] std::string short_name(const run_outcome& run, const event_record& what) {
    std::string name = whom(run, what);
    if (what.machine >= run.machines.size()) return name;
    const std::string front = run.machines[what.machine] + "/";
    return name.size() > front.size() && name.starts_with(front) ? name.substr(front.size()) : name;
}

}  // namespace

track_table::key track_table::key_of(const event_record& what) noexcept {
    if (is_of_world(what)) return {0, 0, what.kind == event_kind::operation ? what.who : 0};
    return {what.machine + 1u, what.shard, what.who};
}

track_table::track_table(const run_outcome& run) {
    struct found {
        key where;
        std::uint64_t first;
        track shown;
    };
    std::vector<found> all;
    for (const event_record& each : run.events_kept) {
        const key where = key_of(each);
        if (!index_.emplace(where, 0).second) continue;
        track shown{.machine = each.machine,
                    .shard = each.shard,
                    .who = each.who,
                    .name = short_name(run, each),
                    .full_name = whom(run, each),
                    .place = place_of(run, each),
                    .of_world = is_of_world(each)};
        shown.of_shard = !shown.of_world && shown.full_name == shown.place;
        if (shown.of_shard) shown.name = "shard " + std::to_string(each.shard);
        all.push_back({where, each.number, std::move(shown)});
    }
    std::ranges::sort(all, {}, [](const found& each) {
        return std::tuple(std::get<0>(each.where), std::get<1>(each.where), each.first);
    });
    for (found& each : all) {
        index_[each.where] = static_cast<std::uint32_t>(tracks_.size());
        tracks_.push_back(std::move(each.shown));
    }
}

}  // namespace tina::sim
