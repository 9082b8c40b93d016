// SPDX-License-Identifier: Apache-2.0
// Tests of deliver, the send that waits for room: within a shard, and races between shards step by step on a clock of
// the test's own. Owned by the unit tests. What runs on real threads is in cross_shard_test.cpp.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <vector>

#include "test_shards.hpp"
#include "test_system.hpp"

namespace deliver_test {

struct unknown_message {};

}  // namespace deliver_test

namespace {

using deliver_test::unknown_message;
using namespace system_test;
using tina::send_result;

using numbers = std::vector<std::uint64_t>;

/// What the isolates of one test share: who they are, what they may do, what came of it.
struct stage {
    hand_moved* shards = nullptr;
    tina::handle target;
    tina::handle hoarder;
    bool filled = false;  ///< the target's mailbox is full
    numbers got;
    std::vector<std::error_code> outcomes;
    bool open = false;     ///< the receiver may receive
    bool release = false;  ///< the hoarder lets go
    bool meddle = false;   ///< the meddler moves the other shard, once
};

constexpr auto one_moment = 0ns;  // over at the end of the cycle

template <class... Messages>
tina::type_options mailbox_of(std::uint32_t capacity) {
    return {.slots = 64, .mailbox_capacity = capacity, .accepts = tina::messages<Messages...>{}};
}

// --- with threads, on one shard
// -----------------------------------------------------------------------------------------

tina::isolate slow_receiver(tina::context self, stage* on, std::uint32_t count) {
    on->target = self.handle();
    for (std::uint32_t i = 0; i < count; ++i) {
        static_cast<void>(co_yield tina::sleep(20us));
        const auto message = co_yield tina::receive<number>();
        on->got.push_back(message->value);
    }
    self.request_stop();
}

tina::isolate queuer(tina::context, stage* on, std::uint64_t value) {
    const auto outcome = co_yield tina::deliver(on->target, number{value});
    on->outcomes.push_back(outcome.error());
}

tina::isolate queue_driver(tina::context self, stage* on, std::uint32_t count) {
    while (!on->target) static_cast<void>(co_yield tina::sleep(one_moment));
    for (std::uint64_t i = 0; i < count; ++i) BOOST_TEST(bool{self.spawn<queuer>(on, i)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(deliveries)

BOOST_AUTO_TEST_CASE(many_deliverers_to_one_full_mailbox_get_their_turn_first_in_first_out) {
    stage on;
    const auto counters = run_system(
        spec_of({tina::type<slow_receiver>(mailbox_of<number>(1)), tina::type<queuer>(), tina::type<queue_driver>()},
                {shard_of({tina::child<slow_receiver>(tina::temporary, &on, 50u),
                           tina::child<queue_driver>(tina::temporary, &on, 50u)})}));
    BOOST_REQUIRE_EQUAL(on.got.size(), 50);
    for (std::uint64_t i = 0; i < 50; ++i) BOOST_TEST(on.got[i] == i);
    for (const std::error_code outcome : on.outcomes) BOOST_TEST(!outcome);
    BOOST_TEST(counters["deliveries_waited"] > 30);
}

namespace {

struct door {
    using accepts = tina::messages<number, word, knock>;
    tina::isolate run(tina::context self, stage* on) {
        on->target = self.handle();
        static_cast<void>(co_yield tina::sleep(300ms));
    }
};

tina::isolate deadline_driver(tina::context self, stage* on) {
    while (!on->target) static_cast<void>(co_yield tina::sleep(one_moment));
    BOOST_TEST(bool{co_yield tina::deliver(on->target, number{1})});
    const auto begin = self.now();
    expect_error(co_yield tina::deliver(on->target, number{2}).within(500us), tina::errc::deadline);
    BOOST_TEST((self.now() - begin >= 500us));
    expect_error(co_yield tina::deliver(on->target, number{2}).within(0s), tina::errc::deadline);
    expect_error(co_yield tina::deliver(on->target, number{2}).by(begin), tina::errc::deadline);
    expect_error(co_yield tina::deliver(on->target, unknown_message{}), tina::errc::not_accepted);
    expect_error(co_yield tina::deliver(tina::handle{}, number{2}), tina::errc::stale_handle);
    expect_error(co_yield tina::deliver(tina::handle{7, 0, 1}, number{2}), tina::errc::stale_handle);
    expect_error(co_yield tina::deliver(on->target, number{3}), tina::errc::stale_handle);  // ends while this waits
    expect_error(co_yield tina::deliver(on->target, number{3}), tina::errc::stale_handle);
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_delivery_that_does_not_come_about_says_why) {
    stage on;
    const auto counters = run_system(spec_of(
        {tina::type<door>({.mailbox_capacity = 1}), tina::type<deadline_driver>()},
        {shard_of({tina::child<door>(tina::temporary, &on), tina::child<deadline_driver>(tina::temporary, &on)})}));
    BOOST_TEST(counters["messages_sent"] == 1);
    BOOST_TEST(counters["messages_dropped_target_ended"] == 1);
    BOOST_TEST(counters["isolates_crashed"] == 0);
}

// --- on one shard, step by step
// -----------------------------------------------------------------------------------------

namespace {

/// Receives words only, whatever else waits.
tina::isolate word_reader(tina::context self, stage* on) {
    on->target = self.handle();
    while (!on->open) static_cast<void>(co_yield tina::sleep(one_moment));
    for (;;) {
        const auto message = co_yield tina::receive<word>();
        on->got.push_back(message->value);
    }
}

/// Receives numbers while the door is open, and holds what it has received.
tina::isolate holding_reader(tina::context self, stage* on) {
    on->target = self.handle();
    while (!on->open) static_cast<void>(co_yield tina::sleep(one_moment));
    const auto first = co_yield tina::receive<number>();
    on->got.push_back(first->value);
    for (;;) {
        const auto message = co_yield tina::receive<number>();
        on->got.push_back(message->value);
    }
}

tina::isolate hoarding(tina::context self, stage* on) {
    on->hoarder = self.handle();
    {
        const auto kept = co_yield tina::receive<number>();
        while (!on->release) static_cast<void>(co_yield tina::sleep(one_moment));
    }
    static_cast<void>(co_yield tina::sleep(1h));
}

tina::isolate filler(tina::context self, stage* on, bool hoarder_too) {
    while (!on->target || (hoarder_too && !on->hoarder)) static_cast<void>(co_yield tina::sleep(one_moment));
    expect(self.send(on->target, number{0}), send_result::ok);
    if (hoarder_too) expect(self.send(on->hoarder, number{0}), send_result::ok);
    on->filled = true;
}

tina::isolate word_deliverer(tina::context, stage* on, std::uint64_t value, tina::duration limit) {
    while (!on->filled) static_cast<void>(co_yield tina::sleep(one_moment));
    const auto outcome = co_yield tina::deliver(on->target, word{value}).within(limit);
    on->outcomes.push_back(outcome.error());
}

tina::isolate number_deliverer(tina::context, stage* on, std::uint64_t value, tina::duration limit) {
    while (!on->filled) static_cast<void>(co_yield tina::sleep(one_moment));
    const auto outcome = co_yield tina::deliver(on->target, number{value}).within(limit);
    on->outcomes.push_back(outcome.error());
}

tina::shard_limits pool_of(std::uint32_t messages) {
    auto limits = small_limits();
    limits.messages = 16 + messages;
    limits.messages_reserved = 16;
    return limits;
}

void run_for(hand_moved& at, std::chrono::microseconds span) {
    for (auto left = span; left.count() > 0; left -= 50us) {
        at.advance(50us);
        for (std::size_t i = 0; i < at.shards.size(); ++i) at.cycle(static_cast<std::uint32_t>(i));
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_delivery_of_what_the_owner_of_a_full_mailbox_waits_for_gets_through) {
    stage on;
    hand_moved at(spec_of(
        {tina::type<word_reader>(mailbox_of<number, word>(1)), tina::type<filler>(), tina::type<word_deliverer>(),
         tina::type<number_deliverer>()},
        {shard_of({tina::child<word_reader>(tina::temporary, &on), tina::child<filler>(tina::temporary, &on, false),
                   tina::child<number_deliverer>(tina::temporary, &on, 8, tina::duration(1h)),
                   tina::child<word_deliverer>(tina::temporary, &on, 1, tina::duration(1h)),
                   tina::child<word_deliverer>(tina::temporary, &on, 2, tina::duration(1h))})}));
    run_for(at, 500us);
    BOOST_TEST(on.outcomes.empty());
    on.open = true;
    run_for(at, 500us);
    BOOST_TEST(on.got == (numbers{1, 2}), boost::test_tools::per_element());
    BOOST_TEST(on.outcomes.size() == 2);
}

BOOST_AUTO_TEST_CASE(a_delivery_that_the_owner_waits_for_gets_through_as_soon_as_an_empty_pool_has_room) {
    stage on;
    hand_moved at(
        spec_of({tina::type<word_reader>(mailbox_of<number, word>(1)), tina::type<hoarding>(mailbox_of<number>(1)),
                 tina::type<filler>(), tina::type<word_deliverer>()},
                {shard_of({tina::child<word_reader>(tina::temporary, &on), tina::child<hoarding>(tina::temporary, &on),
                           tina::child<filler>(tina::temporary, &on, true),
                           tina::child<word_deliverer>(tina::temporary, &on, 1, tina::duration(1h))},
                          pool_of(2))}));
    run_for(at, 500us);
    on.open = true;
    run_for(at, 500us);
    BOOST_TEST(on.got.empty());  // the pool is empty: one in the mailbox, one at the hoarder
    on.release = true;
    run_for(at, 500us);
    BOOST_TEST(on.got == (numbers{1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(deliveries_behind_one_that_gave_up_waiting_for_the_pool_still_get_their_turn) {
    stage on;
    hand_moved at(
        spec_of({tina::type<holding_reader>(mailbox_of<number>(1)), tina::type<hoarding>(mailbox_of<number>(1)),
                 tina::type<filler>(), tina::type<number_deliverer>()},
                {shard_of({tina::child<holding_reader>(tina::temporary, &on),
                           tina::child<hoarding>(tina::temporary, &on), tina::child<filler>(tina::temporary, &on, true),
                           tina::child<number_deliverer>(tina::temporary, &on, 1, tina::duration(2ms)),
                           tina::child<number_deliverer>(tina::temporary, &on, 2, tina::duration(2ms)),
                           tina::child<number_deliverer>(tina::temporary, &on, 3, tina::duration(1h))},
                          pool_of(2))}));
    run_for(at, 500us);
    on.open = true;  // takes the filler's number and keeps it, so that the pool stays empty
    run_for(at, 3000us);
    BOOST_TEST(on.outcomes.size() == 2);
    on.release = true;
    run_for(at, 500us);
    BOOST_TEST(on.got == (numbers{0, 3}), boost::test_tools::per_element());
    BOOST_TEST(on.outcomes.size() == 3);
}

BOOST_AUTO_TEST_CASE(deliveries_wait_for_an_exhausted_pool_and_go_on_when_it_has_room) {
    stage on;
    hand_moved at(
        spec_of({tina::type<word_reader>(mailbox_of<number, word>(8)), tina::type<hoarding>(mailbox_of<number>(1)),
                 tina::type<filler>(), tina::type<word_deliverer>()},
                {shard_of({tina::child<word_reader>(tina::temporary, &on), tina::child<hoarding>(tina::temporary, &on),
                           tina::child<filler>(tina::temporary, &on, true),
                           tina::child<word_deliverer>(tina::temporary, &on, 1, tina::duration(1h)),
                           tina::child<word_deliverer>(tina::temporary, &on, 2, tina::duration(1ms)),
                           tina::child<word_deliverer>(tina::temporary, &on, 3, tina::duration(1h))},
                          pool_of(2))}));
    on.open = true;
    run_for(at, 2000us);
    BOOST_REQUIRE_EQUAL(on.outcomes.size(), 1);
    BOOST_TEST((on.outcomes[0] == make_error_code(tina::errc::deadline)));
    on.release = true;
    run_for(at, 500us);
    BOOST_TEST(on.got == (numbers{1, 3}), boost::test_tools::per_element());
}

namespace {

tina::isolate brim_filler(tina::context self, stage* on, std::uint32_t count) {
    while (!on->target) static_cast<void>(co_yield tina::sleep(one_moment));
    for (std::uint32_t i = 0; i < count; ++i) {
        if (self.send(on->target, number{i}) == send_result::ok) continue;
        BOOST_ERROR("a mailbox did not take its capacity");
        break;
    }
    on->filled = true;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_delivery_gets_through_beside_65535_messages_that_the_owner_does_not_wait_for) {
    stage on;
    auto limits = small_limits();
    limits.messages = 70'000;
    hand_moved at(spec_of({tina::type<word_reader>(mailbox_of<number, word>(65535)), tina::type<brim_filler>(),
                           tina::type<word_deliverer>()},
                          {shard_of({tina::child<word_reader>(tina::temporary, &on),
                                     tina::child<brim_filler>(tina::temporary, &on, 65535u),
                                     tina::child<word_deliverer>(tina::temporary, &on, 1, tina::duration(1h)),
                                     tina::child<word_deliverer>(tina::temporary, &on, 2, tina::duration(1h))},
                                    limits)}));
    run_for(at, 500us);
    on.open = true;
    run_for(at, 500us);
    BOOST_TEST(on.got == (numbers{1, 2}), boost::test_tools::per_element());
    BOOST_TEST(at.counts(0).messages_queued.get() == 65535);
}

// --- between shards, step by step
// ---------------------------------------------------------------------------------------

namespace {

/// Moves the other shard by one cycle in the middle of its own shard's cycle.
tina::isolate meddler(tina::context, stage* on, std::uint32_t other) {
    for (;;) {
        if (on->meddle) {
            on->meddle = false;
            on->shards->cycle(other);
        }
        static_cast<void>(co_yield tina::sleep(one_moment));
    }
}

/// Receives one number each time the door is opened.
tina::isolate doorkeeper(tina::context self, stage* on) {
    on->target = self.handle();
    for (;;) {
        while (!on->open) static_cast<void>(co_yield tina::sleep(one_moment));
        on->open = false;
        const auto message = co_yield tina::receive<number>();
        on->got.push_back(message->value);
    }
}

tina::isolate two_deliveries(tina::context, stage* on, tina::duration first, tina::duration second) {
    while (!on->filled) static_cast<void>(co_yield tina::sleep(one_moment));
    on->outcomes.push_back((co_yield tina::deliver(on->target, number{1}).within(first)).error());
    on->outcomes.push_back((co_yield tina::deliver(on->target, number{2}).within(second)).error());
    on->outcomes.push_back((co_yield tina::deliver(on->target, number{3}).within(second)).error());
}

std::vector<tina::type_spec> race_types() {
    return {tina::type<doorkeeper>(mailbox_of<number>(1)), tina::type<meddler>(), tina::type<filler>(),
            tina::type<two_deliveries>()};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_withdrawal_that_comes_too_late_does_not_touch_the_next_delivery) {
    stage on;
    hand_moved at(spec_of(
        race_types(),
        {shard_of({tina::child<meddler>(tina::temporary, &on, 1u),
                   tina::child<two_deliveries>(tina::temporary, &on, tina::duration(1ms), tina::duration(1h))}),
         shard_of({tina::child<doorkeeper>(tina::temporary, &on), tina::child<filler>(tina::temporary, &on, false)})}));
    on.shards = &at;
    run_for(at, 300us);  // the mailbox is full, and the first delivery waits there
    on.open = true;
    at.advance(2ms);
    on.meddle = true;
    at.cycle(0);  // in the middle of it the first delivery is answered; at its end the deadline strikes
    at.cycle(0);  // the answer is taken, the second delivery sent
    for (int i = 0; i < 4; ++i) {
        at.cycle(1);
        at.cycle(0);
    }
    BOOST_REQUIRE_EQUAL(on.outcomes.size(), 1);  // the second waits for room
    BOOST_TEST(!on.outcomes[0]);
    for (int i = 0; i < 2; ++i) {
        on.open = true;
        run_for(at, 500us);
    }
    BOOST_REQUIRE_EQUAL(on.outcomes.size(), 3);
    BOOST_TEST(!on.outcomes[1], on.outcomes[1].message());
    BOOST_TEST(on.got == (numbers{0, 1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_smallest_lane_holds_every_notice_of_deliveries_that_cross_both_ways) {
    // Each shard delivers to the other; all withdrawals and answers that there can be at once go one way.
    stage there;  // from shard 0 to shard 1
    stage back;   // from shard 1 to shard 0
    auto spec = spec_of(
        race_types(),
        {shard_of({tina::child<meddler>(tina::temporary, &there, 1u),
                   tina::child<two_deliveries>(tina::temporary, &there, tina::duration(1ms), tina::duration(1ms)),
                   tina::child<doorkeeper>(tina::temporary, &back),
                   tina::child<filler>(tina::temporary, &back, false)}),
         shard_of({tina::child<doorkeeper>(tina::temporary, &there),
                   tina::child<filler>(tina::temporary, &there, false),
                   tina::child<two_deliveries>(tina::temporary, &back, tina::duration(1h), tina::duration(1h))})});
    spec.channels.lane_capacity = 4;
    hand_moved at(std::move(spec));
    there.shards = &at;
    run_for(at, 300us);
    there.open = true;
    at.advance(2ms);
    there.meddle = true;
    at.cycle(0);  // the first delivery is answered, and withdrawn too late
    at.cycle(0);  // the second one is sent
    at.advance(2ms);
    at.cycle(0);  // and withdrawn
    back.open = true;
    at.advance(1ms);
    at.cycle(0);
    at.cycle(0);  // a delivery from there is answered
    run_for(at, 5000us);
    BOOST_TEST(there.outcomes.size() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
