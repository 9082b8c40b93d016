// SPDX-License-Identifier: Apache-2.0
// Tests of the log from a handler to a pipe: levels, forms, formats, and a reader who does not read. How single lines
// look is tested in log_format_test.cpp.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <system_error>

#include "test_system.hpp"
#include "tina/fmt.hpp"

namespace {

using namespace system_test;

tina::isolate talker(tina::context self) {
    tina::log(self, tina::trace, "a trace");
    tina::log(self, tina::debug, "a debug");
    tina::log(self, tina::info, std::string_view("an info"));
    self.log(tina::warning, "a warning");
    tina::log(self, tina::error, "an error {} of {:>5}: {}", 1, "three", make_error_code(tina::errc::deadline));
    tina::log(self, tina::error, "{}", std::error_code(ENOENT, std::system_category()));
    tina::log(self, tina::error, "{} {}", self.handle(), tina::send_result::mailbox_full);
    tina::log(self, tina::error, "{}", *tina::parse_address("[::1]:80"));
    tina::log(self, tina::error, "two\nlines");
    self.request_stop();
    co_return;
}

std::string talk(tina::log_level level, tina::log_format format = tina::log_format::text) {
    auto spec = spec_of({tina::type<talker>()}, {shard_of({tina::child<talker>(tina::temporary)})});
    spec.process.io = tina::io_backend::epoll;  // of which there is nothing to say, wherever this runs
    return log_of(spec, level, format);
}

std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(entries_below_the_level_are_not_made) {
    constexpr std::size_t own_lines = 2;  // of the system, that it stops and that it has drained
    BOOST_TEST(lines_of(talk(tina::trace)) == 9 + own_lines);
    BOOST_TEST(lines_of(talk(tina::info)) == 7 + own_lines);
    const std::string log = talk(tina::warning);
    BOOST_TEST(lines_of(log) == 6);
    BOOST_TEST(!contains(log, "an info"));
    BOOST_TEST(lines_of(talk(tina::error)) == 5);
}

BOOST_AUTO_TEST_CASE(a_line_says_when_how_bad_where_and_who) {
    const std::string log = talk(tina::error);
    BOOST_TEST(contains(log, "an error 1 of three: " + make_error_code(tina::errc::deadline).message() + "\n"), log);
    BOOST_TEST(contains(log, "No such file or directory\n"));
    BOOST_TEST(contains(log, "0/0.1 mailbox_full\n"));
    BOOST_TEST(contains(log, "[::1]:80\n"));
    BOOST_TEST(contains(log, " error shard 0 talker"));
}

BOOST_AUTO_TEST_CASE(logfmt_has_pairs) {
    const std::string log = talk(tina::warning, tina::log_format::logfmt);
    BOOST_TEST(lines_of(log) == 6);
    BOOST_TEST(contains(log, "level=warning"), log);
    BOOST_TEST(contains(log, "shard=0"), log);
    BOOST_TEST(contains(log, "\"a warning\""), log);
}

namespace {

constexpr std::uint32_t entries = 20'000;

tina::isolate chatterer(tina::context self) {
    for (std::uint32_t i = 0; i < entries; ++i) {
        tina::log(self, tina::info, "entry {} with enough text in it to fill a pipe before long", i);
        if (i % 16 == 0) co_yield tina::yield();
    }
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_reader_who_does_not_read_costs_entries_which_are_counted_and_never_blocks) {
    const log_pipe log;
    auto spec = spec_of({tina::type<chatterer>()}, {shard_of({tina::child<chatterer>(tina::temporary)})});
    spec.log = {.level = tina::info, .descriptor = log.writing_end()};
    const auto counters = run_system(std::move(spec), 20s);
    BOOST_TEST(counters["log_entries_dropped"] > entries / 2);
    BOOST_TEST(counters["log_entries"] + counters["log_entries_dropped"] >= entries);
    BOOST_TEST(!log.text().empty());
}

BOOST_AUTO_TEST_CASE(dropped_entries_are_reported_once_there_is_room) {
    const log_pipe log;
    auto limits = small_limits();
    limits.log_bytes = 4096;
    auto spec = spec_of({tina::type<chatterer>()}, {shard_of({tina::child<chatterer>(tina::temporary)}, limits)});
    spec.log = {.level = tina::info, .descriptor = log.writing_end()};
    tina::system system(std::move(spec));
    must_start(system);
    std::string text;
    for (int i = 0; i < 10'000 && !stopped_within(system, 1ms); ++i) text += log.text();
    stop_and_join(system);
    text += log.text();
    const auto counters = system.counters();
    std::uint64_t reported = 0;
    for (std::size_t at = 0; (at = text.find("log full: ", at)) != std::string::npos; ++at) {
        reported += std::stoull(text.substr(at + 10));
    }
    BOOST_TEST(counters["log_entries_dropped"] >= reported);
    BOOST_TEST(counters["log_entries"] == lines_of(text));
    if (counters["log_entries_dropped"] > 0) BOOST_TEST(reported > 0);
}

BOOST_AUTO_TEST_CASE(two_shards_that_share_a_pipe_which_nobody_reads_do_not_block,
                     *boost::unit_test::label("threads")) {
    for (int round = 0; round < (sanitized ? 2 : 10); ++round) {
        const log_pipe log;
        auto spec = spec_of({tina::type<chatterer>()}, {shard_of({tina::child<chatterer>(tina::temporary)}),
                                                        shard_of({tina::child<chatterer>(tina::temporary)})});
        spec.log = {.level = tina::info, .descriptor = log.writing_end()};
        tina::system system(std::move(spec));
        must_start(system);
        if (!stopped_within(system, 5s)) {
            BOOST_ERROR("a shard blocks on a log that nobody reads; round " << round);
            system.request_stop();
            while (!stopped_within(system, 10ms)) static_cast<void>(log.text());  // or it would never end
        }
        stop_and_join(system);
    }
}

BOOST_AUTO_TEST_SUITE_END()
