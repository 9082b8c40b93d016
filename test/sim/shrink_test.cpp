// SPDX-License-Identifier: Apache-2.0
// Tests of the quiet form of runs and of shrinking, on a toy protocol whose bugs have a known size.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

#include "sim/harness/quiet.hpp"
#include "sim/harness/shrink.hpp"
#include "toy_protocol.hpp"

namespace {

using namespace tina::sim;

runner toy_runner(const toy::settings& how = {}) {
    return [how](const run_request& wanted) { return toy::run(how, wanted); };
}

/// The first seed from `from` on that fails.
run_request failing_request(const runner& run, std::uint64_t from = 1) {
    run_request request;
    for (request.seed = from; request.seed < from + 10'000; ++request.seed) {
        if (run(request).failed) return request;
    }
    BOOST_FAIL("no seed fails");
    return request;
}

std::size_t necessary_edits(const run_request& request) {
    return static_cast<std::size_t>(std::count_if(request.edits.edits.begin(), request.edits.edits.end(),
                                                  [](const edit& each) { return !is_simplification(each); }));
}

/// Whether it no longer fails without any one of the edits that are needed.
bool is_minimal(const runner& run, const run_request& request) {
    for (std::size_t i = 0; i < request.edits.edits.size(); ++i) {
        if (is_simplification(request.edits.edits[i])) continue;
        run_request without = request;
        without.edits.edits.erase(without.edits.edits.begin() + static_cast<std::ptrdiff_t>(i));
        if (run(without).failed) return false;
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shrinking)

BOOST_AUTO_TEST_CASE(a_hundred_failing_runs_fail_alike_in_their_quiet_form) {
    const runner run = toy_runner();
    run_request request;
    request.seed = 0;
    for (int found = 0; found < 100; ++found) {
        request = failing_request(run, request.seed + 1);
        BOOST_REQUIRE_MESSAGE(to_quiet(run, request, run(request)).same, "seed " << request.seed);
    }
}

BOOST_AUTO_TEST_CASE(a_bug_of_two_faults_shrinks_to_two_edits) {
    const runner run = toy_runner();
    run_request request;
    request.seed = 0;
    for (int found = 0; found < 20; ++found) {
        request = failing_request(run, request.seed + 1);
        const shrink_result result = shrink(run, request, {});
        BOOST_REQUIRE_MESSAGE(necessary_edits(result.request) == 2, "seed " << request.seed);
    }
}

BOOST_AUTO_TEST_CASE(each_edit_that_is_left_is_needed) {
    const runner run = toy_runner({.needs_late_order = true});
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_TEST(result.complete);
    BOOST_TEST(is_minimal(run, result.request));
}

BOOST_AUTO_TEST_CASE(an_order_that_the_bug_needs_stays) {
    const runner run = toy_runner({.needs_late_order = true});
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_TEST((result.after == run_size{.faults = 2, .orders = 1, .operations = 1}));
}

BOOST_AUTO_TEST_CASE(values_go_down_to_the_least_that_questions_allow) {
    const runner run = toy_runner({.needs_late_order = true});
    const shrink_result result = shrink(run, failing_request(run), {});
    for (const edit& each : result.request.edits.edits) {
        if (each.what == site::ready_pick) BOOST_TEST(each.value == 1u);
    }
}

BOOST_AUTO_TEST_CASE(operations_that_the_bug_does_not_need_are_left_out) {
    const runner run = toy_runner();
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_TEST(result.after.operations == 1u);
}

BOOST_AUTO_TEST_CASE(operations_that_only_count_up_to_a_name_are_left_out) {
    const runner run = toy_runner({.fresh_tellers = true, .needs_a_seventh = true});
    run_request request;
    request.seed = 0;
    for (int found = 0; found < 20; ++found) {
        request = failing_request(run, request.seed + 1);
        const shrink_result result = shrink(run, request, {});
        BOOST_TEST((result.after == run_size{.faults = 2, .orders = 0, .operations = 1}), "seed " << request.seed);
        BOOST_TEST(is_minimal(run, result.request));
    }
}

BOOST_AUTO_TEST_CASE(an_amount_that_the_bug_needs_is_halved_as_often_as_it_allows) {
    const runner run = toy_runner({.needs_large_amount = true});
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_REQUIRE(result.outcome.failed.has_value());
    BOOST_TEST(std::stoi(result.outcome.failed->detail) > 500);
    BOOST_TEST(std::stoi(result.outcome.failed->detail) <= 1000);
}

BOOST_AUTO_TEST_CASE(what_is_left_fails_with_the_same_signature) {
    const runner run = toy_runner();
    const run_request failing = failing_request(run);
    const shrink_result result = shrink(run, failing, {});
    BOOST_TEST(signature_of(run(result.request)) == signature_of(run(failing)));
}

BOOST_AUTO_TEST_CASE(a_run_that_passes_is_nothing_to_shrink) {
    const runner run = toy_runner({.transfers = 0});
    BOOST_TEST(shrink(run, {}, {}).reason == "it passes, so there is nothing to shrink");
}

BOOST_AUTO_TEST_CASE(a_limit_of_runs_is_kept) {
    const runner run = toy_runner();
    const shrink_result result = shrink(run, failing_request(run), {.runs_max = 10});
    BOOST_TEST(!result.complete);
    BOOST_TEST(result.runs <= 14u);
    BOOST_TEST(run(result.request).failed.has_value());
}

BOOST_AUTO_TEST_CASE(what_fails_from_the_seed_only_still_gets_smaller) {
    // From the quiet base it passes, as a bug does that needs what no edit can say.
    const runner toy = toy_runner();
    const runner run = [&](const run_request& wanted) {
        run_outcome outcome = toy(wanted);
        if (wanted.from == base::quiet) outcome.failed.reset();
        return outcome;
    };
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_TEST(!result.from_quiet);
    BOOST_TEST(result.after.faults < result.before.faults);
}

BOOST_AUTO_TEST_CASE(a_run_that_takes_its_process_down_shrinks_too) {
    const runner toy = toy_runner();
    const runner run = [&](const run_request& wanted) {
        run_outcome outcome = toy(wanted);
        if (!outcome.failed) return outcome;
        run_outcome gone;
        gone.failed = failure{"the process ended by signal 11", "", 0, 0};
        return gone;
    };
    const shrink_result result = shrink(run, failing_request(run), {});
    BOOST_TEST(result.after.faults == 2u);
}

BOOST_AUTO_TEST_CASE(the_story_names_who_and_what) {
    const runner run = toy_runner();
    const std::string story = story_of(shrink(run, failing_request(run), {}));
    BOOST_TEST(story.find("faults \u2192 2") != std::string::npos);
    BOOST_TEST(story.find("crashes after it has yielded an effect") != std::string::npos);
    BOOST_TEST(story.find("Then it shows: money is conserved") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
