// SPDX-License-Identifier: Apache-2.0
// The sample bank_sim: the bank is right whatever happens to its tellers, and what is wrong with the other one is
// found.
#include <boost/test/unit_test.hpp>

#include <string>

#include "simulation_process.hpp"

namespace tina::test {

BOOST_AUTO_TEST_SUITE(bank_sim)

BOOST_AUTO_TEST_CASE(the_bank_keeps_its_money_over_300_seeds) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore transfers --seeds 1..300") == 0, bank.output() << bank.errors());
}

BOOST_AUTO_TEST_CASE(the_bank_keeps_its_money_where_everything_is_scarce) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore rush_hour --seeds 1..300") == 0, bank.output() << bank.errors());
}

BOOST_AUTO_TEST_CASE(a_seed_runs_the_same_way_twice) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("run transfers --seed 42") == 0, bank.output() << bank.errors());
    const std::string first = bank.output();
    BOOST_TEST(bank.run("run transfers --seed 42") == 0);
    BOOST_TEST(bank.output() == first);
}

BOOST_AUTO_TEST_CASE(money_that_the_buggy_bank_loses_is_found) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore transfers --seeds 1..20 --buggy") == 1);
    BOOST_TEST(bank.output().find("money is conserved") != std::string::npos, bank.output() << bank.errors());
}

BOOST_AUTO_TEST_CASE(what_was_found_shrinks_to_one_fault_and_shows_again) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore transfers --seeds 1..20 --buggy") == 1);
    BOOST_TEST(bank.run("shrink " + bank.file_that_ends(".replay") + " -o least") == 0, bank.errors());
    BOOST_TEST(bank.output().find(" → 1, ") != std::string::npos, bank.output());
    BOOST_TEST(bank.run("replay least") == 1);
    BOOST_TEST(bank.output().find("the same as the file expects") != std::string::npos, bank.output());
}

BOOST_AUTO_TEST_CASE(without_restarts_the_campaign_misses_what_tellers_do_after_them) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore transfers --seeds 1..20 --no-restart") == 1);
    const std::string mark =
        R"(TINA_SOMETIMES("a teller comes again for a withdrawal that was carried out") never held)";
    BOOST_TEST(bank.output().find(mark) != std::string::npos, bank.output());
}

BOOST_AUTO_TEST_CASE(without_faults_the_campaign_fails_by_its_marks_alone) {
    simulation_process bank(TINA_BANK_SIM);
    BOOST_TEST(bank.run("explore transfers --seeds 1..20 --faults none") == 1);
    BOOST_TEST(bank.output().find("never held") != std::string::npos, bank.output());
    BOOST_TEST(bank.output().find("money is conserved") == std::string::npos, bank.output());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
