// SPDX-License-Identifier: Apache-2.0
// The effects of TCP: accept, connect, recv, send, close. Each takes its socket by reference and keeps only its name;
// each delivers its result only when the kernel has let go of all memory that the effect named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tina/address.hpp"
#include "tina/buffer.hpp"
#include "tina/detail/awaiter.hpp"
#include "tina/result.hpp"
#include "tina/socket.hpp"

namespace tina {

namespace detail {

/// Ends in a new socket: accept and connect.
class socket_awaiter : public awaiter_base<opening_wait> {
public:
    using awaiter_base::awaiter_base;
    [[nodiscard]] result<socket> await_resume() const noexcept {
        if (wait_.error != 0) return result<socket>(packed_error{wait_.error});
        return socket(shard_of(*slot_), wait_.made);
    }
};

struct accept_effect : timed_effect<accept_effect> {
    inline static constexpr std::string_view name = "accept";
    descriptor_ref from;

    class awaiter : public socket_awaiter {
    public:
        awaiter(slot_header& self, const accept_effect& what) noexcept : socket_awaiter(self) {
            begin_accept(self, wait_, what.from, what.until);
        }
        awaiter(slot_header& self, const accept_effect& what, arm_plan& plan) noexcept : socket_awaiter(self) {
            plan_arm(plan, wait_kind::accept, what.until);
            wait_.descriptor = nothing;
            plan.from = what.from;
        }
    };
};

struct connect_effect : timed_effect<connect_effect> {
    inline static constexpr std::string_view name = "connect";
    address peer;

    class awaiter : public socket_awaiter {
    public:
        awaiter(slot_header& self, const connect_effect& what) noexcept : socket_awaiter(self) {
            begin_connect(self, wait_, what.peer, what.until);
        }
    };
};

struct recv_effect : timed_effect<recv_effect> {
    inline static constexpr std::string_view name = "recv";
    descriptor_ref from;
    std::uint32_t bytes_max;

    class awaiter : public awaiter_base<recv_wait> {
    public:
        awaiter(slot_header& self, const recv_effect& what) noexcept : awaiter_base(self) {
            wait_.bytes = what.bytes_max;
            begin_recv(self, wait_, what.from, what.until);
        }
        awaiter(slot_header& self, const recv_effect& what, arm_plan& plan) noexcept : awaiter_base(self) {
            plan_arm(plan, wait_kind::recv, what.until);
            wait_.descriptor = nothing;
            wait_.bytes = what.bytes_max;
            plan.from = what.from;
        }
        [[nodiscard]] result<buffer_lease> await_resume() const noexcept {
            if (wait_.error != 0) return result<buffer_lease>(packed_error{wait_.error});
            return buffer_lease(wait_.data, wait_.bytes, wait_.buffer, *slot_);
        }
    };
};

/// Writes what is there to each page of a handler's memory that the runtime is going to write to: a bad address is
/// found here, where it costs the handler only.
inline void touch_for_writing(std::byte* data, std::size_t bytes) noexcept {
    constexpr std::size_t page_bytes = 4096;
    volatile std::byte* const there = data;
    for (std::size_t at = 0; at < bytes; at += page_bytes) there[at] = there[at];
    if (bytes > 0) there[bytes - 1] = there[bytes - 1];
}

struct recv_into_effect : timed_effect<recv_into_effect> {
    inline static constexpr std::string_view name = "recv_into";
    descriptor_ref from;
    std::byte* data;
    std::uint32_t bytes_max;

    class awaiter : public awaiter_base<recv_into_wait> {
    public:
        awaiter(slot_header& self, const recv_into_effect& what) noexcept : awaiter_base(self) {
            wait_.data = what.data;
            wait_.bytes_max = what.bytes_max;
            touch_for_writing(what.data, what.bytes_max);
            begin_recv_into(self, wait_, what.from, what.until);
        }
        [[nodiscard]] result<std::size_t> await_resume() const noexcept {
            if (wait_.error != 0) return result<std::size_t>(packed_error{wait_.error});
            return std::size_t{wait_.bytes};
        }
    };
};

struct send_effect : timed_effect<send_effect> {
    inline static constexpr std::string_view name = "send";
    descriptor_ref to;
    bool whole;
    const std::byte* data;
    std::size_t bytes;

    class awaiter : public awaiter_base<send_wait> {
    public:
        awaiter(slot_header& self, const send_effect& what) noexcept : awaiter_base(self) {
            wait_.whole = what.whole;
            wait_.data = what.data;
            wait_.bytes = what.bytes;
            begin_send(self, wait_, what.to, what.until);
        }
        [[nodiscard]] send_outcome await_resume() const noexcept { return {packed_error{wait_.error}, wait_.bytes}; }
    };
};

struct close_effect {
    inline static constexpr std::string_view name = "close";
    descriptor_ref what;
    deadline until;

    [[nodiscard]] constexpr or_crash_effect<close_effect> or_crash() const noexcept { return {*this}; }

    class awaiter : public awaiter_base<descriptor_wait> {
    public:
        awaiter(slot_header& self, const close_effect& effect) noexcept : awaiter_base(self) {
            begin_close(self, wait_, effect.what, effect.until);
        }
        result<void> await_resume() const noexcept { return result<void>(packed_error{wait_.error}); }
    };
};

template <class T>
concept readable = std::is_same_v<T, socket> || std::is_same_v<T, read_half>;
template <class T>
concept writable = std::is_same_v<T, socket> || std::is_same_v<T, write_half>;

}  // namespace detail

/// Takes the next connection. A connection that comes while nobody accepts waits: one here, the rest in the backlog.
/// When the process or the shard is out of descriptors, connections wait until one is free.
///
/// Yields:   `result<socket>`; `errc::deadline`, `errc::interrupted` (once, at shutdown), `errc::listener_closed`
///           (since then), `errc::busy`, `errc::no_timers`, or the kernel's error.
/// Affinity: the shard that owns `from`.
/// Source:   io_uring_prep_accept(3).
[[nodiscard]] inline detail::accept_effect accept(const listener& from) noexcept { return {{}, from.ref()}; }

/// Opens a connection to `peer`.
///
/// Yields:   `result<socket>`; `errc::deadline` (the attempt has ended), `errc::no_descriptors`, `errc::no_timers`,
///           or the kernel's error.
/// Source:   io_uring_prep_connect(3).
[[nodiscard]] inline detail::connect_effect connect(const address& peer) noexcept { return {{}, peer}; }

/// Receives at most `bytes_max` bytes from `peer` (a socket or a read half). When the deadline comes first nothing is
/// lost: what arrives later waits for the next recv.
///
/// Units:    `bytes_max` in bytes, 1 to `shard_limits::buffer_bytes`; more is the same as that.
/// Yields:   `result<buffer_lease>`, never empty; `errc::end_of_stream`, `errc::deadline`, `errc::interrupted` (once,
///           at shutdown), `errc::no_buffers` if this isolate already holds `shard_limits::leases_per_isolate`,
///           `errc::bad_descriptor`, `errc::busy`, `errc::no_timers`, or the kernel's error.
/// Lifetime: the bytes are the caller's until the lease is dropped or the isolate ends.
/// Affinity: the isolate that owns `peer`.
/// Cost:     no allocation; one submission entry. An idle wait holds no buffer.
/// Source:   io_uring_prep_recv(3).
template <detail::readable Socket>
[[nodiscard]] detail::recv_effect recv(const Socket& peer, std::uint32_t bytes_max) noexcept {
    return {{}, peer.ref(), bytes_max};
}

/// Receives at most `into.size()` bytes from `peer` into memory of the isolate.
///
/// Yields:   `result<std::size_t>`, at least 1; errors as recv(), but never `errc::no_buffers`.
/// Lifetime: `into` must stay until the result is there; the kernel never writes to it.
/// Cost:     as recv(), and a copy.
template <detail::readable Socket>
[[nodiscard]] detail::recv_into_effect recv_into(const Socket& peer, std::span<std::byte> into) noexcept {
    return {{}, peer.ref(), into.data(), static_cast<std::uint32_t>(into.size() > INT32_MAX ? INT32_MAX : into.size())};
}

/// Sends some of `data` to `peer` (a socket or a write half), as much as goes at once.
///
/// Yields:   `send_outcome` with the bytes that went, at least 1; `errc::deadline`, `errc::empty`,
///           `errc::bad_descriptor`, `errc::busy`, `errc::no_timers`, or the kernel's error.
/// Lifetime: `data` must stay until the result is there, also if the isolate is killed meanwhile: locals, members,
///           arenas and leases do.
/// Source:   io_uring_prep_send(3).
template <detail::writable Socket>
[[nodiscard]] detail::send_effect send(const Socket& peer, std::span<const std::byte> data) noexcept {
    return {{}, peer.ref(), false, data.data(), data.size()};
}

/// Sends all of `data` to `peer`. After an error the bytes that went are known, but the stream is good only for
/// closing.
///
/// Yields, Lifetime, Source: as send().
template <detail::writable Socket>
[[nodiscard]] detail::send_effect send_all(const Socket& peer, std::span<const std::byte> data) noexcept {
    return {{}, peer.ref(), true, data.data(), data.size()};
}
/// The same for received bytes.
template <detail::writable Socket>
[[nodiscard]] detail::send_effect send_all(const Socket& peer, const buffer_lease& data) noexcept {
    return {{}, peer.ref(), true, data.data(), data.size()};
}
/// The same for a text.
template <detail::writable Socket>
[[nodiscard]] detail::send_effect send_all(const Socket& peer, std::string_view data) noexcept {
    return {{}, peer.ref(), true, reinterpret_cast<const std::byte*>(data.data()), data.size()};
}

/// Closes `peer` so that what was sent arrives: ends sending, then reads and throws away what still comes until the
/// peer has closed too, for at most `linger`. A plain close would answer unread bytes with a reset, which can destroy a
/// last answer on its way. The socket is empty of use afterwards, whatever the result.
///
/// Yields: `result<void>`; `errc::deadline` when the peer did not close in time, `errc::bad_descriptor`,
///         `errc::no_timers`.
[[nodiscard]] inline detail::close_effect close(const socket& peer, duration linger) noexcept {
    return {peer.ref(), detail::deadline{linger}};
}
/// The same, until `moment` at the latest.
[[nodiscard]] inline detail::close_effect close(const socket& peer, instant moment) noexcept {
    return {peer.ref(), detail::deadline{moment}};
}

}  // namespace tina
