// SPDX-License-Identifier: Apache-2.0
// What a shrunk run comes down to, in sentences: made from the sites' own words, the names of entities, and the events
// during which things happened.
#include <string>
#include <vector>

#include "sim/harness/quiet.hpp"
#include "sim/harness/shrink.hpp"
#include "sim/harness/text.hpp"
#include "sim/trace/trace.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t sentences_max = 40;

void replace(std::string& text, std::string_view what, const std::string& with) {
    if (const std::size_t at = text.find(what); at != std::string::npos) text.replace(at, what.size(), with);
}

/// "bank/0/teller/3 crashes before its handler goes on".
[[nodiscard]] std::string sentence_of(const fired& what) {
    std::string text(sentence_for(what.what, what.entity));
    replace(text, "this many nanoseconds", span_text(what.value));
    replace(text, "this many times", what.value == 1 ? "once" : grouped(what.value) + " times");
    replace(text, "this many", grouped(what.value));
    return (what.entity.empty() ? std::string("the world") : what.entity) + " " + text;
}

/// "event 88 190, at 12.418 s, when bank/0/teller/3 was sent a message …".
[[nodiscard]] std::string occasion_of(const run_outcome& run, std::uint64_t event, std::int64_t at_ns) {
    if (event == 0) return "at the beginning";
    std::string text = place_text(event, at_ns);
    const event_record* record = event_of(run, event);
    if (record != nullptr && record->kind != event_kind::failure) text += ", when " + describe(run, *record);
    return text;
}

[[nodiscard]] std::string change_text(std::uint64_t before, std::uint64_t after, std::string_view one,
                                      std::string_view many) {
    return counted(before, one, many) + " \u2192 " + grouped(after);
}

[[nodiscard]] std::string summary_of(const shrink_result& result) {
    std::string text = change_text(result.before.faults, result.after.faults, "fault", "faults");
    if (result.before.orders != 0) {
        text += ", " + change_text(result.before.orders, result.after.orders, "unusual order or delay",
                                   "unusual orders and delays");
    }
    if (result.before.operations != 0) {
        text += ", " + change_text(result.before.operations, result.after.operations, "operation", "operations");
    }
    return text + ".\n";
}

[[nodiscard]] std::string steps_of(const shrink_result& result) {
    std::string text;
    std::size_t number = 0, untold = 0;
    for (const fired& each : fired_until_failure(result.request, result.outcome)) {
        if (is_simplification(each)) continue;
        if (number == sentences_max) {
            ++untold;
            continue;
        }
        text += "  " + std::to_string(++number) + ". " + sentence_of(each) + " (" +
                occasion_of(result.outcome, each.event, each.at_ns) + ").\n";
    }
    if (untold != 0) text += "  and " + grouped(untold) + " more, which the replay file lists.\n";
    if (number == 0) text += "  Nothing unusual has to happen: no fault, no unusual order.\n";
    return text;
}

}  // namespace

std::string story_of(const shrink_result& result) {
    std::string text = summary_of(result) + steps_of(result);
    const failure& failed = *result.outcome.failed;
    text += "  Then it shows: " + failed.property;
    if (!failed.detail.empty()) text += ": " + failed.detail;
    if (failed.event != 0) text += " (" + place_text(failed.event, failed.at_ns) + ")";
    text += ".\n";
    if (!result.from_quiet) {
        text += "Without the seed's own faults and orders it does not fail, so these stay, but for what is edited.\n";
    }
    if (!result.complete) text += "It ended at a limit; give it more --runs or --for, and it may get smaller.\n";
    else if (result.from_quiet && result.after.faults + result.after.orders != 0) {
        text += "Each of these is needed: without any one of them it does not fail like this.\n";
    }
    return text;
}

}  // namespace tina::sim
