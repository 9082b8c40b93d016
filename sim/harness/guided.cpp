// SPDX-License-Identifier: Apache-2.0
// Generations of a guided search.
#include "sim/harness/guided.hpp"

#include <algorithm>
#include <utility>

namespace tina::sim {

namespace {

constexpr std::uint64_t fresh_share = 4;  ///< one in so many of a generation begins anew

}  // namespace

run_request request_of(const family& of, const family::child& which) {
    run_request request = of.parent;
    if (which.is_parent) return request;
    auto& all = request.edits.reseeds;
    const auto later = [&](const reseed& each) { return each.event >= which.from.event; };
    all.erase(std::remove_if(all.begin(), all.end(), later), all.end());
    all.push_back(which.from);
    return request;
}

std::uint64_t guided_search::draw(std::uint64_t slot, std::uint64_t what, std::uint64_t limit) const noexcept {
    const std::uint64_t bits = combine(combine(combine(root_, generation_), slot), what);
    return static_cast<std::uint64_t>((static_cast<wide_unsigned>(bits) * limit) >> 64);
}

void guided_search::add_child(std::vector<family>& generation, std::vector<std::size_t>& family_of,
                              std::uint64_t slot) const {
    // Of two parents the younger: what is new leads on more often than what is long known.
    const std::uint64_t one = draw(slot, 0, parents_.size());
    const std::uint64_t other = draw(slot, 1, parents_.size());
    const std::size_t chosen = static_cast<std::size_t>(std::max(one, other));
    const parent& from = parents_[chosen];
    if (family_of[chosen] == SIZE_MAX) {
        family_of[chosen] = generation.size();
        generation.push_back({from.request, {}, answer_size::novelty});
    }
    family::child made;
    made.index = started_ + slot;
    made.from.event = 2 + draw(slot, 2, std::max<std::uint64_t>(from.events, 2) - 1);
    made.from.seed = combine(combine(root_, generation_), slot);
    generation[family_of[chosen]].children.push_back(made);
}

std::vector<family> guided_search::next_generation() {
    std::vector<family> generation;
    std::vector<std::size_t> family_of(parents_.size(), SIZE_MAX);
    const std::uint64_t size = std::min(generation_size, runs_ - started_);
    for (std::uint64_t slot = 0; slot < size; ++slot) {
        if (!parents_.empty() && slot % fresh_share != 0) {
            add_child(generation, family_of, slot);
            continue;
        }
        family fresh{model_, {{.index = started_ + slot, .is_parent = true}}, answer_size::novelty};
        fresh.parent.seed = next_seed_++;
        generation.push_back(std::move(fresh));
    }
    for (family& each : generation) {
        std::sort(each.children.begin(), each.children.end(), [](const family::child& one, const family::child& two) {
            return std::pair{one.from.event, one.index} < std::pair{two.from.event, two.index};
        });
    }
    started_ += size;
    ++generation_;
    return generation;
}

void guided_search::add(const campaign_run& run, const run_outcome& outcome) {
    bool is_new = false;
    for (const std::uint64_t each : outcome.novelty) is_new = seen_.insert(each).second || is_new;
    // What failed is known; going on from it would find the same failure again.
    if (!is_new || outcome.failed) return;
    if (parents_.size() == parents_max) parents_.erase(parents_.begin());
    parents_.push_back({run.request, outcome.events});
}

}  // namespace tina::sim
