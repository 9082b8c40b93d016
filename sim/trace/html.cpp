// SPDX-License-Identifier: Apache-2.0
// The trace as one page: the events as arrays of numbers and tables of strings, inside a page that draws them. The page
// itself is in page/; it is part of the library as text.
#include <algorithm>
#include <map>
#include <ostream>
#include <string_view>

#include "sim/trace/formats.hpp"
#include "sim/trace/json.hpp"
#include "sim/trace/lines.hpp"
#include "sim/trace/page_text.hpp"
#include "sim/trace/tracks.hpp"
#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

/// The colour that a kind of event has.
[[nodiscard]] std::string_view group_of(event_kind kind) noexcept {
    switch (kind) {
    case event_kind::send:
    case event_kind::delivery:
    case event_kind::receipt: return "message";
    case event_kind::timer:
    case event_kind::completion: return "time";
    case event_kind::net_connect:
    case event_kind::net_accept:
    case event_kind::net_data:
    case event_kind::net_end:
    case event_kind::net_reset: return "network";
    case event_kind::spawn:
    case event_kind::exit:
    case event_kind::machine_up: return "life";
    case event_kind::drop:
    case event_kind::mark:
    case event_kind::operation:
    case event_kind::phase: return "mark";
    default: return "run";
    }
}
[[nodiscard]] bool is_red(event_kind kind) noexcept {
    return is_fault({.kind = kind}) || kind == event_kind::failure || kind == event_kind::shard_fault ||
           kind == event_kind::machine_down;
}

class data_writer {
public:
    data_writer(std::ostream& out, const run_outcome& run) : out_(&out), run_(&run), tracks_(run) {}

    void write(const trace_title& title) {
        write_title(title);
        write_tables();
        write_events();
        write_log();
        write_fired();
        *out_ << "}";
    }

private:
    void write_title(const trace_title& title);
    void write_tables();
    void write_events();
    void write_log();
    void write_fired();
    template <class Value>
    void write_array(std::string_view name, const Value& value_of) {
        *out_ << ",\n\"" << name << "\":[";
        for (std::size_t i = 0; i < run_->events_kept.size(); ++i) {
            if (i != 0) *out_ << ',';
            *out_ << value_of(i);
        }
        *out_ << ']';
    }

    std::ostream* out_;
    const run_outcome* run_;
    track_table tracks_;
};

void data_writer::write_title(const trace_title& title) {
    std::string digest(16, '0');
    for (std::size_t i = 0; i < 16; ++i) digest[i] = "0123456789abcdef"[run_->digest >> (60 - 4 * i) & 15];
    const auto faults =
        std::ranges::count_if(run_->fired_log, [](const fired& each) { return info_of(each.what).is_fault; });
    *out_ << "{\"scenario\":" << json_string(title.scenario) << ",\"seed\":\""
          << (title.seed ? std::to_string(*title.seed) : "") << "\",\"reproduce\":" << json_string(title.reproduce)
          << ",\"digest\":\"" << digest << "\",\"events\":" << run_->events << ",\"virtual\":" << run_->virtual_ns
          << ",\"fault_count\":" << faults << ",\"unusable\":" << json_string(run_->unusable) << ",\"failed\":";
    if (!run_->failed) {
        *out_ << "null";
        return;
    }
    *out_ << "{\"property\":" << json_string(run_->failed->property)
          << ",\"detail\":" << json_string(run_->failed->detail) << ",\"event\":" << run_->failed->event
          << ",\"at\":" << run_->failed->at_ns << "}";
}

void data_writer::write_tables() {
    *out_ << ",\n\"tracks\":[";
    for (std::size_t i = 0; i < tracks_.tracks().size(); ++i) {
        const track& each = tracks_.tracks()[i];
        *out_ << (i != 0 ? ",\n" : "") << "{\"place\":" << json_string(each.place)
              << ",\"name\":" << json_string(each.name) << ",\"who\":" << json_string(each.full_name) << "}";
    }
    std::string kinds, groups, red;
    for (std::size_t i = 0; i < static_cast<std::size_t>(event_kind::count_); ++i) {
        const auto kind = static_cast<event_kind>(i);
        const std::string_view comma = i != 0 ? "," : "";
        kinds.append(comma).append(json_string(info_of(kind).name));
        groups.append(comma).append(json_string(group_of(kind)));
        if (is_red(kind)) red.append(red.empty() ? "" : ",").append(std::to_string(i));
    }
    *out_ << "],\n\"kinds\":[" << kinds << "],\n\"groups\":[" << groups << "],\n\"red\":[" << red << "]";
}

void data_writer::write_events() {
    const std::vector<event_record>& kept = run_->events_kept;
    std::map<std::string, std::size_t> known;
    std::vector<std::size_t> deeds;
    deeds.reserve(kept.size());
    *out_ << ",\n\"deeds\":[";
    for (const event_record& each : kept) {
        const auto [found, is_new] = known.emplace(deed_of(*run_, each), known.size());
        if (is_new) *out_ << (found->second != 0 ? ",\n" : "") << json_string(found->first);
        deeds.push_back(found->second);
    }
    const auto crash = known.find(deed_of(*run_, {.detail = 1, .kind = event_kind::exit}));
    *out_ << "],\n\"crash\":" << (crash != known.end() ? static_cast<std::int64_t>(crash->second) : -1);
    *out_ << ",\n\"first\":" << (kept.empty() ? 1 : kept.front().number);
    write_array("t", [&](std::size_t i) { return kept[i].at_ns - (i != 0 ? kept[i - 1].at_ns : 0); });
    write_array("k", [&](std::size_t i) { return static_cast<unsigned>(kept[i].kind); });
    write_array("w", [&](std::size_t i) { return tracks_.of(kept[i]); });
    write_array("d", [&](std::size_t i) { return deeds[i]; });
    write_array("c", [&](std::size_t i) {
        const event_record& each = kept[i];
        return each.cause == 0 || each.cause >= each.number ? 0 : each.number - each.cause;
    });
}

void data_writer::write_log() {
    *out_ << ",\n\"log\":[";
    bool first = true;
    for (const timed_line& each : timed_log_of(*run_)) {
        *out_ << (first ? "" : ",\n") << "[" << each.at_ns << "," << json_string(each.text) << "]";
        first = false;
    }
    *out_ << "]";
}

void data_writer::write_fired() {
    *out_ << ",\n\"fired\":[";
    bool first = true;
    for (const fired& each : run_->fired_log) {
        if (!info_of(each.what).is_fault || is_told_by_an_event(*run_, each)) continue;
        const std::string text =
            each.entity + " " + sentence_of(each.what, static_cast<std::int64_t>(each.value), each.entity);
        *out_ << (first ? "" : ",\n") << "[" << activation_of(*run_, each.event) << "," << json_string(text) << "]";
        first = false;
    }
    *out_ << "]";
}

}  // namespace

void write_html_trace(std::ostream& out, const run_outcome& run, const trace_title& title) {
    out << page_before_data();
    data_writer(out, run).write(title);
    out << page_after_data();
}

}  // namespace tina::sim
