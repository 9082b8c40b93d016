// SPDX-License-Identifier: Apache-2.0
// Alignment, and the reading of times at the beginning of log lines.
#include "sim/trace/lines.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t who_widest = 40;
constexpr std::size_t deed_usual = 52;
constexpr std::int64_t second_ns = 1'000'000'000;

[[nodiscard]] std::string right(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}
[[nodiscard]] std::string left(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

/// Takes a number of at most nine digits off the front.
[[nodiscard]] std::optional<std::int64_t> take_number(std::string_view& text) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    if (digits == 0 || digits > 9) return std::nullopt;
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + digits, value);
    text.remove_prefix(digits);
    return value;
}
[[nodiscard]] bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

/// Takes ".418" off the front, in nanoseconds; nothing is 0.
[[nodiscard]] std::optional<std::int64_t> take_fraction(std::string_view& text) {
    if (!take(text, '.')) return 0;
    const std::size_t before = text.size();
    std::optional<std::int64_t> value = take_number(text);
    for (std::size_t digits = before - text.size(); value && digits < 9; ++digits) *value *= 10;
    return value;
}

/// "2026-01-01T00:00:12.418Z", since the beginning of 2026.
[[nodiscard]] std::optional<std::int64_t> wall_time(std::string_view text) {
    std::int64_t parts[6]{};
    constexpr std::string_view ends = "--T::";
    for (std::size_t i = 0; i < 6; ++i) {
        const std::optional<std::int64_t> part = take_number(text);
        if (!part || (i < ends.size() && !take(text, ends[i]))) return std::nullopt;
        parts[i] = *part;
    }
    const std::optional<std::int64_t> fraction = take_fraction(text);
    if (!fraction || parts[0] < 2000 || parts[0] > 2200) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(parts[0])),
                                          std::chrono::month(static_cast<unsigned>(parts[1])),
                                          std::chrono::day(static_cast<unsigned>(parts[2]))};
    if (!day.ok()) return std::nullopt;
    constexpr std::chrono::sys_days begin = std::chrono::year(2026) / 1 / 1;
    const std::int64_t days = (std::chrono::sys_days(day) - begin).count();
    return (((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * second_ns + *fraction;
}

[[nodiscard]] std::optional<std::int64_t> virtual_time(std::string_view text) {
    const std::optional<std::int64_t> seconds = take_number(text);
    if (!seconds || text.empty() || text.front() != '.') return std::nullopt;
    const std::optional<std::int64_t> fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    return *seconds * second_ns + *fraction;
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
    for (const std::string& text : run.log) {
        std::optional<std::int64_t> at_ns = wall_time(text);
        if (!at_ns) at_ns = virtual_time(text);
        before_ns = at_ns.value_or(before_ns);
        lines.push_back({before_ns, text, lines.size()});
    }
    std::ranges::sort(lines, {}, [](const timed_line& each) { return std::pair(each.at_ns, each.order); });
    return lines;
}

std::string log_line(const timed_line& line, const line_columns& columns) {
    return std::string(columns.number + columns.time + 5, ' ') + "  | " + on_one_line(line.text);
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
