// SPDX-License-Identifier: Apache-2.0
// The sample hub: whoever keeps up gets every publication, the slow ones are shed, and no buffer is left over.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "sample_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

/// Checks that it ends well and says so. Two seconds of work can take long where many tests run at once.
void check_summary(process& hub) {
    const auto status = hub.wait(60s);
    BOOST_TEST((status == 0), "exit status " << status.value_or(-1) << "; it says: " << hub.errors() << hub.output());
    const std::string all_is_well =
        "0 wrong contents, 0 subscribers that got more or less than was sent, 0 buffers left over";
    BOOST_TEST(count_of(hub.output(), all_is_well) == 1U, hub.output());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hub)

BOOST_AUTO_TEST_CASE(quick_subscribers_get_everything_while_slow_ones_are_shed) {
    auto hub = start_sample(TINA_HUB, {"--seconds", "2", "--slow-ms", "500"});
    check_summary(hub);
    BOOST_TEST(count_of(hub.output(), " of 10000 subscribers kept up and got every publication") == 1U);
    BOOST_TEST(count_of(hub.output(), ", 0 slow ones lost some") == 0U, hub.output());
    BOOST_TEST(count_of(hub.output(), "transfer buffers in use") >= 1U);
}

BOOST_AUTO_TEST_CASE(publications_reach_the_subscribers_of_all_shards) {
    auto hub = start_sample(TINA_HUB, {"--seconds", "2", "--shards", "2", "--subscribers", "1000", "--slow", "0"});
    check_summary(hub);
    BOOST_TEST(count_of(hub.output(),
                        "1000 of 1000 subscribers kept up and got every publication, 0 slow ones lost some") == 1U);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_with_its_summary) {
    auto hub = start_sample(TINA_HUB, {"--seconds", "3600", "--subscribers", "100", "--slow", "0"});
    BOOST_REQUIRE(eventually([&] { return count_of(hub.output(), " published, ") > 0; }, patience));
    hub.signal(SIGINT);
    check_summary(hub);
    BOOST_TEST(count_of(hub.output(), "100 of 100 subscribers kept up") == 1U);
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_end_it_with_2) {
    check_bad_arguments(TINA_HUB, {"--period-ms", "0"}, "--period-ms");
    check_bad_arguments(TINA_HUB, {"--subscribers", "10", "--slow", "10"}, "--slow");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
