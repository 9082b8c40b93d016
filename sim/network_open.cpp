// SPDX-License-Identifier: Apache-2.0
// How connections come about: listening, asking, the three steps of the handshake, and what becomes of requests that
// are refused or not heard.
#include <algorithm>
#include <cerrno>

#include "sim/network_tcp.hpp"

namespace tina::sim {

namespace {

constexpr std::uint16_t first_port = 32'768;
constexpr std::uint16_t last_port = 60'999;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t no_route_ns = 3 * second_ns;  ///< until nobody has answered for an address
constexpr std::uint8_t requests_max = 7;

[[nodiscard]] bool covers(const tcp_listener& what, const address& local) noexcept {
    if (!is_any(what.local)) return same_ip(what.local, local);
    if (what.local.family == local.family) return true;
    return what.local.family == address_family::ip6 && !what.only_ip6;
}

[[nodiscard]] bool overlap(const tcp_listener& one, const tcp_listener& other) noexcept {
    if (!is_any(one.local)) return covers(other, one.local);
    if (!is_any(other.local)) return covers(one, other.local);
    return one.local.family == other.local.family || !(one.only_ip6 || other.only_ip6);
}

[[nodiscard]] std::uint32_t or_default(std::uint32_t wanted, std::uint32_t otherwise) noexcept {
    return wanted != 0 ? wanted : otherwise;
}

}  // namespace

// ---- listening

bool tcp::is_in_use(const host_state& at, const tcp_listener& wanted) const noexcept {
    if (at.ports.contains(wanted.local.port)) return true;
    if (core_->planted == mutant::port_shared) return false;
    return std::any_of(at.listeners.begin(), at.listeners.end(), [&](const auto& each) {
        const bool shared = each->reuse_port && wanted.reuse_port;
        return each->local.port == wanted.local.port && !shared && overlap(*each, wanted);
    });
}

std::uint16_t tcp::free_port(host_state& at) noexcept {
    for (int tries = 0; tries <= last_port - first_port; ++tries) {
        if (at.next_port < first_port || at.next_port > last_port) at.next_port = first_port;
        const std::uint16_t port = at.next_port++;
        const bool taken = at.ports.contains(port) || std::any_of(at.listeners.begin(), at.listeners.end(),
                                                                  [&](auto& each) { return each->local.port == port; });
        if (!taken) return port;
    }
    return 0;
}

int tcp::listen(host& at, const tina::detail::listen_options& options, const socket_place& place, tcp_listener*& made) {
    host_state& where = state_of(at);
    auto wanted = std::make_unique<tcp_listener>();
    wanted->at = &where;
    wanted->place = place;
    wanted->local = canonical(options.local);
    wanted->only_ip6 = options.only_ip6;
    wanted->reuse_port = options.reuse_port;
    wanted->backlog = options.backlog;
    const address& local = wanted->local;
    if (!is_any(local) && !is_loopback(local) && !where.has(local)) return -EADDRNOTAVAIL;
    if (local.port == 0) wanted->local.port = free_port(where);
    if (wanted->local.port == 0 || is_in_use(where, *wanted)) return -EADDRINUSE;
    made = wanted.get();
    where.listeners.push_back(std::move(wanted));
    return 0;
}

tcp_end* tcp::accept(tcp_listener& at, socket_user* user) noexcept {
    if (at.ready.empty()) return nullptr;
    tcp_end* const made = at.ready.front();
    at.ready.erase(at.ready.begin());
    made->listener = nullptr;
    made->orphan = false;
    made->place = at.place;
    made->place.user = user;
    return made;
}

void tcp::close(tcp_listener& at) {
    std::vector<tcp_connection*> concerned;
    for (auto& each : connections_) {
        if (each == nullptr || each->ends[1].listener != &at) continue;
        each->ends[1].listener = nullptr;
        concerned.push_back(each.get());
    }
    for (tcp_connection* each : concerned) {
        tcp_end& end = each->ends[1];
        if (end.state == end_state::awaited || core_->planted == mutant::backlog_kept) continue;
        close(end, true);
    }
    auto& all = at.at->listeners;
    all.erase(std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.get() == &at; }));
}

// ---- asking

int tcp::route(host_state& from, address& peer, address& local, host_state*& to) const noexcept {
    if (is_any(peer))
        peer.bytes = peer.family == address_family::ip4
                         ? address{{127, 0, 0, 1}}.bytes
                         : address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}.bytes;
    local = peer;
    local.port = 0;
    to = nullptr;
    if (is_loopback(peer) || from.has(peer)) {
        to = &from;
        if (is_loopback(peer) && peer.family == address_family::ip4) local.bytes = address{{127, 0, 0, 1}}.bytes;
        return 0;
    }
    const auto own = std::find_if(from.addresses.begin(), from.addresses.end(),
                                  [&](const address& each) { return each.family == peer.family; });
    if (own == from.addresses.end()) return -ENETUNREACH;
    local.bytes = own->bytes;
    const auto found =
        std::find_if(core_->hosts.begin(), core_->hosts.end(), [&](const auto& each) { return each->has(peer); });
    if (found != core_->hosts.end()) to = found->get();
    return 0;
}

void tcp::name_ends(tcp_connection& made, std::string_view name) const {
    made.ends[0].who = core_->named(std::string(name));
    made.ends[1].who = core_->named(std::string(name) + " back");
}

int tcp::connect(host& from, const tcp_opening& opening, const address& peer, tcp_end*& made) {
    host_state& here = state_of(from);
    if (opening.family != peer.family) return opening.family == address_family::ip4 ? -EAFNOSUPPORT : -EINVAL;
    address remote = canonical(peer);
    address local;
    host_state* there = nullptr;
    if (const int error = route(here, remote, local, there); error < 0) return error;
    local.port = free_port(here);
    if (local.port == 0) return -EADDRNOTAVAIL;
    here.ports.insert(local.port);
    tcp_connection& asking = take_connection();
    name_ends(asking, opening.name);
    tcp_end& end = asking.ends[0];
    end.at = &here;
    end.state = end_state::connecting;
    end.place = opening.place;
    end.local = local;
    end.peer = remote;
    end.window_bytes = or_default(opening.settings->receive_bytes, core_->options.window_bytes);
    end.room_bytes = or_default(opening.settings->send_bytes, core_->options.window_bytes);
    end.stuck_limit_ms = static_cast<std::uint32_t>(opening.settings->at(socket_option::user_timeout_ms));
    asking.ends[1].at = there != nullptr ? there : &here;
    asking.ends[1].local = remote;
    asking.ends[1].peer = local;
    asking.asked_ns = core_->time.now_ns();
    record(event_kind::net_connect, end, remote.port);
    end.written_during = cause_;
    made = &end;
    if (there == nullptr) {
        schedule(due::no_route, end, asking.asked_ns + no_route_ns);
    } else {
        request(asking);
    }
    return 0;
}

/// The request goes out, unless the network has decided otherwise.
void tcp::request(tcp_connection& asking) {
    tcp_end& end = asking.ends[0];
    if (end.at != asking.ends[1].at) {
        const faults& some = core_->faults_of(*end.at);
        if (core_->choices.happens(site::net_silence, end.who, ratio_of(some.net_silence))) {
            cause_ = core_->record_fault(site::net_silence, end.who, 1, *end.at, cause_);
            asking.silenced = true;
            return set_timeout(asking);
        }
        if (core_->choices.happens(site::net_refuse, end.who, ratio_of(some.net_refuse))) {
            cause_ = core_->record_fault(site::net_refuse, end.who, 1, *end.at, cause_);
            return ship(asking.ends[1], segment_kind::reset, 0, latency_ns(end));
        }
    }
    ask(asking);
}

void tcp::ask(tcp_connection& asking) {
    stop_waiting_for_room(asking);
    ++asking.requests;
    ship(asking.ends[0], segment_kind::request, 0, decided_delay_ns(asking.ends[0]));
}

/// As Linux does by default: one second after the first request, and then after twice as long each time.
void tcp::ask_again_later(tcp_connection& asking) {
    if (asking.ends[0].state != end_state::connecting) return;
    set_timeout(asking);
    if (asking.requests == 0 || asking.requests >= requests_max) return;
    const std::int64_t until_next = ((std::int64_t{1} << asking.requests) - 1) * second_ns;
    schedule(due::request, asking.ends[0], asking.asked_ns + until_next);
}

void tcp::set_timeout(tcp_connection& asking) {
    if (asking.timeout_set) return;
    asking.timeout_set = true;
    schedule(due::timeout, asking.ends[0], asking.asked_ns + core_->options.connect_timeout.count());
}

void tcp::stop_waiting_for_room(tcp_connection& asking) noexcept {
    if (asking.waits_for_room) --under_way_;
    asking.waits_for_room = false;
}

// ---- being asked

tcp_listener* tcp::listener_for(const tcp_connection& asking) const noexcept {
    const tcp_end& asked = asking.ends[1];
    for (const bool exact : {true, false}) {
        std::vector<tcp_listener*> found;
        for (const auto& each : asked.at->listeners) {
            if (each->local.port == asked.local.port && is_any(each->local) != exact && covers(*each, asked.local)) {
                found.push_back(each.get());
            }
        }
        // Which of several that share a port is asked follows from the connection's name, as elsewhere from its ports.
        if (!found.empty()) return found[static_cast<std::size_t>(asking.ends[0].who.id % found.size())];
    }
    return nullptr;
}

void tcp::refuse(tcp_connection& asking) {
    if (core_->planted == mutant::refuse_is_silence) return ask_again_later(asking);
    ship(asking.ends[1], segment_kind::reset);
}

void tcp::request_arrived(tcp_connection& asking) {
    tcp_end& asked = asking.ends[1];
    tcp_listener* const found = listener_for(asking);
    if (found == nullptr) return refuse(asking);
    const bool full = found->ready.size() + found->awaited > found->backlog;
    if (full && core_->planted != mutant::backlog_ignored) {
        if (asking.ends[0].state == end_state::connecting && !asking.waits_for_room) {
            asking.waits_for_room = true;
            ++under_way_;
        }
        return ask_again_later(asking);
    }
    asked.state = end_state::awaited;
    asked.orphan = true;
    asked.listener = found;
    asked.place = {.user = nullptr, .descriptor = -1, .shard = found->place.shard};
    asked.window_bytes = or_default(found->settings.receive_bytes, core_->options.window_bytes);
    asked.room_bytes = or_default(found->settings.send_bytes, core_->options.window_bytes);
    asked.stuck_limit_ms = static_cast<std::uint32_t>(found->settings.at(socket_option::user_timeout_ms));
    ++found->awaited;
    ship(asked, segment_kind::answer);
}

void tcp::open(tcp_end& at, const tcp_end& other) noexcept {
    at.state = end_state::open;
    at.edge = at.edge_told = other.window_bytes;
}

void tcp::answer_arrived(tcp_connection& asking) {
    tcp_end& end = asking.ends[0];
    if (end.state != end_state::connecting) return ship(end, segment_kind::reset);
    open(end, asking.ends[1]);
    end.arrival = cause_;
    ship(end, segment_kind::confirm);
    if (end.place.user != nullptr) end.place.user->on_connected(end.place.descriptor, 0, cause_);
}

void tcp::confirmation_arrived(tcp_connection& asking) {
    tcp_end& asked = asking.ends[1];
    if (asked.state != end_state::awaited) return;
    tcp_listener* const from = asked.listener;
    if (from == nullptr) {
        asked.state = end_state::absent;
        return ship(asked, segment_kind::reset);
    }
    --from->awaited;
    open(asked, asking.ends[0]);
    from->ready.push_back(&asked);
    record(event_kind::net_accept, asked, asked.local.port);
    asked.arrival = cause_;
    if (from->place.user != nullptr) from->place.user->on_ready(from->place.descriptor, cause_);
}

void tcp::connecting_failed(tcp_end& asking, int error) {
    stop_waiting_for_room(*asking.of);
    asking.at->ports.erase(asking.local.port);
    asking.state = end_state::absent;
    asking.orphan = true;
    socket_user* const user = asking.place.user;
    asking.place.user = nullptr;
    if (user != nullptr) user->on_connected(asking.place.descriptor, error, cause_);
}

}  // namespace tina::sim
