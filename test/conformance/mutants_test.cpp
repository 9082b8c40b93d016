// SPDX-License-Identifier: Apache-2.0
// The conformance suite is worth something only if it finds what is wrong: each error that is planted in the simulated
// network must fail at least one of its cases.
#include <boost/test/unit_test.hpp>

#include <array>

#include "stage.hpp"

namespace {

using tina::sim::mutant;

constexpr std::array mutant_names{"none",
                                  "no_reset_on_unread",
                                  "backlog_ignored",
                                  "only_full_reads",
                                  "no_half_close",
                                  "window_ignored",
                                  "order_of_segments",
                                  "refuse_is_silence",
                                  "eof_lost",
                                  "cancel_loses_bytes",
                                  "reset_loses_bytes",
                                  "reset_told_twice",
                                  "close_loses_bytes",
                                  "closed_peer_answers",
                                  "port_shared",
                                  "linger_ignored",
                                  "dry_ring_waits",
                                  "backlog_kept",
                                  "peer_kept"};
static_assert(mutant_names.size() == static_cast<std::size_t>(mutant::count_));

std::size_t cases_that_fail(mutant which) {
    std::size_t count = 0;
    for (const auto& each : conformance::all_cases()) {
        auto on = conformance::simulated_arm(conformance::layout::two_machines, which);
        count += conformance::run_case(each.body, std::move(on)).empty() ? 0 : 1;
    }
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mutants)

BOOST_AUTO_TEST_CASE(there_are_at_least_sixty_cases) { BOOST_TEST(conformance::all_cases().size() >= 60u); }

BOOST_AUTO_TEST_CASE(no_case_fails_without_a_planted_error) { BOOST_TEST(cases_that_fail(mutant::none) == 0u); }

BOOST_AUTO_TEST_CASE(each_planted_error_fails_a_case) {
    for (std::size_t which = 1; which < mutant_names.size(); ++which) {
        const std::size_t failing = cases_that_fail(static_cast<mutant>(which));
        BOOST_TEST(failing > 0u, mutant_names[which] << " fails no case");
        BOOST_TEST_MESSAGE(mutant_names[which] << " fails " << failing << " cases");
    }
}

BOOST_AUTO_TEST_SUITE_END()
