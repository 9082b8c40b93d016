// SPDX-License-Identifier: Apache-2.0
// The sample echo_sim: the handlers of echo_demo serve and ask over a network that fails.
#include <boost/test/unit_test.hpp>

#include <string>

#include "simulation_process.hpp"

namespace tina::test {

BOOST_AUTO_TEST_SUITE(echo_sim)

BOOST_AUTO_TEST_CASE(clients_get_what_they_sent_over_a_failing_network) {
    simulation_process echoes(TINA_ECHO_SIM);
    BOOST_TEST(echoes.run("explore echoes --seeds 1..50") == 0, echoes.output() << echoes.errors());
}

#if TINA_FAULTS_ARE_CONTAINED
BOOST_AUTO_TEST_CASE(a_client_that_writes_to_address_0_dies_the_same_way_twice) {
    simulation_process echoes(TINA_ECHO_SIM);
    BOOST_TEST(echoes.run("run wild_writes --seed 7 --twice") == 0, echoes.output() << echoes.errors());
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
