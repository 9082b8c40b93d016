// SPDX-License-Identifier: Apache-2.0
// Owners of descriptors: a socket, its halves, and the name of a listening socket that belongs to the spec. An owner is
// move-only and closes what it owns when it is destroyed; effects refer to it and keep only its generational name.
// They belong to one shard and, within it, to one isolate at a time.
#pragma once

#include <cstdint>
#include <utility>

#include "tina/address.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/result.hpp"
#include "tina/socket_option.hpp"

namespace tina {

namespace detail {

/// What the owning types share.
class descriptor_owner {
public:
    [[nodiscard]] descriptor_ref ref() const noexcept { return ref_; }
    [[nodiscard]] shard* owner() const noexcept { return shard_; }
    /// Whether it owns anything; false after it was moved from.
    explicit operator bool() const noexcept { return shard_ != nullptr; }

protected:
    descriptor_owner() = default;
    descriptor_owner(shard& owner, descriptor_ref what) noexcept : shard_(&owner), ref_(what) {}
    descriptor_owner(descriptor_owner&& other) noexcept
        : shard_(std::exchange(other.shard_, nullptr)), ref_(std::exchange(other.ref_, descriptor_ref{})) {}
    ~descriptor_owner() = default;

    void take(descriptor_owner& other) noexcept {
        shard_ = std::exchange(other.shard_, nullptr);
        ref_ = std::exchange(other.ref_, descriptor_ref{});
    }

    shard* shard_ = nullptr;
    descriptor_ref ref_;
};

template <descriptor_end... Ends>
class ends_owner : public descriptor_owner {
public:
    ends_owner() = default;
    ends_owner(shard& owner, descriptor_ref what) noexcept : descriptor_owner(owner, what) {}
    ends_owner(ends_owner&& other) noexcept = default;
    ends_owner& operator=(ends_owner&& other) noexcept {
        if (this != &other) {
            drop();
            take(other);
        }
        return *this;
    }
    ~ends_owner() { drop(); }

    /// Makes `isolate` the owner; for the interpreter.
    void adopt_by(slot_header& isolate) const noexcept {
        if (shard_ != nullptr) (adopt_descriptor(isolate, ref_, Ends), ...);
    }

private:
    void drop() noexcept {
        shard* const owner = shard_;
        if (owner == nullptr) return;
        shard_ = nullptr;
        (drop_descriptor(*owner, ref_, Ends), ...);
    }
};

}  // namespace detail

/// The receiving direction of a connection. Dropping it ends receiving; the connection closes with the last half.
class read_half : public detail::ends_owner<detail::descriptor_end::read> {
public:
    using ends_owner::ends_owner;
};

/// The sending direction of a connection. Dropping it tells the peer that nothing more will come.
class write_half : public detail::ends_owner<detail::descriptor_end::write> {
public:
    using ends_owner::ends_owner;
};

/// A connection. Closed when it is destroyed or its isolate ends: with an end of stream if the isolate ended well,
/// with a reset if it crashed. Converts to bool: whether it owns a connection, which it does not after it was moved
/// from.
///
/// Affinity: the isolate that owns it; `spawn` passes it on.
class socket : public detail::ends_owner<detail::descriptor_end::read, detail::descriptor_end::write> {
public:
    using ends_owner::ends_owner;

    struct halves;
    /// Both directions as owners of their own, to be given to different isolates. Leaves this socket empty.
    [[nodiscard]] halves split() && noexcept;

    /// Ends sending: the peer reads an end of stream. What was received can still be read.
    ///
    /// Yields: `errc::bad_descriptor`, or the kernel's error.
    /// Source: shutdown(2), SHUT_WR.
    result<void> shutdown_send() const noexcept {
        if (shard_ == nullptr) return errc::bad_descriptor;
        return result<void>(detail::packed_error{detail::shutdown_descriptor(*shard_, ref_, false, true)});
    }

    /// Sets an option of the socket.
    ///
    /// Units:  as `socket_option` says.
    /// Yields: `errc::bad_descriptor`, or the kernel's error.
    /// Source: setsockopt(2).
    result<void> set_option(socket_option option, std::int32_t value) const noexcept {
        if (shard_ == nullptr) return errc::bad_descriptor;
        return result<void>(detail::packed_error{detail::set_descriptor_option(*shard_, ref_, option, value)});
    }

    /// The present value of an option.
    ///
    /// Units:  as `socket_option` says.
    /// Yields: it; `errc::bad_descriptor`, or the kernel's error.
    /// Source: getsockopt(2).
    [[nodiscard]] result<std::int32_t> option(socket_option which) const noexcept {
        if (shard_ == nullptr) return errc::bad_descriptor;
        std::int32_t value = 0;
        if (const auto error = detail::get_descriptor_option(*shard_, ref_, which, value); error != 0) {
            return result<std::int32_t>(detail::packed_error{error});
        }
        return value;
    }

    /// The address of this end.
    ///
    /// Yields: it; `errc::bad_descriptor`, or the kernel's error.
    [[nodiscard]] result<address> local_address() const noexcept { return address_of(false); }
    /// The address of the other end.
    ///
    /// Yields: it; `errc::bad_descriptor`, or the kernel's error, which it is once the other end has gone.
    [[nodiscard]] result<address> peer_address() const noexcept { return address_of(true); }

private:
    [[nodiscard]] result<address> address_of(bool peer) const noexcept {
        if (shard_ == nullptr) return errc::bad_descriptor;
        address found;
        if (const auto error = detail::descriptor_address(*shard_, ref_, peer, found); error != 0) {
            return result<address>(detail::packed_error{error});
        }
        return found;
    }
};

/// Both directions of a connection; empty halves where the socket was empty.
struct socket::halves {
    read_half reading;   ///< for recv()
    write_half writing;  ///< for send() and send_all()
};

inline socket::halves socket::split() && noexcept {
    if (shard_ == nullptr) return {};
    detail::shard& owner = *shard_;
    const detail::descriptor_ref whole = std::exchange(ref_, detail::descriptor_ref{});
    detail::split_descriptor(owner, whole);
    shard_ = nullptr;
    return {read_half(owner, whole), write_half(owner, whole)};
}

/// The name of a listening socket of the spec (`tina::listening`). It owns nothing: the socket and its backlog outlive
/// whoever accepts from it.
class listener {
public:
    /// Names none.
    listener() = default;

    /// The address it is bound to; its port is the one that the system chose where the spec's was 0.
    ///
    /// Yields: it; `errc::bad_descriptor`: it names no socket.
    [[nodiscard]] result<address> local_address() const noexcept {
        if (shard_ == nullptr) return errc::bad_descriptor;
        address found;
        if (const auto error = detail::descriptor_address(*shard_, ref_, false, found); error != 0) {
            return result<address>(detail::packed_error{error});
        }
        return found;
    }

    /// For the runtime.
    explicit listener(detail::shard& owner, detail::descriptor_ref what) noexcept : shard_(&owner), ref_(what) {}
    [[nodiscard]] detail::descriptor_ref ref() const noexcept { return ref_; }

private:
    detail::shard* shard_ = nullptr;
    detail::descriptor_ref ref_;
};

}  // namespace tina
