// SPDX-License-Identifier: Apache-2.0
// Tests of who runs when: turns, weights, batches, naps and deadlines. Most run step by step on a clock of the test's
// own, so that they count activations and not microseconds.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;
using tina::send_result;

/// Says who it is each time that it runs.
tina::isolate turner(tina::context, std::string* turns, char name, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        *turns += name;
        co_yield tina::yield();
    }
}
tina::isolate other_turner(tina::context, std::string* turns, char name, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        *turns += name;
        co_yield tina::yield();
    }
}

/// Never waits; counts.
tina::isolate flood(tina::context, std::uint64_t* runs) {
    for (;;) {
        ++*runs;
        co_yield tina::yield();
    }
}
tina::isolate other_flood(tina::context, std::uint64_t* runs) {
    for (;;) {
        ++*runs;
        co_yield tina::yield();
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduling)

BOOST_AUTO_TEST_CASE(isolates_of_a_type_that_yield_take_turns) {
    std::string turns;
    hand_moved at(spec_of({tina::type<turner>()}, {shard_of({tina::child<turner>(tina::temporary, &turns, 'a', 4u),
                                                             tina::child<turner>(tina::temporary, &turns, 'b', 3u),
                                                             tina::child<turner>(tina::temporary, &turns, 'c', 2u)})}));
    at.settle();
    BOOST_TEST(turns == "abcabcaba");
}

BOOST_AUTO_TEST_CASE(a_yield_goes_on_after_what_is_ready_now_also_of_other_types) {
    std::string turns;
    hand_moved at(spec_of({tina::type<turner>(), tina::type<other_turner>()},
                          {shard_of({tina::child<turner>(tina::temporary, &turns, 'a', 10u),
                                     tina::child<other_turner>(tina::temporary, &turns, 'b', 10u)})}));
    at.settle();
    BOOST_REQUIRE_EQUAL(turns.size(), 20);
    BOOST_CHECK_MESSAGE(!contains(turns, "aa") && !contains(turns, "bb"), turns);
}

BOOST_AUTO_TEST_CASE(a_type_runs_at_most_256_times_its_weight_in_a_cycle) {
    std::uint64_t runs = 0;
    std::uint64_t other_runs = 0;
    hand_moved at(spec_of({tina::type<flood>({.weight = 1}), tina::type<other_flood>({.weight = 3})},
                          {shard_of({tina::child<flood>(tina::temporary, &runs),
                                     tina::child<other_flood>(tina::temporary, &other_runs)})}));
    for (std::uint64_t cycle = 1; cycle <= 5; ++cycle) {
        at.cycle(0);
        BOOST_TEST(runs == cycle * 256);
        BOOST_TEST(other_runs == cycle * 768);
    }
}

BOOST_AUTO_TEST_CASE(the_time_of_a_cycle_is_limited_and_the_next_one_goes_on_where_it_stopped) {
    std::uint64_t runs = 0;
    std::uint64_t other_runs = 0;
    auto limits = small_limits();
    limits.cycle_max = 100us;
    auto spec = spec_of(
        {tina::type<flood>({.weight = 256}), tina::type<other_flood>({.weight = 256})},
        {shard_of({tina::child<flood>(tina::temporary, &runs), tina::child<other_flood>(tina::temporary, &other_runs)},
                  limits)});
    spec.process.pin_threads = false;
    tina::system system(std::move(spec));
    must_start(system);
    std::this_thread::sleep_for(50ms);
    const std::uint64_t cycles = system.counters()["cycles"];
    stop_and_join(system, tina::stop_mode::now);  // a flood never ends
    check_at_rest(system.counters());
    BOOST_TEST(cycles > 50);  // 500 would be ideal
    BOOST_TEST(runs > 0);
    BOOST_TEST(other_runs > 0);
}

namespace {

struct glutton {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, std::uint64_t* eaten) {
        expect(self.send(self.handle(), number{0}), send_result::ok);
        for (;;) {
            static_cast<void>(co_yield tina::receive<number>());
            ++*eaten;
            expect(self.send(self.handle(), number{0}), send_result::ok);
        }
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_handler_whose_messages_never_end_lets_others_run_after_a_bounded_batch) {
    std::uint64_t eaten = 0;
    std::uint64_t runs = 0;
    hand_moved at(spec_of(
        {tina::type<glutton>(), tina::type<flood>()},
        {shard_of({tina::child<glutton>(tina::temporary, &eaten), tina::child<flood>(tina::temporary, &runs)})}));
    at.cycle(0);
    BOOST_TEST(eaten > 256);
    BOOST_TEST(eaten <= 256 * 128);
    BOOST_TEST(runs == 256);
}

// --- time
// ---------------------------------------------------------------------------------------------------------------

namespace {

tina::isolate napper(tina::context self, std::string* order, char name, tina::duration span) {
    const auto begin = self.now();
    const auto outcome = co_yield tina::sleep(span);
    BOOST_TEST(bool{outcome});
    BOOST_TEST((self.now() - begin >= span));
    *order += name;
}

tina::isolate until_napper(tina::context self, std::string* order) {
    const auto begin = self.now();
    BOOST_TEST(bool{co_yield tina::sleep_until(begin - 5s)});
    BOOST_TEST(bool{co_yield tina::sleep_until(tina::instant{})});
    BOOST_TEST(bool{co_yield tina::sleep(-1s)});
    BOOST_TEST(bool{co_yield tina::sleep(0s)});
    *order += 'p';
    const auto moment = self.now() + 3ms;
    BOOST_TEST(bool{co_yield tina::sleep_until(moment)});
    BOOST_TEST((self.now() >= moment));
    *order += 'q';
}

}  // namespace

BOOST_AUTO_TEST_CASE(naps_end_in_the_order_of_their_deadlines_and_never_early) {
    std::string order;
    hand_moved at(spec_of({tina::type<napper>(), tina::type<until_napper>()},
                          {shard_of({tina::child<napper>(tina::temporary, &order, 'c', tina::duration(3ms)),
                                     tina::child<napper>(tina::temporary, &order, 'a', tina::duration(1ms)),
                                     tina::child<napper>(tina::temporary, &order, 'd', tina::duration(4h)),
                                     tina::child<napper>(tina::temporary, &order, 'b', tina::duration(2ms))})}));
    for (int i = 0; i < 1000; ++i) {
        at.advance(7us);
        at.cycle(0);
    }
    BOOST_TEST(order == "abc");
    at.advance(4h);
    at.settle();
    BOOST_TEST(order == "abcd");
    BOOST_TEST(at[0].wheel.armed_count() == 0);
}

BOOST_AUTO_TEST_CASE(a_nap_of_no_length_is_over_within_a_tick) {
    std::string order;
    hand_moved at(
        spec_of({tina::type<until_napper>()}, {shard_of({tina::child<until_napper>(tina::temporary, &order)})}));
    for (int i = 0; i < 20; ++i) {
        at.cycle(0);
        at.advance(17us);
    }
    BOOST_TEST(order == "p");
    at.advance(4ms);
    at.settle();
    BOOST_TEST(order == "pq");
}

BOOST_AUTO_TEST_CASE(naps_of_the_real_clock_are_never_short) {
    std::string order;
    auto limits = small_limits();
    const auto begin = std::chrono::steady_clock::now();
    tina::system system(spec_of({tina::type<napper>()},
                                {shard_of({tina::child<napper>(tina::temporary, &order, 'b', tina::duration(20ms)),
                                           tina::child<napper>(tina::temporary, &order, 'a', tina::duration(1ms))},
                                          limits)}));
    must_start(system);
    for (int i = 0; i < 2000 && system.counters()["isolates_ended"] < 2; ++i) std::this_thread::sleep_for(1ms);
    const auto passed = std::chrono::steady_clock::now() - begin;
    stop_and_join(system);
    BOOST_TEST(order == "ab");
    BOOST_TEST((passed >= 20ms));
}

namespace {

tina::isolate clock_user(tina::context self, std::uint32_t* refused) {
    const auto outcome = co_yield tina::sleep(1h);
    if (outcome.error() == make_error_code(tina::errc::no_timers)) ++*refused;
    const auto second = co_yield tina::receive<number>().within(1h);
    if (second.error() == make_error_code(tina::errc::no_timers)) ++*refused;
    static_cast<void>(self);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_wait_that_finds_no_free_timer_says_so) {
    std::uint32_t refused = 0;
    auto limits = small_limits();
    limits.timers = 4;
    std::vector<tina::tree_node> children;
    for (int i = 0; i < 64; ++i) children.emplace_back(tina::child<clock_user>(tina::temporary, &refused));
    hand_moved at(spec_of({tina::type<clock_user>({.slots = 64, .accepts = tina::messages<number>{}})},
                          {shard_of(std::move(children), limits)}));
    at.settle();
    const auto armed = static_cast<std::uint32_t>(at[0].wheel.armed_count());
    BOOST_TEST(armed >= 4);
    BOOST_TEST(armed < 32);
    BOOST_TEST(refused == 2 * (64 - armed));
    BOOST_TEST(at.counts(0).timers_refused.get() == refused);
}

BOOST_AUTO_TEST_SUITE_END()
