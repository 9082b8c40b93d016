// SPDX-License-Identifier: Apache-2.0
// What a recorded run shows to a person: traces in three formats, chains of causes, and a way to step through it. All
// of it reads a run_outcome that was made with recording::all, and changes nothing in it. It must never depend on the
// order of a hash table.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "sim/run.hpp"
#include "sim/scenario.hpp"

namespace tina::sim {

enum class trace_format : std::uint8_t {
    text,      ///< a line for each event
    perfetto,  ///< trace events in JSON, for ui.perfetto.dev
    html,      ///< one page that needs nothing else
};

/// What an outcome does not know of its run, to stand above the trace. What is empty is left out.
struct trace_title {
    std::string scenario{};
    std::optional<std::uint64_t> seed{};
    std::string reproduce{};  ///< the command that runs it again
};

void write_trace(std::ostream& out, const run_outcome& run, trace_format format, const trace_title& title = {});

/// The event of that number, if it was kept.
[[nodiscard]] const event_record* event_of(const run_outcome& run, std::uint64_t number) noexcept;
/// What led to an event, the oldest first and the event itself last. Empty: it was not kept.
[[nodiscard]] std::vector<event_record> chain_of(const run_outcome& run, std::uint64_t event);
/// The event of which a choice was made: the dispatch under way, or else the event itself.
[[nodiscard]] std::uint64_t activation_of(const run_outcome& run, std::uint64_t event) noexcept;
/// Whether a fault that fired has an event of its own, right after.
[[nodiscard]] bool is_told_by_an_event(const run_outcome& run, const fired& what) noexcept;
/// The faults that fired during an event, of a dispatch until its handler waits again; without those that are told by
/// events of their own.
[[nodiscard]] std::vector<fired> faults_during(const run_outcome& run, std::uint64_t event);
/// A chain in lines for a person, with the faults that fired on the way. A long chain is shown by its two ends.
[[nodiscard]] std::string explain(const run_outcome& run, std::uint64_t event);
/// An event in words, without number and time: "bank/0/teller/3 took transfer_request (24 bytes)".
[[nodiscard]] std::string describe(const run_outcome& run, const event_record& what);

struct step_options {
    std::istream* in = nullptr;   ///< of commands; null: std::cin
    std::ostream* out = nullptr;  ///< null: std::cout
    std::uint64_t to = 0;         ///< runs to this event, shows it and what led to it, and ends; 0: takes commands
    bool backwards = false;       ///< begins at the failing event, and an empty command goes back
    bool prompt = false;          ///< there is somebody at a terminal
};

/// Runs a scenario once and lets a person go through its events, forwards and back.
///
/// Yields: the exit status: 0, also at the end of input; 2 if the scenario cannot be run or has no such event.
[[nodiscard]] int step_through(const scenario& what, run_request wanted, const step_options& options);
/// The same, through a run that has been made.
[[nodiscard]] int step_through(const run_outcome& run, const step_options& options);

}  // namespace tina::sim
