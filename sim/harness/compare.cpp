// SPDX-License-Identifier: Apache-2.0
// Compares runs event by event.
#include "sim/harness/compare.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "sim/harness/text.hpp"
#include "sim/harness/verdict.hpp"
#include "sim/trace/trace.hpp"

namespace tina::sim {

namespace {

/// Whether two records say the same of what happens, apart from when and why.
[[nodiscard]] bool says_the_same(const event_record& one, const event_record& other) noexcept {
    return one.kind == other.kind && one.who == other.who && one.machine == other.machine && one.shard == other.shard &&
           one.detail == other.detail && one.payload == other.payload && one.value == other.value;
}
[[nodiscard]] bool is_same(const event_record& one, const event_record& other) noexcept {
    return says_the_same(one, other) && one.at_ns == other.at_ns && one.cause == other.cause;
}

/// Whether `what` comes a little later in a run: then only the order differs.
[[nodiscard]] const event_record* soon_in(const run_outcome& run, std::size_t from, const event_record& what) {
    constexpr std::size_t ahead_max = 1000;
    const std::size_t end = std::min(run.events_kept.size(), from + ahead_max);
    for (std::size_t i = from; i < end; ++i) {
        if (says_the_same(run.events_kept[i], what)) return &run.events_kept[i];
    }
    return nullptr;
}

void add_field(std::string& text, std::string_view name, const std::string& one, const std::string& other) {
    if (one == other) return;
    text += "  " + std::string(name) + " " + one + " and " + other + "\n";
}

[[nodiscard]] std::string name_of(const run_outcome& run, std::uint64_t who) {
    const auto found = run.names.find(who);
    return found == run.names.end() ? hex16(who) : found->second;
}

[[nodiscard]] std::string fields_text(const run_outcome& one, const run_outcome& other, std::size_t index) {
    const event_record& a = one.events_kept[index];
    const event_record& b = other.events_kept[index];
    std::string text;
    add_field(text, "what happens:", std::string(info_of(a.kind).name), std::string(info_of(b.kind).name));
    add_field(text, "to whom:", name_of(one, a.who), name_of(other, b.who));
    add_field(text, "machine", std::to_string(a.machine), std::to_string(b.machine));
    add_field(text, "shard", std::to_string(a.shard), std::to_string(b.shard));
    add_field(text, "detail", std::to_string(a.detail), std::to_string(b.detail));
    add_field(text, "value", std::to_string(a.value), std::to_string(b.value));
    add_field(text, "payload, by its hash,", hex16(a.payload), hex16(b.payload));
    add_field(text, "time in nanoseconds", grouped(static_cast<std::uint64_t>(a.at_ns)),
              grouped(static_cast<std::uint64_t>(b.at_ns)));
    add_field(text, "cause: event", grouped(a.cause), grouped(b.cause));
    return text;
}

void add_chain(std::string& text, const run_outcome& run, std::size_t index, std::string_view name) {
    text += std::string(name) + ":\n";
    if (index < run.events_kept.size()) text += explain(run, run.events_kept[index].number);
    else text += "nothing more: the run is over";
    if (!text.ends_with('\n')) text += "\n";
}

[[nodiscard]] std::string verdict_text(const run_outcome& run) {
    std::string text = run.failed ? "fails: " + run.failed->property : std::string("passes");
    if (run.failed && !run.failed->detail.empty()) text += ": " + run.failed->detail;
    return text + ", " + counted(run.events, "event", "events") + ", " + seconds_text(run.virtual_ns) + ", digest " +
           hex16(run.digest);
}

}  // namespace

std::optional<std::size_t> first_difference(const run_outcome& one, const run_outcome& other) {
    const std::size_t common = std::min(one.events_kept.size(), other.events_kept.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (!is_same(one.events_kept[i], other.events_kept[i])) return i;
    }
    if (one.events_kept.size() != other.events_kept.size()) return common;
    return std::nullopt;
}

std::string difference_text(const run_outcome& one, const run_outcome& other, std::size_t index) {
    if (index >= one.events_kept.size() || index >= other.events_kept.size()) return "  length: one of them is over\n";
    std::string text = fields_text(one, other, index);
    const event_record* later = soon_in(other, index + 1, one.events_kept[index]);
    if (later == nullptr) later = soon_in(one, index + 1, other.events_kept[index]);
    if (later != nullptr && !says_the_same(one.events_kept[index], other.events_kept[index])) {
        text += "  It is a matter of order: the same comes in the other run as event " + grouped(later->number) + ".\n";
    }
    return text;
}

std::string comparison_text(const run_outcome& one, const run_outcome& other, std::string_view one_name,
                            std::string_view other_name) {
    const auto differs = first_difference(one, other);
    if (!differs) return "Both runs have the same " + counted(one.events, "event", "events") + ".\n";
    std::string text = "The first " + counted(*differs, "event is", "events are") + " the same. Then they differ in\n" +
                       difference_text(one, other, *differs) + "\n";
    add_chain(text, one, *differs, one_name);
    text += "\n";
    add_chain(text, other, *differs, other_name);
    return text;
}

std::string summary_text(const run_outcome& one, const run_outcome& other, std::string_view one_name,
                         std::string_view other_name) {
    constexpr auto kinds = static_cast<std::size_t>(event_kind::count_);
    std::array<std::uint64_t, kinds> ones{}, others{};
    for (const event_record& each : one.events_kept) ++ones[static_cast<std::size_t>(each.kind)];
    for (const event_record& each : other.events_kept) ++others[static_cast<std::size_t>(each.kind)];
    std::string text = std::string(one_name) + ": " + verdict_text(one) + "\n";
    text += std::string(other_name) + ": " + verdict_text(other) + "\n";
    for (std::size_t i = 0; i < kinds; ++i) {
        if (ones[i] == others[i]) continue;
        text += "  " + std::string(info_of(static_cast<event_kind>(i)).name) + ": " + grouped(ones[i]) + " and " +
                grouped(others[i]) + "\n";
    }
    return text;
}

}  // namespace tina::sim
