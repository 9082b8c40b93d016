// SPDX-License-Identifier: Apache-2.0
// Leases on transfer buffers: bytes too many for a message, which travel attached to one, within the shard and across
// shards, without being copied. A lease belongs to one isolate at a time; the runtime takes it back if that dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "tina/assert.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/result.hpp"

namespace tina {

namespace detail {

/// What exclusive and shared leases have in common.
class lease_base {
public:
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
    /// Whether it holds a buffer; false after it was moved from or sent.
    explicit operator bool() const noexcept { return paper_ != nothing; }
    /// The bytes as text.
    [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), bytes_}; }

    /// For the interpreter.
    [[nodiscard]] std::uint32_t paper() const noexcept {
        TINA_ASSERT(paper_ != nothing, "an empty lease was used: it was moved from, or sent already");
        return paper_;
    }
    /// For the interpreter: it has gone elsewhere.
    void forget() noexcept {
        paper_ = nothing;
        data_ = nullptr;
        bytes_ = 0;
    }

protected:
    lease_base() = default;
    lease_base(const taken_attachment& taken, slot_header& holder) noexcept
        : data_(taken.data), bytes_(taken.bytes), paper_(taken.paper), slot_(&holder) {}
    lease_base(lease_base&& other) noexcept
        : data_(other.data_), bytes_(other.bytes_), paper_(other.paper_), slot_(other.slot_) {
        other.forget();
    }
    lease_base& operator=(lease_base&& other) noexcept {
        if (this == &other) return *this;
        drop();
        data_ = other.data_;
        bytes_ = other.bytes_;
        paper_ = other.paper_;
        slot_ = other.slot_;
        other.forget();
        return *this;
    }
    ~lease_base() { drop(); }

    std::byte* data_ = nullptr;
    std::uint32_t bytes_ = 0;
    std::uint32_t paper_ = nothing;
    slot_header* slot_ = nullptr;

private:
    void drop() noexcept {
        if (paper_ != nothing) release_paper(*slot_, paper_);
    }
};

}  // namespace detail

class shared_lease;

/// Bytes that one isolate owns, in a buffer of a shard's transfer pool, or received ones that came attached to a
/// message. Move-only. To pass it on, attach it to a message: `self.send(target, header, std::move(bytes))`.
///
/// It has size(), empty() and text() as a buffer_lease has, and converts to bool: whether it holds a buffer, which it
/// does not after it was moved from or sent.
///
/// Lifetime: until it is dropped, sent, or its isolate ends.
/// Affinity: the isolate that allocated it or took it out of a message.
class [[nodiscard]] lease : public detail::lease_base {
public:
    lease() = default;
    /// Takes what the other holds, which is empty afterwards.
    lease(lease&&) noexcept = default;
    /// Drops what this holds, and takes what the other holds.
    lease& operator=(lease&&) noexcept = default;

    /// The first byte; null if it holds no buffer.
    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    /// The first byte.
    [[nodiscard]] std::byte* begin() const noexcept { return data_; }
    /// Behind the last byte.
    [[nodiscard]] std::byte* end() const noexcept { return data_ + bytes_; }
    /// The bytes, which may be changed in place.
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, bytes_}; }

    /// Keeps the first `bytes` bytes only, at most size(): as many as travel.
    void shrink(std::size_t bytes) noexcept {
        TINA_ASSERT(bytes <= bytes_, "a lease can only shrink");
        bytes_ = static_cast<std::uint32_t>(bytes);
        detail::resize_lease(*slot_, paper(), bytes_);
    }

    /// Makes the bytes immutable, so that many can hold them at once. Leaves this lease empty; if there is an error it
    /// stays as it is.
    ///
    /// Yields: the first share; `errc::no_leases` or `errc::too_large` for received bytes, which must be copied.
    [[nodiscard]] result<shared_lease> share() && noexcept;

    /// For the interpreter.
    lease(const detail::taken_attachment& taken, detail::slot_header& holder) noexcept : lease_base(taken, holder) {}
};

/// A share of bytes that nobody changes any more. The buffer goes home when the last share is dropped, on whatever
/// shard. Move-only: a further share is made by share(), or by sending one. It has size(), empty() and text(), and
/// converts to bool, as a lease does.
///
/// Lifetime, Affinity: as `lease`.
class [[nodiscard]] shared_lease : public detail::lease_base {
public:
    shared_lease() = default;
    /// Takes what the other holds, which is empty afterwards.
    shared_lease(shared_lease&&) noexcept = default;
    /// Drops what this holds, and takes what the other holds.
    shared_lease& operator=(shared_lease&&) noexcept = default;

    /// The first byte; null if it holds no buffer.
    [[nodiscard]] const std::byte* data() const noexcept { return data_; }
    /// The first byte.
    [[nodiscard]] const std::byte* begin() const noexcept { return data_; }
    /// Behind the last byte.
    [[nodiscard]] const std::byte* end() const noexcept { return data_ + bytes_; }
    /// The bytes.
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, bytes_}; }

    /// One more share of the same bytes.
    ///
    /// Yields: it, or `errc::pool_exhausted`.
    [[nodiscard]] result<shared_lease> share() const noexcept {
        const auto made = detail::copy_share(*slot_, paper());
        if (made.error != 0) return result<shared_lease>(detail::packed_error{made.error});
        return shared_lease(made.lease, *slot_);
    }

    /// For the interpreter.
    shared_lease(const detail::taken_attachment& taken, detail::slot_header& holder) noexcept
        : lease_base(taken, holder) {}
};

inline result<shared_lease> lease::share() && noexcept {
    const auto shared = detail::share_lease(*slot_, paper());
    if (shared.error != 0) return result<shared_lease>(detail::packed_error{shared.error});
    forget();
    return shared_lease(shared.lease, *slot_);
}

}  // namespace tina
