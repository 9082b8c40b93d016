// SPDX-License-Identifier: Apache-2.0
// Tests of the readers of lines and frames against a plain split of the whole stream: all short streams in all ways to
// cut them, long ones at random. Pieces lie in memory of exactly their size, so that a sanitizer sees a byte too far.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test_system.hpp"

namespace {

using namespace system_test;

constexpr std::uint64_t seed = 20'261'120;
const std::string too_long = "<too long>";

/// Owns bytes as a lease does, and counts how many of its kind do.
class piece {
public:
    piece(std::string_view text, int& alive) : bytes_(new char[text.size()]), size_(text.size()), alive_(&alive) {
        std::memcpy(bytes_.get(), text.data(), text.size());
        ++alive;
    }
    piece(piece&& other) noexcept
        : bytes_(std::move(other.bytes_)), size_(other.size_), alive_(std::exchange(other.alive_, nullptr)) {}
    piece& operator=(piece&&) = delete;
    ~piece() {
        if (alive_ != nullptr) --*alive_;
    }

    [[nodiscard]] const std::byte* data() const { return reinterpret_cast<const std::byte*>(bytes_.get()); }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
    int* alive_;
};

template <class Reader, class Piece>
concept takes = requires(Reader& reader, Piece piece) { reader.feed(std::forward<Piece>(piece)); };
static_assert(takes<tina::line_reader, tina::buffer_lease&&> && takes<tina::frame_reader, tina::buffer_lease&&>);
static_assert(takes<tina::line_reader, piece&&>);
static_assert(!takes<tina::line_reader, piece&>, "what is not given away would be read after its end");
static_assert(!takes<tina::line_reader, std::string_view&&>, "a view owns nothing");
static_assert(!std::is_move_constructible_v<tina::line_reader> && !std::is_move_constructible_v<tina::frame_reader>);

std::string text_of(std::string_view text) { return std::string(text); }
std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// All that a reader has to say now.
template <class Reader>
void drain(Reader& reader, std::vector<std::string>& items) {
    while (auto found = reader.next()) {
        if (!*found) BOOST_REQUIRE((found->error() == tina::errc::too_long));
        items.push_back(*found ? text_of(**found) : too_long);
    }
}

/// What a reader makes of `stream` cut at `ends`, and that it holds no piece that it has read.
template <class Reader>
std::vector<std::string> read_in_pieces(Reader& reader, std::string_view stream, const std::vector<std::size_t>& ends) {
    std::vector<std::string> items;
    int alive = 0;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
        reader.feed(piece(stream.substr(begin, end - begin), alive));
        begin = end;
        drain(reader, items);
        if (alive != 0) BOOST_FAIL("a piece that has been read is held");
    }
    drain(reader, items);
    return items;
}

/// The way `number` of the 2^(n-1) ways to cut n bytes.
std::vector<std::size_t> cut(std::size_t bytes, std::uint32_t number) {
    std::vector<std::size_t> ends;
    for (std::size_t end = 1; end < bytes; ++end) {
        if ((number >> (end - 1) & 1) != 0) ends.push_back(end);
    }
    ends.push_back(bytes);
    return ends;
}

/// Pieces of 0 to `piece_max` bytes.
std::vector<std::size_t> random_cut(std::size_t bytes, std::size_t piece_max, std::mt19937_64& random) {
    std::vector<std::size_t> ends;
    for (std::size_t end = 0; end < bytes; ends.push_back(end)) end = std::min(bytes, end + random() % (piece_max + 1));
    return ends;
}

/// What a stream means: its items, and what is left.
struct meaning {
    std::vector<std::string> items;
    std::string rest;
    bool operator==(const meaning&) const = default;
};

meaning lines_of(std::string_view stream, std::size_t bytes_max) {
    meaning found;
    for (;;) {
        const auto end = stream.find('\n');
        std::string_view line = stream.substr(0, end);
        const bool has_end = end != std::string_view::npos;
        // A "\r" at the end of what has come may belong to the end of the line.
        const std::size_t bytes = line.size() - (line.ends_with('\r') ? 1 : 0);
        if (bytes > bytes_max) found.items.push_back(too_long);
        if (!has_end) {
            found.rest = bytes > bytes_max ? "" : line;
            return found;
        }
        if (bytes <= bytes_max) found.items.emplace_back(line.substr(0, bytes));
        stream.remove_prefix(end + 1);
    }
}

template <std::size_t BytesMax>
meaning read_lines(std::string_view stream, const std::vector<std::size_t>& ends) {
    tina::basic_line_reader<BytesMax> reader;
    meaning found{.items = read_in_pieces(reader, stream, ends), .rest = {}};
    found.rest = text_of(reader.unfinished());
    return found;
}

std::uint64_t length_at(std::string_view stream, const tina::frame_format& format) {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < format.length_bytes; ++i) {
        const std::size_t at = format.order == std::endian::big ? i : format.length_bytes - 1 - i;
        length = length << 8 | static_cast<unsigned char>(stream[at]);
    }
    return length;
}

/// As for lines; `rest` is "+" where a frame has begun, and what has come of its content.
meaning frames_of(std::string_view stream, const tina::frame_format& format) {
    meaning found;
    while (stream.size() >= format.length_bytes) {
        const std::uint64_t length = length_at(stream, format);
        const bool fits = length <= format.bytes_max;
        if (!fits) found.items.push_back(too_long);
        stream.remove_prefix(format.length_bytes);
        if (stream.size() < length) {
            found.rest = fits ? "+" + std::string(stream) : "+";
            return found;
        }
        if (fits) found.items.emplace_back(stream.substr(0, length));
        stream.remove_prefix(length);
    }
    if (!stream.empty()) found.rest = "+";
    return found;
}

template <tina::frame_format Format>
meaning read_frames(std::string_view stream, const std::vector<std::size_t>& ends) {
    tina::basic_frame_reader<Format> reader;
    meaning found{.items = read_in_pieces(reader, stream, ends), .rest = {}};
    found.rest = (reader.between_frames() ? "" : "+") + text_of(reader.unfinished());
    return found;
}

std::string shown(const meaning& what) {
    std::string text;
    for (const auto& item : what.items) text += "[" + item + "]";
    return text + " rest [" + what.rest + "]";
}

void check_same(const meaning& got, const meaning& wanted, std::string_view stream,
                const std::vector<std::size_t>& ends) {
    if (got == wanted) return;
    std::string cuts;
    for (const std::size_t end : ends) cuts += " " + std::to_string(end);
    BOOST_FAIL("stream [" << stream << "] cut at" << cuts << ": " << shown(got) << " instead of " << shown(wanted));
}

/// Calls `check(stream)` with all streams of at most `bytes_max` bytes out of `alphabet`.
template <class Check>
void for_all_streams(std::string_view alphabet, std::size_t bytes_max, Check check) {
    std::vector<std::string> streams{""};
    for (std::size_t begin = 0; begin < streams.size(); ++begin) {
        const std::string stream = streams[begin];
        check(stream);
        if (stream.size() == bytes_max) continue;
        for (const char each : alphabet) streams.push_back(stream + each);
    }
}

template <std::size_t BytesMax>
void check_all_short_lines() {
    for_all_streams("a\r\n", scaled(7, 6), [](const std::string& stream) {
        const meaning wanted = lines_of(stream, BytesMax);
        for (std::uint32_t way = 0; way < (stream.size() < 2 ? 1U : 1U << (stream.size() - 1)); ++way) {
            const auto ends = cut(stream.size(), way);
            check_same(read_lines<BytesMax>(stream, ends), wanted, stream, ends);
        }
    });
}

template <std::size_t BytesMax>
void check_random_lines(std::mt19937_64& random) {
    for (std::uint32_t round = 0; round < scaled(3000, 500); ++round) {
        std::string stream(random() % 300, '\0');
        const std::uint64_t ends_one_in = 1 + random() % (2 * BytesMax);
        for (char& each : stream) {
            each = static_cast<char>(random());
            if (random() % ends_one_in == 0) each = random() % 3 == 0 ? '\r' : '\n';
        }
        const auto ends = random_cut(stream.size(), 1 + random() % 100, random);
        check_same(read_lines<BytesMax>(stream, ends), lines_of(stream, BytesMax), stream, ends);
    }
}

template <tina::frame_format Format>
std::string frame_of(std::uint64_t length, std::mt19937_64& random) {
    std::string made;
    for (std::size_t i = 0; i < Format.length_bytes; ++i) {
        const std::size_t place = Format.order == std::endian::big ? Format.length_bytes - 1 - i : i;
        made += static_cast<char>(length >> (8 * place));
    }
    for (std::uint64_t i = 0; i < length; ++i) made += static_cast<char>(random());
    return made;
}

/// Frames around the limit, some far beyond it, and some noise at the end.
template <tina::frame_format Format>
void check_random_frames(std::mt19937_64& random) {
    for (std::uint32_t round = 0; round < scaled(2000, 300); ++round) {
        std::string stream;
        for (std::uint64_t count = random() % 12; count > 0; --count) {
            stream += frame_of<Format>(random() % std::min<std::size_t>(256, Format.bytes_max + 4), random);
        }
        const bool is_cut = random() % 2 == 0;
        if (is_cut) stream.resize(stream.size() - std::min<std::size_t>(stream.size(), random() % 20));
        for (std::uint64_t count = random() % 20; !is_cut && count > 0; --count) stream += static_cast<char>(random());
        const auto ends = random_cut(stream.size(), 1 + random() % 100, random);
        check_same(read_frames<Format>(stream, ends), frames_of(stream, Format), stream, ends);
    }
}

using tina::frame_format;
constexpr auto little = std::endian::little;

}  // namespace

BOOST_AUTO_TEST_SUITE(readers)

BOOST_AUTO_TEST_CASE(a_line_is_seen_in_place_where_it_lies_whole_in_a_piece) {
    int alive = 0;
    piece whole("one\r\ntwo\nthr", alive);
    const auto* const begin = reinterpret_cast<const char*>(whole.data());
    tina::line_reader reader;
    reader.feed(std::move(whole));
    auto first = reader.next();
    BOOST_REQUIRE((first && *first));
    BOOST_TEST((**first == "one" && (**first).data() == begin));
    auto second = reader.next();
    BOOST_TEST((second && **second == "two" && (**second).data() == begin + 5));
    BOOST_TEST(alive == 1);
    BOOST_TEST(!reader.next());
    BOOST_TEST(alive == 0);
    reader.feed(piece("ee\r", alive));
    BOOST_TEST(!reader.next());
    reader.feed(piece("\n", alive));
    auto third = reader.next();
    BOOST_TEST((third && **third == "three"));
    BOOST_TEST(!reader.next());
    BOOST_TEST(reader.unfinished().empty());
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_an_error_once_and_holds_nothing) {
    int alive = 0;
    tina::basic_line_reader<8> reader;
    int errors = 0;
    for (int i = 0; i < 1000; ++i) {
        reader.feed(piece("aaa", alive));
        while (auto found = reader.next()) {
            BOOST_TEST((found->error() == tina::errc::too_long));
            ++errors;
            BOOST_TEST(i == 2);
        }
        BOOST_TEST(alive == 0);
    }
    BOOST_TEST(errors == 1);
    reader.feed(piece("\nnext\n", alive));
    auto found = reader.next();
    BOOST_TEST((found && **found == "next"));
}

BOOST_AUTO_TEST_CASE(a_reader_gives_back_what_it_holds_when_it_ends) {
    int alive = 0;
    {
        tina::line_reader reader;
        reader.feed(piece("a\nb\n", alive));
        static_cast<void>(reader.next());
        BOOST_TEST(alive == 1);
    }
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(all_short_streams_are_the_same_lines_however_they_are_cut) {
    check_all_short_lines<1>();
    check_all_short_lines<2>();
    check_all_short_lines<3>();
    check_all_short_lines<16>();
}

BOOST_AUTO_TEST_CASE(random_streams_are_the_same_lines_however_they_are_cut) {
    BOOST_TEST_CONTEXT("seed " << seed) {
        std::mt19937_64 random(seed);
        check_random_lines<1>(random);
        check_random_lines<7>(random);
        check_random_lines<64>(random);
        check_random_lines<1024>(random);
    }
}

BOOST_AUTO_TEST_CASE(a_frame_is_seen_in_place_where_it_lies_whole_in_a_piece) {
    int alive = 0;
    piece whole(std::string_view("\0\0\0\2ab\0\0\0\0\0\0\0\3c", 15), alive);
    const auto* const begin = whole.data();
    tina::frame_reader reader;
    BOOST_TEST(reader.between_frames());
    reader.feed(std::move(whole));
    auto first = reader.next();
    BOOST_TEST((first && text_of(**first) == "ab" && (**first).data() == begin + 4));
    auto empty = reader.next();
    BOOST_TEST((empty && *empty && (**empty).empty()));
    BOOST_TEST(!reader.next());
    BOOST_TEST(!reader.between_frames());
    BOOST_TEST(text_of(reader.unfinished()) == "c");
    BOOST_TEST(alive == 0);
    reader.feed(piece("de", alive));
    auto last = reader.next();
    BOOST_TEST((last && text_of(**last) == "cde"));
    BOOST_TEST(!reader.next());
    BOOST_TEST(reader.between_frames());
}

BOOST_AUTO_TEST_CASE(the_longest_length_there_is_is_an_error_and_no_wrap_around) {
    int alive = 0;
    tina::basic_frame_reader<frame_format{.length_bytes = 8}> reader;
    reader.feed(piece(std::string(8, '\xff') + "abc", alive));
    auto found = reader.next();
    BOOST_TEST((found && found->error() == tina::errc::too_long));
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(!reader.next());
        BOOST_TEST(alive == 0);
        reader.feed(piece(std::string(1000, '\0'), alive));
    }
    BOOST_TEST(!reader.between_frames());
}

BOOST_AUTO_TEST_CASE(all_short_streams_are_the_same_frames_however_they_are_cut) {
    constexpr frame_format format{.length_bytes = 1, .bytes_max = 2};
    for_all_streams(std::string_view("\0\1\2\3", 4), scaled(7, 5), [&](const std::string& stream) {
        const meaning wanted = frames_of(stream, format);
        for (std::uint32_t way = 0; way < (stream.size() < 2 ? 1U : 1U << (stream.size() - 1)); ++way) {
            const auto ends = cut(stream.size(), way);
            check_same(read_frames<format>(stream, ends), wanted, stream, ends);
        }
    });
}

BOOST_AUTO_TEST_CASE(random_streams_are_the_same_frames_however_they_are_cut) {
    BOOST_TEST_CONTEXT("seed " << seed) {
        std::mt19937_64 random(seed);
        check_random_frames<frame_format{.length_bytes = 1, .bytes_max = 40}>(random);
        check_random_frames<frame_format{.length_bytes = 1, .bytes_max = 255}>(random);
        check_random_frames<frame_format{.length_bytes = 2, .bytes_max = 60}>(random);
        check_random_frames<frame_format{.length_bytes = 2, .order = little, .bytes_max = 60}>(random);
        check_random_frames<frame_format{.length_bytes = 4, .bytes_max = 1}>(random);
        check_random_frames<frame_format{.length_bytes = 4, .order = little}>(random);
        check_random_frames<frame_format{.length_bytes = 8, .bytes_max = 100}>(random);
        check_random_frames<frame_format{.length_bytes = 8, .order = little, .bytes_max = 100}>(random);
    }
}

// --- in an isolate: real leases
// -----------------------------------------------------------------------------------------

namespace {

constexpr std::string_view three_lines = "first\r\nthe second one\nlast\nand more\nunread\n";

tina::isolate line_sender(tina::context, tina::address server) {
    auto peer = co_yield tina::connect(server).or_crash();
    co_yield tina::send_all(peer, three_lines).or_crash();
    static_cast<void>(co_yield tina::recv(peer, 1));  // until the reader has gone
}

/// Reads three lines in pieces of `piece_bytes`, then crashes with a lease in its reader if that is large.
tina::isolate line_receiver(tina::context self, tina::listener server, std::vector<std::string>* lines,
                            std::uint32_t piece_bytes) {
    const auto where = server.local_address();
    if (!self.spawn<line_sender>(*where)) co_yield tina::crash("no sender");
    auto peer = co_yield tina::accept(server).or_crash();
    tina::line_reader reader;
    while (lines->size() < 3) {
        if (auto found = reader.next()) {
            lines->emplace_back(**found);
            continue;
        }
        auto received = co_yield tina::recv(peer, piece_bytes).or_crash();
        reader.feed(std::move(received));
    }
    self.request_stop();
    co_yield tina::crash("with a lease in its reader");
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_isolate_reads_lines_and_its_leases_come_back_when_it_crashes) {
    for (const std::uint32_t piece_bytes : {1U, 3U, 7U, 256U}) {
        std::vector<std::string> lines;
        auto spec =
            spec_of({tina::type<line_receiver>({.slots = 1}), tina::type<line_sender>({.slots = 1})},
                    {shard_of({tina::child<line_receiver>(
                        tina::temporary, tina::listening({.address = "127.0.0.1", .port = 0}), &lines, piece_bytes)})});
        BOOST_TEST(contains(log_of(std::move(spec), tina::log_level::warning), "with a lease in its reader"));
        BOOST_TEST((lines == std::vector<std::string>{"first", "the second one", "last"}));
    }
}

BOOST_AUTO_TEST_SUITE_END()
