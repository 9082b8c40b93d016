// SPDX-License-Identifier: Apache-2.0
// The names of types and functions at compile time, spelled the same by both compilers for what is named at namespace
// scope. Wire tags and log lines rest on them, so anything that the compilers would spell differently must be refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tina::detail {

/// What stands between "What = " and the end of the compiler's rendering of a template function's signature.
constexpr std::string_view template_argument(std::string_view signature) noexcept {
    const std::string_view mark = "What = ";
    const std::size_t start = signature.find(mark) + mark.size();
    std::size_t depth = 0;
    std::size_t end = start;
    for (; end < signature.size(); ++end) {
        const char c = signature[end];
        if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
        if (c == '>' || c == ')' || c == '}' || c == ']') {
            if (depth == 0) break;
            --depth;
        }
        if (c == ';' && depth == 0) break;  // g++ appends expansions of aliases behind a semicolon
    }
    std::string_view name = signature.substr(start, end - start);
    if (name.starts_with('&')) name.remove_prefix(1);
    return name;
}

/// A name for people: without the compilers' different words for an anonymous namespace.
constexpr std::string_view without_anonymous(std::string_view name) noexcept {
    for (const std::string_view word : {"(anonymous namespace)::", "{anonymous}::"}) {
        if (const std::size_t found = name.rfind(word); found != std::string_view::npos) {
            name.remove_prefix(found + word.size());
        }
    }
    return name;
}

template <class What>
constexpr std::string_view type_name() noexcept {
    return template_argument(__PRETTY_FUNCTION__);
}

template <auto What>
constexpr std::string_view value_name() noexcept {
    return template_argument(__PRETTY_FUNCTION__);
}

/// Whether a type's name is the same in every program and compiler: not a template, not local, not anonymous.
constexpr bool is_portable_name(std::string_view name) noexcept {
    return name.find_first_of("<>(){}'$ ") == std::string_view::npos;
}

/// 32-bit FNV-1a, never 0. Source: Fowler, Noll, Vo; draft-eastlake-fnv.
constexpr std::uint32_t name_hash(std::string_view name) noexcept {
    std::uint32_t hash = 0x811c'9dc5u;
    for (const char c : name) {
        hash ^= static_cast<std::uint8_t>(c);
        hash *= 0x0100'0193u;
    }
    return hash == 0 ? 1 : hash;
}

template <class...>
struct first_of_pack {
    using type = void;
};
template <class First, class... Rest>
struct first_of_pack<First, Rest...> {
    using type = First;
};
template <class... Types>
using first_of = typename first_of_pack<Types...>::type;

}  // namespace tina::detail
