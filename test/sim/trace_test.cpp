// SPDX-License-Identifier: Apache-2.0
// Tests of what a run shows: words, chains of causes, traces as text, stepping. The other formats are read by
// check_trace.py. Everything here is about runs made by hand.
#include "sim/trace/trace.hpp"

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "sim/trace/json.hpp"
#include "sim/trace/lines.hpp"
#include "sim/trace/words.hpp"
#include "test/sim/trace_example.hpp"

namespace {

using tina::sim::event_kind;
using tina::sim::event_record;
using tina::sim::run_outcome;
using tina::sim::site;
using tina::test::example_crash;
using tina::test::example_failure;
using tina::test::example_run;
using tina::test::long_run;

std::vector<std::uint64_t> numbers_of(const std::vector<event_record>& chain) {
    std::vector<std::uint64_t> numbers;
    for (const event_record& each : chain) numbers.push_back(each.number);
    return numbers;
}

std::string described(const run_outcome& run, std::uint64_t number) {
    return tina::sim::describe(run, *tina::sim::event_of(run, number));
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string text_trace(const run_outcome& run) {
    std::ostringstream out;
    tina::sim::write_trace(out, run, tina::sim::trace_format::text);
    return out.str();
}

/// What stepping through a run prints for these commands.
std::string stepped(const run_outcome& run, const std::string& commands, bool backwards = false) {
    std::istringstream in(commands);
    std::ostringstream out;
    BOOST_TEST(tina::sim::step_through(run, {.in = &in, .out = &out, .backwards = backwards}) == 0);
    return out.str();
}

std::string shown(const run_outcome& run, std::uint64_t to, int status) {
    std::ostringstream out;
    BOOST_TEST(tina::sim::step_through(run, {.out = &out, .to = to}) == status);
    return out.str();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(a_large_number_is_grouped_by_threes) {
    BOOST_TEST(tina::sim::grouped(0) == "0");
    BOOST_TEST(tina::sim::grouped(999) == "999");
    BOOST_TEST(tina::sim::grouped(88'213) == "88 213");
    BOOST_TEST(tina::sim::grouped(1'000'000) == "1 000 000");
}

BOOST_AUTO_TEST_CASE(a_moment_has_as_many_digits_as_it_needs) {
    BOOST_TEST(tina::sim::moment(12'418'000'000) == "12.418 s");
    BOOST_TEST(tina::sim::moment(0) == "0.000 s");
    BOOST_TEST(tina::sim::moment(16'384) == "0.000016384 s");
    BOOST_TEST(tina::sim::moment(40'000) == "0.000040 s");
    BOOST_TEST(tina::sim::moment(-1'500'000'000) == "-1.500 s");
}

BOOST_AUTO_TEST_CASE(a_span_has_the_unit_that_suits_it) {
    BOOST_TEST(tina::sim::span(7) == "7 ns");
    BOOST_TEST(tina::sim::span(16'384) == "16.384 us");
    BOOST_TEST(tina::sim::span(212'000'000) == "212 ms");
    BOOST_TEST(tina::sim::span(-1'500'000'000) == "-1.5 s");
    BOOST_TEST(tina::sim::span(INT64_MIN) == "-9 223 372 036.854775808 s");
}

BOOST_AUTO_TEST_CASE(the_value_of_a_choice_stands_in_its_sentence) {
    BOOST_TEST(tina::sim::sentence_of(site::net_partition, 212'000'000) == "is cut off from the other for 212 ms");
    BOOST_TEST(tina::sim::sentence_of(site::partial_write, 1'200) == "may write 1 200 bytes at once");
    BOOST_TEST(tina::sim::sentence_of(site::workload, 3) == "of the workload has the value 3");
    BOOST_TEST(tina::sim::sentence_of(site::net_reset, 1) == "has its connection reset");
}

BOOST_AUTO_TEST_CASE(a_partition_is_told_of_one_of_two_and_of_a_way) {
    const auto told = [](std::string_view whom) {
        return tina::sim::sentence_of(site::net_partition, 1'000'000, whom);
    };
    BOOST_TEST(told("one") == "is cut off from the other for 1 ms");
    BOOST_TEST(told("one and two") == "are cut off from each other for 1 ms");
    BOOST_TEST(told("one to two") == "is a way on which nothing passes for 1 ms");
}

BOOST_AUTO_TEST_CASE(the_last_phase_is_over_and_does_not_begin) {
    run_outcome run;
    run.events = 3;
    for (const std::uint32_t which : {0u, 1u, 0u}) {
        run.events_kept.push_back(
            {.number = run.events_kept.size() + 1, .detail = which, .kind = tina::sim::event_kind::phase});
    }
    const auto said = [&](std::size_t index) { return tina::sim::deed_of(run, run.events_kept[index]); };
    BOOST_TEST(said(0) == "begins, with faults");
    BOOST_TEST(said(2) == "is over: what was to come true has");
    run.events = 4;
    BOOST_TEST(said(2) == "goes on, with faults again");
}

BOOST_AUTO_TEST_CASE(no_sentence_leaves_its_value_out) {
    for (std::size_t i = 0; i < tina::sim::site_count; ++i) {
        const std::string text = tina::sim::sentence_of(static_cast<site>(i), 41);
        BOOST_TEST(!has(text, "this many"), text);
        BOOST_TEST(!has(text, "draws this"), text);
    }
}

BOOST_AUTO_TEST_CASE(an_event_in_words_names_who_and_what) {
    const run_outcome run = example_run();
    BOOST_TEST(described(run, 3) == "bank/0/teller/3 was started (teller)");
    BOOST_TEST(described(run, 6) == "bank/0/teller/3 sent transfer_request to shard 1");
    BOOST_TEST(described(run, 11) == "bank/1/account \"<7>\" took transfer_request (24 bytes)");
    BOOST_TEST(described(run, 13) == "bank/0/teller/3 did not get transfer_request: channel_full");
    BOOST_TEST(described(run, example_crash) == "bank/0/teller/3 crashed");
}

BOOST_AUTO_TEST_CASE(every_kind_of_event_has_words_whatever_its_numbers_are) {
    const run_outcome run;
    for (std::size_t kind = 0; kind <= static_cast<std::size_t>(event_kind::count_); ++kind) {
        for (const std::int64_t value : {INT64_MIN, std::int64_t{-104}, std::int64_t{0}, INT64_MAX}) {
            event_record what{.number = 1, .who = 5, .value = value, .detail = 0xffff'ffffu, .machine = 9};
            what.kind = static_cast<event_kind>(kind);
            BOOST_TEST(!tina::sim::deed_of(run, what).empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(who_has_no_name_is_shown_by_its_number) {
    BOOST_TEST(tina::sim::name_of(run_outcome{}, 0xab) == "#00000000000000ab");
}

BOOST_AUTO_TEST_CASE(a_chain_of_causes_begins_with_the_oldest) {
    const std::vector<std::uint64_t> wanted{1, 3, 5, 6, 7, 11, 12, 14};
    BOOST_TEST(numbers_of(tina::sim::chain_of(example_run(), example_failure)) == wanted,
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_event_that_was_not_kept_has_no_chain) {
    BOOST_TEST(tina::sim::chain_of(example_run(), 15).empty());
    BOOST_TEST(tina::sim::chain_of(example_run(), 0).empty());
    BOOST_TEST(tina::sim::chain_of(run_outcome{}, 1).empty());
}

BOOST_AUTO_TEST_CASE(a_cause_in_the_future_ends_a_chain) {
    run_outcome run = example_run();
    run.events_kept[4].cause = 12;
    BOOST_TEST(tina::sim::chain_of(run, 5).size() == 1u);
}

BOOST_AUTO_TEST_CASE(events_are_found_where_the_first_ones_were_not_kept) {
    run_outcome run = example_run();
    run.events_kept.erase(run.events_kept.begin(), run.events_kept.begin() + 4);
    BOOST_TEST(tina::sim::event_of(run, 5)->number == 5u);
    BOOST_TEST(tina::sim::event_of(run, 4) == nullptr);
    BOOST_TEST(tina::sim::chain_of(run, 6).size() == 2u);
}

BOOST_AUTO_TEST_CASE(an_explanation_names_the_faults_that_fired_on_the_way) {
    const std::string text = tina::sim::explain(example_run(), example_failure);
    BOOST_TEST(has(text, "!! bank/0/teller/3 stands still for 22.616 us"), text);
    BOOST_TEST(!has(text, "self.random"), text);
}

BOOST_AUTO_TEST_CASE(a_fault_belongs_to_the_dispatch_under_way) {
    const run_outcome run = example_run();
    BOOST_TEST(tina::sim::faults_during(run, 5).size() == 1u);
    BOOST_TEST(tina::sim::faults_during(run, 6).empty());
}

BOOST_AUTO_TEST_CASE(a_fault_with_an_event_of_its_own_is_told_once) {
    const std::string text = tina::sim::explain(example_run(), example_crash);
    BOOST_TEST(text.find("crashes after") == text.rfind("crashes after"), text);
}

BOOST_AUTO_TEST_CASE(an_explanation_of_a_long_chain_shows_its_two_ends) {
    const run_outcome run = long_run(10'000, 8);
    const std::string text = tina::sim::explain(run, 10'000);
    BOOST_TEST(std::ranges::count(text, '\n') == 43);
    BOOST_TEST(has(text, "9 960 events, each the cause of the next"), text);
}

BOOST_AUTO_TEST_CASE(an_explanation_of_what_is_not_there_says_so) {
    BOOST_TEST(tina::sim::explain(example_run(), 99) == "There is no event 99 in this run.\n");
}

BOOST_AUTO_TEST_CASE(the_text_has_a_line_for_each_event_with_its_cause) {
    const std::string text = text_trace(example_run());
    BOOST_TEST(has(text, "    6   0.000017384  bank/0    bank/0/teller/3       sent transfer_request to shard 1"),
               text);
    BOOST_TEST(has(text, "  <- 5\n"), text);
}

BOOST_AUTO_TEST_CASE(the_text_marks_faults_that_fired) {
    const std::string text = text_trace(example_run());
    BOOST_TEST(has(text, "\n!!  8 "), text);
}

BOOST_AUTO_TEST_CASE(the_text_has_the_log_at_its_time) {
    const std::string text = text_trace(example_run());
    const std::size_t line = text.find("0.000020000  | teller began");
    BOOST_TEST(text.find("sent transfer_request") < line);
    BOOST_TEST(line < text.find("was sent transfer_request"));
}

BOOST_AUTO_TEST_CASE(the_text_ends_with_the_failure_and_its_causes) {
    const std::string text = text_trace(example_run());
    BOOST_TEST(has(text, "FAILED  money is conserved   event 14, at 12.418 s: 99 990.00 instead of 100 000.00\n"),
               text);
    BOOST_TEST(text.find("It follows from:") > text.find("FAILED"));
}

BOOST_AUTO_TEST_CASE(a_log_line_without_a_time_has_that_of_the_one_before) {
    run_outcome run;
    run.log = {"1500 one", "no time at all", "250 two", "99999999999999999999999 three"};
    const std::vector<tina::sim::timed_line> lines = tina::sim::timed_log_of(run);
    BOOST_TEST(lines[0].text == "two");
    BOOST_TEST(lines[1].text == "99999999999999999999999 three");
    BOOST_TEST(lines[2].text == "one");
    BOOST_TEST(lines[3].text == "no time at all");
}

BOOST_AUTO_TEST_CASE(who_crashed_is_alive_again_after_its_restart) {
    const run_outcome run = example_run();
    BOOST_TEST(tina::sim::alive_after(run, example_crash).size() == 2u);
    BOOST_TEST(tina::sim::alive_after(run, example_crash + 1).size() == 3u);
}

BOOST_AUTO_TEST_CASE(nobody_lives_on_a_machine_without_power) {
    run_outcome run = example_run();
    run.events_kept.back().kind = event_kind::machine_down;
    const std::vector<std::string> names = tina::sim::alive_after(run, example_failure);
    BOOST_TEST(names == std::vector<std::string>{"office/0/client"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(json_strings_escape_what_json_and_pages_do_not_take) {
    BOOST_TEST(tina::sim::json_string("a\"\\\n\x01<é") == "\"a\\\"\\\\\\n\\u0001\\u003cé\"");
}

BOOST_AUTO_TEST_CASE(json_strings_replace_what_is_no_utf_8) {
    for (const std::string_view bad : {"\xff", "\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
        const std::string text = tina::sim::json_string(bad);
        BOOST_TEST(has(text, "\\ufffd"), text);
        BOOST_TEST(std::ranges::all_of(text, [](char c) { return c > 0; }), text);
    }
}

BOOST_AUTO_TEST_CASE(an_empty_line_goes_to_the_next_event) {
    const std::string text = stepped(example_run(), "\n");
    BOOST_TEST(has(text, " 2   0.000001000 "), text);
}

BOOST_AUTO_TEST_CASE(backwards_begins_at_the_failing_event) {
    const std::string text = stepped(example_run(), "\n", true);
    BOOST_TEST(text.find("!! 14 ") < text.find("   13 "), text);
}

BOOST_AUTO_TEST_CASE(going_back_shows_the_same_event_again) {
    const std::string there = stepped(example_run(), "g 6\n");
    const std::string back = stepped(example_run(), "g 11\nb 5\n");
    BOOST_TEST(there.substr(there.rfind("    6")) == back.substr(back.rfind("    6")));
}

BOOST_AUTO_TEST_CASE(going_beyond_an_end_stops_there_and_says_so) {
    const std::string text = stepped(example_run(), "n 1000\nn\nb 1000\nb\n");
    BOOST_TEST(has(text, "FAILED  money is conserved"), text);
    BOOST_TEST(has(text, "This is the last event."), text);
    BOOST_TEST(has(text, "This is the first event."), text);
}

BOOST_AUTO_TEST_CASE(why_explains_the_present_event) {
    const run_outcome run = example_run();
    BOOST_TEST(has(stepped(run, "g 14\nw\n"), tina::sim::explain(run, 14)));
}

BOOST_AUTO_TEST_CASE(the_next_event_of_an_isolate_is_found_by_a_part_of_its_name) {
    const std::string text = stepped(example_run(), "g 4\ni account\n");
    BOOST_TEST(has(text, "    7 "), text);
    BOOST_TEST(has(stepped(example_run(), "i nobody\n"), "Nobody with \"nobody\" in its name"));
}

BOOST_AUTO_TEST_CASE(the_next_fault_is_found_though_it_is_no_event_of_its_own) {
    const std::string text = stepped(example_run(), "f\n");
    BOOST_TEST(has(text, "!! during it: bank/0/teller/3 stands still"), text);
    BOOST_TEST(has(stepped(example_run(), "f\nf\n"), "\n!!  8 "));
    BOOST_TEST(has(stepped(example_run(), "f\nf\nf\n"), "No fault fires after this event."));
}

BOOST_AUTO_TEST_CASE(a_command_that_is_none_gets_an_answer) {
    const std::string text = stepped(example_run(), "jump\ng 99\nn x\nb -1\ni\n");
    BOOST_TEST(has(text, "\"jump\" is no command; \"?\" lists them"), text);
    BOOST_TEST(has(text, "There is no event \"99\": the run has 1 to 14"), text);
    BOOST_TEST(has(text, "\"x\" is no number of events"), text);
    BOOST_TEST(has(text, "\"-1\" is no number of events"), text);
    BOOST_TEST(has(text, "Whose?"), text);
}

BOOST_AUTO_TEST_CASE(a_run_to_an_event_shows_what_led_there_and_who_is_alive) {
    const std::string text = shown(example_run(), example_crash, 0);
    BOOST_TEST(has(text, "> "), text);
    BOOST_TEST(has(text, "It follows from:"), text);
    BOOST_TEST(has(text, "2 alive after event 9:\n  bank/1/account \"<7>\"\n  office/0/client\n"), text);
}

BOOST_AUTO_TEST_CASE(a_run_to_an_event_that_it_does_not_have_is_refused) {
    BOOST_TEST(shown(example_run(), 99, 2) == "There is no event 99: the run has 14 events\n");
}

BOOST_AUTO_TEST_CASE(a_run_that_was_not_made_shows_why) {
    run_outcome run;
    run.unusable = "the spec has no shards";
    BOOST_TEST(shown(run, 0, 2) == "the spec has no shards\n");
    BOOST_TEST(has(text_trace(run), "NOT RUN  the spec has no shards"));
}

BOOST_AUTO_TEST_CASE(a_run_without_events_can_be_stepped_through_and_written) {
    BOOST_TEST(stepped(run_outcome{}, "n\n") == "The run has no events.\n");
    for (const auto format : {tina::sim::trace_format::perfetto, tina::sim::trace_format::html}) {
        std::ostringstream out;
        tina::sim::write_trace(out, run_outcome{}, format);
        BOOST_TEST(!out.str().empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
