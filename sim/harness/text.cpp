// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as text, and back.
#include "sim/harness/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <vector>

namespace tina::sim {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

/// `value` in units of `unit`, with at most three digits behind the point and none that is of no use.
[[nodiscard]] std::string in_units(std::uint64_t value, std::uint64_t unit, std::string_view name) {
    std::string text = grouped(value / unit);
    std::string part = std::to_string(1000 + value % unit * 1000 / unit).substr(1);
    while (!part.empty() && part.back() == '0') part.pop_back();
    if (!part.empty()) text += "." + part;
    return text + " " + std::string(name);
}

template <int Base>
[[nodiscard]] std::optional<std::uint64_t> parse_whole(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value, Base);
    if (error != std::errc{} || at != end) return std::nullopt;
    return value;
}

[[nodiscard]] bool is_plain(char each) noexcept {
    const auto code = static_cast<unsigned char>(each);
    return code >= 0x20 && code != 0x7f && each != '"' && each != '\\';
}

/// One character after a backslash, taken off `rest`.
[[nodiscard]] std::optional<char> take_escape(std::string_view& rest) {
    if (rest.empty()) return std::nullopt;
    const char which = rest.front();
    rest.remove_prefix(1);
    if (which == '"' || which == '\\') return which;
    if (which == 'n') return '\n';
    if (which == 't') return '\t';
    if (which != 'x' || rest.size() < 2) return std::nullopt;
    const auto code = parse_hex(rest.substr(0, 2));
    rest.remove_prefix(2);
    if (!code) return std::nullopt;
    return static_cast<char>(*code);
}

}  // namespace

std::string grouped(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) text += ' ';
        text += digits[i];
    }
    return text;
}

std::string seconds_text(std::int64_t at_ns) {
    const std::uint64_t at = at_ns < 0 ? 0 : static_cast<std::uint64_t>(at_ns);
    // In the first second milliseconds tell too little apart.
    if (at < 1'000'000'000 && at % 1'000'000 >= 1'000) {
        return "0." + std::to_string(1'000'000 + at / 1'000).substr(1) + " s";
    }
    return grouped(at / 1'000'000'000) + "." + std::to_string(1000 + at / 1'000'000 % 1000).substr(1) + " s";
}

std::string span_text(std::uint64_t span_ns) {
    if (span_ns < 1'000) return std::to_string(span_ns) + " ns";
    if (span_ns < 1'000'000) return in_units(span_ns, 1'000, "us");
    if (span_ns < 1'000'000'000) return in_units(span_ns, 1'000'000, "ms");
    return in_units(span_ns, 1'000'000'000, "s");
}

std::string hex16(std::uint64_t bits) {
    std::string text(16, '0');
    for (std::size_t i = 16; i-- > 0; bits >>= 4) text[i] = hex_digits[bits & 15];
    return text;
}

std::string quoted(std::string_view text) {
    std::string made = "\"";
    for (const char each : text) {
        const auto code = static_cast<unsigned char>(each);
        if (is_plain(each)) made += each;
        else if (each == '"' || each == '\\') (made += '\\') += each;
        else if (each == '\n') made += "\\n";
        else if (each == '\t') made += "\\t";
        else ((made += "\\x") += hex_digits[code >> 4]) += hex_digits[code & 15];
    }
    return made + "\"";
}

std::string shell_word(std::string_view text) {
    constexpr std::string_view safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
    if (!text.empty() && text.find_first_not_of(safe) == std::string_view::npos) return std::string(text);
    std::string made = "'";
    for (const char each : text) {
        if (each == '\'') made += "'\\''";
        else made += each;
    }
    return made + "'";
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
    return grouped(number) + " " + std::string(number == 1 ? one : many);
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept { return parse_whole<10>(text); }
std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept { return parse_whole<16>(text); }

std::optional<std::string> take_quoted(std::string_view& rest) {
    if (rest.empty() || rest.front() != '"') return std::nullopt;
    rest.remove_prefix(1);
    std::string made;
    while (!rest.empty()) {
        const char each = rest.front();
        rest.remove_prefix(1);
        if (each == '"') {
            rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
            return made;
        }
        if (each == '\\') {
            const auto meant = take_escape(rest);
            if (!meant) return std::nullopt;
            made += *meant;
        } else if (is_plain(each)) {
            made += each;
        } else {
            return std::nullopt;
        }
    }
    return std::nullopt;
}

std::string_view take_word(std::string_view& rest) noexcept {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    return word;
}

std::size_t distance(std::string_view one, std::string_view other) {
    one = one.substr(0, 64);
    other = other.substr(0, 64);
    std::array<std::size_t, 65> row{};
    for (std::size_t i = 0; i <= other.size(); ++i) row[i] = i;
    for (std::size_t i = 1; i <= one.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t k = 1; k <= other.size(); ++k) {
            const std::size_t changed = diagonal + (one[i - 1] == other[k - 1] ? 0 : 1);
            diagonal = row[k];
            row[k] = std::min({changed, row[k] + 1, row[k - 1] + 1});
        }
    }
    return row[other.size()];
}

}  // namespace tina::sim
