// SPDX-License-Identifier: Apache-2.0
// A node of the replicated log: it elects a leader with the others, keeps the log in step with the leader's, and knows
// how much of it a majority has. One on each machine. Its term, its vote and its log are in memory only, as there is no
// disk: it must not end, all else on its machine may.
#pragma once

#include <tina/marks.hpp>
#include <tina/tina.hpp>

#include <array>
#include <chrono>
#include <cstdint>

#include "packet.hpp"

namespace replicated_log {

using namespace std::chrono_literals;

inline constexpr std::uint32_t log_max = 1024;
inline constexpr tina::duration election_least = 150ms;  ///< without a leader's word, until one stands for election
inline constexpr tina::duration election_most = 300ms;
inline constexpr tina::duration heartbeat = 50ms;
inline constexpr tina::duration lease_span = 100ms;  ///< less than `election_least`, as clocks are not alike

inline constexpr tina::role node_role{"node"};
/// Who carries packets to machine 0, 1, 2.
inline constexpr std::array<tina::role, machine_count> carrier_roles{
    tina::role{"carrier to 0"}, tina::role{"carrier to 1"}, tina::role{"carrier to 2"}};

struct tick {};
/// A client's question whether its command is in effect; if not, the node sees to it.
struct propose {
    std::uint32_t client;
    std::uint32_t sequence;
    std::uint32_t value;
};
struct progress {
    std::uint32_t is_committed;
};

/// Whose node it is, and the bugs that it is to have.
struct node_options {
    std::uint32_t own = 0;
    std::uint32_t votes_twice = 0;    ///< it forgets whom it has given its vote
    std::uint32_t commits_alone = 0;  ///< as a leader it does not wait for a majority
    std::uint32_t counts_late = 0;    ///< its lease runs from when it is confirmed, not from when it was asked for
};

enum class standing : std::uint32_t { follower, candidate, leader };

struct node {
    using accepts = tina::messages<packet, tick, propose>;
    node() noexcept = default;  // said, as std::chrono does not say it of moments

    node_options options{};
    // What would be on disk.
    std::uint32_t term = 0;
    std::uint32_t voted_for = nobody;
    std::array<entry, log_max> log{};  ///< entry n is at n - 1
    std::uint32_t log_count = 0;
    // What need not be.
    standing place = standing::follower;
    std::uint32_t leader = nobody;
    std::uint32_t commit = 0;
    std::uint32_t log_changes = 0;
    std::array<bool, machine_count> votes{};
    std::array<std::uint32_t, machine_count> next{};     ///< a leader's: the first entry to send
    std::array<std::uint32_t, machine_count> matched{};  ///< a leader's: how far the logs agree
    tina::instant election_at{};
    tina::instant heard_at{};
    tina::instant heartbeat_at{};
    tina::instant lease_until{};

    tina::isolate run(tina::context self, node_options wanted);

    /// Whether it may answer for the log without asking the others: nobody else can be leader.
    [[nodiscard]] bool holds_lease(tina::instant now) const { return place == standing::leader && now < lease_until; }
    [[nodiscard]] std::uint32_t term_of(std::uint32_t index) const { return index == 0 ? 0 : log[index - 1].term; }

private:
    void on_tick(tina::context self);
    void take(tina::context self, const packet& what);
    [[nodiscard]] progress take(tina::context self, const propose& what);

    void stand(tina::context self);
    void lead(tina::context self);
    void follow(std::uint32_t new_term);
    void put_off_election(tina::context self);
    void answer_candidate(tina::context self, const packet& what);
    void count_vote(tina::context self, const packet& what);

    void append_command(tina::context self, entry command);
    void answer_leader(tina::context self, const packet& what);
    [[nodiscard]] std::uint32_t append_entries(const packet& what);
    void note_progress(tina::context self, const packet& what);
    void advance_commit();
    void send_entries(tina::context self, std::uint32_t to);
    void send_to_all(tina::context self);
    void send(tina::context self, std::uint32_t to, packet what);
};

}  // namespace replicated_log
