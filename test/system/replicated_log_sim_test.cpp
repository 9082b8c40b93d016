// SPDX-License-Identifier: Apache-2.0
// The sample replicated_log_sim: the log holds whatever the network does, and each planted bug is found.
#include <boost/test/unit_test.hpp>

#include <string>

#include "simulation_process.hpp"

namespace tina::test {

namespace {

void check_finds(const std::string& scenario, const std::string& flag, const std::string& property) {
    simulation_process log(TINA_REPLICATED_LOG_SIM);
    BOOST_TEST(log.run("explore " + scenario + " --seeds 1..100 --" + flag) == 1);
    BOOST_TEST(log.output().find(property) != std::string::npos, log.output() << log.errors());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replicated_log_sim)

BOOST_AUTO_TEST_CASE(the_log_holds_over_a_failing_network) {
    simulation_process log(TINA_REPLICATED_LOG_SIM);
    BOOST_TEST(log.run("explore commands --seeds 1..100") == 0, log.output() << log.errors());
}

BOOST_AUTO_TEST_CASE(the_log_holds_where_machines_stand_still) {
    simulation_process log(TINA_REPLICATED_LOG_SIM);
    BOOST_TEST(log.run("explore pauses --seeds 1..100") == 0, log.output() << log.errors());
}

BOOST_AUTO_TEST_CASE(one_leader_holds_a_lease_where_clocks_are_not_alike) {
    simulation_process log(TINA_REPLICATED_LOG_SIM);
    BOOST_TEST(log.run("explore leases --seeds 1..100") == 0, log.output() << log.errors());
}

BOOST_AUTO_TEST_CASE(two_leaders_of_a_term_are_found) {
    check_finds("commands", "double-vote", "a term has one leader");
}

BOOST_AUTO_TEST_CASE(a_commit_without_a_majority_is_found) {
    check_finds("commands", "commit-alone", "committed entries agree");
}

BOOST_AUTO_TEST_CASE(a_lease_that_runs_too_long_is_found) {
    check_finds("leases", "late-lease", "one leader holds a lease");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
