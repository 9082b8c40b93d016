// SPDX-License-Identifier: Apache-2.0
// What a run came to, and how it is named, kept and compared: its signature, the replay file that repeats it, the lines
// that a person is shown. Pure; nothing here runs a scenario.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/replay_file.hpp"
#include "sim/run.hpp"

namespace tina::sim {

/// Something that runs a scenario: in this process, in another one, or a toy in a test.
using runner = std::function<run_outcome(const run_request&)>;

/// Signatures of runs that did not come to an end by themselves begin with one of these.
inline constexpr std::string_view ended_signature = "the process ended";
inline constexpr std::string_view hung_signature = "the run hung";

/// The property that failed; empty: it passed.
[[nodiscard]] std::string_view signature_of(const run_outcome& outcome) noexcept;
/// Whether the process that ran it is gone, and with it all that it could have told.
[[nodiscard]] bool is_of_the_process(std::string_view signature) noexcept;

[[nodiscard]] replay_file replay_of(std::string_view scenario, const run_request& request, const run_outcome& outcome);
[[nodiscard]] run_request request_of(const replay_file& file);

/// How the user calls the program, for lines to copy.
struct invocation {
    std::string program;  ///< as it was typed
    std::string scenario;
};

/// "./bank_sim run transfers --seed 4711 --buggy"; of a run that has edits it is a replay of `file`.
[[nodiscard]] std::string reproducing_command(const invocation& by, const run_request& request, std::string_view file);
/// "transfers-4711.replay"; a run with reseeds or edits gets a name of its own.
[[nodiscard]] std::string replay_name(std::string_view scenario, const run_request& request);
/// The lines that begin with FAILED. `file` is where its replay file is; empty: there is none.
[[nodiscard]] std::string failure_text(const invocation& by, const run_request& request, const run_outcome& outcome,
                                       std::string_view file);
/// "passed  transfers   seed 42, 88 213 events, …".
[[nodiscard]] std::string passed_text(std::string_view scenario, const run_request& request,
                                      const run_outcome& outcome);
/// "event 88 213, at 12.418 s".
[[nodiscard]] std::string place_text(std::uint64_t event, std::int64_t at_ns);
[[nodiscard]] std::string_view name_of(fault_profile profile) noexcept;

}  // namespace tina::sim
