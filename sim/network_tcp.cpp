// SPDX-License-Identifier: Apache-2.0
// The system calls on a connection, and how its ends come to an end.
#include "sim/network_tcp.hpp"

#include <algorithm>
#include <cerrno>

namespace tina::sim {

namespace {

constexpr std::uint64_t generation_mask = 0x0fff'ffff;

}  // namespace

// ---- records

tcp_connection& tcp::take_connection() {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(connections_.size()));
        connections_.push_back(nullptr);
        generations_.push_back(0);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    connections_[index] = std::make_unique<tcp_connection>();
    tcp_connection& made = *connections_[index];
    made.index = index;
    made.generation = ++generations_[index];
    made.serial = ++serial_;
    for (tcp_end& end : made.ends) end.of = &made;
    return made;
}

/// In the order in which they were asked for, which does not depend on what has gone since.
std::vector<tcp_connection*> tcp::all_by_age() const {
    std::vector<tcp_connection*> all;
    for (const auto& each : connections_) {
        if (each != nullptr) all.push_back(each.get());
    }
    std::sort(all.begin(), all.end(), [](const auto* one, const auto* other) { return one->serial < other->serial; });
    return all;
}

/// Frees the record once nothing is on its way and neither end knows of it, or only one that nobody uses: whatever that
/// one still waits for, it cannot make itself felt.
void tcp::free_if_forgotten(tcp_connection& what) {
    bool any_knows = false;
    for (tcp_end& end : what.ends) {
        if (!end.way.empty() || end.place.user != nullptr) return;
        const bool unused = end.orphan && end.listener == nullptr && other_end(end).state == end_state::absent;
        any_knows = any_knows || (end.state != end_state::absent && !unused);
    }
    if (any_knows) return;
    for (tcp_end& end : what.ends) {
        if (end.state != end_state::absent) vanish(end);
    }
    stop_waiting_for_room(what);
    const std::uint32_t index = what.index;
    connections_[index].reset();
    free_.push_back(index);
}

void tcp::schedule(due what, const tcp_end& at, std::int64_t at_ns) {
    const std::uint64_t side = &at == at.of->ends.data() ? 0 : 1;
    const std::uint64_t generation = at.of->generation & generation_mask;
    core_->time.schedule(at_ns, *this,
                         std::uint64_t{at.of->index} << 32 | generation << 4 | static_cast<std::uint64_t>(what) << 1 |
                             side);
}

void tcp::on_due(std::uint64_t argument) {
    const auto index = static_cast<std::size_t>(argument >> 32);
    if (connections_[index] == nullptr) return;
    tcp_connection& what = *connections_[index];
    if ((what.generation & generation_mask) != (argument >> 4 & generation_mask)) return;
    tcp_end& end = what.ends[argument & 1];
    cause_ = end.written_during;
    switch (static_cast<due>(argument >> 1 & 7)) {
    case due::arrival: deliver(end); break;
    case due::request:
        if (end.state == end_state::connecting) ask(what);
        break;
    case due::timeout:
        if (end.state == end_state::connecting) connecting_failed(end, -ETIMEDOUT);
        break;
    case due::stuck: give_up_if_stuck(end); break;
    case due::no_route:
        if (end.state == end_state::connecting) connecting_failed(end, -EHOSTUNREACH);
        break;
    }
    free_if_forgotten(what);
}

void tcp::record(event_kind kind, const tcp_end& at, std::uint32_t detail, std::uint64_t payload) {
    cause_ = core_->log.record({.cause = cause_,
                                .who = at.who.id,
                                .payload = payload,
                                .value = static_cast<std::int64_t>(at.of->serial),
                                .detail = detail,
                                .machine = at.at->machine,
                                .shard = at.place.shard,
                                .kind = kind});
}

void tcp::notify(tcp_end& at) const {
    if (at.place.user != nullptr) at.place.user->on_ready(at.place.descriptor, cause_);
}

// ---- reading and writing

int tcp::take_error(tcp_end& at) noexcept { return std::exchange(at.error, 0); }

int tcp::take_error_as_planted(tcp_end& at) const noexcept {
    return core_->planted == mutant::reset_told_twice ? at.error : take_error(at);
}

int tcp::read(tcp_end& at, std::span<std::byte> out) {
    tcp_end& from = other_end(at);
    const std::uint64_t there = from.arrived - from.bytes.begin();
    const bool over = at.end_received || at.state != end_state::open || at.receiving_shut;
    if (core_->planted == mutant::only_full_reads && there < out.size() && !over) return -EAGAIN;
    if (there > 0) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(there, out.size()));
        from.bytes.copy(from.bytes.begin(), out.first(count));
        from.bytes.drop_before(from.bytes.begin() + count);
        tell_window(at);
        return static_cast<int>(count);
    }
    if (at.end_received) return 0;
    if (at.error != 0) return take_error_as_planted(at);
    return at.receiving_shut || at.state == end_state::closed ? 0 : -EAGAIN;
}

bool tcp::is_readable(const tcp_end& at) const noexcept {
    const tcp_end& from = other_end(at);
    if (from.arrived > from.bytes.begin() || at.end_received || at.error != 0 || at.receiving_shut) return true;
    return at.state == end_state::closed;
}

int tcp::write(tcp_end& at, std::span<const std::byte> data, bool whole) {
    if (at.state == end_state::connecting) return -EAGAIN;
    if (at.error != 0) return take_error_as_planted(at);
    if (at.end_wanted || at.state != end_state::open) return -EPIPE;
    if (!whole && data.size() > 1) {
        const ratio chance = ratio_of(core_->faults_of(*at.at).partial_write);
        const auto part = core_->choices.value_if(site::partial_write, at.who, chance, 1, data.size() - 1);
        if (part != 0 && part < data.size()) data = data.first(static_cast<std::size_t>(part));
    }
    at.written_during = cause_;
    std::size_t done = 0;
    while (done < data.size()) {
        const std::uint64_t held = at.bytes.end() - at.sent;
        if (held >= at.room_bytes) break;
        const auto count = std::min<std::size_t>(data.size() - done, at.room_bytes - static_cast<std::size_t>(held));
        at.bytes.push(data.subspan(done, count));
        done += count;
        pump(at);
    }
    return done == 0 && !data.empty() ? -EAGAIN : static_cast<int>(done);
}

// ---- ending

int tcp::shutdown(tcp_end& at, bool receiving, bool sending) {
    if (at.state == end_state::connecting) {
        connecting_failed(at, -ECONNRESET);
        return 0;
    }
    if (at.state != end_state::open) return -ENOTCONN;
    if (core_->planted == mutant::no_half_close && sending) receiving = true;
    at.receiving_shut = at.receiving_shut || receiving;
    if (sending && !at.end_wanted) {
        at.end_wanted = true;
        at.written_during = cause_;
        pump(at);
    }
    notify(at);
    return 0;
}

void tcp::close(tcp_end& at, bool reset) {
    tcp_connection& of = *at.of;
    const tcp_end& from = other_end(at);
    at.place.user = nullptr;
    at.orphan = true;
    const bool unread = from.arrived > from.bytes.begin() && core_->planted != mutant::no_reset_on_unread;
    if (at.state == end_state::connecting) {
        connecting_failed(at, -ECANCELED);
    } else if (at.state == end_state::open) {
        if (unread || (reset && core_->planted != mutant::linger_ignored)) {
            vanish(at);
            ship(at, segment_kind::reset);
        } else {
            if (core_->planted == mutant::close_loses_bytes) at.bytes.drop_from(at.sent);
            at.receiving_shut = true;
            if (!at.end_wanted) at.written_during = cause_;
            at.end_wanted = true;
            pump(at);
        }
    } else {
        vanish(at);
    }
    free_if_forgotten(of);
}

/// Its host forgets the end. What it has sent stays on its way.
void tcp::vanish(tcp_end& at) {
    at.bytes.drop_from(std::max(at.sent, at.bytes.begin()));
    if (at.listener != nullptr) {
        if (at.state == end_state::awaited) --at.listener->awaited;
        std::erase(at.listener->ready, &at);
        at.listener = nullptr;
    }
    if (&at == at.of->ends.data()) {
        stop_waiting_for_room(*at.of);
        at.at->ports.erase(at.local.port);
    }
    at.state = end_state::absent;
    at.orphan = true;
    at.place.user = nullptr;
}

/// The connection is over for this end, with something to tell whoever asks.
void tcp::abort(tcp_end& at, int error) {
    tcp_end& from = other_end(at);
    at.bytes.drop_from(std::max(at.sent, at.bytes.begin()));
    if (core_->planted == mutant::reset_loses_bytes) from.bytes.drop_before(from.arrived);
    at.error = error;
    if (at.orphan && at.listener == nullptr) return vanish(at);
    at.state = end_state::closed;
    notify(at);
}

/// Both directions have ended in order.
void tcp::finish(tcp_end& at) {
    if (at.state != end_state::open) return;
    if (at.orphan && at.listener == nullptr) return vanish(at);
    at.state = end_state::closed;
    notify(at);
}

// ---- power

void tcp::power_off(host_state& what) {
    what.up = false;
    ++what.boots;
    for (tcp_connection* const each : all_by_age()) {
        for (tcp_end& end : each->ends) {
            if (end.at != &what) continue;
            uncount(other_end(end));
            if (end.state == end_state::absent) continue;
            keep_what_is_under_way(end);
            vanish(end);
            // Who waits for room asks for it again and again, and gets no answer now.
            tcp_end& peer = other_end(end);
            if (peer.state == end_state::open && peer.sent < peer.bytes.end()) stuck(peer);
        }
        if (each->ends[1].at == &what) stop_waiting_for_room(*each);
        free_if_forgotten(*each);
    }
    what.listeners.clear();
    what.ports.clear();
}

/// Nobody sends anything again: not what was lost once, nor what a link holds.
void tcp::keep_what_is_under_way(tcp_end& from) {
    const auto way = from.way.all();
    const std::int64_t now_ns = core_->time.now_ns();
    const auto gone =
        std::find_if(way.begin(), way.end(), [&](const segment& each) { return each.lost || each.due_ns < now_ns; });
    for (const segment& each : std::span(gone, way.end())) under_way_ -= each.counted ? 1 : 0;
    from.way.keep_first(static_cast<std::size_t>(gone - way.begin()));
}

void tcp::power_on(host_state& what) {
    what.up = true;
    for (tcp_connection* const each : all_by_age()) {
        for (tcp_end& end : each->ends) {
            const tcp_end& gone = other_end(end);
            const bool concerns = gone.at == &what && gone.state == end_state::absent;
            if (concerns && end.state == end_state::open && end.stuck_since_ns >= 0) send_again(end);
        }
    }
}

/// What had no answer is sent again and again, and now there is somebody who says that he knows nothing.
void tcp::send_again(tcp_end& from) {
    const std::int64_t now_ns = core_->time.now_ns();
    std::int64_t again_ns = from.stuck_since_ns;
    for (std::int64_t wait_ns = 200'000'000; again_ns < now_ns;) {
        again_ns += wait_ns;
        wait_ns = std::min<std::int64_t>(wait_ns * 2, 120'000'000'000);
    }
    from.stuck_since_ns = -1;
    cause_ = from.written_during;
    ship(other_end(from), segment_kind::reset, 0, again_ns - now_ns + latency_ns(from));
}

}  // namespace tina::sim
