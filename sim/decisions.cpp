// SPDX-License-Identifier: Apache-2.0
// Choices: how a value comes from a seed, where an edit is looked up, and what is noted of it.
#include "sim/decisions.hpp"

#include <algorithm>
#include <utility>

namespace tina::sim {

namespace {

constexpr std::array<site_info, site_count> infos{{
#define TINA_SIM_SITE(name, is_fault, sentence) {#name, is_fault, sentence},
    TINA_SIM_SITES(TINA_SIM_SITE)
#undef TINA_SIM_SITE
}};

[[nodiscard]] std::uint64_t key_of(site what, std::uint64_t entity, std::uint32_t kind,
                                   std::uint64_t ordinal) noexcept {
    return combine(combine(combine(static_cast<std::uint64_t>(what), entity), kind), ordinal);
}

/// A value from 0 to below `limit`, evenly; 0 stands for 2^64.
[[nodiscard]] std::uint64_t scale(std::uint64_t bits, std::uint64_t limit) noexcept {
    if (limit == 0) return bits;
    return static_cast<std::uint64_t>((static_cast<wide_unsigned>(bits) * limit) >> 64);
}

}  // namespace

const site_info& info_of(site which) noexcept { return infos[static_cast<std::size_t>(which)]; }

std::string_view sentence_for(site which, std::string_view whom) noexcept {
    if (which == site::net_partition) {
        if (whom.find(" and ") != whom.npos) return "are cut off from each other for this many nanoseconds";
        if (whom.find(" to ") != whom.npos) return "is a way on which nothing passes for this many nanoseconds";
    }
    return info_of(which).sentence;
}

std::optional<site> site_named(std::string_view name) noexcept {
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (infos[i].name == name) return static_cast<site>(i);
    }
    return std::nullopt;
}

decisions::decisions(base from, std::uint64_t seed, edit_list edits)
    : from_(from), seed_(seed), seed_now_(seed), edits_(std::move(edits)) {
    for (const edit& each : edits_.edits) {
        const std::uint64_t id = hash_of(each.entity);
        ++edits_of_[static_cast<std::size_t>(each.what)];
        if (each.kind != 0) {
            by_kind_[key_of(each.what, id, each.kind, each.kind_ordinal)] = &each;
        } else {
            by_ordinal_[key_of(each.what, id, 0, each.ordinal)] = &each;
        }
    }
    std::sort(edits_.reseeds.begin(), edits_.reseeds.end(),
              [](const reseed& one, const reseed& other) { return one.event < other.event; });
    if (!edits_.reseeds.empty()) next_reseed_ = edits_.reseeds.front().event;
}

const edit* decisions::edit_at(site what, const entity& whom, std::uint64_t ordinal) const {
    if (!has_edits_of(what)) return nullptr;
    const auto found = by_ordinal_.find(key_of(what, whom.id, 0, ordinal));
    return found == by_ordinal_.end() ? nullptr : found->second;
}

void decisions::reseed_now() noexcept {
    while (reseeds_done_ < edits_.reseeds.size() && edits_.reseeds[reseeds_done_].event <= now_->event) {
        seed_now_ = edits_.reseeds[reseeds_done_++].seed;
    }
    next_reseed_ = reseeds_done_ < edits_.reseeds.size() ? edits_.reseeds[reseeds_done_].event : ~std::uint64_t{0};
}

decisions::place decisions::next(site what, entity& whom, std::uint32_t kind) {
    place where;
    where.ordinal = whom.ordinals[static_cast<std::size_t>(what)]++;
    if (kind != 0) where.kind_ordinal = kind_ordinals_[key_of(what, whom.id, kind, 0)]++;
    if (!has_edits_of(what)) return where;
    if (kind != 0) {
        const auto found = by_kind_.find(key_of(what, whom.id, kind, where.kind_ordinal));
        if (found != by_kind_.end()) where.edited = found->second;
    }
    if (where.edited == nullptr) {
        const auto found = by_ordinal_.find(key_of(what, whom.id, 0, where.ordinal));
        if (found != by_ordinal_.end()) where.edited = found->second;
    }
    return where;
}

void decisions::reseed_at(reseed from) {
    const auto behind =
        std::upper_bound(edits_.reseeds.begin(), edits_.reseeds.end(), from,
                         [](const reseed& one, const reseed& other) { return one.event < other.event; });
    edits_.reseeds.insert(behind, from);
    reseed_now();
}

fired decisions::entry(site what, const entity& whom, const place& where, std::uint32_t kind) const {
    fired made;
    made.what = what;
    made.entity = whom.name;
    made.ordinal = where.ordinal;
    made.kind = kind;
    made.kind_ordinal = where.kind_ordinal;
    made.event = now_->event;
    made.at_ns = now_->at_ns;
    return made;
}

void decisions::note(site what, const entity& whom, const place& where, std::uint32_t kind, std::uint64_t value) {
    ++fired_count_[static_cast<std::size_t>(what)];
    log_.push_back(entry(what, whom, where, kind));
    log_.back().value = value;
}

void decisions::note_workload(site what, const entity& whom, const place& where, std::uint32_t kind,
                              std::uint64_t value) {
    if (!keeps_workload_) return;
    workload_.push_back(entry(what, whom, where, kind));
    workload_.back().value = value;
}

std::uint64_t decisions::value_if(site what, entity& whom, ratio how_likely, std::uint64_t low, std::uint64_t high,
                                  std::uint32_t kind) {
    const place where = next(what, whom, kind);
    if (!how_likely.never()) ++asked_[static_cast<std::size_t>(what)];
    std::uint64_t value = 0;
    if (where.edited != nullptr) {
        value = where.edited->value;
    } else if (!is_calm() && !how_likely.never()) {
        const std::uint64_t chance = bits(what, whom, where);
        if (how_likely.has(chance)) value = low + scale(mix(chance), high - low + 1);
    }
    if (value != 0) {
        note(what, whom, where, kind, value);
        log_.back().least = low;
    }
    return value;
}

std::uint64_t decisions::times_if(site what, entity& whom, ratio how_likely, std::uint64_t most) {
    const place where = next(what, whom, 0);
    if (!how_likely.never()) ++asked_[static_cast<std::size_t>(what)];
    std::uint64_t times = 0;
    if (where.edited != nullptr) {
        times = std::min(where.edited->value, most);
    } else if (!is_calm() && !how_likely.never()) {
        for (std::uint64_t each = bits(what, whom, where); times < most && how_likely.has(each); each = mix(each)) {
            ++times;
        }
    }
    if (times != 0) {
        note(what, whom, where, 0, times);
        log_.back().least = 1;
    }
    return times;
}

std::uint64_t decisions::between(site what, entity& whom, std::uint64_t low, std::uint64_t high, std::uint32_t kind) {
    const place where = next(what, whom, kind);
    if (high > low) ++asked_[static_cast<std::size_t>(what)];
    std::uint64_t value = low;
    if (where.edited != nullptr) {
        value = where.edited->value;
    } else if (!is_calm() && high > low) {
        value = low + scale(bits(what, whom, where), high - low + 1);
    }
    if (value != low) {
        note(what, whom, where, kind, value);
        log_.back().least = low;
        log_.back().quiet = low;
    }
    return value;
}

std::uint64_t decisions::pick(site what, entity& whom, std::uint64_t count, std::uint32_t kind) {
    if (count <= 1) return 0;
    return std::min(between(what, whom, 0, count - 1, kind), count - 1);
}

std::uint64_t decisions::draw(site what, entity& whom, std::uint64_t limit) {
    const place where = next(what, whom, 0);
    std::uint64_t value = scale(bits(what, whom, where), limit);
    if (where.edited != nullptr) {
        note(what, whom, where, 0, where.edited->value);
        value = limit == 0 ? where.edited->value : std::min(where.edited->value, limit - 1);
    }
    if (what == site::workload) note_workload(what, whom, where, 0, value);
    return value;
}

bool decisions::keeps_operation(entity& whom, std::uint32_t kind) {
    const place where = next(site::operation, whom, kind);
    if (where.edited == nullptr || where.edited->value == 0) {
        note_workload(site::operation, whom, where, kind, 0);
        return true;
    }
    note(site::operation, whom, where, kind, where.edited->value);
    return false;
}

}  // namespace tina::sim
