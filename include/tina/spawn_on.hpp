// SPDX-License-Identifier: Apache-2.0
// The effect of starting an isolate on another shard: the request and its answer travel by the system lane, so that
// neither needs room on the way.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tina/detail/awaiter.hpp"
#include "tina/detail/handler.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/handle.hpp"
#include "tina/restart.hpp"
#include "tina/result.hpp"

namespace tina {

namespace detail {

template <class Handler>
struct spawn_on_effect {
    using handle_type = typename Handler::handle_type;
    inline static constexpr std::string_view name = "spawn_on";
    std::uint32_t shard;
    restart mode;
    typename Handler::pack_type pack;

    /// Yields the handle itself; an error ends the isolate, destructors running.
    [[nodiscard]] constexpr or_crash_effect<spawn_on_effect> or_crash() const noexcept { return {*this}; }

    class awaiter : public awaiter_base<spawn_wait> {
    public:
        awaiter(slot_header& self, const spawn_on_effect& what) noexcept : awaiter_base(self) {
            auto arguments = what.pack;
            begin_spawn(self, wait_,
                        {.what = &Handler::info(),
                         .shard = what.shard,
                         .restart = static_cast<std::uint8_t>(what.mode),
                         .pack = &arguments});
        }
        [[nodiscard]] result<handle_type> await_resume() const noexcept {
            if (wait_.error != 0) return result<handle_type>(packed_error{wait_.error});
            return handle_type(wait_.child);
        }
    };
};

template <class Handler, class... Arguments>
[[nodiscard]] spawn_on_effect<Handler> make_spawn_on(std::uint32_t shard, restart mode,
                                                     Arguments&&... arguments) noexcept {
    if constexpr (Handler::owns_descriptors || Handler::checks::listeners > 0) {
        static_assert(never<Handler>,
                      "a descriptor cannot go to another shard: spawn_on takes a handler without tina::socket, "
                      "tina::read_half, tina::write_half and tina::listener; accept or connect there");
    } else {
        return {shard, mode, Handler::pack(std::forward<Arguments>(arguments)...)};
    }
}

template <class Handler, class... Arguments>
[[nodiscard]] auto spawn_on_as(std::uint32_t shard, Arguments&&... arguments) noexcept {
    if constexpr (std::is_same_v<std::remove_cvref_t<first_of<Arguments...>>, restart>) {
        return make_spawn_on<Handler>(shard, std::forward<Arguments>(arguments)...);
    } else {
        return make_spawn_on<Handler>(shard, restart::temporary, std::forward<Arguments>(arguments)...);
    }
}

}  // namespace detail

/// Starts an isolate of `Handler`, a function or a struct, on the shard numbered `shard`, also this one. A
/// `tina::restart` before the arguments says what happens when it ends; temporary if there is none. Once it was yielded
/// the child is started, also where who asked for it ends before the answer comes.
///
/// Yields: `result` of its handle, a `handle_to` for a struct; `errc::no_such_shard`, `errc::no_calls`; from there
///         `errc::no_slots`, `errc::unknown_type`, `errc::interrupted` (the isolates of that shard are being ended).
/// Cost:   no allocation; one call record of this shard until the answer has come.
template <auto Handler, class... Arguments>
[[nodiscard]] auto spawn_on(std::uint32_t shard, Arguments&&... arguments) noexcept {
    return detail::spawn_on_as<detail::function_handler<Handler>>(shard, std::forward<Arguments>(arguments)...);
}
/// The same for a handler that is a struct.
template <class Handler, class... Arguments>
[[nodiscard]] auto spawn_on(std::uint32_t shard, Arguments&&... arguments) noexcept {
    return detail::spawn_on_as<detail::struct_handler<Handler>>(shard, std::forward<Arguments>(arguments)...);
}

}  // namespace tina
