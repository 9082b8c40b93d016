// SPDX-License-Identifier: Apache-2.0
// Histories as text for other checkers. The formats are documented in tina/history.hpp, each with an example; nothing
// here judges.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tina/history.hpp"

namespace tina::sim {

namespace {

[[nodiscard]] std::string number(std::uint64_t value) { return std::to_string(value); }

[[nodiscard]] std::string text_or_empty(std::optional<std::uint64_t> value) { return value ? number(*value) : ""; }

/// A note: the beginning or the end of an operation, by the process that stands for its client then.
struct note {
    std::uint64_t at = 0;
    std::uint64_t process = 0;
    bool is_end = false;
    const history_operation* what = nullptr;
};

/// The note that ends an operation; where there was none, one after all others.
[[nodiscard]] std::uint64_t end_of(const history_operation& what, std::uint64_t missing) {
    return what.ended != 0 ? what.ended : missing;
}

/// All notes in order. A process does one thing at a time, and nothing after one that it knows no outcome of: then the
/// client goes on under the next number that no client has.
[[nodiscard]] std::vector<note> notes_of(const history& all) {
    struct standing {
        std::uint64_t process;
        std::uint64_t busy_until;
    };
    std::map<std::uint64_t, standing> by_client;
    std::uint64_t next_process = 0;
    for (const history_operation& each : all.operations()) {
        by_client.try_emplace(each.client, standing{each.client, 0});
        next_process = std::max(next_process, each.client + 1);
    }
    std::vector<note> notes;
    std::uint64_t missing = all.note_count();
    for (const history_operation& each : all.operations()) {
        standing& now = by_client.at(each.client);
        if (now.busy_until > each.began) now.process = next_process++;
        const bool is_known = each.outcome != history_outcome::unknown;
        const std::uint64_t end = end_of(each, each.ended != 0 ? 0 : ++missing);
        now.busy_until = is_known ? end : ~std::uint64_t{0};
        notes.push_back({each.began, now.process, false, &each});
        notes.push_back({end, now.process, true, &each});
    }
    std::sort(notes.begin(), notes.end(), [](const note& one, const note& other) { return one.at < other.at; });
    return notes;
}

[[nodiscard]] std::string elle_value(const history_operation& what, bool is_known) {
    const std::string key = number(what.key);
    const std::string read = "[:r " + key + " ";
    const std::string write = "[:w " + key + " ";
    switch (what.kind) {
    case history_kind::read: return "[" + read + (is_known && what.found ? number(*what.found) : "nil") + "]]";
    case history_kind::write: return "[" + write + number(what.value) + "]]";
    case history_kind::erase: return "[" + write + "nil]]";
    case history_kind::compare_and_set: break;
    }
    return "[" + read + (is_known ? number(what.expected) : "nil") + "] " + write + number(what.value) + "]]";
}

[[nodiscard]] const char* elle_type(history_outcome outcome) {
    switch (outcome) {
    case history_outcome::ok: return ":ok";
    case history_outcome::unequal:
    case history_outcome::failed: return ":fail";
    case history_outcome::unknown: break;
    }
    return ":info";
}

[[nodiscard]] std::string json_of(const history_operation& what, std::uint64_t end) {
    static constexpr const char* codes[] = {"0", "1", "2", "3"};
    const bool has_value = what.kind == history_kind::write || what.kind == history_kind::compare_and_set;
    std::string output;
    if (what.kind == history_kind::read) output = text_or_empty(what.found);
    if (what.kind == history_kind::compare_and_set) {
        if (what.outcome == history_outcome::ok) output = "set";
        if (what.outcome == history_outcome::unequal) output = "unequal";
    }
    std::string line = "{\"ClientId\":" + number(what.client) + ",\"Input\":{\"op\":";
    line += codes[static_cast<std::size_t>(what.kind)];
    line += ",\"key\":\"" + number(what.key) + "\",\"value\":\"" + (has_value ? number(what.value) : "") + "\"";
    if (what.kind == history_kind::compare_and_set) line += ",\"expected\":\"" + number(what.expected) + "\"";
    line += "},\"Call\":" + number(what.began) + ",\"Output\":{\"value\":\"" + output + "\"},\"Return\":" + number(end);
    return line + "}\n";
}

}  // namespace

std::string to_porcupine_log(const history& what) {
    std::string text;
    for (const note& each : notes_of(what)) {
        const history_operation& done = *each.what;
        if (done.kind == history_kind::compare_and_set || done.outcome == history_outcome::failed) continue;
        if (each.is_end && done.outcome == history_outcome::unknown) continue;
        const bool is_read = done.kind == history_kind::read;
        const std::string put = done.kind == history_kind::write ? number(done.value) : "";
        const std::string got = each.is_end ? '"' + text_or_empty(done.found) + '"' : "nil";
        text += "{:process " + number(each.process) + ", :type " + (each.is_end ? ":ok" : ":invoke") + ", :f " +
                (is_read ? ":get" : ":put") + ", :key \"" + number(done.key) + "\", :value " +
                (is_read ? got : '"' + put + '"') + "}\n";
    }
    return text;
}

std::string to_json_lines(const history& what) {
    std::string text;
    for (const history_operation& each : what.operations()) {
        const bool is_known = each.outcome != history_outcome::unknown;
        if (each.outcome == history_outcome::failed || (!is_known && each.kind == history_kind::read)) continue;
        text += json_of(each, is_known ? each.ended : what.note_count() + 1);
    }
    return text;
}

std::string to_elle(const history& what) {
    std::string text;
    std::uint64_t index = 0;
    for (const note& each : notes_of(what)) {
        const history_operation& done = *each.what;
        const bool is_known = each.is_end && done.outcome == history_outcome::ok;
        text += "{:index " + number(index++) + ", :type " + (each.is_end ? elle_type(done.outcome) : ":invoke") +
                ", :process " + number(each.process) + ", :f :txn, :value " + elle_value(done, is_known) + "}\n";
    }
    return text;
}

}  // namespace tina::sim
