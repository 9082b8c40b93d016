// SPDX-License-Identifier: Apache-2.0
// How the harness writes numbers, times and names, and reads them back: one way for the screen, one for files. Pure
// functions; none of them prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tina::sim {

/// For people: "88 213".
[[nodiscard]] std::string grouped(std::uint64_t number);
/// A moment of virtual time, for people: "12.418 s", "0.007213 s".
[[nodiscard]] std::string seconds_text(std::int64_t at_ns);
/// A span, for people, in the unit that fits: "250 ms", "1.5 us".
[[nodiscard]] std::string span_text(std::uint64_t span_ns);
/// Sixteen digits.
[[nodiscard]] std::string hex16(std::uint64_t bits);
/// In quotes, with everything escaped that is no printable text.
[[nodiscard]] std::string quoted(std::string_view text);
/// As a word of a shell: in quotes only if it needs them.
[[nodiscard]] std::string shell_word(std::string_view text);
/// "1 fault", "2 faults".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one, std::string_view many);

[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;
[[nodiscard]] std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept;
/// Takes a text in quotes off the front of `rest`; nothing if there is none that is whole.
[[nodiscard]] std::optional<std::string> take_quoted(std::string_view& rest);
/// Takes what is before the next blank off the front of `rest`, and the blanks after it.
[[nodiscard]] std::string_view take_word(std::string_view& rest) noexcept;
/// The one of `known` that is nearest to a word that is none of them; empty if none is near.
template <class Names>
[[nodiscard]] std::string_view nearest(std::string_view word, const Names& known);

/// How many letters must change to make one word of the other.
[[nodiscard]] std::size_t distance(std::string_view one, std::string_view other);

template <class Names>
std::string_view nearest(std::string_view word, const Names& known) {
    std::string_view best;
    std::size_t least = word.size() / 3 + 2;
    for (const auto& each : known) {
        const std::size_t far = distance(word, each);
        if (far < least) {
            least = far;
            best = each;
        }
    }
    return best;
}

}  // namespace tina::sim
