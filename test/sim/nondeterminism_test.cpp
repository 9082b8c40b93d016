// SPDX-License-Identifier: Apache-2.0
// Tests of --twice, on a program in which all kinds of things decide that must not: it has to say so, and to name an
// event that leads to who is to blame.
#include <boost/test/unit_test.hpp>

#include <string>

#include "program_folder.hpp"

namespace {

/// Runs a scenario twice, and requires that the event in which they differ follows from its clerk.
void check_found(const std::string& scenario) {
    program_test::folder here(TINA_NONDETERMINISM_PROGRAM);
    BOOST_TEST(here.run("run " + scenario + " --seed 7 --twice") == 1, here.output);
    BOOST_TEST(here.says("Then they differ in"), here.output);
    BOOST_TEST(here.says("office/0/" + scenario + "/0 ran"), here.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nondeterminism)

BOOST_AUTO_TEST_CASE(a_run_that_only_the_seed_decides_is_the_same_twice) {
    program_test::folder here(TINA_NONDETERMINISM_PROGRAM);
    BOOST_TEST(here.run("run by_number --seed 7 --twice") == 0, here.output);
}

BOOST_AUTO_TEST_CASE(the_order_of_a_hash_table_of_pointers_is_found) { check_found("by_address"); }
BOOST_AUTO_TEST_CASE(the_order_of_a_set_of_pointers_is_found) { check_found("by_sorted_address"); }
BOOST_AUTO_TEST_CASE(a_byte_in_a_frame_that_was_never_set_is_found) { check_found("careless"); }
BOOST_AUTO_TEST_CASE(a_byte_on_the_stack_that_was_never_set_is_found) { check_found("careless_on_the_stack"); }
BOOST_AUTO_TEST_CASE(a_look_at_the_real_time_is_found) { check_found("by_the_clock"); }
BOOST_AUTO_TEST_CASE(a_seed_made_of_the_present_second_is_found) { check_found("by_the_second"); }
BOOST_AUTO_TEST_CASE(a_static_of_the_last_run_is_found) { check_found("by_habit"); }

BOOST_AUTO_TEST_SUITE_END()
