// SPDX-License-Identifier: Apache-2.0
// Alignment, and the times at the beginning of log lines.
#include "sim/trace/lines.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t who_widest = 40;
constexpr std::size_t deed_usual = 52;

[[nodiscard]] std::string right(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}
[[nodiscard]] std::string left(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

/// Takes the time off the front of a line: a number of nanoseconds and a blank.
[[nodiscard]] std::optional<std::int64_t> take_time(std::string_view& line) {
    std::int64_t at_ns = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), at_ns);
    const auto digits = static_cast<std::size_t>(end - line.data());
    if (error != std::errc{} || digits == line.size() || line[digits] != ' ') return std::nullopt;
    line.remove_prefix(digits + 1);
    return at_ns;
}

/// One line, whatever the text.
[[nodiscard]] std::string on_one_line(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(line, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; }, ' ');
    return line;
}

}  // namespace

line_columns columns_of(const run_outcome& run) {
    line_columns columns;
    if (run.events_kept.empty()) return columns;
    columns.number = grouped(run.events_kept.back().number).size();
    columns.time = column_moment(run.events_kept.back().at_ns).size();
    for (const event_record& each : run.events_kept) {
        columns.place = std::max(columns.place, place_of(run, each).size());
        columns.who = std::max(columns.who, whom(run, each).size());
    }
    columns.who = std::min(columns.who, who_widest);
    return columns;
}

std::string event_line(const run_outcome& run, const event_record& what, const line_columns& columns) {
    std::string line = is_fault(what) || what.kind == event_kind::failure ? "!! " : "   ";
    line += right(grouped(what.number), columns.number) + "  " + right(column_moment(what.at_ns), columns.time) + "  ";
    line += left(place_of(run, what), columns.place) + "  " + left(whom(run, what), columns.who) + "  ";
    const std::string deed = on_one_line(deed_of(run, what));
    if (what.cause == 0) return line + deed;
    return line + left(deed, deed_usual) + "  <- " + grouped(what.cause);
}

std::vector<timed_line> timed_log_of(const run_outcome& run) {
    std::vector<timed_line> lines;
    lines.reserve(run.log.size());
    std::int64_t before_ns = 0;
    for (std::string_view text : run.log) {
        before_ns = take_time(text).value_or(before_ns);
        lines.push_back({before_ns, text, lines.size()});
    }
    std::ranges::sort(lines, {}, [](const timed_line& each) { return std::pair(each.at_ns, each.order); });
    return lines;
}

std::string log_line(const timed_line& line, const line_columns& columns) {
    const std::string time = right(column_moment(line.at_ns), columns.time);
    return std::string(columns.number + 5, ' ') + time + "  | " + on_one_line(line.text);
}

std::vector<std::string> alive_after(const run_outcome& run, std::uint64_t event) {
    std::map<std::uint64_t, const event_record*> living;  // by the number of the spawn
    std::map<std::uint64_t, std::uint64_t> spawn_of;      // by isolate
    const auto end = [&](const auto& ends) {
        std::erase_if(living, [&](const auto& each) { return ends(*each.second); });
    };
    for (const event_record& each : run.events_kept) {
        if (each.number > event) break;
        if (each.kind == event_kind::spawn) {
            if (const auto older = spawn_of.find(each.who); older != spawn_of.end()) living.erase(older->second);
            spawn_of[each.who] = each.number;
            living[each.number] = &each;
        } else if (each.kind == event_kind::exit) {
            if (const auto spawned = spawn_of.find(each.who); spawned != spawn_of.end()) living.erase(spawned->second);
        } else if (each.kind == event_kind::machine_down) {
            end([&](const event_record& one) { return one.machine == each.machine; });
        } else if (each.kind == event_kind::shard_fault) {
            end([&](const event_record& one) { return one.machine == each.machine && one.shard == each.shard; });
        }
    }
    std::vector<std::string> names;
    for (const auto& [number, spawned] : living) names.push_back(whom(run, *spawned));
    std::ranges::sort(names);
    return names;
}

}  // namespace tina::sim
