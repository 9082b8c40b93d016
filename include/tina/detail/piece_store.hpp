// SPDX-License-Identifier: Apache-2.0
// What readers of lines and of frames share: the received piece that is being read, under whatever lease it came, and
// a bounded store for what began in earlier pieces. Owned by a reader; it never allocates and never reads a byte twice.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "tina/assert.hpp"

namespace tina::detail {

inline constexpr std::size_t byte_owner_bytes_max = 64;

/// Owns bytes and cannot be copied, such as `tina::buffer_lease`. What can be copied may own nothing: a span.
template <class T>
concept byte_owner =
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T> && !std::is_copy_constructible_v<T> &&
    sizeof(T) <= byte_owner_bytes_max && alignof(T) <= alignof(std::max_align_t) && requires(const T& owner) {
        { owner.data() } -> std::convertible_to<const std::byte*>;
        { owner.size() } -> std::convertible_to<std::size_t>;
    };

/// One byte owner of any type, in place.
class any_byte_owner {
public:
    any_byte_owner() = default;
    any_byte_owner(const any_byte_owner&) = delete;
    any_byte_owner& operator=(const any_byte_owner&) = delete;
    ~any_byte_owner() { drop(); }

    /// Takes `owner` in the place of what it had; gives its bytes.
    template <byte_owner Owner>
    std::span<const std::byte> take(Owner&& owner) noexcept {
        drop();
        const auto* const kept = ::new (static_cast<void*>(place_.data())) Owner(std::move(owner));
        destroy_ = [](void* place) noexcept { std::launder(static_cast<Owner*>(place))->~Owner(); };
        return {kept->data(), kept->size()};
    }
    void drop() noexcept {
        if (auto* const destroy = std::exchange(destroy_, nullptr)) destroy(place_.data());
    }

private:
    alignas(std::max_align_t) std::array<std::byte, byte_owner_bytes_max> place_;
    void (*destroy_)(void*) noexcept = nullptr;
};

/// The piece being read, of which rest() is unread, and up to `Bytes` bytes from before it.
template <std::size_t Bytes>
class piece_store {
public:
    template <byte_owner Owner>
    void feed(Owner&& owner) noexcept {
        TINA_ASSERT(rest_.empty(), "a reader was fed before its next() had said that nothing is left to read");
        rest_ = owner_.take(std::move(owner));
    }

    [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }

    /// Gives up what the last item was seen in, if it was the store or the last of the piece.
    void release_item() noexcept {
        if (std::exchange(item_in_store_, false)) stored_ = 0;
        if (rest_.empty()) owner_.drop();
    }

    /// The first `count` bytes of the rest, which they are no part of any more.
    [[nodiscard]] std::span<const std::byte> take(std::size_t count) noexcept {
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }

    /// Keeps the first `count` bytes of the rest; there must be room.
    void store(std::size_t count) noexcept {
        TINA_ASSERT(count <= Bytes - stored_, "a reader kept more bytes than its store has room for");
        if (count > 0) std::memcpy(store_.data() + stored_, take(count).data(), count);
        stored_ += count;
    }
    /// What is kept, as the item to be released next.
    [[nodiscard]] std::span<const std::byte> item_from_store() noexcept {
        item_in_store_ = true;
        return stored();
    }
    void forget() noexcept { stored_ = 0; }
    [[nodiscard]] std::span<const std::byte> stored() const noexcept { return {store_.data(), stored_}; }

    /// All of the piece has been read; its lease goes back at once.
    void finish_piece() noexcept {
        rest_ = {};
        owner_.drop();
    }

private:
    std::span<const std::byte> rest_;
    any_byte_owner owner_;
    bool item_in_store_ = false;
    std::size_t stored_ = 0;
    std::array<std::byte, Bytes> store_;
};

}  // namespace tina::detail
