// SPDX-License-Identifier: Apache-2.0
// The network of a simulated world: hosts, the links between them with their faults, and TCP over them, as Linux does
// it. Owned by the world, used on its thread. It must never tell a sender what became of its bytes in a way that a
// kernel would not, and must schedule nothing while nothing is on its way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/event_log.hpp"
#include "sim/timeline.hpp"
#include "tina/address.hpp"
#include "tina/simulation.hpp"

namespace tina::sim {

/// Errors that tests plant in the network, each to be found by the conformance suite.
enum class mutant : std::uint8_t {
    none,
    no_reset_on_unread,   ///< a close with bytes unread ends the stream in order
    backlog_ignored,      ///< a listening socket takes any number of connections
    only_full_reads,      ///< a receive waits until all that it asked for is there
    no_half_close,        ///< the end of one direction ends the other
    window_ignored,       ///< a sender never has to wait for its reader
    order_of_segments,    ///< two segments change places
    refuse_is_silence,    ///< a port where nobody listens does not answer
    eof_lost,             ///< the end of a stream is not told
    cancel_loses_bytes,   ///< a cancelled send says that nothing went
    reset_loses_bytes,    ///< bytes that came before a reset are thrown away
    reset_told_twice,     ///< a reset is told to all who ask
    close_loses_bytes,    ///< a close throws away what was not sent yet
    closed_peer_answers,  ///< a closed socket takes bytes in
    port_shared,          ///< two sockets may listen on one port
    linger_ignored,       ///< a close that should reset ends the stream in order
    dry_ring_waits,       ///< a receive without a free buffer waits for one
    backlog_kept,         ///< a listening socket that closes leaves its connections open
    peer_kept,            ///< a connection that is gone still has its peer's address
    count_
};

class network;
struct network_core;
class tcp;
class links;

/// A host of the network: a name, addresses, and sockets while it has power.
class host {
public:
    [[nodiscard]] const std::string& name() const noexcept;
    [[nodiscard]] std::uint16_t machine() const noexcept;
    [[nodiscard]] bool is_up() const noexcept;

    host(const host&) = delete;
    host& operator=(const host&) = delete;

protected:
    host() = default;
    ~host() = default;
};

class network {
public:
    network(timeline& time, decisions& choices, event_log& log);
    ~network();
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    /// A host that is up. 127.0.0.0/8 and ::1 mean the host itself, and need not be among its addresses.
    host& add_host(std::string_view name, std::uint16_t machine, std::vector<address> addresses);

    void set_options(const network_options& wanted);
    /// The faults from now on; those of the sending or connecting host apply, the world's if it has none of its own.
    void set_faults(const faults& wanted);
    void set_faults(host& of, const faults& wanted);

    /// All sockets of the host are gone, and nobody is told. Its reactors take and give nothing any more.
    void power_off(host& what);
    /// The host answers again; make it new reactors.
    void power_on(host& what);

    /// Cuts one direction between two hosts. What is on its way is held until it is joined again.
    void cut(const host& from, const host& to);
    void join(const host& from, const host& to);
    /// Ends all partitions and clogs, those of cut() too.
    void heal();
    /// The same between hosts of which `is_in_core` holds. What holds other links stays until thaw(), whatever its
    /// time.
    void heal(const std::function<bool(const host&)>& is_in_core);
    void thaw();

    /// Whether nothing is on its way to a host that could take it.
    [[nodiscard]] bool at_rest() const noexcept;

    /// Told the name of each connection, direction and link that decides or is named in events, when it comes to be.
    void set_name_listener(std::function<void(std::uint64_t id, std::string_view name)> listener);

    /// How many connections there are, those that only one side still knows included.
    [[nodiscard]] std::size_t connection_count() const noexcept;

    /// For tests only.
    void plant(mutant which) noexcept;

    [[nodiscard]] tcp& sockets() noexcept { return *tcp_; }

private:
    std::unique_ptr<network_core> core_;
    std::unique_ptr<links> links_;
    std::unique_ptr<tcp> tcp_;
};

}  // namespace tina::sim
