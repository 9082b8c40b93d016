// SPDX-License-Identifier: Apache-2.0
// Tests of the command line with scenarios that misbehave, surroundings that refuse, and words that are wrong: each
// must end with the status that is documented, and say the cause and the cure.
#include <boost/test/unit_test.hpp>

#include <string>

#include "program_folder.hpp"

namespace {

using program_test::folder;

/// Runs a scenario, and requires that it fails so, and leaves a replay file.
void check_fails(const std::string& scenario, const std::string& property) {
    folder here(TINA_HOSTILE_PROGRAM);
    BOOST_TEST(here.run("run " + scenario + " --seed 3 --hung 1s") == 1, here.output);
    BOOST_TEST(here.says("FAILED  " + property + "   seed 3"), here.output);
    BOOST_TEST(std::filesystem::exists(here.file(scenario + "-3.replay")));
}

void check_passes(const std::string& scenario) {
    folder here(TINA_HOSTILE_PROGRAM);
    BOOST_TEST(here.run("run " + scenario) == 0, here.output);
}

/// A command line that is refused, and what is said of it.
void check_refused(const std::string& arguments, const std::string& text) {
    folder here;
    BOOST_TEST(here.run(arguments) == 2, here.output);
    BOOST_TEST(here.says(text), here.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hostile)

BOOST_AUTO_TEST_CASE(a_handler_that_loops_is_a_failure_of_run) { check_fails("handler_loops", "the run hung"); }
BOOST_AUTO_TEST_CASE(a_handler_that_sends_without_end_is_a_failure) { check_fails("handler_sends", "the run hung"); }
BOOST_AUTO_TEST_CASE(a_scenario_that_loops_is_a_failure) { check_fails("body_loops", "the run hung"); }
BOOST_AUTO_TEST_CASE(a_scenario_that_throws_is_a_failure) { check_fails("body_throws", "the scenario threw"); }
BOOST_AUTO_TEST_CASE(a_scenario_that_throws_no_exception_is_a_failure) {
    check_fails("body_throws_a_number", "the scenario threw");
}
BOOST_AUTO_TEST_CASE(a_scenario_that_aborts_is_a_failure_with_the_name_of_the_signal) {
    check_fails("body_aborts", "the process ended by signal 6 (SIGABRT)");
}
BOOST_AUTO_TEST_CASE(a_handler_that_throws_dies_alone) { check_passes("handler_throws"); }
BOOST_AUTO_TEST_CASE(a_handler_that_yields_without_end_does_not_stop_the_clock) { check_passes("handler_yields"); }
#ifndef TINA_TEST_UNDER_ASAN  // which ends the program itself
BOOST_AUTO_TEST_CASE(a_handler_that_dereferences_null_dies_alone) { check_passes("handler_faults"); }
#endif

BOOST_AUTO_TEST_CASE(a_scenario_that_does_not_run_its_world_is_told_to) {
    folder here(TINA_HOSTILE_PROGRAM);
    BOOST_TEST(here.run("run body_does_not_run") == 2);
    BOOST_TEST(here.says("let it call world.run_for()"));
}

BOOST_AUTO_TEST_CASE(a_spec_that_is_refused_says_why) {
    folder here(TINA_HOSTILE_PROGRAM);
    BOOST_TEST(here.run("run refused_spec") == 2);
    BOOST_TEST(here.says("name at least one handler"));
}

BOOST_AUTO_TEST_CASE(exploring_finds_a_handler_that_loops_and_goes_on) {
    folder here(TINA_HOSTILE_PROGRAM);
    BOOST_TEST(here.run("explore handler_loops --seeds 1..3 --hung 1s") == 1);
    BOOST_TEST(here.says("FAILED  the run hung   seed 1"), here.output);
    BOOST_TEST(here.says("3 runs"), here.output);
}

BOOST_AUTO_TEST_CASE(a_missing_command_is_told_which_there_are) { check_refused("", "it is one of: list, run"); }
BOOST_AUTO_TEST_CASE(an_unknown_command_is_told_the_nearest) { check_refused("rnu rain", "did you mean run?"); }
BOOST_AUTO_TEST_CASE(an_unknown_option_is_told_the_nearest) {
    check_refused("run rain --sead 4", "did you mean --seed?");
}
BOOST_AUTO_TEST_CASE(a_negative_seed_is_refused) { check_refused("run rain --seed -1", "no whole number from 0"); }
BOOST_AUTO_TEST_CASE(a_seed_beyond_64_bits_is_refused) {
    check_refused("run rain --seed 99999999999999999999", "no whole number from 0");
}
BOOST_AUTO_TEST_CASE(a_range_that_is_upside_down_is_turned_round) {
    check_refused("explore rain --seeds 5..1", "the lower seed comes first: 1..5");
}
BOOST_AUTO_TEST_CASE(no_jobs_at_all_are_refused) { check_refused("explore rain --jobs 0", "from 1 to 1024"); }
BOOST_AUTO_TEST_CASE(a_folder_is_no_replay_file) { check_refused("replay .", "give the name of a file"); }

BOOST_AUTO_TEST_SUITE_END()
