// SPDX-License-Identifier: Apache-2.0
// TCP of the simulated hosts: the sockets of their kernels as the reactor's system calls see them, and the segments
// between them. A connection is one record for both ends, which goes when neither end knows of it any more. Owned by
// the network; a reactor holds plain pointers to ends and listeners, and lets go of them at close or power loss.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "reactor/reactor.hpp"
#include "sim/network_bytes.hpp"
#include "sim/network_core.hpp"
#include "sim/network_links.hpp"
#include "tina/socket_option.hpp"

namespace tina::sim {

inline constexpr std::size_t socket_option_count = 9;

/// The options of a socket, by socket_option, as they are read back.
struct socket_settings {
    std::array<std::int32_t, socket_option_count> values{0, 0, 7200, 75, 9, 131'072, 16'384, 0, 0};
    std::uint32_t receive_bytes = 0;  ///< as asked for; 0: the network's window
    std::uint32_t send_bytes = 0;

    [[nodiscard]] std::int32_t& at(socket_option which) noexcept { return values[static_cast<std::size_t>(which)]; }
    [[nodiscard]] std::int32_t at(socket_option which) const noexcept {
        return values[static_cast<std::size_t>(which)];
    }
};

/// Who is told about a socket: a reactor.
class socket_user {
public:
    /// There may be something now: bytes, room, a connection, an end. `cause` is the event that brought it.
    virtual void on_ready(int descriptor, std::uint64_t cause) = 0;
    /// A connection request has ended: 0 or -errno.
    virtual void on_connected(int descriptor, int result, std::uint64_t cause) = 0;

protected:
    ~socket_user() = default;
};

/// Where a socket belongs.
struct socket_place {
    socket_user* user = nullptr;
    int descriptor = -1;
    std::uint16_t shard = 0;
};

enum class segment_kind : std::uint8_t { request, answer, confirm, data, end, end_heard, reset, window };

/// What is on its way in one direction.
struct segment {
    std::int64_t due_ns = 0;
    std::uint64_t cause = 0;
    std::uint32_t bytes = 0;
    segment_kind kind{};
    bool lost = false;     ///< once at least: what comes is sent again
    bool counted = false;  ///< among what is on its way to a host that could take it
};

/// Segments of one direction, in order.
class segment_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == items_.size(); }
    [[nodiscard]] std::span<segment> all() noexcept { return std::span(items_).subspan(head_); }
    [[nodiscard]] segment& front() noexcept { return items_[head_]; }
    void push(const segment& what) { items_.push_back(what); }
    void pop() {
        if (++head_ == items_.size()) return clear();
        if (head_ < 32 || head_ * 2 < items_.size()) return;
        items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
    void clear() {
        items_.clear();
        head_ = 0;
    }
    void keep_first(std::size_t count) { items_.resize(head_ + count); }

private:
    std::vector<segment> items_;
    std::size_t head_ = 0;
};

enum class end_state : std::uint8_t {
    absent,      ///< its host knows of no such socket
    connecting,  ///< has asked
    awaited,     ///< has answered a request
    open,
    closed,  ///< over, but for its descriptor
};

struct tcp_connection;

/// One end of a connection, and the direction in which it sends.
struct tcp_end {
    tcp_connection* of = nullptr;
    host_state* at = nullptr;
    end_state state = end_state::absent;
    bool orphan = false;      ///< it has no descriptor, nor will it have one
    bool end_wanted = false;  ///< sends no more
    bool end_sent = false;
    bool end_heard = false;  ///< the other end has said so of the end that was sent
    bool end_received = false;
    bool receiving_shut = false;
    std::int32_t error = 0;  ///< to be told once; -errno
    socket_place place;
    tcp_listener* listener = nullptr;  ///< from which it is still to be accepted
    address local;
    address peer;
    std::uint32_t window_bytes = 0;    ///< received and not read, at most
    std::uint32_t room_bytes = 0;      ///< written and not sent, at most
    std::uint32_t stuck_limit_ms = 0;  ///< until it gives up unanswered bytes; 0: the system's default

    byte_queue bytes;             ///< written here and not yet read there
    std::uint64_t sent = 0;       ///< position up to which bytes have gone
    std::uint64_t arrived = 0;    ///< position up to which they have come
    std::uint64_t edge = 0;       ///< position up to which this end knows that it may send
    std::uint64_t edge_told = 0;  ///< the same, as the other end has said it last
    segment_queue way;
    std::int64_t last_due_ns = 0;
    std::int64_t stuck_since_ns = -1;  ///< since when bytes are without an answer; -1: they are not
    std::uint64_t written_during = 0;  ///< event during which the last bytes were written
    std::uint64_t arrival = 0;         ///< event that brought the last that came to this end
    entity who;
};

struct tcp_connection {
    std::array<tcp_end, 2> ends;  ///< of who asked, and of who was asked
    std::uint64_t serial = 0;     ///< among all connections of the network
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    std::int64_t asked_ns = 0;
    std::uint8_t requests = 0;  ///< connection requests sent
    bool silenced = false;
    bool timeout_set = false;
    bool waits_for_room = false;  ///< counted: its request is going to be sent again to a full backlog
};

/// A listening socket.
struct tcp_listener {
    host_state* at = nullptr;
    socket_place place;
    address local;
    bool only_ip6 = false;
    bool reuse_port = false;
    std::uint32_t backlog = 0;
    std::uint32_t awaited = 0;    ///< requests answered and not yet confirmed
    std::vector<tcp_end*> ready;  ///< to be accepted, the oldest first
    socket_settings settings;
};

/// A socket that asks for a connection.
struct tcp_opening {
    socket_place place;
    address_family family = address_family::ip4;
    const socket_settings* settings = nullptr;
    std::string_view name;  ///< of the connection
};

class tcp final : public due_target {
public:
    tcp(network_core& core, links& between) : core_(&core), links_(&between) {}

    // The system calls: >= 0 or -errno. What would wait answers -EAGAIN, and on_ready() says when to look again.

    /// What is called until the next of these follows from that event.
    void follow(std::uint64_t cause) noexcept { cause_ = cause; }
    [[nodiscard]] int listen(host& at, const tina::detail::listen_options& options, const socket_place& place,
                             tcp_listener*& made);
    /// The end that asks. on_connected() follows.
    [[nodiscard]] int connect(host& from, const tcp_opening& opening, const address& peer, tcp_end*& made);
    /// The oldest connection that waits, with `place` from then on.
    [[nodiscard]] tcp_end* accept(tcp_listener& at, socket_user* user) noexcept;
    [[nodiscard]] int read(tcp_end& at, std::span<std::byte> out);
    [[nodiscard]] int write(tcp_end& at, std::span<const std::byte> data, bool whole);
    [[nodiscard]] int shutdown(tcp_end& at, bool receiving, bool sending);
    void close(tcp_end& at, bool reset);
    void close(tcp_listener& at);
    /// Whether a read would not wait.
    [[nodiscard]] bool is_readable(const tcp_end& at) const noexcept;

    void power_off(host_state& what);
    void power_on(host_state& what);
    /// A link takes what it held.
    void joined(host_state& from, host_state& to);

    [[nodiscard]] bool at_rest() const noexcept { return under_way_ == 0; }
    [[nodiscard]] std::size_t connection_count() const noexcept { return connections_.size() - free_.size(); }
    [[nodiscard]] mutant planted() const noexcept { return core_->planted; }
    [[nodiscard]] event_log& log() const noexcept { return core_->log; }

    void on_due(std::uint64_t argument) override;

private:
    enum class due : std::uint8_t { arrival, request, timeout, stuck, no_route };

    // Opening, sim/network_open.cpp.
    [[nodiscard]] bool is_in_use(const host_state& at, const tcp_listener& wanted) const noexcept;
    [[nodiscard]] std::uint16_t free_port(host_state& at) noexcept;
    [[nodiscard]] int route(host_state& from, address& peer, address& local, host_state*& to) const noexcept;
    [[nodiscard]] tcp_listener* listener_for(const tcp_connection& asking) const noexcept;
    void name_ends(tcp_connection& made, std::string_view name) const;
    void request(tcp_connection& asking);
    void ask(tcp_connection& asking);
    void ask_again_later(tcp_connection& asking);
    void set_timeout(tcp_connection& asking);
    void request_arrived(tcp_connection& asking);
    void answer_arrived(tcp_connection& asking);
    void confirmation_arrived(tcp_connection& asking);
    void refuse(tcp_connection& asking);
    void connecting_failed(tcp_end& asking, int error);
    void stop_waiting_for_room(tcp_connection& asking) noexcept;
    void open(tcp_end& at, const tcp_end& other) noexcept;

    // Segments, sim/network_way.cpp.
    void ship(tcp_end& from, segment_kind kind, std::uint32_t bytes, std::int64_t extra_ns);
    void ship(tcp_end& from, segment_kind kind) { ship(from, kind, 0, 0); }
    [[nodiscard]] std::int64_t latency_ns(const tcp_end& from) const noexcept;
    [[nodiscard]] std::int64_t decided_delay_ns(tcp_end& from);
    void pump(tcp_end& from);
    struct piece {
        std::uint32_t bytes = 0;
        bool cut = false;  ///< more could have gone in one
    };
    [[nodiscard]] piece next_piece(tcp_end& from);
    [[nodiscard]] std::int64_t decided_gap_ns(tcp_end& from);
    void send_segment(tcp_end& from, segment_kind kind, std::uint32_t bytes);
    void tell_window(tcp_end& reader);
    void deliver(tcp_end& from);
    void arrive(tcp_end& from, const segment& what);
    void arrive_nowhere(tcp_end& from, const segment& what);
    void data_arrived(tcp_end& at, const segment& what);
    void end_arrived(tcp_end& at);
    void reset_arrived(tcp_end& at);
    void swap_with_next(tcp_end& from, const segment& what);
    void go_on(tcp_end& from);
    void stuck(tcp_end& from);
    void give_up_if_stuck(tcp_end& from);

    // Ends.
    [[nodiscard]] tcp_connection& take_connection();
    void free_if_forgotten(tcp_connection& what);
    [[nodiscard]] std::vector<tcp_connection*> all_by_age() const;
    void abort(tcp_end& at, int error);
    void finish(tcp_end& at);
    void vanish(tcp_end& at);
    void keep_what_is_under_way(tcp_end& from);
    void send_again(tcp_end& from);
    void uncount(tcp_end& from) noexcept;
    [[nodiscard]] static int take_error(tcp_end& at) noexcept;
    [[nodiscard]] int take_error_as_planted(tcp_end& at) const noexcept;
    void notify(tcp_end& at) const;
    void record(event_kind kind, const tcp_end& at, std::uint32_t detail, std::uint64_t payload = 0);
    [[nodiscard]] std::uint64_t hash_of_bytes(const tcp_end& from, std::uint64_t position, std::uint32_t count);
    void schedule(due what, const tcp_end& at, std::int64_t at_ns);

    network_core* core_;
    links* links_;
    std::uint64_t cause_ = 0;
    std::uint64_t under_way_ = 0;
    std::uint64_t serial_ = 0;
    std::vector<std::unique_ptr<tcp_connection>> connections_;  ///< by index
    std::vector<std::uint32_t> generations_;
    std::vector<std::uint32_t> free_;
    std::vector<std::byte> scratch_;
};

[[nodiscard]] inline tcp_end& other_end(tcp_end& one) noexcept {
    return one.of->ends[&one == one.of->ends.data() ? 1 : 0];
}
[[nodiscard]] inline const tcp_end& other_end(const tcp_end& one) noexcept {
    return one.of->ends[&one == one.of->ends.data() ? 1 : 0];
}

// Addresses.

/// An IPv4 address that is written as an IPv6 one becomes an IPv4 address.
[[nodiscard]] address canonical(const address& what) noexcept;
/// The same as a socket of a family names it.
[[nodiscard]] address as_family(const address& what, address_family family) noexcept;
[[nodiscard]] bool is_any(const address& what) noexcept;
[[nodiscard]] bool is_loopback(const address& what) noexcept;
[[nodiscard]] bool same_ip(const address& one, const address& other) noexcept;

}  // namespace tina::sim
