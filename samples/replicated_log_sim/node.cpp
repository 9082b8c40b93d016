// SPDX-License-Identifier: Apache-2.0
// How a node elects, appends and commits. Every word to another node may be lost, late, or said twice; what matters is
// said again.
#include "node.hpp"

#include <algorithm>

namespace replicated_log {

namespace {

[[nodiscard]] std::uint32_t in_ms(tina::instant moment) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()).count());
}

}  // namespace

tina::isolate node::run(tina::context self, node_options wanted) {
    options = wanted;
    put_off_election(self);
    if (!self.set_periodic_timer(10ms, tick{})) co_yield tina::crash("there is no timer for the node");
    for (;;) {
        auto received = co_yield tina::receive<packet, tick, propose>();
        if (const auto* what = received.get<packet>()) take(self, *what);
        else if (const auto* asked = received.get<propose>()) received.reply(take(self, *asked));
        else on_tick(self);
    }
}

void node::on_tick(tina::context self) {
    if (place == standing::leader) {
        if (self.now() >= heartbeat_at) send_to_all(self);
    } else if (self.now() >= election_at) {
        stand(self);
    }
}

void node::take(tina::context self, const packet& what) {
    // One who hears from a leader lets no candidate disturb it; leases rely on that.
    const bool has_leader = place == standing::leader || self.now() < heard_at + election_least;
    if (what.kind == packet_kind::ask_vote && has_leader) return;
    TINA_SOMETIMES("a leader learns that there is a later term", what.term > term && place == standing::leader);
    if (what.term > term) follow(what.term);
    switch (what.kind) {
    case packet_kind::ask_vote: return answer_candidate(self, what);
    case packet_kind::give_vote: return count_vote(self, what);
    case packet_kind::append: return answer_leader(self, what);
    case packet_kind::appended: return note_progress(self, what);
    case packet_kind::forward: return append_command(self, what.entries[0]);
    case packet_kind::count_: return;
    }
}

progress node::take(tina::context self, const propose& what) {
    const auto is_it = [&](const entry& each) { return each.client == what.client && each.sequence == what.sequence; };
    if (std::ranges::any_of(log.begin(), log.begin() + std::min(commit, log_count), is_it)) return {1};
    const entry command{0, what.client, what.sequence, what.value};
    if (place == standing::leader) append_command(self, command);
    else if (leader != nobody)
        send(self, leader, {.kind = packet_kind::forward, .entry_count = 1, .entries = {command}});
    return {0};
}

// --- elections ------------------------------------------------------------------------------------------------------

void node::stand(tina::context self) {
    ++term;
    place = standing::candidate;
    leader = nobody;
    voted_for = options.own;
    votes = {};
    votes[options.own] = true;
    put_off_election(self);
    for (std::uint32_t each = 0; each < machine_count; ++each) {
        send(self, each, {.kind = packet_kind::ask_vote, .index = log_count, .index_term = term_of(log_count)});
    }
}

void node::answer_candidate(tina::context self, const packet& what) {
    const std::uint32_t own_term = term_of(log_count);
    const bool is_free = voted_for == nobody || voted_for == what.from || options.votes_twice != 0;
    const bool has_all = what.index_term > own_term || (what.index_term == own_term && what.index >= log_count);
    TINA_SOMETIMES("a candidate whose log lacks entries is refused", what.term == term && !has_all);
    const bool is_given = what.term == term && is_free && has_all;
    if (is_given) {
        voted_for = what.from;
        put_off_election(self);
    }
    send(self, what.from, {.kind = packet_kind::give_vote, .answer = is_given});
}

void node::count_vote(tina::context self, const packet& what) {
    if (place != standing::candidate || what.term != term || what.answer == 0) return;
    votes[what.from] = true;
    if (std::ranges::count(votes, true) >= majority) lead(self);
}

/// A new leader takes a word of its own into the log: what earlier terms left is committed with it, and not before.
void node::lead(tina::context self) {
    place = standing::leader;
    leader = options.own;
    next.fill(log_count + 1);
    matched.fill(0);
    lease_until = {};
    append_command(self, {0, nobody, term, 0});
    send_to_all(self);
}

void node::follow(std::uint32_t new_term) {
    if (new_term > term) voted_for = nobody;
    term = new_term;
    place = standing::follower;
    leader = nobody;
}

void node::put_off_election(tina::context self) {
    constexpr auto span = static_cast<std::uint64_t>((election_most - election_least).count());
    election_at = self.now() + election_least + tina::duration(static_cast<std::int64_t>(self.random() % span));
}

// --- the log --------------------------------------------------------------------------------------------------------

/// A command that the log has already is not taken again, so that each is there once.
void node::append_command(tina::context self, entry command) {
    if (place != standing::leader || log_count == log_max) return;
    const auto is_it = [&](const entry& each) {
        return each.client == command.client && each.sequence == command.sequence;
    };
    if (std::ranges::any_of(log.begin(), log.begin() + log_count, is_it)) return;
    command.term = term;
    log[log_count++] = command;
    ++log_changes;
    advance_commit();
    send_to_all(self);
}

void node::answer_leader(tina::context self, const packet& what) {
    packet answer{.kind = packet_kind::appended, .stamp_ms = what.stamp_ms};
    if (what.term == term) {
        place = standing::follower;
        leader = what.from;
        heard_at = self.now();
        put_off_election(self);
        if (what.index <= log_count && term_of(what.index) == what.index_term) {
            answer.answer = 1;
            answer.index = append_entries(what);
            commit = std::max(commit, std::min(what.commit, answer.index));
        } else {
            answer.index = std::min(log_count, what.index - 1);
        }
    }
    send(self, what.from, answer);
}

/// Makes the log agree with the leader's as far as the packet goes; says how far that is.
std::uint32_t node::append_entries(const packet& what) {
    std::uint32_t index = what.index;
    for (std::uint32_t i = 0; i < what.entry_count && index < log_max; ++i) {
        const bool has_other = index < log_count && log[index].term != what.entries[i].term;
        TINA_SOMETIMES("entries of an earlier leader give way", has_other);
        if (has_other) log_count = index;
        if (index == log_count) {
            log[log_count++] = what.entries[i];
            ++log_changes;
        }
        ++index;
    }
    return index;
}

void node::note_progress(tina::context self, const packet& what) {
    if (place != standing::leader || what.term != term) return;
    if (what.answer == 0) {
        next[what.from] = std::clamp(what.index + 1, matched[what.from] + 1, next[what.from]);
        return send_entries(self, what.from);
    }
    // With three machines one other is a majority. It gives its vote to nobody for a while since it was asked.
    const tina::instant asked_at{std::chrono::milliseconds{what.stamp_ms}};
    const tina::instant confirmed_at = options.counts_late != 0 ? self.now() : asked_at;
    lease_until = std::max(lease_until, confirmed_at + lease_span);
    if (what.index <= matched[what.from]) return;
    matched[what.from] = what.index;
    next[what.from] = what.index + 1;
    advance_commit();
    if (what.index < log_count) send_entries(self, what.from);
}

/// What a majority has is committed, if it is of the leader's own term: an entry of an earlier one can still give way.
void node::advance_commit() {
    for (std::uint32_t index = log_count; index > commit && term_of(index) == term; --index) {
        const auto others = std::ranges::count_if(matched, [&](std::uint32_t each) { return each >= index; });
        if (1 + others < majority && options.commits_alone == 0) continue;
        commit = index;
        return;
    }
}

void node::send_entries(tina::context self, std::uint32_t to) {
    packet made{.kind = packet_kind::append, .index = next[to] - 1, .commit = commit};
    made.index_term = term_of(made.index);
    made.stamp_ms = in_ms(self.now());
    made.entry_count = std::min(log_count - made.index, packet_entries_max);
    for (std::uint32_t i = 0; i < made.entry_count; ++i) made.entries[i] = log[made.index + i];
    send(self, to, made);
}

void node::send_to_all(tina::context self) {
    heartbeat_at = self.now() + heartbeat;
    for (std::uint32_t each = 0; each < machine_count; ++each) {
        if (each != options.own) send_entries(self, each);
    }
}

void node::send(tina::context self, std::uint32_t to, packet what) {
    if (to == options.own) return;
    what.from = options.own;
    what.term = term;
    // Refused or not: it may be lost on its way as well.
    static_cast<void>(self.send(carrier_roles[to], what));
}

}  // namespace replicated_log
