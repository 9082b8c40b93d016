// SPDX-License-Identifier: Apache-2.0
// What the runtime knows of a handler, as data. One such record per handler, at a fixed address, which identifies it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "tina/detail/message_info.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/fwd.hpp"
#include "tina/message.hpp"

namespace tina::detail {

inline constexpr std::size_t argument_bytes_max = 64;

/// A handler as data.
struct handler_info {
    std::string_view name;
    std::uint32_t argument_bytes = 0;
    std::uint32_t object_bytes = 0;  ///< 0: a function
    std::uint32_t listener_count = 0;
    bool owns_descriptors = false;
    bool stackful = false;  ///< a function that runs on a stack of its own
    bool states_accepts = false;
    bool runs_constructor = false;  ///< building its object runs code of the user's
    const message_info* const* accepts = nullptr;
    std::size_t accept_count = 0;
    /// Builds the object, if any, and the frame; `slot.frame` is set. Moves from the pack.
    void (*start)(slot_header& slot, std::byte* object, void* pack) noexcept = nullptr;
    /// Calls the handler without building anything, so that it asks for its frame.
    void (*probe)(slot_header& slot, std::byte* object) noexcept = nullptr;
    /// Puts opened listening sockets into a pack, in the order of the handler's parameters.
    void (*bind_listeners)(void* pack, const listener* opened) noexcept = nullptr;
    /// Destroys the object; null where there is nothing to destroy.
    void (*destroy)(std::byte* object) noexcept = nullptr;
};

template <auto Function>
struct function_handler;
template <class Object>
struct struct_handler;

template <class T>
concept declares_accepts = requires { typename T::accepts; };

template <class Message, class List>
inline constexpr bool is_listed = false;
template <class Message, class... Messages>
inline constexpr bool is_listed<Message, messages<Messages...>> = (std::is_same_v<Message, Messages> || ...);

template <class Handler, class Message>
consteval bool accepts_message() {
    if constexpr (declares_accepts<Handler>) {
        return is_listed<Message, typename Handler::accepts>;
    } else {
        return true;
    }
}

}  // namespace tina::detail
