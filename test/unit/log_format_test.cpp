// SPDX-License-Identifier: Apache-2.0
// Tests of the two forms of a log line: each byte value, each pair of them, each length at which a line can
// be cut. Owned by the unit tests. They must never depend on the clock or the locale.
#include "lib/log_format.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using tina::detail::format_log_text;
using tina::detail::format_logfmt;
using tina::detail::log_entry_view;
using formatter = std::size_t (*)(std::span<char>, const log_entry_view&) noexcept;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t example_ns = 1'795'178'096'789'012'345;
constexpr log_entry_view example{
    .wall_ns = example_ns, .level = 3, .shard = 0, .isolate_type = "connection", .isolate_slot = 17, .text = "message"};

std::string formatted(formatter format, const log_entry_view& entry, std::size_t capacity = 4096) {
    constexpr char guard = '\x5a';
    std::string out(capacity + 8, guard);
    const std::size_t used = format(std::span(out).first(capacity), entry);
    BOOST_REQUIRE_LE(used, capacity);
    BOOST_REQUIRE(std::string_view(out).substr(capacity) == std::string(8, guard));
    out.resize(used);
    return out;
}

log_entry_view with_text(std::string_view text) {
    log_entry_view entry = example;
    entry.text = text;
    return entry;
}

/// What the message alone looks like.
std::string message_in(formatter format, std::string_view text) {
    const std::string before = formatted(format, with_text({}));
    const std::string line = formatted(format, with_text(text));
    const std::size_t closing = format == format_logfmt ? 1 : 0;
    const std::size_t head = before.size() - closing;
    BOOST_REQUIRE_EQUAL(line.substr(0, head), before.substr(0, head));
    return line.substr(head, line.size() - head - closing);
}

std::string hex_escape(unsigned byte) {
    std::array<char, 5> text{};
    std::snprintf(text.data(), text.size(), "\\x%02x", byte);
    return text.data();
}

/// Reads an escaped message back.
std::string unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t index = 0; index < text.size(); ++index) {
        if (text[index] != '\\') {
            plain += text[index];
            continue;
        }
        BOOST_REQUIRE_LT(++index, text.size());
        const std::size_t known = std::string_view("nrt\"\\").find(text[index]);
        if (known != std::string_view::npos) {
            plain += "\n\r\t\"\\"[known];
            continue;
        }
        BOOST_REQUIRE(text[index] == 'x' && index + 2 < text.size());
        plain += static_cast<char>(std::stoul(std::string(text.substr(index + 1, 2)), nullptr, 16));
        index += 2;
    }
    return plain;
}

/// Whether a strict decoder accepts `text` and finds no control character in it.
bool is_clean_utf8(std::string_view text) {
    for (std::size_t index = 0; index < text.size();) {
        const auto first = static_cast<unsigned char>(text[index]);
        const std::size_t length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (length == 0 || index + length > text.size()) { return false; }
        std::uint32_t value = length == 1 ? first : first & (0x7fu >> length);
        for (std::size_t next = 1; next < length; ++next) {
            const auto byte = static_cast<unsigned char>(text[index + next]);
            if (byte >> 6 != 2) { return false; }
            value = value << 6 | (byte & 0x3f);
        }
        constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x1'0000};
        const bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
        if (control || value < least[length] || value > 0x10'ffff || (value >= 0xd800 && value < 0xe000)) {
            return false;
        }
        index += length;
    }
    return true;
}

std::string utf8(std::uint32_t value) {
    const auto tail = [value](int shift) { return static_cast<char>(0x80 | (value >> shift & 0x3f)); };
    if (value < 0x80) { return {static_cast<char>(value)}; }
    if (value < 0x800) { return {static_cast<char>(0xc0 | value >> 6), tail(0)}; }
    if (value < 0x1'0000) { return {static_cast<char>(0xe0 | value >> 12), tail(6), tail(0)}; }
    return {static_cast<char>(0xf0 | value >> 18), tail(12), tail(6), tail(0)};
}

/// Entries whose lines have every kind of character where they can be cut.
std::vector<log_entry_view> entries_to_cut() {
    log_entry_view runtime = example;
    runtime.isolate_type = {};
    runtime.text = "a\"b\\c\nd\x01\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xff end";
    log_entry_view quoted = runtime;
    quoted.isolate_type = "pair<int, \"x\">";
    quoted.shard = std::numeric_limits<std::uint32_t>::max();
    quoted.isolate_slot = std::numeric_limits<std::uint32_t>::max();
    return {example, with_text({}), runtime, quoted};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(log_format_test)

BOOST_AUTO_TEST_CASE(an_entry_is_one_line_of_text) {
    BOOST_TEST(formatted(format_log_text, example) ==
               "2026-11-20T12:34:56.789012Z warning shard 0 connection#17: message");
    BOOST_TEST(formatted(format_log_text, {.wall_ns = 0,
                                           .level = 4,
                                           .shard = 12,
                                           .isolate_type = {},
                                           .isolate_slot = 5,
                                           .text = "say \"no\" to C:\\new"}) ==
               "1970-01-01T00:00:00.000000Z error shard 12 tina: say \"no\" to C:\\new");
}

BOOST_AUTO_TEST_CASE(an_entry_is_one_line_of_logfmt) {
    BOOST_TEST(formatted(format_logfmt, example) ==
               "ts=2026-11-20T12:34:56.789012Z level=warning shard=0 isolate=connection#17 msg=\"message\"");
    BOOST_TEST(formatted(format_logfmt, {.wall_ns = 0,
                                         .level = 4,
                                         .shard = 12,
                                         .isolate_type = {},
                                         .isolate_slot = 5,
                                         .text = "say \"no\" to C:\\new"}) ==
               "ts=1970-01-01T00:00:00.000000Z level=error shard=12 isolate=tina "
               "msg=\"say \\\"no\\\" to C:\\\\new\"");
}

BOOST_AUTO_TEST_CASE(every_level_has_its_name_and_another_number_is_no_danger) {
    const std::array<std::string_view, 7> names{"trace", "debug", "info", "warning", "error", "unknown", "unknown"};
    for (std::size_t level = 0; level < names.size(); ++level) {
        log_entry_view entry = example;
        entry.level = static_cast<std::uint8_t>(level);
        BOOST_TEST(formatted(format_logfmt, entry).find("level=" + std::string(names[level]) + " ") !=
                   std::string::npos);
        BOOST_TEST(formatted(format_log_text, entry).find("Z " + std::string(names[level]) + " shard") !=
                   std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_type_name_is_quoted_in_logfmt_only_where_it_must_be) {
    const auto isolate = [](std::string_view type) {
        log_entry_view entry = example;
        entry.isolate_type = type;
        const std::string line = formatted(format_logfmt, entry);
        const std::size_t begin = line.find("isolate=") + 8;
        return line.substr(begin, line.rfind(" msg=") - begin);
    };
    BOOST_TEST(isolate("ns::worker<7>") == "ns::worker<7>#17");
    BOOST_TEST(isolate("pair<int, int>") == "\"pair<int, int>#17\"");
    BOOST_TEST(isolate("a=b") == "\"a=b#17\"");
    BOOST_TEST(isolate("a\"b") == "\"a\\\"b#17\"");
    BOOST_TEST(isolate("a\nb") == "\"a\\nb#17\"");
    BOOST_TEST(isolate("\xc3\xa4") == "\"\xc3\xa4#17\"");
}

BOOST_AUTO_TEST_CASE(each_of_the_256_bytes_is_shown_or_escaped) {
    for (unsigned value = 0; value < 256; ++value) {
        const std::string text(1, static_cast<char>(value));
        std::string in_text = value >= 0x20 && value < 0x7f ? text : hex_escape(value);
        in_text = value == '\n' ? "\\n" : value == '\r' ? "\\r" : value == '\t' ? "\\t" : in_text;
        const std::string in_logfmt = value == '"' ? "\\\"" : value == '\\' ? "\\\\" : in_text;
        BOOST_TEST(message_in(format_log_text, text) == in_text, "byte " << value);
        BOOST_TEST(message_in(format_logfmt, text) == in_logfmt, "byte " << value);
    }
}

BOOST_AUTO_TEST_CASE(each_pair_of_bytes_comes_out_as_clean_utf8_and_can_be_read_back) {
    for (unsigned pair = 0; pair < 0x1'0000; ++pair) {
        const std::string text{static_cast<char>(pair >> 8), static_cast<char>(pair & 0xff)};
        const std::string in_logfmt = message_in(format_logfmt, text);
        BOOST_REQUIRE_EQUAL(unescaped(in_logfmt), text);
        BOOST_REQUIRE(is_clean_utf8(in_logfmt));
        BOOST_REQUIRE(is_clean_utf8(message_in(format_log_text, text)));
    }
}

BOOST_AUTO_TEST_CASE(characters_of_every_length_pass_and_control_characters_among_them_do_not) {
    for (const std::uint32_t value :
         {0xa0u, 0xe4u, 0x7ffu, 0x800u, 0x20acu, 0xd7ffu, 0xe000u, 0xffffu, 0x1'0000u, 0x1'f600u, 0x10'ffffu}) {
        BOOST_TEST(message_in(format_log_text, "a" + utf8(value) + "b") == "a" + utf8(value) + "b");
        BOOST_TEST(message_in(format_logfmt, utf8(value)) == utf8(value));
    }
    for (std::uint32_t value = 0x80; value < 0xa0; ++value) {
        BOOST_TEST(message_in(format_log_text, utf8(value)) == "\\xc2" + hex_escape(value));
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_is_escaped_byte_by_byte) {
    const std::vector<std::string> invalid{"\xc0\xaf",
                                           "\xc1\xbf",
                                           "\xe0\x9f\xbf",
                                           "\xed\xa0\x80",
                                           "\xf0\x8f\xbf\xbf",
                                           "\xf4\x90\x80\x80",
                                           "\xf5\x80\x80\x80",
                                           "\xe2\x82",
                                           "\xf0\x9f\x98",
                                           "\x80",
                                           "\xfe",
                                           "\xc3"};
    for (const std::string& text : invalid) {
        std::string expected;
        for (const char byte : text) { expected += hex_escape(static_cast<unsigned char>(byte)); }
        BOOST_TEST(message_in(format_log_text, text) == expected);
        BOOST_TEST(message_in(format_logfmt, text + "\"") == expected + "\\\"");
        BOOST_TEST(message_in(format_log_text, text + "z") == expected + "z");
    }
}

BOOST_AUTO_TEST_CASE(random_messages_can_be_read_back_from_logfmt) {
    const char* const given = std::getenv("TINA_SEED");
    const std::uint64_t first = given ? std::strtoull(given, nullptr, 0) : 1;
    for (std::uint64_t seed = first; seed < first + (given ? 1 : 3000); ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed << "; replay: TINA_SEED=" << seed
                                   << " with --run_test=*/random_messages_can_be_read_back_from_logfmt") {
            std::mt19937_64 random(seed);
            std::string text;
            for (std::uint64_t left = random() % 60; left > 0; --left) {
                text += random() % 2 == 0 ? utf8(static_cast<std::uint32_t>(random() % 0xd800))
                                          : std::string(1, static_cast<char>(random()));
            }
            const std::string in_logfmt = message_in(format_logfmt, text);
            BOOST_REQUIRE_EQUAL(unescaped(in_logfmt), text);
            BOOST_REQUIRE(is_clean_utf8(in_logfmt));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_line_of_text_is_cut_at_every_length_and_ends_with_three_dots) {
    for (const log_entry_view& entry : entries_to_cut()) {
        const std::string whole = formatted(format_log_text, entry);
        for (std::size_t capacity = 0; capacity < whole.size(); ++capacity) {
            const std::string cut = formatted(format_log_text, entry, capacity);
            if (capacity < 3) {
                BOOST_REQUIRE_EQUAL(cut, std::string(capacity, '.'));
                continue;
            }
            BOOST_REQUIRE(cut.ends_with("..."));
            BOOST_REQUIRE(whole.starts_with(std::string_view(cut).substr(0, cut.size() - 3)));
            BOOST_REQUIRE(is_clean_utf8(cut));
        }
        BOOST_REQUIRE_EQUAL(formatted(format_log_text, entry, whole.size()), whole);
    }
}

BOOST_AUTO_TEST_CASE(a_line_of_logfmt_is_cut_at_every_length_and_its_quotes_are_closed) {
    for (const log_entry_view& entry : entries_to_cut()) {
        const std::string whole = formatted(format_logfmt, entry);
        const std::size_t message = whole.find(" msg=\"") + 6;
        for (std::size_t capacity = 0; capacity < whole.size(); ++capacity) {
            const std::string cut = formatted(format_logfmt, entry, capacity);
            BOOST_REQUIRE(is_clean_utf8(cut));
            bool open = false;
            for (std::size_t index = 0; index < cut.size(); ++index) {
                if (cut[index] == '\\') {
                    ++index;  // what follows is escaped
                } else if (cut[index] == '"') {
                    open = !open;
                }
            }
            BOOST_REQUIRE(!open);
            BOOST_REQUIRE(capacity < 3 || cut.ends_with("...") || cut.ends_with("...\""));
            if (capacity >= message + 4) {
                const std::string kept = cut.substr(message, cut.size() - message - 4);
                BOOST_REQUIRE(entry.text.starts_with(unescaped(kept)));
            }
        }
        BOOST_REQUIRE_EQUAL(formatted(format_logfmt, entry, whole.size()), whole);
    }
}

BOOST_AUTO_TEST_CASE(a_cut_line_of_plain_characters_uses_all_the_room_there_is) {
    const std::string text(200, 'x');
    for (const formatter format : {formatter{format_log_text}, formatter{format_logfmt}}) {
        const std::size_t head = formatted(format, with_text({})).size();
        for (std::size_t capacity = head + 3; capacity < head + 200; ++capacity) {
            BOOST_REQUIRE_EQUAL(formatted(format, with_text(text), capacity).size(), capacity);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_time_agrees_with_the_c_library_over_all_that_64_bits_hold) {
    std::mt19937_64 random(7);
    std::vector<std::int64_t> times{0,
                                    -1,
                                    999,
                                    1000,
                                    -999,
                                    -1000,
                                    second_ns - 1,
                                    951'782'399 * second_ns,
                                    951'782'400 * second_ns,
                                    1'709'164'800 * second_ns,
                                    4'107'542'400 * second_ns,
                                    std::numeric_limits<std::int64_t>::min(),
                                    std::numeric_limits<std::int64_t>::max()};
    for (int count = 0; count < 20'000; ++count) { times.push_back(static_cast<std::int64_t>(random())); }
    for (const std::int64_t wall_ns : times) {
        const std::int64_t nanos = (wall_ns % second_ns + second_ns) % second_ns;
        const std::time_t seconds = wall_ns / second_ns - (wall_ns % second_ns < 0 ? 1 : 0);
        std::tm broken{};
        BOOST_REQUIRE(::gmtime_r(&seconds, &broken) != nullptr);
        std::array<char, 64> expected{};
        const std::size_t length = std::strftime(expected.data(), expected.size(), "%Y-%m-%dT%H:%M:%S", &broken);
        std::snprintf(expected.data() + length, expected.size() - length, ".%06dZ", static_cast<int>(nanos / 1000));
        log_entry_view entry = example;
        entry.wall_ns = wall_ns;
        BOOST_REQUIRE_EQUAL(formatted(format_log_text, entry).substr(0, 27), expected.data());
    }
}

BOOST_AUTO_TEST_SUITE_END()
