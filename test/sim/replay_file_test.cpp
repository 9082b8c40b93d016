// SPDX-License-Identifier: Apache-2.0
// Tests of replay files: what is written is read back the same, and whatever else is read is refused with the line and
// the cure. They must never crash the reader, whatever they give it.
#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

#include "sim/harness/corpus.hpp"
#include "sim/harness/text.hpp"
#include "sim/replay_file.hpp"

namespace {

using namespace tina::sim;

constexpr std::uint64_t seed = 20'260'704;

std::string random_text(std::mt19937_64& random) {
    std::string text;
    for (std::size_t left = random() % 12; left != 0; --left) text += static_cast<char>(random() % 256);
    return text;
}

replay_file random_file(std::mt19937_64& random) {
    replay_file file;
    file.scenario = random_text(random);
    file.spec_digest = random();
    file.seed = random();
    file.from = random() % 2 == 0 ? base::seed : base::quiet;
    file.profile = static_cast<fault_profile>(random() % 3);
    for (std::size_t left = random() % 5; left != 0; --left) {
        edit made;
        made.what = static_cast<site>(random() % site_count);
        made.entity = random_text(random);
        made.ordinal = random();
        made.value = random();
        if (random() % 2 == 0) {
            made.kind = static_cast<std::uint32_t>(random() | 1);
            made.kind_ordinal = random();
        }
        file.edits.edits.push_back(made);
    }
    std::uint64_t event = 0;
    for (std::size_t left = random() % 3; left != 0; --left) {
        event += 1 + random() % 1000;
        file.edits.reseeds.push_back({event, random()});
    }
    for (std::size_t left = random() % 3; left != 0; --left) file.options.push_back(random_text(random));
    file.failure = random() % 2 == 0 ? "" : random_text(random);
    if (!file.failure.empty()) file.event = random();
    file.digest = random();
    return file;
}

replay_file small_file() {
    replay_file file;
    file.scenario = "transfers";
    file.spec_digest = 0x8f3a;
    file.seed = 4711;
    file.from = base::quiet;
    file.profile = fault_profile::declared;
    file.options = {"buggy"};
    file.edits.edits.push_back({site::crash_before, "bank/0/teller/3", 17, 0x1234abcd, 4, 1});
    file.edits.reseeds.push_back({88213, 99});
    file.failure = "money is conserved";
    file.event = 88213;
    file.digest = 0xfeed;
    return file;
}

/// The file with one of its lines replaced, and an end that says so.
std::string with_line(const std::string& from, const std::string& to) {
    std::string text = to_text(small_file());
    const std::size_t at = text.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    text.replace(at, text.find('\n', at) - at, to);
    return text.substr(0, text.rfind("end ")) + "end by-hand\n";
}

std::string reason_for(const std::string& from, const std::string& to) {
    return parse_replay(with_line(from, to)).reason;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replay_files)

BOOST_AUTO_TEST_CASE(a_file_is_text_with_a_fact_a_line) {
    BOOST_TEST(to_text(small_file()) ==
               "tina replay 1\nscenario \"transfers\"\nspec 0000000000008f3a\nseed 4711\nbase quiet\nfaults declared\n"
               "option \"buggy\"\nedit crash_before \"bank/0/teller/3\" 17 kind 0x1234abcd #4 = 1\n"
               "reseed 88213 = 99\nexpect failure \"money is conserved\" event 88213 digest 000000000000feed\n"
               "end ea39ae4f589ad39d\n");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < 2000; ++i) {
        const std::string text = to_text(random_file(random));
        const replay_or_reason read = parse_replay(text);
        BOOST_REQUIRE_MESSAGE(read.reason.empty(), "seed " << seed << ", file " << i << ": " << read.reason);
        BOOST_REQUIRE_EQUAL(to_text(read.file), text);
    }
}

BOOST_AUTO_TEST_CASE(edits_in_a_row_are_one_line) {
    replay_file file = small_file();
    file.edits.edits.clear();
    for (std::uint64_t i = 3; i <= 90; ++i) file.edits.edits.push_back({site::operation, "workload/x", i, 0, 0, 1});
    const std::string text = to_text(file);
    BOOST_TEST(text.find("edit operation \"workload/x\" 3..90 = 1\n") != std::string::npos, text);
    BOOST_TEST((parse_replay(text).file.edits == file.edits));
}

BOOST_AUTO_TEST_CASE(a_range_of_edits_without_end_is_refused) {
    BOOST_TEST(parse_edits("edit operation \"x\" 0..18446744073709551615 = 1\n").reason.find("line 1: ") == 0u);
    BOOST_TEST(parse_edits("edit operation \"x\" 9..8 = 1\n").reason.find("line 1: ") == 0u);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_off_anywhere_is_refused) {
    const std::string text = to_text(small_file());
    for (std::size_t size = 0; size < text.size() - 1; ++size) {
        BOOST_REQUIRE_MESSAGE(!parse_replay(text.substr(0, size)).reason.empty(), size << " bytes");
    }
}

BOOST_AUTO_TEST_CASE(a_file_with_one_byte_changed_is_refused) {
    const std::string text = to_text(small_file());
    for (std::size_t at = 0; at < text.size() - 1; ++at) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        BOOST_REQUIRE_MESSAGE(!parse_replay(changed).reason.empty(), "byte " << at);
    }
}

BOOST_AUTO_TEST_CASE(a_change_by_hand_is_accepted_if_the_end_says_so) {
    const replay_or_reason read = parse_replay(with_line("seed 4711", "seed 5"));
    BOOST_TEST(read.reason == "");
    BOOST_TEST(read.file.seed == 5u);
}

BOOST_AUTO_TEST_CASE(another_format_is_named) {
    BOOST_TEST(parse_replay("tina replay 2\n").reason ==
               "line 1: this is format \"2\", and this program reads format 1 only; replay it with the program that "
               "wrote it");
}

BOOST_AUTO_TEST_CASE(what_is_no_replay_file_is_refused) {
    BOOST_TEST(parse_replay("\x7f"
                            "ELF")
                   .reason == "line 1: this is no replay file: it should begin with `tina replay 1`");
}

BOOST_AUTO_TEST_CASE(an_unknown_site_is_named_with_its_line) {
    BOOST_TEST(reason_for("edit crash_before", "edit net_lost \"a\" 1 = 1") ==
               "line 8: unknown site \"net_lost\": it is a name from another version, or misspelt; correct it, or "
               "delete the line");
}

BOOST_AUTO_TEST_CASE(a_number_beyond_64_bits_is_refused) {
    BOOST_TEST(reason_for("seed 4711", "seed 18446744073709551616") ==
               "line 4: the seed should be a whole number below 2^64, not \"18446744073709551616\"; correct it");
}

BOOST_AUTO_TEST_CASE(a_text_without_its_end_is_refused) {
    BOOST_TEST(reason_for("option \"buggy\"", "option \"buggy") ==
               "line 7: an option should be a text in quotes that ends on this line; correct it");
}

BOOST_AUTO_TEST_CASE(a_fact_that_is_missing_is_named) {
    BOOST_TEST(parse_replay("tina replay 1\nscenario \"a\"\nseed 1\nexpect pass digest 0000000000000000\nend by-hand\n")
                   .reason == "line 5: there is no line `spec`; write it anew with the program that made it");
}

BOOST_AUTO_TEST_CASE(a_fact_that_comes_twice_is_refused) {
    BOOST_TEST(reason_for("option \"buggy\"", "seed 3") == "line 7: a second `seed`; keep one of them");
}

BOOST_AUTO_TEST_CASE(reseeds_out_of_order_are_refused) {
    BOOST_TEST(reason_for("reseed 88213 = 99", "reseed 5 = 1\nreseed 5 = 2") ==
               "line 10: reseeds must come by rising event; reorder them");
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_is_refused) {
    BOOST_TEST(parse_replay("tina replay 1\n" + std::string(20'000, 'x')).reason ==
               "line 2: it has 20 000 bytes, at most 16 384 are read; is this a replay file?");
}

BOOST_AUTO_TEST_CASE(ten_thousand_mangled_files_neither_crash_nor_pass_unnoticed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < 10'000; ++i) {
        const std::string good = to_text(random_file(random));
        std::string text = good;
        for (std::size_t changes = 1 + random() % 4; changes != 0; --changes) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0) text[at] = static_cast<char>(random());
            else text.erase(at, 1 + random() % 8);
            if (text.empty()) text = "x";
        }
        const bool is_whole = text == good || text + "\n" == good;
        BOOST_REQUIRE_MESSAGE(is_whole || !parse_replay(text).reason.empty(), "seed " << seed << ", file " << i);
    }
}

BOOST_AUTO_TEST_CASE(a_list_of_edits_may_stand_alone) {
    const edits_or_reason read = parse_edits("# by hand\nedit net_loss \"a>b\" 3 = 250\n\nreseed 7 = 8\n");
    BOOST_REQUIRE(read.reason.empty());
    BOOST_TEST(read.list.edits.size() == 1u);
    BOOST_TEST(read.list.reseeds.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_corpus_is_one_file_after_the_other) {
    const std::string one = to_text(small_file());
    const std::vector<corpus_entry> entries = parse_corpus(one + one);
    BOOST_REQUIRE(entries.size() == 2u);
    BOOST_TEST(entries[1].reason == "");
    BOOST_TEST(entries[1].line == 12u);
}

BOOST_AUTO_TEST_CASE(a_part_of_a_corpus_that_is_cut_off_costs_only_itself) {
    const std::string one = to_text(small_file());
    const std::vector<corpus_entry> entries = parse_corpus(one.substr(0, 100) + "\n" + one);
    BOOST_REQUIRE(entries.size() == 2u);
    BOOST_TEST(!entries[0].reason.empty());
    BOOST_TEST(entries[1].reason == "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(harness_text)

BOOST_AUTO_TEST_CASE(numbers_are_grouped_by_three) {
    BOOST_TEST(grouped(0) == "0");
    BOOST_TEST(grouped(999) == "999");
    BOOST_TEST(grouped(88213) == "88 213");
    BOOST_TEST(grouped(1234567) == "1 234 567");
}

BOOST_AUTO_TEST_CASE(times_in_the_first_second_have_microseconds) {
    BOOST_TEST(seconds_text(7'213'456) == "0.007213 s");
}

BOOST_AUTO_TEST_CASE(times_have_milliseconds) { BOOST_TEST(seconds_text(12'418'900'000) == "12.418 s"); }

BOOST_AUTO_TEST_CASE(spans_have_the_unit_that_fits) {
    BOOST_TEST(span_text(250'000'000) == "250 ms");
    BOOST_TEST(span_text(1'500) == "1.5 us");
    BOOST_TEST(span_text(7) == "7 ns");
}

BOOST_AUTO_TEST_CASE(words_for_the_shell_are_quoted_where_they_must_be) {
    BOOST_TEST(shell_word("./bank_sim") == "./bank_sim");
    BOOST_TEST(shell_word("it's") == "'it'\\''s'");
}

BOOST_AUTO_TEST_SUITE_END()
