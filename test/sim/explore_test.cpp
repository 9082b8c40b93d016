// SPDX-License-Identifier: Apache-2.0
// Tests of campaigns and of guided search, and of the processes that make their runs: in this process on a toy
// protocol, and through a program, as its user calls it.
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "program_folder.hpp"
#include "sim/harness/corpus.hpp"
#include "sim/harness/guided.hpp"
#include "sim/host/pool.hpp"
#include "toy_protocol.hpp"

namespace {

using namespace tina::sim;
using program_test::folder;

constexpr std::uint64_t random_seed = 20'260'704;

runner toy_runner() {
    return [](const run_request& wanted) { return toy::run({}, wanted); };
}

run_request with_seed(std::uint64_t seed) {
    run_request request;
    request.seed = seed;
    return request;
}

/// The digests of runs by index, as a pool of so many workers makes them.
std::map<std::uint64_t, std::string> pool_results(unsigned jobs, std::vector<family> families, const runner& run) {
    std::map<std::uint64_t, std::string> results;
    std::size_t next = 0;
    host::pool workers(run, {.jobs = jobs, .hung_ns = 2'000'000'000});
    const std::string reason = workers.run({
        .next = [&]() -> std::optional<family> {
            if (next == families.size()) return std::nullopt;
            return families[next++];
        },
        .done =
            [&](const campaign_run& made, run_outcome outcome) {
                results[made.index] = std::string(signature_of(outcome)) + " " + std::to_string(outcome.digest);
            },
        .stops = [] { return false; },
        .tick = [] {},
    });
    BOOST_TEST(reason == "");
    return results;
}

std::vector<family> seeds(std::uint64_t first, std::uint64_t last) {
    std::vector<family> all;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        all.push_back({with_seed(seed), {{.index = seed, .is_parent = true}}, answer_size::verdict});
    }
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(campaigns)

BOOST_AUTO_TEST_CASE(the_lowest_run_with_a_signature_is_kept_and_the_others_are_counted) {
    campaign sum;
    run_outcome failed;
    failed.failed = failure{"a", "", 1, 1};
    BOOST_TEST(sum.add({7, {}}, failed));
    BOOST_TEST(!sum.add({9, {}}, failed));
    BOOST_TEST(sum.add({3, {}}, failed));
    BOOST_TEST(sum.failures().at("a").first.index == 3u);
    BOOST_TEST(sum.failures().at("a").count == 3u);
}

BOOST_AUTO_TEST_CASE(a_mark_that_never_held_is_named) {
    campaign sum;
    run_outcome passed;
    passed.marks = {{"it rains", 's', 5, 0}};
    sum.add({1, {}}, passed);
    BOOST_REQUIRE(sum.not_shown().size() == 1u);
    BOOST_TEST(sum.not_shown()[0].find("TINA_SOMETIMES(\"it rains\") never held in 1 run") == 0u);
}

BOOST_AUTO_TEST_CASE(a_mark_that_another_scenario_reaches_in_types_of_its_own_is_left_to_it) {
    const auto complaints = [](const std::string& met_in) {
        campaign all;
        run_outcome passed;
        passed.marks = {{"it rains", 'r', 0, 0}};
        all.add({1, {}}, passed);
        passed.marks = {{"it rains", 'r', 5, 5, {met_in}}};
        all.leave_marks_to(passed, {"cloud", "ground"});
        return all.not_shown().size() + all.marks_wanted();
    };
    BOOST_TEST(complaints("sea") == 0u);
    BOOST_TEST(complaints("cloud") == 2u);
}

BOOST_AUTO_TEST_CASE(a_fault_that_was_asked_for_a_thousand_times_and_never_fired_is_named) {
    campaign sum;
    run_outcome passed;
    passed.faults = {{site::net_loss, 1000, 0}};
    sum.add({1, {}}, passed);
    BOOST_REQUIRE(sum.not_shown().size() == 1u);
    BOOST_TEST(sum.not_shown()[0].find("the fault net_loss never fired") == 0u);
}

BOOST_AUTO_TEST_CASE(a_fault_is_named_as_the_scenario_declares_it) {
    campaign sum;
    run_outcome passed;
    passed.faults = {{site::crash_at_start, 1000, 0}};
    sum.add({1, {}}, passed);
    BOOST_REQUIRE(sum.not_shown().size() == 1u);
    BOOST_TEST(sum.not_shown()[0].find("the fault crash_at_start (of crash_isolate) never fired") == 0u);
}

BOOST_AUTO_TEST_CASE(a_fault_that_fired_once_is_enough) {
    campaign sum;
    run_outcome passed;
    passed.faults = {{site::net_loss, 1000, 1}};
    sum.add({1, {}}, passed);
    BOOST_TEST(sum.not_shown().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(workers)

BOOST_AUTO_TEST_CASE(a_run_in_a_worker_comes_out_as_it_does_here) {
    const auto results = pool_results(2, seeds(1, 50), toy_runner());
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const run_outcome here = toy::run({}, with_seed(seed));
        BOOST_REQUIRE_EQUAL(results.at(seed), std::string(signature_of(here)) + " " + std::to_string(here.digest));
    }
}

BOOST_AUTO_TEST_CASE(results_do_not_depend_on_the_number_of_workers) {
    BOOST_TEST((pool_results(1, seeds(1, 100), toy_runner()) == pool_results(3, seeds(1, 100), toy_runner())));
}

BOOST_AUTO_TEST_CASE(a_run_that_takes_its_worker_down_has_that_for_its_outcome) {
    const runner run = [](const run_request& wanted) {
        if (wanted.seed % 10 == 3) std::_Exit(7);
        return toy::run({}, wanted);
    };
    const auto results = pool_results(2, seeds(1, 40), run);
    BOOST_TEST(results.size() == 40u);
    for (const auto& [seed, result] : results) {
        BOOST_TEST((result.find("the process ended with status 7") == 0) == (seed % 10 == 3));
    }
}

BOOST_AUTO_TEST_CASE(a_run_that_never_ends_is_given_up) {
    const runner run = [](const run_request& wanted) {
        for (volatile bool goes_on = wanted.seed == 5; goes_on;) {}
        return toy::run({}, wanted);
    };
    const auto results = pool_results(2, seeds(1, 10), run);
    BOOST_TEST(results.size() == 10u);
    BOOST_TEST(results.at(5).find("the run hung") == 0u);
}

BOOST_AUTO_TEST_CASE(branches_of_a_run_come_out_as_their_replays_do) {
    family branching{with_seed(11), {}, answer_size::verdict};
    for (std::uint64_t i = 0; i < 20; ++i) {
        branching.children.push_back({.index = i, .from = {.event = 5 + i * 25, .seed = 1000 + i}});
    }
    const auto results = pool_results(1, {branching}, toy_runner());
    BOOST_REQUIRE(results.size() == 20u);
    std::set<std::string> different;
    for (const family::child& each : branching.children) {
        const run_outcome replayed = toy::run({}, request_of(branching, each));
        different.insert(results.at(each.index));
        BOOST_REQUIRE_EQUAL(results.at(each.index),
                            std::string(signature_of(replayed)) + " " + std::to_string(replayed.digest));
    }
    BOOST_TEST(different.size() > 10u);
}

BOOST_AUTO_TEST_CASE(a_guided_search_tries_the_same_whoever_makes_its_runs) {
    const auto tried = [](unsigned jobs) {
        std::string all;
        guided_search search({}, 1, 200);
        while (!search.is_over()) {
            std::map<std::uint64_t, std::pair<campaign_run, run_outcome>> made;
            std::vector<family> generation = search.next_generation();
            for (const auto& [index, result] : pool_results(jobs, generation, toy_runner())) all += result + "\n";
            for (const family& each : generation) {
                for (const family::child& child : each.children) {
                    const run_request request = request_of(each, child);
                    made[child.index] = {{child.index, request}, toy::run({}, request)};
                }
            }
            for (const auto& [index, each] : made) search.add(each.first, each.second);
        }
        return all;
    };
    BOOST_TEST(tried(1) == tried(3));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(programs)

BOOST_AUTO_TEST_CASE(a_run_that_passes_says_so_and_ends_with_0) {
    folder here;
    BOOST_TEST(here.run("run sunshine --seed 42") == 0);
    BOOST_TEST(here.output.find("passed  sunshine   seed 42, ") == 0u);
}

BOOST_AUTO_TEST_CASE(a_run_that_fails_says_how_to_repeat_it_and_ends_with_1) {
    folder here;
    BOOST_TEST(here.run("run rain --seed 1") == 1);
    BOOST_TEST(here.output.find("FAILED  it stays dry   seed 1, event ") == 0u);
    BOOST_TEST(here.says("run rain --seed 1\n"));
    BOOST_TEST(here.says(" shrink rain-1.replay\n"));
    BOOST_TEST(here.run("replay rain-1.replay") == 1);
    BOOST_TEST(here.says("the same as the file expects"));
}

BOOST_AUTO_TEST_CASE(mistakes_on_the_command_line_end_with_2) {
    folder here;
    for (const char* const each :
         {"", "walk", "run", "run nowhere", "run rain --seed x", "run rain --faults many", "explore rain --seeds 9..1",
          "explore rain --for soon", "replay nothing.replay", "trace rain --format film", "diff rain:1 rain:x",
          "trace rain:1 -o nowhere/at/all", "run rain --edits nothing", "explore rain --corpus nowhere/at/all"}) {
        BOOST_TEST(here.run(each) == 2, each);
        BOOST_TEST(!here.output.empty());
    }
}

BOOST_AUTO_TEST_CASE(an_unknown_scenario_is_told_what_there_is) {
    folder here;
    here.run("run rein");
    BOOST_TEST(here.says("there is no scenario \"rein\"; did you mean rain? This program has: "));
}

BOOST_AUTO_TEST_CASE(flags_may_come_before_the_command_and_are_kept_in_replay_files) {
    folder here;
    BOOST_TEST(here.run("--wet run sunshine --seed 3") == 1);
    BOOST_TEST(here.says("run sunshine --seed 3 --wet\n"));
    BOOST_TEST(here.run("replay sunshine-3.replay") == 1);
}

BOOST_AUTO_TEST_CASE(a_replay_file_of_another_build_is_refused) {
    folder here;
    here.run("run rain --seed 1");
    std::string text = here.text_of("rain-1.replay");
    const std::size_t at = text.find("spec ") + 5;
    text.replace(at, 16, "0123456789abcdef");
    here.write("other.replay", text.substr(0, text.rfind("end ")) + "end by-hand\n");
    BOOST_TEST(here.run("replay other.replay") == 2);
    BOOST_TEST(here.says("other.replay is of another build"));
}

BOOST_AUTO_TEST_CASE(a_thousand_mangled_replay_files_end_with_2_and_a_reason) {
    folder here;
    here.run("run rain --seed 1");
    const std::string good = here.text_of("rain-1.replay");
    std::mt19937_64 random(random_seed);
    for (int i = 0; i < 1000; ++i) {
        std::string text = good;
        if (i % 2 == 0) text.resize(random() % (text.size() - 1));
        else text[random() % (text.size() - 1)] ^= static_cast<char>(1 + random() % 255);
        here.write("bad.replay", text);
        BOOST_REQUIRE_MESSAGE(here.run("replay bad.replay") == 2, "seed " << random_seed << ", file " << i);
        BOOST_REQUIRE_MESSAGE(here.says("bad.replay: line "), here.output);
    }
}

BOOST_AUTO_TEST_CASE(exploring_finds_the_same_with_one_process_and_with_three) {
    folder one, three;
    one.run("explore storm --seeds 1..200 --jobs 1 --corpus known");
    three.run("explore storm --seeds 1..200 --jobs 3 --corpus known");
    BOOST_TEST(one.says("the process ended with status 7"));
    BOOST_TEST(one.output == three.output);
    BOOST_TEST(one.text_of("known") == three.text_of("known"));
}

BOOST_AUTO_TEST_CASE(guided_exploring_finds_the_same_with_one_process_and_with_three) {
    folder one, three;
    one.run("explore storm --guided --seeds 1..200 --jobs 1 --corpus known");
    three.run("explore storm --guided --seeds 1..200 --jobs 3 --corpus known");
    BOOST_TEST(one.output == three.output);
    BOOST_TEST(one.text_of("known") == three.text_of("known"));
}

BOOST_AUTO_TEST_CASE(marks_of_other_scenarios_are_not_asked_for) {
    folder here;
    BOOST_TEST(here.run("explore sunshine --seeds 1..30 --faults none") == 0, here.output);
    BOOST_TEST(here.says("passed  sunshine"));
    BOOST_TEST(!here.says("a wave breaks"), here.output);
    BOOST_TEST(here.run("explore sea --seeds 1..30 --faults none") == 1, here.output);
    BOOST_TEST(here.says("TINA_SOMETIMES(\"a flood\") never held"), here.output);
    BOOST_TEST(!here.says("a wave breaks"), here.output);
}

BOOST_AUTO_TEST_CASE(a_corpus_is_run_first_and_not_written_twice) {
    folder here;
    here.run("explore storm --seeds 1..100 --corpus known");
    const std::string known = here.text_of("known");
    BOOST_TEST(here.run("explore storm --seeds 1..100 --corpus known") == 1);
    BOOST_TEST(here.says("known:      known, line 1"));
    BOOST_TEST(here.text_of("known") == known);
}

BOOST_AUTO_TEST_CASE(a_corpus_entry_of_another_build_is_named_and_skipped) {
    folder here;
    here.run("explore rain --seeds 1..2 --corpus known");
    std::string text = here.text_of("known");
    text.replace(text.find("spec ") + 5, 16, "0123456789abcdef");
    here.write("known", text.substr(0, text.rfind("end ")) + "end by-hand\n");
    here.run("explore rain --seeds 1..2 --corpus known");
    BOOST_TEST(here.says("known, line 1: skipped, it is of another build"));
}

BOOST_AUTO_TEST_CASE(interrupted_it_ends_in_order_and_has_saved_what_it_found) {
    folder here;
    const int status =
        here.run("explore storm --seeds 1..1000000000 --corpus known", "timeout --preserve-status -s INT 2");
    BOOST_TEST(status == 1);
    BOOST_TEST(here.says("; interrupted"));
    for (const corpus_entry& each : parse_corpus(here.text_of("known"))) BOOST_TEST(each.reason == "");
}

BOOST_AUTO_TEST_CASE(interrupted_before_anything_failed_it_ends_with_130) {
    folder here;
    BOOST_TEST(here.run("explore sunshine --seeds 1..1000000000", "timeout --preserve-status -s INT 1") == 130);
}

BOOST_AUTO_TEST_CASE(killed_it_has_saved_what_it_found) {
    folder here;
    here.run("explore storm --seeds 1..1000000000 --corpus known", "timeout -s KILL 2");
    BOOST_TEST(!parse_corpus(here.text_of("known")).empty());
}

BOOST_AUTO_TEST_CASE(a_run_that_ends_its_process_is_replayed_and_shrunk) {
    folder here;
    here.run("explore storm --seeds 1..200");
    std::string name;
    for (const auto& each : std::filesystem::directory_iterator(here.file("."))) {
        const std::string file = each.path().filename().string();
        if (here.text_of(file).find("the process ended") != std::string::npos) name = file;
    }
    BOOST_REQUIRE(!name.empty());
    BOOST_TEST(here.run("replay " + name) == 1);
    BOOST_TEST(here.says("FAILED  the process ended with status 7"));
    BOOST_TEST(here.run("shrink " + name) == 0);
}

BOOST_AUTO_TEST_CASE(run_twice_a_scenario_comes_out_the_same) {
    folder here;
    BOOST_TEST(here.run("run sunshine --seed 5 --twice") == 0);
    BOOST_TEST(here.says("in two processes"));
}

BOOST_AUTO_TEST_CASE(run_twice_what_depends_on_the_run_before_is_found) {
    folder here;
    BOOST_TEST(here.run("run forgetful --seed 5 --twice") == 1);
    BOOST_TEST(here.says("Then they differ in"));
}

BOOST_AUTO_TEST_CASE(run_twice_what_depends_on_addresses_is_found) {
    folder here;
    BOOST_TEST(here.run("run astray --seed 5 --twice") == 1);
    BOOST_TEST(here.says("Then they differ in"));
}

BOOST_AUTO_TEST_CASE(a_canary_finds_runs_that_depend_on_the_run_before) {
    folder here;
    BOOST_TEST(here.run("explore forgetful --seeds 1..100 --canary --jobs 1") == 1);
    BOOST_TEST(here.says("FAILED  the run is the same every time"));
}

BOOST_AUTO_TEST_CASE(a_long_output_that_finds_no_room_is_told) {
    folder here;
    BOOST_TEST(here.run("trace rain:1 >/dev/full 2>errors #") == 2);
    BOOST_TEST(here.text_of("errors").find("cannot write all of the output: No space left") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reader_of_the_output_may_go) {
    folder here;
    BOOST_TEST(here.run("trace rain:1 2>errors | head -1") == 0);
    BOOST_TEST(here.text_of("errors") == "");
}

BOOST_AUTO_TEST_CASE(run_twice_without_room_for_what_comes_of_it_it_says_so) {
    folder here;
    BOOST_TEST(here.run("run sunshine --twice", "trap '' XFSZ; ulimit -f 1; TMPDIR=.") == 2, here.output);
    BOOST_TEST(here.says("TMPDIR may name another folder"), here.output);
    BOOST_TEST(!here.says("the process ended"), here.output);
}

BOOST_AUTO_TEST_CASE(what_shrinking_found_is_shown_where_it_cannot_be_written) {
    folder here;
    BOOST_TEST(here.run("shrink rain:1 -o nowhere/small.replay") == 2);
    BOOST_TEST(here.says("Then it shows: it stays dry"), here.output);
    BOOST_TEST(here.says("expect failure \"it stays dry\""), here.output);
}

BOOST_AUTO_TEST_CASE(two_runs_are_compared_to_their_first_difference) {
    folder here;
    BOOST_TEST(here.run("diff rain:1 rain:1") == 0);
    BOOST_TEST(here.run("diff rain:1 rain:2") == 1);
    BOOST_TEST(here.says("Then they differ in"));
}

BOOST_AUTO_TEST_SUITE_END()
