// SPDX-License-Identifier: Apache-2.0
// Formatted entries of the log, by the fmt library, checked at compile time. Opt-in: the only public header that needs
// more than the standard library. Formatting writes straight into the shard's log and never allocates.
#pragma once

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <fmt/format.h>

#include <cstddef>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "tina/address.hpp"
#include "tina/handle.hpp"
#include "tina/log.hpp"
#include "tina/message.hpp"

template <>
struct fmt::formatter<tina::handle> {
    constexpr auto parse(format_parse_context& context) { return context.begin(); }
    auto format(tina::handle value, format_context& context) const {
        return fmt::format_to(context.out(), "{}/{}.{}", value.shard(), value.slot(), value.generation());
    }
};

template <>
struct fmt::formatter<tina::send_result> : fmt::formatter<std::string_view> {
    auto format(tina::send_result value, format_context& context) const {
        return fmt::formatter<std::string_view>::format(tina::to_string(value), context);
    }
};

namespace tina {

namespace detail {

/// An error code as people read it: its message.
struct readable_error {
    std::error_code code;
};

template <class T>
using shown_as = std::conditional_t<std::is_same_v<std::remove_cvref_t<T>, std::error_code>, readable_error, T>;

template <class T>
decltype(auto) shown(T&& value) noexcept {
    if constexpr (std::is_same_v<std::remove_cvref_t<T>, std::error_code>) {
        return readable_error{value};
    } else {
        return std::forward<T>(value);
    }
}

}  // namespace detail
}  // namespace tina

template <>
struct fmt::formatter<tina::detail::readable_error> {
    constexpr auto parse(format_parse_context& context) { return context.begin(); }
    auto format(const tina::detail::readable_error& value, format_context& context) const {
        return fmt::format_to(context.out(), "{}", value.code.message());
    }
};

template <>
struct fmt::formatter<tina::address> {
    constexpr auto parse(format_parse_context& context) { return context.begin(); }
    auto format(const tina::address& value, format_context& context) const {
        return fmt::format_to(context.out(), "{}", tina::to_string(value));
    }
};

namespace tina {

/// Writes a formatted entry to the log. An std::error_code argument is shown as its message.
///
/// Cost: no system call; no allocation by tina, nor by fmt for built-in types. A text that does not fit is cut off.
template <class... Arguments>
void log(context self, log_level level, fmt::format_string<detail::shown_as<Arguments>...> format,
         Arguments&&... arguments) noexcept {
    const auto place = detail::begin_log(self.slot(), level);
    if (place.text == nullptr) return;
    const auto write = [&](auto&&... values) {
        return fmt::vformat_to_n(place.text, place.capacity, static_cast<fmt::string_view>(format),
                                 fmt::make_format_args(values...));
    };
    const auto written = write(detail::shown(std::forward<Arguments>(arguments))...);
    detail::end_log(self.slot(), written.size < place.capacity ? written.size : place.capacity);
}

}  // namespace tina
