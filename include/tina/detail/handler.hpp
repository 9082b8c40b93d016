// SPDX-License-Identifier: Apache-2.0
// How a handler, a function or a struct with a member `run`, becomes a handler_info, and how its arguments are kept as
// bytes and handed over. Everything that a handler may not be is refused here, with its reason.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "tina/context.hpp"
#include "tina/detail/fiber.hpp"
#include "tina/detail/handler_info.hpp"
#include "tina/isolate.hpp"
#include "tina/message.hpp"
#include "tina/socket.hpp"
#include "tina/stackful.hpp"

namespace tina::detail {

template <class T>
inline constexpr bool is_descriptor =
    std::is_same_v<T, socket> || std::is_same_v<T, read_half> || std::is_same_v<T, write_half>;

template <class T>
consteval bool check_argument() {
    static_assert(!std::is_reference_v<T>,
                  "a handler's parameter must be a value, not a reference: what it refers to would be gone when the "
                  "isolate runs");
    static_assert(std::is_reference_v<T> || is_descriptor<T> || std::is_trivially_copyable_v<T>,
                  "a handler's parameter must be trivially copyable or a descriptor (tina::socket, tina::read_half, "
                  "tina::write_half, tina::listener): arguments are kept as bytes for a restart");
    return true;
}

/// Arguments side by side. (std::tuple is not trivially copyable in libstdc++.)
template <class... Arguments>
struct argument_pack {};
template <class First, class... Rest>
struct argument_pack<First, Rest...> {
    First first;
    [[no_unique_address]] argument_pack<Rest...> rest;
};

template <std::size_t Index, class Pack>
constexpr auto& argument(Pack& pack) noexcept {
    if constexpr (Index == 0) {
        return pack.first;
    } else {
        return argument<Index - 1>(pack.rest);
    }
}

template <class Pack>
struct pack_builder;
template <>
struct pack_builder<argument_pack<>> {
    argument_pack<> operator()() const noexcept { return {}; }
};
template <class First, class... Rest>
struct pack_builder<argument_pack<First, Rest...>> {
    template <class Given, class... Others>
    argument_pack<First, Rest...> operator()(Given&& given, Others&&... others) const noexcept {
        return {First(std::forward<Given>(given)),
                pack_builder<argument_pack<Rest...>>{}(std::forward<Others>(others)...)};
    }
};

template <class List>
struct accept_table;
template <class... Messages>
struct accept_table<messages<Messages...>> {
    inline static constexpr std::array<const message_info*, sizeof...(Messages)> infos{&message_info_of<Messages>...};
};

/// What both forms of handlers share.
template <class Derived, class... Arguments>
struct handler_base {
    using pack_type = argument_pack<Arguments...>;
    inline static constexpr std::size_t argument_count = sizeof...(Arguments);
    inline static constexpr bool owns_descriptors = (is_descriptor<Arguments> || ...);

    template <class... Given>
    static pack_type pack(Given&&... given) noexcept {
        static_assert(sizeof...(Given) == sizeof...(Arguments),
                      "spawn needs exactly the arguments that the handler takes after its context");
        static_assert((check_argument<Arguments>() && ...));
        return pack_builder<pack_type>{}(std::forward<Given>(given)...);
    }

    static void adopt_all(slot_header& slot, pack_type& pack) noexcept {
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            (adopt_one<Arguments>(slot, argument<Index>(pack)), ...);
        }(std::index_sequence_for<Arguments...>{});
    }

    static void bind_listeners(void* raw, const listener* opened) noexcept {
        auto& pack = *static_cast<pack_type*>(raw);
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            (bind_one<Arguments>(argument<Index>(pack), opened), ...);
        }(std::index_sequence_for<Arguments...>{});
    }

    /// An argument of no meaning, for probing only.
    template <class T>
    static T blank() noexcept {
        if constexpr (is_descriptor<T>) {
            return T{};
        } else {
            return std::bit_cast<T>(std::array<std::byte, sizeof(T)>{});
        }
    }

private:
    template <class T>
    static void adopt_one(slot_header& slot, T& value) noexcept {
        if constexpr (is_descriptor<T>) value.adopt_by(slot);
    }
    template <class T>
    static void bind_one(T& value, const listener*& opened) noexcept {
        if constexpr (std::is_same_v<T, listener>) value = *opened++;
    }
};

template <class Function>
struct signature_of {
    static_assert(sizeof(Function) == 0,
                  "a handler must be a function `tina::isolate name(tina::context self, ...)` or "
                  "`void name(tina::stackful self, ...)`, or a struct with such a member `run`; a lambda with captures "
                  "is not: its captures would be gone when the isolate runs");
};

template <bool Stackful, class... Arguments>
struct signature {
    inline static constexpr bool stackful = Stackful;
    template <class Derived>
    using base = handler_base<Derived, Arguments...>;
};

template <class Returned>
struct function_of_context {
    static_assert(sizeof(Returned*) == 0,
                  "a handler that takes tina::context is a coroutine and returns tina::isolate; an ordinary function "
                  "takes tina::stackful instead");
};
template <class Returned>
struct function_of_stackful {
    static_assert(sizeof(Returned*) == 0,
                  "a handler that takes tina::stackful is an ordinary function and returns void; a coroutine takes "
                  "tina::context instead");
};

template <class... Arguments>
struct signature_of<isolate (*)(context, Arguments...)> : signature<false, Arguments...> {};
template <class... Arguments>
struct signature_of<void (*)(stackful, Arguments...)> : signature<true, Arguments...> {};
template <class Returned, class... Arguments>
struct signature_of<Returned (*)(context, Arguments...)> : function_of_context<Returned> {};
template <class Returned, class... Arguments>
struct signature_of<Returned (*)(stackful, Arguments...)> : function_of_stackful<Returned> {};
template <class Returned, class First, class... Arguments>
struct signature_of<Returned (*)(First, Arguments...) noexcept> : signature_of<Returned (*)(First, Arguments...)> {};
template <class Object, class Returned, class... Arguments>
struct signature_of<Returned (Object::*)(Arguments...)> : signature_of<Returned (*)(Arguments...)> {};
template <class Object, class Returned, class... Arguments>
struct signature_of<Returned (Object::*)(Arguments...) noexcept> : signature_of<Returned (*)(Arguments...)> {};

/// Packs the arguments of an ordinary function and the function itself into the coroutine that will call it.
template <class Function, class... Arguments>
isolate root_on_fiber(slot_header& slot, Function function, Arguments... arguments) noexcept {
    return run_on_fiber(context(slot), [self = stackful(slot), function,
                                        pack = argument_pack<Arguments...>(pack_builder<argument_pack<Arguments...>>{}(
                                            std::move(arguments)...))]() mutable {
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            function(self, std::move(argument<Index>(pack))...);
        }(std::index_sequence_for<Arguments...>{});
    });
}

template <class Base>
struct argument_checks;
template <class Derived, class... Arguments>
struct argument_checks<handler_base<Derived, Arguments...>> {
    static_assert((check_argument<Arguments>() && ...));
    static_assert(sizeof(argument_pack<Arguments...>) <= argument_bytes_max,
                  "a handler's arguments must not exceed 64 bytes in all");
    inline static constexpr std::uint32_t listeners = (std::uint32_t{std::is_same_v<Arguments, listener>} + ... + 0u);
    inline static constexpr std::uint32_t bytes =
        sizeof...(Arguments) == 0 ? 0 : static_cast<std::uint32_t>(sizeof(argument_pack<Arguments...>));
    template <class Call>
    static void with_pack(argument_pack<Arguments...>& pack, Call&& call) noexcept {
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            call(std::move(argument<Index>(pack))...);
        }(std::index_sequence_for<Arguments...>{});
    }
    template <class Call>
    static void with_blanks(Call&& call) noexcept {
        call(handler_base<Derived, Arguments...>::template blank<Arguments>()...);
    }
};

/// A function as it is called: a lambda without captures is one.
template <class Function>
consteval auto as_function(Function function) {
    if constexpr (requires { +function; }) {
        return +function;
    } else {
        return function;
    }
}

/// A free function as handler.
template <auto Function>
struct function_handler : signature_of<decltype(as_function(Function))>::template base<function_handler<Function>> {
    using signature = signature_of<decltype(as_function(Function))>;
    using base = typename signature::template base<function_handler<Function>>;
    using checks = argument_checks<base>;
    using handle_type = handle;

    static void start(slot_header& slot, std::byte*, void* raw) noexcept {
        auto& pack = *static_cast<typename base::pack_type*>(raw);
        base::adopt_all(slot, pack);
        checks::with_pack(pack, [&](auto&&... arguments) { slot.frame = root(slot, std::move(arguments)...).frame(); });
    }
    static void probe(slot_header& slot, std::byte*) noexcept {
        checks::with_blanks([&](auto&&... blanks) { static_cast<void>(root(slot, std::move(blanks)...)); });
    }
    static const handler_info& info() noexcept;

private:
    template <class... Arguments>
    static isolate root(slot_header& slot, Arguments&&... arguments) noexcept {
        if constexpr (signature::stackful) {
            return root_on_fiber(slot, as_function(Function), std::move(arguments)...);
        } else {
            return Function(context(slot), std::move(arguments)...);
        }
    }
};

/// Whether a T is made without throwing. Of what can be made at compile time that is known even where no constructor
/// says so, as with std::chrono's moments.
template <class T>
concept is_made_without_throwing = std::is_nothrow_default_constructible_v<T> || requires {
    typename std::bool_constant<(static_cast<void>(T{}), true)>;
};

/// A struct with a member `run` as handler.
template <class Object>
struct struct_handler : signature_of<decltype(&Object::run)>::template base<struct_handler<Object>> {
    using signature = signature_of<decltype(&Object::run)>;
    using base = typename signature::template base<struct_handler<Object>>;
    using checks = argument_checks<base>;
    using handle_type = handle_to<Object>;
    static_assert(std::is_default_constructible_v<Object>,
                  "a handler's struct must be default constructible: what it needs to know comes as arguments of run()");
    static_assert(!std::is_default_constructible_v<Object> || is_made_without_throwing<Object>,
                  "a handler's struct must be default constructible without throwing: if no member throws, though its "
                  "type does not say so, write `name() noexcept = default;` into the struct; a member that may throw "
                  "goes into a std::optional, to be made in run()");
    static_assert(alignof(Object) <= 16, "a handler's struct must not be aligned to more than 16 bytes");

    static void start(slot_header& slot, std::byte* memory, void* raw) noexcept {
        auto& pack = *static_cast<typename base::pack_type*>(raw);
        base::adopt_all(slot, pack);
        auto* object = new (memory) Object{};
        checks::with_pack(
            pack, [&](auto&&... arguments) { slot.frame = root(slot, *object, std::move(arguments)...).frame(); });
    }
    static void probe(slot_header& slot, std::byte* memory) noexcept {
        auto* object = new (memory) Object{};
        checks::with_blanks([&](auto&&... blanks) { static_cast<void>(root(slot, *object, std::move(blanks)...)); });
        object->~Object();
    }
    static void destroy(std::byte* memory) noexcept { std::launder(reinterpret_cast<Object*>(memory))->~Object(); }
    static const handler_info& info() noexcept;

private:
    template <class... Arguments>
    static isolate root(slot_header& slot, Object& object, Arguments&&... arguments) noexcept {
        if constexpr (signature::stackful) {
            const auto call = [&object](stackful self, auto&&... given) { object.run(self, std::move(given)...); };
            return root_on_fiber(slot, call, std::move(arguments)...);
        } else {
            return object.run(context(slot), std::move(arguments)...);
        }
    }
};

template <auto Function>
inline constexpr handler_info function_info{
    .name = without_anonymous(value_name<Function>()),
    .argument_bytes = function_handler<Function>::checks::bytes,
    .listener_count = function_handler<Function>::checks::listeners,
    .owns_descriptors = function_handler<Function>::owns_descriptors,
    .stackful = function_handler<Function>::signature::stackful,
    .start = &function_handler<Function>::start,
    .probe = &function_handler<Function>::probe,
    .bind_listeners = &function_handler<Function>::base::bind_listeners,
};

template <class Object>
struct struct_accepts {
    inline static constexpr const message_info* const* infos = nullptr;
    inline static constexpr std::size_t count = 0;
};
template <declares_accepts Object>
struct struct_accepts<Object> {
    inline static constexpr const message_info* const* infos = accept_table<typename Object::accepts>::infos.data();
    inline static constexpr std::size_t count = accept_table<typename Object::accepts>::infos.size();
};

template <class Object>
inline constexpr handler_info struct_info{
    .name = without_anonymous(type_name<Object>()),
    .argument_bytes = struct_handler<Object>::checks::bytes,
    .object_bytes = static_cast<std::uint32_t>(sizeof(Object)),
    .listener_count = struct_handler<Object>::checks::listeners,
    .owns_descriptors = struct_handler<Object>::owns_descriptors,
    .stackful = struct_handler<Object>::signature::stackful,
    .states_accepts = declares_accepts<Object>,
    .runs_constructor = !std::is_trivially_default_constructible_v<Object>,
    .accepts = struct_accepts<Object>::infos,
    .accept_count = struct_accepts<Object>::count,
    .start = &struct_handler<Object>::start,
    .probe = &struct_handler<Object>::probe,
    .bind_listeners = &struct_handler<Object>::base::bind_listeners,
    .destroy = std::is_trivially_destructible_v<Object> ? nullptr : &struct_handler<Object>::destroy,
};

template <auto Function>
const handler_info& function_handler<Function>::info() noexcept {
    return function_info<Function>;
}
template <class Object>
const handler_info& struct_handler<Object>::info() noexcept {
    return struct_info<Object>;
}

}  // namespace tina::detail
