// SPDX-License-Identifier: Apache-2.0
// The sample dispatcher: each job is done exactly once, whatever becomes of the workers.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "sample_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

void check_summary(const std::vector<std::string>& arguments, const std::vector<std::string>& lines) {
    auto dispatcher = start_sample(TINA_DISPATCHER, arguments);
    const auto status = dispatcher.wait(60s);
    BOOST_TEST((status == 0), "exit status " << status.value_or(-1) << "; it says: " << dispatcher.errors());
    for (const std::string& line : lines) BOOST_TEST(count_of(dispatcher.output(), line) == 1U, dispatcher.output());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dispatcher)

BOOST_AUTO_TEST_CASE(jobs_that_crash_their_workers_are_done_exactly_once) {
    check_summary({"--jobs", "500", "--crash-each", "10"},
                  {"500 of 500 jobs done exactly once, 50 handed out again", "\n50 crashes, "});
}

BOOST_AUTO_TEST_CASE(workers_find_the_boss_from_other_shards) {
    check_summary({"--jobs", "300", "--crash-each", "3", "--shards", "2"},
                  {"300 of 300 jobs done exactly once, 100 handed out again", "\n100 crashes, "});
}

BOOST_AUTO_TEST_CASE(one_worker_whose_each_job_crashes_it_does_them_all) {
    check_summary({"--jobs", "20", "--crash-each", "1", "--workers", "1"},
                  {"20 of 20 jobs done exactly once, 20 handed out again", "\n20 crashes, 20 restarts, 21 check-ins"});
}

BOOST_AUTO_TEST_CASE(a_signal_that_comes_before_all_are_done_ends_it_with_1) {
    auto dispatcher = start_sample(TINA_DISPATCHER, {"--jobs", "1000000"});
    BOOST_REQUIRE(eventually([&] { return count_of(dispatcher.errors(), "jobs are done") > 0; }, patience));
    dispatcher.signal(SIGINT);
    BOOST_TEST((dispatcher.wait(patience) == 1));
    BOOST_TEST(count_of(dispatcher.output(), " of 1000000 jobs done exactly once") == 1U, dispatcher.output());
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_end_it_with_2) {
    check_bad_arguments(TINA_DISPATCHER, {"--jobs", "0"}, "--jobs");
    check_bad_arguments(TINA_DISPATCHER, {"--workers", "1", "--shards", "2"}, "--workers");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
