// SPDX-License-Identifier: Apache-2.0
// The lease on received bytes: they lie in a buffer of the shard's reactor, which goes back when the lease is dropped.
// It belongs to the isolate that received it and must not outlive it; the runtime takes it back if the isolate dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "tina/assert.hpp"
#include "tina/detail/runtime.hpp"

namespace tina {

/// Received bytes. Move-only.
///
/// Lifetime: the bytes are the isolate's until this is dropped or the isolate ends.
/// Affinity: the isolate that received them.
class [[nodiscard]] buffer_lease {
public:
    /// Takes what `other` holds, which is empty afterwards.
    buffer_lease(buffer_lease&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          bytes_(std::exchange(other.bytes_, 0)),
          buffer_(other.buffer_),
          slot_(other.slot_) {}
    /// Drops what this holds, and takes what `other` holds.
    buffer_lease& operator=(buffer_lease&& other) noexcept {
        if (this != &other) {
            drop();
            data_ = std::exchange(other.data_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
            buffer_ = other.buffer_;
            slot_ = other.slot_;
        }
        return *this;
    }
    ~buffer_lease() { drop(); }

    /// The first byte; null after it was moved from or sent.
    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    /// How many bytes there are.
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
    /// Whether there are none: after it was moved from or sent.
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
    /// The first byte.
    [[nodiscard]] std::byte* begin() const noexcept { return data_; }
    /// Behind the last byte.
    [[nodiscard]] std::byte* end() const noexcept { return data_ + bytes_; }

    /// The bytes, which may be changed in place.
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {data_, bytes_}; }
    /// The bytes as text.
    [[nodiscard]] std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), bytes_}; }

    /// For the interpreter.
    buffer_lease(std::byte* data, std::uint32_t bytes, std::uint16_t buffer, detail::slot_header& holder) noexcept
        : data_(data), bytes_(bytes), buffer_(buffer), slot_(&holder) {}
    [[nodiscard]] std::uint16_t buffer() const noexcept {
        TINA_ASSERT(data_ != nullptr, "an empty lease was used: it was moved from, or sent already");
        return buffer_;
    }
    void forget() noexcept {
        data_ = nullptr;
        bytes_ = 0;
    }

private:
    void drop() noexcept {
        if (data_ != nullptr) detail::release_buffer(*slot_, buffer_);
    }

    std::byte* data_;
    std::uint32_t bytes_;
    std::uint16_t buffer_;
    detail::slot_header* slot_;
};

}  // namespace tina
