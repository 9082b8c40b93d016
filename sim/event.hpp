// SPDX-License-Identifier: Apache-2.0
// What happens in a simulated world, one record for each event, in one numbered order. The digest of a run, its trace
// and every search for a cause are made of these. Nothing in a record depends on the compiler or on addresses.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/decisions.hpp"
#include "sim/wide.hpp"

namespace tina::sim {

// name, what it says of `who`; what `detail` and `value` are
#define TINA_SIM_EVENTS(X)                                                                                             \
    X(spawn, "was started", "type", "1 if it is a successor")                                                          \
    X(dispatch, "ran", "type", "")                                                                                     \
    X(effect, "yielded", "wait_kind", "")                                                                              \
    X(send, "sent to another shard", "message tag", "target shard")                                                    \
    X(delivery, "was sent a message", "message tag", "bytes")                                                          \
    X(receipt, "took a message", "message tag", "bytes")                                                               \
    X(drop, "did not get a message", "message tag", "send_result")                                                     \
    X(timer, "had a deadline come", "wait_kind", "")                                                                   \
    X(completion, "had an operation completed", "descriptor", "result")                                                \
    X(exit, "ended", "1 if it crashed", "")                                                                            \
    X(shard_fault, "failed", "", "")                                                                                   \
    X(machine_down, "lost power", "", "")                                                                              \
    X(machine_up, "booted", "", "")                                                                                    \
    X(net_connect, "asked for a connection", "remote port", "connection")                                              \
    X(net_accept, "got a connection", "local port", "connection")                                                      \
    X(net_data, "got bytes from the network", "bytes", "connection")                                                   \
    X(net_end, "got the end of a stream", "", "connection")                                                            \
    X(net_reset, "got a reset", "", "connection")                                                                      \
    X(net_fault, "network fault", "site", "value")                                                                     \
    X(clock_fault, "clock fault", "site", "value")                                                                     \
    X(fault, "fault", "site", "value")                                                                                 \
    X(operation, "operation of the workload", "", "value")                                                             \
    X(mark, "reached", "1 if it held", "")                                                                             \
    X(phase, "phase", "0 faults, 1 healed, 2 over", "")                                                                \
    X(failure, "property failed", "", "")

enum class event_kind : std::uint8_t {
#define TINA_SIM_EVENT(name, sentence, detail, value) name,
    TINA_SIM_EVENTS(TINA_SIM_EVENT)
#undef TINA_SIM_EVENT
        count_,
};

struct event_info {
    std::string_view name;
    std::string_view sentence;  ///< to come after whom it concerns
};
[[nodiscard]] const event_info& info_of(event_kind kind) noexcept;

struct event_record {
    std::uint64_t number = 0;   ///< from 1
    std::uint64_t cause = 0;    ///< number of the event that this one follows from; 0: none
    std::int64_t at_ns = 0;     ///< virtual time of the world
    std::uint64_t who = 0;      ///< entity::id of the isolate, machine, connection or whatever it concerns
    std::uint64_t payload = 0;  ///< hash of the message or bytes, if any
    std::int64_t value = 0;
    std::uint32_t detail = 0;
    std::uint16_t machine = 0;  ///< index in the world
    std::uint16_t shard = 0;
    event_kind kind{};
};

/// Where an event happened, and its detail, as one number.
[[nodiscard]] constexpr std::uint64_t place_of(std::uint16_t machine, std::uint16_t shard,
                                               std::uint32_t detail) noexcept {
    return static_cast<std::uint64_t>(machine) << 48 | static_cast<std::uint64_t>(shard) << 32 | detail;
}

/// What the fold takes in of an event besides its time and cause, in registers.
struct event_facts {
    event_kind kind{};
    std::uint64_t place = 0;  ///< as place_of()
    std::uint64_t who = 0;
    std::int64_t value = 0;
    std::uint64_t payload = 0;
};

/// Folds an event into a digest. One multiplication of 64 by 64 bits takes all of the event in; what it gives is taken
/// into the digest one-to-one, so that two runs which have differed once never come to the same digest by the same
/// events.
[[nodiscard, gnu::always_inline]] constexpr std::uint64_t fold(std::uint64_t digest, const event_facts& what,
                                                               std::int64_t at_ns, std::uint64_t cause) noexcept {
    // Names and payloads are hashes already.
    const std::uint64_t one =
        what.who + (what.payload << 1) + static_cast<std::uint64_t>(at_ns) * 0x9fb2'1c65'1e98'df25u;
    const std::uint64_t other = what.place + cause * 0xbf58'476d'1ce4'e5b9u +
                                static_cast<std::uint64_t>(what.value) * 0x94d0'49bb'1331'11ebu +
                                (static_cast<std::uint64_t>(what.kind) + 1) * 0xa076'1d64'78bd'642fu;
    const auto product = static_cast<wide_unsigned>(one) * other;
    return digest * 0xd6e8'feb8'6659'fd93u +
           (static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64));
}

}  // namespace tina::sim
