// SPDX-License-Identifier: Apache-2.0
// Partitions and clogs: asked for in each moment of each pair of hosts, and ended by the clock.
#include "sim/network_links.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tina::sim {

namespace {

constexpr std::int64_t moment_ns = 100'000'000;
constexpr std::uint64_t tick = ~std::uint64_t{0};
/// A pair is cut off both ways, one way or the other: three questions, which share the chance.
constexpr std::uint32_t ways = 3;

[[nodiscard]] ratio third_of(chance what) noexcept {
    if (what.denominator <= std::numeric_limits<std::uint32_t>::max() / ways) {
        return {what.numerator, what.denominator * ways};
    }
    return {what.numerator / ways, what.denominator};
}

}  // namespace

void links::host_added() {
    const std::size_t count = core_->hosts.size();
    rows_.resize(count);
    for (auto& row : rows_) row.resize(count);
}

bool links::holds(const link& what, std::int64_t now_ns) noexcept {
    return what.cut || what.frozen || what.partition_until_ns > now_ns || what.clog_until_ns > now_ns;
}

bool links::holds(const host_state& from, const host_state& to) const noexcept {
    return &from != &to && holds(rows_[from.index][to.index], core_->time.now_ns());
}

void links::cut(const host_state& from, const host_state& to) { at(from.index, to.index).cut = true; }

void links::join(const host_state& from, const host_state& to) {
    at(from.index, to.index).cut = false;
    release(from.index, to.index);
}

void links::heal(const std::function<bool(const host&)>& is_in_core) {
    for (std::uint32_t from = 0; from < rows_.size(); ++from) {
        for (std::uint32_t to = 0; to < rows_.size(); ++to) {
            link& what = at(from, to);
            if (!holds(what, core_->time.now_ns())) continue;
            what.frozen = !is_in_core(*core_->hosts[from]) || !is_in_core(*core_->hosts[to]);
            if (what.frozen) continue;
            what.cut = false;
            what.partition_until_ns = 0;
            what.clog_until_ns = 0;
            release(from, to);
        }
    }
}

void links::thaw() {
    for (std::uint32_t from = 0; from < rows_.size(); ++from) {
        for (std::uint32_t to = 0; to < rows_.size(); ++to) {
            if (std::exchange(at(from, to).frozen, false)) release(from, to);
        }
    }
}

void links::release(std::uint32_t from, std::uint32_t to) {
    if (!holds(at(from, to), core_->time.now_ns())) joined_(*core_->hosts[from], *core_->hosts[to]);
}

void links::release_later(const host_state& from, const host_state& to, std::int64_t at_ns) {
    core_->time.schedule(at_ns, *this, std::uint64_t{from.index} << 32 | to.index);
}

bool links::has_faults() const noexcept {
    const auto has = [](const faults& some) { return some.net_partition.numerator + some.net_clog.numerator > 0; };
    return has(core_->faults) || std::any_of(core_->hosts.begin(), core_->hosts.end(),
                                             [&](const auto& each) { return each->faults && has(*each->faults); });
}

void links::faults_changed() {
    if (ticking_ || !has_faults()) return;
    ticking_ = true;
    const std::int64_t now_ns = core_->time.now_ns();
    core_->time.schedule((now_ns / moment_ns + 1) * moment_ns, *this, tick);
}

void links::on_due(std::uint64_t argument) {
    if (argument != tick) {
        return release(static_cast<std::uint32_t>(argument >> 32), static_cast<std::uint32_t>(argument));
    }
    ticking_ = false;
    if (!has_faults()) return;
    moment();
    faults_changed();
}

void links::moment() {
    for (auto& from : core_->hosts) {
        for (auto& to : core_->hosts) {
            if (from->index < to->index) moment_of(*from, *to);
        }
    }
}

entity& links::name_of(std::unique_ptr<entity>& held, const host_state& from, const char* between,
                       const host_state& to) {
    if (held == nullptr) held = std::make_unique<entity>(core_->named(from.name + between + to.name));
    return *held;
}

void links::moment_of(host_state& from, host_state& to) {
    link& there = at(from.index, to.index);
    link& back = at(to.index, from.index);
    if (const auto span = ask_partition(name_of(there.both_ways, from, " and ", to), from); span != 0) {
        partition(from, to, span);
        partition(to, from, span);
    }
    if (const auto span = ask_partition(name_of(there.one_way, from, " to ", to), from); span != 0) {
        partition(from, to, span);
    }
    if (const auto span = ask_partition(name_of(back.one_way, to, " to ", from), to); span != 0) {
        partition(to, from, span);
    }
    ask_clog(there, from, to);
    ask_clog(back, to, from);
}

std::uint64_t links::ask_partition(entity& whom, const host_state& from) {
    const faults& some = core_->faults_of(from);
    const std::uint64_t least = std::max<std::uint64_t>(nanoseconds(some.net_partition_for.least), 1);
    const std::uint64_t most = std::max(nanoseconds(some.net_partition_for.most), least);
    const auto span = core_->choices.value_if(site::net_partition, whom, third_of(some.net_partition), least, most);
    if (span != 0) core_->record_fault(site::net_partition, whom, span, from);
    return span;
}

void links::partition(host_state& from, host_state& to, std::uint64_t span_ns) {
    link& what = at(from.index, to.index);
    const std::int64_t until_ns = core_->time.now_ns() + static_cast<std::int64_t>(span_ns);
    what.partition_until_ns = std::max(what.partition_until_ns, until_ns);
    release_later(from, to, what.partition_until_ns);
}

void links::ask_clog(link& what, host_state& from, host_state& to) {
    const faults& some = core_->faults_of(from);
    const std::uint64_t least = std::max<std::uint64_t>(nanoseconds(some.net_clog_for.least), 1);
    const std::uint64_t most = std::max(nanoseconds(some.net_clog_for.most), least);
    entity& whom = name_of(what.one_way, from, " to ", to);
    const auto span = core_->choices.value_if(site::net_clog, whom, ratio_of(some.net_clog), least, most);
    if (span == 0) return;
    core_->record_fault(site::net_clog, whom, span, from);
    what.clog_until_ns = std::max(what.clog_until_ns, core_->time.now_ns() + static_cast<std::int64_t>(span));
    release_later(from, to, what.clog_until_ns);
}

}  // namespace tina::sim
