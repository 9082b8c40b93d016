// SPDX-License-Identifier: Apache-2.0
// The trace as trace events in JSON: a process for each machine, in it a track for each shard and for each isolate, a
// slice for each thing done, arrows along causes that lead from one to another, marks for faults. Within one moment of
// virtual time events are drawn one behind the other, a few nanoseconds each; the true time is among the arguments.
#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "sim/trace/formats.hpp"
#include "sim/trace/json.hpp"
#include "sim/trace/tracks.hpp"
#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

constexpr std::int64_t widest_ns = 1000;  ///< of an event that nothing follows
constexpr std::uint32_t shards_max = 65'536;

/// When an event is drawn, and for how long.
struct drawn {
    std::int64_t at_ns = 0;
    std::int64_t for_ns = 1;
};

/// What the marks of a kind are called; empty: it is a slice.
[[nodiscard]] std::string_view mark_category(const event_record& what) noexcept {
    switch (what.kind) {
    case event_kind::fault:
    case event_kind::net_fault:
    case event_kind::clock_fault: return "fault";
    case event_kind::drop: return "drop";
    case event_kind::mark: return "mark";
    case event_kind::exit: return what.detail == 1 ? "crash" : "exit";
    case event_kind::shard_fault:
    case event_kind::machine_down: return "crash";
    case event_kind::machine_up: return "boot";
    case event_kind::phase: return "phase";
    case event_kind::failure: return "failure";
    case event_kind::net_reset: return "reset";
    default: return {};
    }
}

[[nodiscard]] std::string_view slice_category(event_kind kind) noexcept {
    switch (kind) {
    case event_kind::dispatch: return "dispatch";
    case event_kind::send:
    case event_kind::delivery:
    case event_kind::receipt: return "message";
    case event_kind::net_connect:
    case event_kind::net_accept:
    case event_kind::net_data:
    case event_kind::net_end: return "network";
    default: return "runtime";
    }
}

class perfetto_writer {
public:
    perfetto_writer(std::ostream& out, const run_outcome& run) : out_(&out), run_(&run), tracks_(run) {
        lay_out();
        stretch_dispatches();
    }

    void write(const trace_title& title) {
        *out_ << "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"scenario\":" << json_string(title.scenario)
              << ",\"seed\":\"" << (title.seed ? std::to_string(*title.seed) : "")
              << "\",\"reproduce\":" << json_string(title.reproduce)
              << ",\"failed\":" << json_string(run_->failed ? verdict_of(*run_->failed) : "")
              << "},\n\"traceEvents\":[";
        write_names();
        for (std::size_t i = 0; i < run_->events_kept.size(); ++i) write_event(i);
        *out_ << "\n]}\n";
    }

private:
    [[nodiscard]] static std::uint32_t process_of(const track& where) noexcept {
        return where.of_world ? 1 : where.machine + 2;
    }
    [[nodiscard]] static std::uint64_t line_of(const event_record& what) noexcept {
        return is_of_world(what) ? ~std::uint64_t{0} : std::uint64_t{what.machine} << 16 | what.shard;
    }
    /// Shards come first; what is on no isolate's track is on its shard's.
    [[nodiscard]] std::uint32_t thread_of(std::uint32_t index) const noexcept {
        const track& where = tracks_.tracks()[index];
        return where.of_shard ? where.shard + 1 : shards_max + 1 + index;
    }

    void lay_out();
    void stretch_dispatches();
    void write_names();
    void write_name(std::string_view what, std::uint32_t process, std::uint32_t thread, const std::string& name);
    void write_order(std::string_view what, std::uint32_t process, std::uint32_t thread, std::uint32_t order);
    void write_event(std::size_t index);
    void write_slice(std::size_t index, std::uint32_t process, std::uint32_t thread, const std::string& name);
    void write_flow(std::size_t index);
    void write_flow_end(std::size_t index, char phase, std::uint64_t id);
    void write_arguments(const event_record& what);
    /// Begins a record.
    std::ostream& begin() {
        *out_ << (first_ ? "\n" : ",\n");
        first_ = false;
        return *out_;
    }
    /// Microseconds, to the nanosecond.
    [[nodiscard]] static std::string microseconds(std::int64_t ns) {
        const std::string digits = std::to_string(ns % 1000);
        return std::to_string(ns / 1000) + "." + std::string(3 - digits.size(), '0') + digits;
    }

    std::ostream* out_;
    const run_outcome* run_;
    track_table tracks_;
    std::vector<drawn> places_;
    bool first_ = true;
};

/// Gives each event a place of its own, in order, as near to its time as the others let it: no arrow leads back.
void perfetto_writer::lay_out() {
    const std::vector<event_record>& kept = run_->events_kept;
    places_.reserve(kept.size());
    std::int64_t free_ns = 0;  // what lies before is taken
    for (std::size_t first = 0; first < kept.size();) {
        const std::int64_t at_ns = kept[first].at_ns;
        std::size_t end = first;
        while (end < kept.size() && kept[end].at_ns == at_ns) ++end;
        const auto count = static_cast<std::int64_t>(end - first);
        free_ns = std::max(at_ns, free_ns);
        const std::int64_t gap = end < kept.size() ? kept[end].at_ns - free_ns : widest_ns * count;
        const std::int64_t each_ns = std::clamp(gap / count, std::int64_t{1}, widest_ns);
        for (; first < end; ++first, free_ns += each_ns) places_.push_back({free_ns, each_ns});
    }
}

/// A dispatch lasts until the next one on its shard, within one moment.
void perfetto_writer::stretch_dispatches() {
    const std::vector<event_record>& kept = run_->events_kept;
    std::map<std::uint64_t, std::size_t> open;  // by shard
    for (std::size_t i = 0; i < kept.size(); ++i) {
        const std::uint64_t line = line_of(kept[i]);
        if (kept[i].kind == event_kind::dispatch) {
            open[line] = i;
        } else if (const auto under_way = open.find(line); under_way != open.end()) {
            const std::size_t dispatch = under_way->second;
            const bool within = kept[dispatch].at_ns == kept[i].at_ns;
            if (within) places_[dispatch].for_ns = places_[i].at_ns + places_[i].for_ns - places_[dispatch].at_ns;
            if (!within) open.erase(under_way);
        }
    }
}

void perfetto_writer::write_name(std::string_view what, std::uint32_t process, std::uint32_t thread,
                                 const std::string& name) {
    begin() << "{\"ph\":\"M\",\"name\":\"" << what << "_name\",\"pid\":" << process << ",\"tid\":" << thread
            << ",\"args\":{\"name\":" << json_string(name) << "}}";
}

void perfetto_writer::write_order(std::string_view what, std::uint32_t process, std::uint32_t thread,
                                  std::uint32_t order) {
    begin() << "{\"ph\":\"M\",\"name\":\"" << what << "_sort_index\",\"pid\":" << process << ",\"tid\":" << thread
            << ",\"args\":{\"sort_index\":" << order << "}}";
}

void perfetto_writer::write_names() {
    std::set<std::uint32_t> processes;
    std::set<std::pair<std::uint32_t, std::uint32_t>> shards;
    std::uint32_t order = 0;
    for (std::uint32_t i = 0; i < tracks_.tracks().size(); ++i) {
        const track& each = tracks_.tracks()[i];
        const std::uint32_t process = process_of(each);
        if (processes.insert(process).second) {
            const bool named = !each.of_world && each.machine < run_->machines.size();
            const std::string machine =
                named ? run_->machines[each.machine] : "machine " + std::to_string(each.machine);
            write_name("process", process, 0, each.of_world ? "world" : machine);
            write_order("process", process, 0, process);
        }
        if (!each.of_world && shards.insert({process, each.shard}).second) {
            write_name("thread", process, each.shard + 1, "shard " + std::to_string(each.shard));
            write_order("thread", process, each.shard + 1, ++order);
        }
        if (thread_of(i) <= shards_max) continue;
        write_name("thread", process, thread_of(i), each.name);
        write_order("thread", process, thread_of(i), ++order);
    }
}

void perfetto_writer::write_arguments(const event_record& what) {
    *out_ << "\"args\":{\"event\":" << what.number << ",\"cause\":" << what.cause << ",\"at\":\"" << moment(what.at_ns)
          << "\",\"what\":" << json_string(describe(*run_, what)) << "}}";
}

void perfetto_writer::write_slice(std::size_t index, std::uint32_t process, std::uint32_t thread,
                                  const std::string& name) {
    const event_record& what = run_->events_kept[index];
    begin() << "{\"ph\":\"X\",\"cat\":\"" << slice_category(what.kind) << "\",\"name\":" << json_string(name)
            << ",\"pid\":" << process << ",\"tid\":" << thread << ",\"ts\":" << microseconds(places_[index].at_ns)
            << ",\"dur\":" << microseconds(places_[index].for_ns) << ",";
    write_arguments(what);
}

void perfetto_writer::write_event(std::size_t index) {
    const event_record& what = run_->events_kept[index];
    const std::uint32_t where = tracks_.of(what);
    const std::uint32_t process = process_of(tracks_.tracks()[where]);
    const std::string_view mark = mark_category(what);
    if (mark.empty()) {
        write_slice(index, process, thread_of(where), deed_of(*run_, what));
        const bool has_shard_track = what.kind == event_kind::dispatch && !tracks_.tracks()[where].of_shard;
        if (has_shard_track) write_slice(index, process, what.shard + 1u, tracks_.tracks()[where].name);
        return write_flow(index);
    }
    const bool wide = mark == "crash" || mark == "fault";
    const std::string_view scope = mark == "failure" || mark == "phase" ? "g" : wide ? "p" : "t";
    begin() << "{\"ph\":\"i\",\"s\":\"" << scope << "\",\"cat\":\"" << mark
            << "\",\"name\":" << json_string(std::string(mark) + ": " + deed_of(*run_, what)) << ",\"pid\":" << process
            << ",\"tid\":" << thread_of(where) << ",\"ts\":" << microseconds(places_[index].at_ns) << ",";
    write_arguments(what);
}

/// An arrow from the cause, where that leads from one to another, or into a mailbox and out of it.
void perfetto_writer::write_flow(std::size_t index) {
    const event_record& what = run_->events_kept[index];
    const event_record* cause = what.cause < what.number ? event_of(*run_, what.cause) : nullptr;
    if (cause == nullptr || !mark_category(*cause).empty()) return;
    const bool out_of_mailbox = (cause->kind == event_kind::delivery || cause->kind == event_kind::send) &&
                                (what.kind == event_kind::receipt || what.kind == event_kind::dispatch);
    if (tracks_.of(what) == tracks_.of(*cause) && !out_of_mailbox) return;
    const auto from = static_cast<std::size_t>(cause - run_->events_kept.data());
    write_flow_end(from, 's', what.number);
    write_flow_end(index, 'f', what.number);
}

void perfetto_writer::write_flow_end(std::size_t index, char phase, std::uint64_t id) {
    const event_record& what = run_->events_kept[index];
    const std::uint32_t where = tracks_.of(what);
    begin() << "{\"ph\":\"" << phase << "\",\"cat\":\"cause\",\"name\":\"leads to\",\"id\":" << id
            << (phase == 'f' ? ",\"bp\":\"e\"" : "") << ",\"pid\":" << process_of(tracks_.tracks()[where])
            << ",\"tid\":" << thread_of(where) << ",\"ts\":" << microseconds(places_[index].at_ns) << "}";
}

}  // namespace

void write_perfetto_trace(std::ostream& out, const run_outcome& run, const trace_title& title) {
    perfetto_writer(out, run).write(title);
}

}  // namespace tina::sim
