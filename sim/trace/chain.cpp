// SPDX-License-Identifier: Apache-2.0
// Chains of causes: from an event back to what it follows from, and on, to the beginning.
#include <algorithm>

#include "sim/trace/trace.hpp"
#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t oldest_shown = 4;
constexpr std::size_t newest_shown = 36;

[[nodiscard]] std::string to_the_right(const std::string& text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

[[nodiscard]] std::string notes_on(const run_outcome& run, const event_record& what, std::size_t indent) {
    std::string text;
    for (const fired& each : faults_during(run, what.number)) {
        text += std::string(indent, ' ') + "!! " + each.entity + " " +
                sentence_of(each.what, static_cast<std::int64_t>(each.value), each.entity) + "\n";
    }
    return text;
}

}  // namespace

const event_record* event_of(const run_outcome& run, std::uint64_t number) noexcept {
    const std::vector<event_record>& kept = run.events_kept;
    if (kept.empty() || number < kept.front().number) return nullptr;
    const std::uint64_t index = number - kept.front().number;
    return index < kept.size() && kept[index].number == number ? &kept[index] : nullptr;
}

std::vector<event_record> chain_of(const run_outcome& run, std::uint64_t event) {
    std::vector<event_record> chain;
    const event_record* each = event_of(run, event);
    while (each != nullptr) {
        chain.push_back(*each);
        each = each->cause < each->number ? event_of(run, each->cause) : nullptr;  // causes lie in the past
    }
    std::ranges::reverse(chain);
    return chain;
}

std::uint64_t activation_of(const run_outcome& run, std::uint64_t event) noexcept {
    const event_record* const during = event_of(run, event);
    if (during == nullptr || during->kind == event_kind::dispatch) return event;
    const event_record* const cause = event_of(run, during->cause);
    return cause != nullptr && cause->kind == event_kind::dispatch ? cause->number : event;
}

bool is_told_by_an_event(const run_outcome& run, const fired& what) noexcept {
    const event_record* const next = event_of(run, what.event + 1);
    return next != nullptr && is_fault(*next) && next->detail == static_cast<std::uint32_t>(what.what);
}

std::vector<fired> faults_during(const run_outcome& run, std::uint64_t event) {
    std::vector<fired> found;
    auto each = std::ranges::lower_bound(run.fired_log, event, {}, &fired::event);
    for (; each != run.fired_log.end() && activation_of(run, each->event) == event; ++each) {
        if (info_of(each->what).is_fault && !is_told_by_an_event(run, *each)) found.push_back(*each);
    }
    return found;
}

std::string describe(const run_outcome& run, const event_record& what) {
    return whom(run, what) + " " + deed_of(run, what);
}

std::string explain(const run_outcome& run, std::uint64_t event) {
    const std::vector<event_record> chain = chain_of(run, event);
    if (chain.empty()) return "There is no event " + grouped(event) + " in this run.\n";
    const event_record& last = chain.back();
    const std::string begin = "Event " + grouped(event) + ", at " + moment(last.at_ns) + ": " + describe(run, last);
    if (chain.size() == 1) return begin + ".\nIt follows from nothing that was recorded.\n";
    const std::size_t numbers = grouped(event).size() + 2;
    const std::size_t times = moment(last.at_ns).size() + 8;  // others may need more digits
    std::string text = begin + ".\nIt follows from:\n";
    for (std::size_t i = 0; i < chain.size(); ++i) {
        if (i == oldest_shown && chain.size() > oldest_shown + newest_shown) {
            const std::size_t left_out = chain.size() - oldest_shown - newest_shown;
            text += "  ... " + grouped(left_out) + " events, each the cause of the next ...\n";
            i += left_out;
        }
        const event_record& each = chain[i];
        text += to_the_right(grouped(each.number), numbers) + to_the_right(moment(each.at_ns), times) + "  " +
                (is_fault(each) ? "!! " : "") + describe(run, each) + "\n";
        text += notes_on(run, each, numbers + times + 2);
    }
    return text;
}

}  // namespace tina::sim
