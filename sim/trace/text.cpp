// SPDX-License-Identifier: Apache-2.0
// The trace as text: a line for each event, the log between them, and at the end what failed and why.
#include <ostream>

#include "sim/trace/formats.hpp"
#include "sim/trace/lines.hpp"
#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

void write_head(std::ostream& out, const run_outcome& run, const trace_title& title) {
    if (!title.scenario.empty()) out << title.scenario << "   ";
    if (title.seed) out << "seed " << *title.seed << ", ";
    out << grouped(run.events) << " events, " << moment(run.virtual_ns) << " simulated\n";
    if (!title.reproduce.empty()) out << "reproduce:  " << title.reproduce << "\n";
    out << "\n";
}

void write_end(std::ostream& out, const run_outcome& run) {
    out << "\n";
    if (!run.unusable.empty()) {
        out << "NOT RUN  " << run.unusable << "\n";
    } else if (run.failed) {
        out << "FAILED  " << run.failed->property << "   event " << grouped(run.failed->event) << ", at "
            << moment(run.failed->at_ns);
        if (!run.failed->detail.empty()) out << ": " << run.failed->detail;
        out << "\n" << explain(run, run.failed->event);
    } else {
        out << "passed\n";
    }
}

}  // namespace

void write_text_trace(std::ostream& out, const run_outcome& run, const trace_title& title) {
    write_head(out, run, title);
    const line_columns columns = columns_of(run);
    const std::vector<timed_line> log = timed_log_of(run);
    auto next_line = log.begin();
    for (const event_record& each : run.events_kept) {
        for (; next_line != log.end() && next_line->at_ns < each.at_ns; ++next_line) {
            out << log_line(*next_line, columns) << "\n";
        }
        out << event_line(run, each, columns) << "\n";
    }
    for (; next_line != log.end(); ++next_line) out << log_line(*next_line, columns) << "\n";
    write_end(out, run);
}

void write_trace(std::ostream& out, const run_outcome& run, trace_format format, const trace_title& title) {
    switch (format) {
    case trace_format::text: return write_text_trace(out, run, title);
    case trace_format::perfetto: return write_perfetto_trace(out, run, title);
    case trace_format::html: return write_html_trace(out, run, title);
    }
}

}  // namespace tina::sim
