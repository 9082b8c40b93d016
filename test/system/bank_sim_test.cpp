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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
