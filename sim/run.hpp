// SPDX-License-Identifier: Apache-2.0
// One run of a scenario, as the harness sees it: a request goes in, an outcome comes out. Everything that explores,
// replays, shrinks or compares is written against these two, and knows nothing of worlds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/event.hpp"

namespace tina::sim {

struct scenario;  // sim/scenario.hpp

/// Which of the faults that a scenario declares are at work.
enum class fault_profile : std::uint8_t {
    swarm,     ///< a part of them, chosen for each seed, each more or less often: the default
    declared,  ///< all of them, as declared
    none,      ///< none
};

/// How much of the events a run keeps.
enum class recording : std::uint8_t {
    none,  ///< the digest only
    all,   ///< every event, and every name
};

struct run_request {
    std::uint64_t seed = 1;
    base from = base::seed;
    edit_list edits{};
    fault_profile profile = fault_profile::swarm;
    recording keep = recording::none;
    bool every_tick = false;       ///< no jumps over idle time: a cycle of every shard at every tick of its wheel
    bool wants_novelty = false;    ///< fill run_outcome::novelty in
    std::uint8_t memory_fill = 0;  ///< what memory of shards holds before it is used; for --twice
    std::uint64_t stop_at_event = ~std::uint64_t{0};  ///< the run ends, without a verdict, before the next event
    /// Called after each event while the run stops there; for novelty, --step and forks. May be empty.
    std::function<void(const event_record&)> on_event{};
    /// Called after each event, after `on_event`: the seed that decides from here on, if it is another one.
    /// For branches: a process may fork here, and its copy go on with another seed. May be empty.
    std::function<std::optional<std::uint64_t>(const event_record&)> branch{};
    /// Counted up with each step of the world, for another process that wants to know whether it goes on. May be null.
    std::uint64_t* beat = nullptr;
    /// Options of the scenario's own, as given behind `--`; e.g. {"buggy"}.
    std::vector<std::string> options{};
};

struct failure {
    std::string property;  ///< the name of what does not hold: the signature
    std::string detail;    ///< "99 990.00 instead of 100 000.00"; may be empty
    std::uint64_t event = 0;
    std::int64_t at_ns = 0;
};

/// A TINA_SOMETIMES, TINA_REACHABLE … as a run has met it.
struct mark_outcome {
    std::string name;
    char kind = 's';                   ///< s sometimes, r reachable, u unreachable, b buggify
    std::uint64_t met = 0;             ///< times that it was passed
    std::uint64_t held = 0;            ///< times that its condition held
    std::vector<std::string> types{};  ///< of the isolates that passed it; an empty name: outside of all
};

/// A fault kind as a run has met it.
struct fault_outcome {
    site what{};
    std::uint64_t asked = 0;  ///< choices in which it could have fired
    std::uint64_t fired = 0;
};

struct run_outcome {
    std::string unusable;  ///< the scenario or the spec cannot be run: why. Empty: it was run
    std::optional<failure> failed;
    std::uint64_t digest = 0;
    std::uint64_t events = 0;
    std::int64_t virtual_ns = 0;
    std::uint64_t spec_digest = 0;       ///< of the specs of all machines, and the names of types and messages
    std::uint64_t behaviour = 0;         ///< see `novelty`
    std::vector<std::uint64_t> novelty;  ///< hashes of what the run has shown: kinds of events in a row, marks, drops
    std::vector<fired> fired_log;        ///< every choice that the quiet base would have made otherwise
    std::vector<fired> operations;       ///< choices of the workload, see decisions::workload(); with `recording::all`
    std::vector<mark_outcome> marks;     ///< all that the program has, met or not
    std::vector<fault_outcome> faults;
    std::vector<event_record> events_kept;                    ///< as `keep` says
    std::unordered_map<std::uint64_t, std::string> names;     ///< of entities, by entity::id; with `recording::all`
    std::unordered_map<std::uint32_t, std::string> messages;  ///< names of message types, by tag; likewise
    std::vector<std::string> machines;                        ///< names, by index; likewise
    std::vector<std::vector<std::string>> types;  ///< names of isolate types, by machine and `detail`; likewise
    std::vector<std::string> log;  ///< lines of the simulated systems' logs, with virtual times; likewise
};

/// Runs a scenario once, on this thread.
[[nodiscard]] run_outcome run_scenario(const scenario& what, const run_request& wanted);

}  // namespace tina::sim
