// SPDX-License-Identifier: Apache-2.0
// What makes a type a message, and what the runtime knows of it: a wire tag, a name, a size. Checked here at compile
// time; checked again at boot across all types of a system, where two of them may not share a tag.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include "tina/detail/slot.hpp"
#include "tina/detail/type_name.hpp"
#include "tina/export.hpp"

namespace tina::detail {

template <class T>
concept states_its_name = requires {
    { T::tina_name } -> std::convertible_to<std::string_view>;
};

template <class T>
constexpr std::string_view message_name() noexcept {
    if constexpr (states_its_name<T>) {
        return T::tina_name;
    } else {
        return type_name<T>();
    }
}

/// Refuses, each with its reason, what cannot be a message.
template <class T>
consteval bool check_message() {
    static_assert(std::is_class_v<T>, "a tina message must be a struct, so that its name says what it is");
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                  "a tina message must be trivially copyable: it is copied as bytes between mailboxes and shards");
    static_assert(sizeof(T) <= message_bytes_max,
                  "a tina message must not exceed 96 bytes; attach a lease for what is larger");
    static_assert(alignof(T) <= 32, "a tina message must not be aligned to more than 32 bytes");
    static_assert(is_portable_name(message_name<T>()),
                  "a tina message must be named at namespace scope, outside anonymous namespaces and functions; "
                  "a template must state `static constexpr std::string_view tina_name`");
    return true;
}

/// Identifies a message type on the wire: its tag, and its size above, in one comparison.
using message_key = std::uint64_t;

/// A hash of what a message says, for simulations; of its bytes where those say it all.
using message_digest = std::uint64_t (*)(const void* content);

struct message_info {
    std::string_view name;
    std::uint32_t tag = 0;
    std::uint32_t bytes = 0;
    std::uint32_t alignment = 0;
    const std::type_info* type = nullptr;  ///< null where there is no run-time type information
    bool is_plain = false;                 ///< its bytes say it all: no padding, no two ways to say the same
    message_digest digest = nullptr;       ///< where they do not: tina_digest(const T&), if there is one

    [[nodiscard]] constexpr message_key key() const noexcept { return (std::uint64_t{bytes} << 32) | tag; }
};

/// Bytes of a message that travel: none for an empty struct, which would otherwise carry a byte of nothing.
template <class T>
inline constexpr std::uint32_t message_bytes = std::is_empty_v<T> ? 0 : static_cast<std::uint32_t>(sizeof(T));

template <class T>
constexpr const std::type_info* type_info_of() noexcept {
#ifdef __cpp_rtti
    return &typeid(T);
#else
    return nullptr;
#endif
}

/// A message whose bytes do not say it all may come with a function that does, for simulations.
template <class T>
concept states_its_digest = requires(const T& content) {
    { tina_digest(content) } -> std::convertible_to<std::uint64_t>;
};

template <class T>
inline constexpr bool is_plain_message = std::is_empty_v<T> || std::has_unique_object_representations_v<T>;

template <class T>
constexpr message_digest digest_of_message() noexcept {
    if constexpr (states_its_digest<T>) {
        return [](const void* content) -> std::uint64_t { return tina_digest(*static_cast<const T*>(content)); };
    } else {
        return nullptr;
    }
}

template <class T>
    requires(check_message<T>())
inline constexpr message_info message_info_of{
    message_name<T>(), name_hash(message_name<T>()), message_bytes<T>,      static_cast<std::uint32_t>(alignof(T)),
    type_info_of<T>(), is_plain_message<T>,          digest_of_message<T>()};

template <class T>
inline constexpr message_key message_key_of = message_info_of<T>.key();

/// A message type that the program waits for as a reply. Simulations must know them all; nothing else does.
struct reply_info {
    const message_info* what = nullptr;
    const reply_info* next = nullptr;
};

/// Enters one in the program's list. At static initialisation only.
TINA_EXPORT const reply_info& enter_reply(reply_info& which) noexcept;
[[nodiscard]] TINA_EXPORT const reply_info* first_reply() noexcept;

template <class Reply>
struct reply_of {
    inline static constinit reply_info self{&message_info_of<Reply>, nullptr};
    inline static const reply_info& entered = enter_reply(self);
};

}  // namespace tina::detail
