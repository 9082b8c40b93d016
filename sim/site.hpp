// SPDX-License-Identifier: Apache-2.0
// The sites of a simulation: every question that a run answers by itself, each with the name that replay files and
// reports use. A name, once published, keeps its meaning and its place, which is a part of what decides: further ones
// go to the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tina::sim {

// name, whether it is a fault (else an order, a delay or a value), what its value says in a sentence
#define TINA_SIM_SITES(X)                                                                                              \
    X(crash_before, true, "crashes before its handler goes on")                                                        \
    X(crash_after_effect, true, "crashes after it has yielded an effect, with what it sent on its way")                \
    X(crash_between_effects, true, "crashes between two effects of one activation")                                    \
    X(crash_at_start, true, "crashes before its handler runs for the first time")                                      \
    X(crash_in_restart, true, "crashes before its handler runs for the first time after a restart")                    \
    X(crash_shard, true, "fails as a whole, and starts its tree anew")                                                 \
    X(crash_machine, true, "loses power, and boots again")                                                             \
    X(channel_full, true, "finds the channel to the other shard full")                                                 \
    X(channel_delay, false, "has its message to another shard delayed by this many nanoseconds")                       \
    X(pool_exhausted, true, "finds no envelope for its message")                                                       \
    X(mailbox_full, true, "finds the mailbox of its target full")                                                      \
    X(no_slots, true, "finds no slot for the isolate that it spawns")                                                  \
    X(no_timers, true, "finds no timer")                                                                               \
    X(no_calls, true, "finds no record for its call")                                                                  \
    X(no_leases, true, "finds no transfer buffer")                                                                     \
    X(arena_exhausted, true, "finds its arena full")                                                                   \
    X(ready_pick, false, "is not the oldest that is ready, but runs when it has seen this many others run, less one")  \
    X(shard_pick, false, "wakes this many nanoseconds later than it could")                                            \
    X(cycle_cost, false, "takes this many nanoseconds longer for a cycle")                                             \
    X(slow_shard, true, "is slow: its cycles take this many times as long")                                            \
    X(net_latency, false, "has this many nanoseconds added to the way of its bytes")                                   \
    X(net_loss, true, "has a segment lost this many times before it arrives")                                          \
    X(net_segment, false, "has its bytes cut after this many")                                                         \
    X(net_reset, true, "has its connection reset")                                                                     \
    X(net_refuse, true, "has its connection refused")                                                                  \
    X(net_silence, true, "gets no answer to its connection request")                                                   \
    X(net_partition, true, "is cut off from the other for this many nanoseconds")                                      \
    X(net_clog, true, "has its bytes held up for this many nanoseconds")                                               \
    X(partial_write, false, "may write this many bytes at once")                                                       \
    X(clock_drift, true, "has a clock that is off by this many parts in a billion")                                    \
    X(clock_step, true, "has its wall clock moved by this many nanoseconds")                                           \
    X(clock_pause, true, "stands still for this many nanoseconds")                                                     \
    X(buggify, true, "takes the unusual way")                                                                          \
    X(operation, false, "of the workload is left out")                                                                 \
    X(workload, false, "of the workload has this value")                                                               \
    X(swarm, false, "of the fault kinds has this share in the run")                                                    \
    X(random, false, "draws this from self.random()")                                                                  \
    X(clock_offset, true, "has a wall clock that is off by this many nanoseconds, less half of the range")             \
    X(net_gap, false, "has its bytes behind the cut arrive this many nanoseconds later")

/// What is being decided.
enum class site : std::uint8_t {
#define TINA_SIM_SITE(name, is_fault, sentence) name,
    TINA_SIM_SITES(TINA_SIM_SITE)
#undef TINA_SIM_SITE
        count_,
};

inline constexpr std::size_t site_count = static_cast<std::size_t>(site::count_);

struct site_info {
    std::string_view name;
    bool is_fault = false;
    std::string_view sentence;  ///< to come after whom it concerns
};

[[nodiscard]] const site_info& info_of(site which) noexcept;
/// The sentence to come after `whom`, which is one, two, or the way from one to another.
[[nodiscard]] std::string_view sentence_for(site which, std::string_view whom) noexcept;
[[nodiscard]] std::optional<site> site_named(std::string_view name) noexcept;

}  // namespace tina::sim
