// SPDX-License-Identifier: Apache-2.0
// The effect of leaving the shard for a while: a function that blocks or computes for long runs on a helper thread, and
// its result comes back. Such a function is outside of any shard: no context, socket or lease may be used in it.
#pragma once

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tina/detail/awaiter.hpp"
#include "tina/detail/handler.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/result.hpp"
#include "tina/time.hpp"

namespace tina {

namespace detail {

template <class T>
consteval bool check_offloaded_argument() {
    static_assert(!std::is_reference_v<T>,
                  "a parameter of an offloaded function must be a value, not a reference: what it refers to could be "
                  "gone when the function runs");
    static_assert(std::is_reference_v<T> || std::is_trivially_copyable_v<T>,
                  "a parameter of an offloaded function must be trivially copyable: it goes to the helper thread as "
                  "bytes");
    return true;
}

template <class Result>
consteval bool check_offloaded_result() {
    if constexpr (!std::is_void_v<Result>) {
        static_assert(std::is_object_v<Result>, "an offloaded function must return a value or nothing");
        static_assert(std::is_nothrow_move_constructible_v<Result> && std::is_nothrow_destructible_v<Result>,
                      "the result of an offloaded function must be movable without an exception");
        static_assert(sizeof(Result) <= offload_result_bytes_max && alignof(Result) <= offload_result_alignment_max,
                      "the result of an offloaded function must not exceed 96 bytes, nor be aligned to more than 32; "
                      "return what owns it, such as a std::unique_ptr");
    }
    return true;
}

template <class Result, class... Arguments>
struct offloaded {
    static_assert(check_offloaded_result<Result>() && (check_offloaded_argument<Arguments>() && ...));
    using pack_type = argument_pack<Arguments...>;
    static_assert(sizeof(pack_type) <= argument_bytes_max && alignof(pack_type) <= 16,
                  "the arguments of an offloaded function must not exceed 64 bytes in all");

    static void run(void (*function)(), std::byte* arguments, [[maybe_unused]] std::byte* out) {
        auto& pack = *std::launder(reinterpret_cast<pack_type*>(arguments));
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            const auto called = reinterpret_cast<Result (*)(Arguments...)>(function);
            if constexpr (std::is_void_v<Result>) {
                called(argument<Index>(pack)...);
            } else {
                new (out) Result(called(argument<Index>(pack)...));
            }
        }(std::index_sequence_for<Arguments...>{});
    }
    static void destroy([[maybe_unused]] std::byte* out) noexcept {
        if constexpr (!std::is_void_v<Result>) std::launder(reinterpret_cast<Result*>(out))->~Result();
    }
};

template <class Result, class... Arguments>
inline constexpr offload_info offload_info_of{&offloaded<Result, Arguments...>::run,
                                              &offloaded<Result, Arguments...>::destroy,
                                              sizeof...(Arguments) == 0 ? 0 : sizeof(argument_pack<Arguments...>)};

template <class Result, class... Arguments>
struct offload_effect : timed_effect<offload_effect<Result, Arguments...>> {
    inline static constexpr std::string_view name = "offload";
    Result (*function)(Arguments...);
    argument_pack<Arguments...> arguments;

    class awaiter : public awaiter_base<offload_wait> {
    public:
        awaiter(slot_header& self, const offload_effect& what) noexcept : awaiter_base<offload_wait>(self) {
            auto copied = what.arguments;
            begin_offload(self, this->wait_,
                          {.info = &offload_info_of<Result, Arguments...>,
                           .function = reinterpret_cast<void (*)()>(what.function),
                           .arguments = &copied,
                           .until = what.until});
        }
        ~awaiter() {
            if (this->wait_.record != nullptr) release_offload(*this->slot_, this->wait_);
        }
        [[nodiscard]] result<Result> await_resume() {
            if (this->wait_.error != 0) return result<Result>(packed_error{this->wait_.error});
            std::byte* const out = take_offloaded(this->wait_);
            if constexpr (std::is_void_v<Result>) {
                static_cast<void>(out);
                return {};
            } else {
                return std::move(*std::launder(reinterpret_cast<Result*>(out)));
            }
        }
    };
};

template <class Result, class... Arguments, class... Given>
[[nodiscard]] constexpr offload_effect<Result, Arguments...> make_offload(Result (*function)(Arguments...),
                                                                          Given&&... given) noexcept {
    static_assert(sizeof...(Given) == sizeof...(Arguments),
                  "offload needs exactly the arguments that the function takes");
    static_assert((check_offloaded_argument<Arguments>() && ...));
    return {{}, function, pack_builder<argument_pack<Arguments...>>{}(std::forward<Given>(given)...)};
}

}  // namespace detail

/// Runs `function(arguments...)` on a helper thread and waits for its result. `function` is a plain function or a
/// lambda without captures. It runs outside of any shard: it must use no context, and what it refers to by pointer must
/// outlive it, which this isolate's memory need not. An exception that it throws is thrown here.
///
/// Units:    arguments trivially copyable, 64 bytes in all; a result of at most 96 bytes, movable without exception.
/// Yields:   `result` of what the function returns; at once `errc::offload_full`, `errc::no_offload`,
///           `errc::no_timers`; `errc::deadline` with `.within` or `.by`.
/// Lifetime: work that has begun is never interrupted. Where the deadline or the isolate's end comes first it goes on,
///           and its result is destroyed; work that has not begun by then never does.
/// Cost:     no allocation; a lock on the way there, the system lane on the way back.
template <class Function, class... Arguments>
[[nodiscard]] constexpr auto offload(Function function, Arguments&&... arguments) noexcept {
    if constexpr (requires { *+function; }) {
        return detail::make_offload(+function, std::forward<Arguments>(arguments)...);
    } else {
        static_assert(detail::never<Function>,
                      "offload takes a function, or a lambda without captures and `auto` parameters: captures would "
                      "be gone when it runs");
    }
}

}  // namespace tina
