// SPDX-License-Identifier: Apache-2.0
// Tests of campaigns on the bank of the samples: what is no longer exercised turns them red.
#include <boost/test/unit_test.hpp>

#include <string>

#include "program_folder.hpp"

namespace {

using program_test::folder;

void check_red_by_its_mark(const std::string& scenario) {
    folder here(TINA_BANK_VARIANTS);
    BOOST_TEST(here.run("explore " + scenario + " --seeds 1..60") == 1, here.output);
    BOOST_TEST(here.says("TINA_SOMETIMES(\"a teller comes again for a withdrawal that was carried out\") never held"));
    BOOST_TEST(here.says(", 0 failed runs"), here.output);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bank_campaigns)

BOOST_AUTO_TEST_CASE(with_all_recovery_paths_and_faults_it_is_green) {
    folder here(TINA_BANK_VARIANTS);
    BOOST_TEST(here.run("explore whole --seeds 1..60") == 0, here.output);
}

BOOST_AUTO_TEST_CASE(a_recovery_path_that_was_deleted_turns_it_red) { check_red_by_its_mark("without_numbers"); }
BOOST_AUTO_TEST_CASE(a_fault_kind_that_was_switched_off_turns_it_red) { check_red_by_its_mark("without_crashes"); }

BOOST_AUTO_TEST_SUITE_END()
