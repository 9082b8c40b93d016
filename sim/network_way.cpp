// SPDX-License-Identifier: Apache-2.0
// Segments: how what was written goes out, what befalls it on its way, and what it does where it arrives.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/network_tcp.hpp"

namespace tina::sim {

namespace {

constexpr std::int64_t retransmission_ns = 200'000'000;  ///< the first; each later one takes twice as long
constexpr std::uint64_t losses_max = 6;                  ///< of one segment: it is 12.6 s late then
constexpr std::int64_t gap_least_ns = 10'000;            ///< between the pieces of what was cut
constexpr std::uint64_t gap_range_ns = 190'000;
constexpr std::int64_t stuck_default_ns = 924'600'000'000;  ///< as Linux gives up: after about 15 minutes

[[nodiscard]] std::uint64_t hash_bytes(std::span<const std::byte> data) noexcept {
    std::uint64_t hash = data.size();
    while (data.size() >= sizeof hash) {
        std::uint64_t word = 0;
        std::memcpy(&word, data.data(), sizeof word);
        hash = (hash ^ word) * 0x9fb2'1c65'1e98'df25u;
        hash ^= hash >> 29;
        data = data.subspan(sizeof word);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, data.data(), data.size());
    return combine(hash, rest);
}

}  // namespace

std::uint64_t tcp::hash_of_bytes(const tcp_end& from, std::uint64_t position, std::uint32_t count) {
    if (scratch_.size() < count) scratch_.resize(count);
    const auto bytes = std::span(scratch_).first(count);
    from.bytes.copy(position, bytes);
    return hash_bytes(bytes);
}

// ---- sending

std::int64_t tcp::latency_ns(const tcp_end& from) const noexcept {
    const bool within = from.at == other_end(from).at;
    return within ? core_->options.loopback_latency.count() : core_->options.latency.count();
}

std::int64_t tcp::decided_delay_ns(tcp_end& from) {
    if (from.at == other_end(from).at) return 0;
    const span_range& range = core_->faults_of(*from.at).net_latency;
    const std::uint64_t least = nanoseconds(range.least);
    const std::uint64_t most = std::max(nanoseconds(range.most), least);
    return static_cast<std::int64_t>(core_->choices.between(site::net_latency, from.who, least, most));
}

void tcp::ship(tcp_end& from, segment_kind kind, std::uint32_t bytes, std::int64_t extra_ns) {
    const std::int64_t due_ns = core_->time.now_ns() + latency_ns(from) + extra_ns;
    from.last_due_ns = std::max(from.last_due_ns, due_ns);
    const bool counted = other_end(from).at->up;
    under_way_ += counted ? 1 : 0;
    from.way.push({.due_ns = from.last_due_ns, .cause = cause_, .bytes = bytes, .kind = kind, .counted = counted});
    schedule(due::arrival, from, from.last_due_ns);
}

/// Sends what may go now.
void tcp::pump(tcp_end& from) {
    if (from.state != end_state::open) return;
    while (from.sent < from.bytes.end()) {
        const piece next = next_piece(from);
        if (next.bytes == 0) return tell_window(other_end(from));
        from.sent += next.bytes;
        send_segment(from, segment_kind::data, next.bytes);
        if (next.cut) from.last_due_ns += decided_gap_ns(from);
    }
    if (!from.end_wanted || from.end_sent) return;
    from.end_sent = true;
    send_segment(from, segment_kind::end, 0);
}

tcp::piece tcp::next_piece(tcp_end& from) {
    std::uint64_t bytes = std::min<std::uint64_t>(from.bytes.end() - from.sent, core_->options.segment_bytes);
    if (core_->planted != mutant::window_ignored) bytes = std::min(bytes, std::max(from.edge, from.sent) - from.sent);
    if (bytes < 2) return {static_cast<std::uint32_t>(bytes)};
    const ratio chance = ratio_of(core_->faults_of(*from.at).net_segment);
    const auto cut = core_->choices.value_if(site::net_segment, from.who, chance, 1, bytes - 1);
    if (cut == 0 || cut >= bytes) return {static_cast<std::uint32_t>(bytes)};
    return {static_cast<std::uint32_t>(cut), true};
}

/// How long after a piece the next one comes, at the least. Were it at once, no reader could tell them apart.
std::int64_t tcp::decided_gap_ns(tcp_end& from) {
    // The ordinal is that of the cut: one cut more or less moves no gap of another.
    const std::uint64_t ordinal = from.who.ordinals[static_cast<std::size_t>(site::net_segment)] - 1;
    std::uint64_t more_ns = 0;
    if (const edit* const edited = core_->choices.edit_at(site::net_gap, from.who, ordinal)) {
        more_ns = edited->value;
    } else if (!core_->choices.is_calm()) {
        more_ns = core_->choices.bits_at(site::net_gap, from.who, ordinal) % gap_range_ns;
    }
    if (more_ns != 0) core_->choices.note_made(site::net_gap, from.who, ordinal, more_ns);
    return gap_least_ns + static_cast<std::int64_t>(more_ns);
}

void tcp::send_segment(tcp_end& from, segment_kind kind, std::uint32_t bytes) {
    cause_ = from.written_during;
    if (from.at == other_end(from).at) return ship(from, kind, bytes, 0);
    const faults& some = core_->faults_of(*from.at);
    if (core_->choices.happens(site::net_reset, from.who, ratio_of(some.net_reset))) {
        cause_ = core_->record_fault(site::net_reset, from.who, 1, *from.at, cause_);
        ship(other_end(from), segment_kind::reset);
        return ship(from, segment_kind::reset);
    }
    const auto losses = core_->choices.times_if(site::net_loss, from.who, ratio_of(some.net_loss), losses_max);
    if (losses != 0) cause_ = core_->record_fault(site::net_loss, from.who, losses, *from.at, cause_);
    const std::int64_t late_ns = retransmission_ns * ((std::int64_t{1} << losses) - 1);
    ship(from, kind, bytes, decided_delay_ns(from) + late_ns);
    from.way.all().back().lost = losses != 0;
}

/// Says how far the other end may send, if it waits to hear that and it is worth a segment.
void tcp::tell_window(tcp_end& reader) {
    tcp_end& writer = other_end(reader);
    if (reader.state != end_state::open || !reader.at->up || writer.bytes.end() == writer.sent) return;
    const std::uint64_t edge = writer.bytes.begin() + reader.window_bytes;
    const std::uint32_t worth = std::max(std::min(reader.window_bytes / 2, core_->options.segment_bytes), 1u);
    if (edge < writer.edge_told + worth) return;
    writer.edge_told = edge;
    ship(reader, segment_kind::window);
}

// ---- on the way

void tcp::deliver(tcp_end& from) {
    const std::int64_t now_ns = core_->time.now_ns();
    while (!from.way.empty() && from.way.front().due_ns <= now_ns) {
        if (links_->holds(*from.at, *other_end(from).at)) return stuck(from);
        const segment what = from.way.front();
        from.way.pop();
        under_way_ -= what.counted ? 1 : 0;
        cause_ = what.cause;
        arrive(from, what);
    }
}

void tcp::joined(host_state& from, host_state& to) {
    const std::int64_t now_ns = core_->time.now_ns();
    for (tcp_connection* const each : all_by_age()) {
        for (tcp_end& end : each->ends) {
            if (end.at != &from || other_end(end).at != &to || end.way.empty()) continue;
            if (end.way.front().due_ns <= now_ns) go_on(end);
        }
    }
}

/// What was held goes on, later and in the same order.
void tcp::go_on(tcp_end& from) {
    from.stuck_since_ns = -1;
    std::int64_t due_ns = core_->time.now_ns() + latency_ns(from) + decided_delay_ns(from);
    for (segment& what : from.way.all()) {
        due_ns = what.due_ns = std::max(due_ns, what.due_ns);
        schedule(due::arrival, from, due_ns);
    }
    from.last_due_ns = due_ns;
}

void tcp::stuck(tcp_end& from) {
    if (from.state == end_state::connecting) set_timeout(*from.of);
    if (from.stuck_since_ns >= 0) return;
    from.stuck_since_ns = core_->time.now_ns();
    const std::int64_t limit_ns =
        from.stuck_limit_ms != 0 ? std::int64_t{from.stuck_limit_ms} * 1'000'000 : stuck_default_ns;
    schedule(due::stuck, from, from.stuck_since_ns + limit_ns);
}

void tcp::give_up_if_stuck(tcp_end& from) {
    if (from.stuck_since_ns < 0 || from.state == end_state::absent) return;
    const std::int64_t limit_ns =
        from.stuck_limit_ms != 0 ? std::int64_t{from.stuck_limit_ms} * 1'000'000 : stuck_default_ns;
    if (core_->time.now_ns() - from.stuck_since_ns < limit_ns) return;
    from.stuck_since_ns = -1;
    uncount(from);
    from.way.clear();
    cause_ = from.written_during;
    abort(from, -ETIMEDOUT);
}

void tcp::uncount(tcp_end& from) noexcept {
    for (segment& each : from.way.all()) {
        under_way_ -= each.counted ? 1 : 0;
        each.counted = false;
    }
}

// ---- arriving

void tcp::arrive(tcp_end& from, const segment& what) {
    tcp_end& at = other_end(from);
    if (!at.at->up) return arrive_nowhere(from, what);
    switch (what.kind) {
    case segment_kind::request: return request_arrived(*from.of);
    case segment_kind::answer: return answer_arrived(*from.of);
    case segment_kind::confirm: return confirmation_arrived(*from.of);
    case segment_kind::data: return data_arrived(at, what);
    case segment_kind::end: return end_arrived(at);
    case segment_kind::reset: return reset_arrived(at);
    case segment_kind::end_heard:
        at.end_heard = true;
        if (at.end_received) finish(at);
        return;
    case segment_kind::window:
        at.edge = std::max(at.edge, at.edge_told);
        pump(at);
        if (at.state == end_state::open && at.bytes.end() - at.sent < at.room_bytes) notify(at);
        return;
    }
}

/// There is no power where it should arrive.
void tcp::arrive_nowhere(tcp_end& from, const segment& what) {
    if (what.kind == segment_kind::request) {
        if (from.state == end_state::connecting) ask_again_later(*from.of);
    } else if (what.kind == segment_kind::data || what.kind == segment_kind::end) {
        if (from.state != end_state::absent) stuck(from);
    }
}

void tcp::swap_with_next(tcp_end& from, const segment& what) {
    if (from.way.empty() || from.way.front().kind != segment_kind::data) return;
    std::vector<std::byte> both(what.bytes + from.way.front().bytes);
    from.bytes.copy(from.arrived, both);
    std::rotate(both.begin(), both.begin() + what.bytes, both.end());
    from.bytes.overwrite(from.arrived, both);
}

void tcp::data_arrived(tcp_end& at, const segment& what) {
    tcp_end& from = other_end(at);
    const bool reads = at.state == end_state::open && !(at.receiving_shut && at.end_wanted);
    if (!reads && core_->planted == mutant::closed_peer_answers && at.state != end_state::absent) return;
    if (!reads) {
        // Nobody will ever read it, which the kernel tells at once.
        ship(at, segment_kind::reset);
        if (at.state == end_state::open) abort(at, -ECONNRESET);
        return;
    }
    if (core_->planted == mutant::order_of_segments) swap_with_next(from, what);
    const std::uint64_t hash = hash_of_bytes(from, from.arrived, what.bytes);
    from.arrived += what.bytes;
    record(event_kind::net_data, at, what.bytes, hash);
    at.arrival = cause_;
    notify(at);
}

void tcp::end_arrived(tcp_end& at) {
    if (at.state != end_state::open) {
        if (at.state == end_state::absent) ship(at, segment_kind::reset);
        return;
    }
    ship(at, segment_kind::end_heard);
    if (core_->planted == mutant::eof_lost) return;
    at.end_received = true;
    record(event_kind::net_end, at, 0);
    at.arrival = cause_;
    if (at.end_heard) finish(at);
    notify(at);
}

void tcp::reset_arrived(tcp_end& at) {
    switch (at.state) {
    case end_state::absent:
    case end_state::closed: return;
    case end_state::connecting: record(event_kind::net_reset, at, 0); return connecting_failed(at, -ECONNREFUSED);
    case end_state::awaited:
        if (at.listener != nullptr) --at.listener->awaited;
        at.listener = nullptr;
        at.state = end_state::absent;
        return;
    case end_state::open:
        record(event_kind::net_reset, at, 0);
        at.arrival = cause_;
        return abort(at, at.end_received ? -EPIPE : -ECONNRESET);
    }
}

}  // namespace tina::sim
