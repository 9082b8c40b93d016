// SPDX-License-Identifier: Apache-2.0
// Tests of timers that send a message: once, again and again without drift, cancelled at each stage, and given back by
// every kind of death. Owned by the unit tests.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/holdings.hpp"
#include "test_actor.hpp"

namespace {

using namespace system_test;
using tina::errc;

using numbers = std::vector<std::uint64_t>;

constexpr auto no_time = 0ns;

}  // namespace

BOOST_AUTO_TEST_SUITE(message_timers)

BOOST_AUTO_TEST_CASE(a_timer_sends_its_message_once_and_not_early) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.in(who, [](tina::context self) { BOOST_TEST(self.set_timer(10ms, tick{7}).has_value()); });
    on.advance(9ms);
    BOOST_TEST(notes.ticks.empty());
    on.advance(1ms + 20us);
    BOOST_TEST(notes.ticks == numbers{7});
    on.advance(100ms);
    BOOST_TEST(notes.ticks == numbers{7});
    BOOST_TEST(on.shards.counts(0).timer_messages_sent.get() == 1u);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_timer_without_a_span_fires_after_the_activation) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.in(who, [](tina::context self) {
        BOOST_TEST(self.set_timer(no_time, tick{1}).has_value());
        BOOST_TEST(self.set_timer(-5s, tick{2}).has_value());
    });
    on.advance(20us);
    BOOST_TEST(notes.ticks == (numbers{1, 2}));
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_periodic_timer_does_not_drift_and_leaves_out_what_it_missed) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    tina::timer made;
    const tina::handle who = on.start(0, notes);
    const std::int64_t begin = on.shards.now_ns;
    on.in(who, [&](tina::context self) { made = *self.set_periodic_timer(10ms, tick{1}); });
    // Each time a little late: the periods are counted from the beginning all the same.
    for (int i = 1; i <= 50; ++i) {
        on.shards.now_ns = begin + i * 10'000'000 + 300'000;
        on.shards.settle();
        BOOST_TEST(notes.ticks.size() == static_cast<std::size_t>(i));
    }
    // Three and a half periods with nobody looking: one message, the others are missed, the fourth is in time.
    on.shards.now_ns = begin + 535'000'000;
    on.shards.settle();
    BOOST_TEST(notes.ticks.size() == 51u);
    BOOST_TEST(on.shards.counts(0).timer_messages_missed.get() == 2u);
    on.shards.now_ns = begin + 539'900'000;
    on.shards.settle();
    BOOST_TEST(notes.ticks.size() == 51u);
    on.shards.now_ns = begin + 540'100'000;
    on.shards.settle();
    BOOST_TEST(notes.ticks.size() == 52u);
    on.in(who, [&](tina::context self) { BOOST_TEST(self.cancel(made)); });
    on.advance(1s);
    BOOST_TEST(notes.ticks.size() == 52u);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(while_a_message_waits_no_further_one_is_sent) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    tina::timer made;
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        made = *self.set_periodic_timer(10ms, tick{1});
    });
    for (int i = 0; i < 5; ++i) on.advance(10ms + 20us);
    BOOST_TEST(on.shards.counts(0).timer_messages_sent.get() == 1u);
    BOOST_TEST(on.shards.counts(0).timer_messages_missed.get() == 4u);
    on.in(who, [&](tina::context) { notes.only_acts = false; });
    BOOST_TEST(notes.ticks.size() == 1u);
    on.advance(10ms);
    BOOST_TEST(notes.ticks.size() == 2u);
    on.in(who, [&](tina::context self) { BOOST_TEST(self.cancel(made)); });
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_cancelled_timer_does_not_fire_whatever_its_stage) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    tina::timer first;
    tina::timer second;
    const tina::handle who = on.start(0, notes);
    // Armed.
    on.in(who, [&](tina::context self) {
        first = *self.set_timer(10ms, tick{1});
        BOOST_TEST(self.cancel(first));
        BOOST_TEST(!self.cancel(first));
        BOOST_TEST(!self.rearm(first, 1ms));
        BOOST_TEST(!self.cancel(tina::timer{}));
    });
    on.expect_nothing_left();
    // Its message waits, between others of the same type.
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        for (std::uint64_t i = 0; i < 3; ++i) {
            const tina::timer made = *self.set_timer(10ms, tick{i});
            if (i == 1) first = made;
            if (i == 2) second = made;
        }
    });
    on.advance(11ms);
    BOOST_TEST(on.shards.counts(0).messages_queued.get() == 3u);
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.cancel(first));
        BOOST_TEST(!self.cancel(first));
        BOOST_TEST(self.cancel(second));
        expect(self.send(self.handle(), tick{9}), tina::send_result::ok);
        notes.only_acts = false;
    });
    BOOST_TEST(notes.ticks == (numbers{0, 9}));
    BOOST_TEST(on.shards.counts(0).messages_dropped_taken_back.get() == 2u);
    // Its message is being read: it is over.
    on.in(who, [&](tina::context self) {
        first = *self.set_timer(10ms, tick{5});
        notes.while_reading = [&](tina::context reader) {
            BOOST_TEST(!reader.cancel(first));
            BOOST_TEST(!reader.rearm(first, 1ms));
        };
    });
    on.advance(11ms);
    BOOST_TEST(notes.ticks == (numbers{0, 9, 5}));
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_periodic_timer_can_be_cancelled_while_its_message_is_read) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    tina::timer made;
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) {
        made = *self.set_periodic_timer(10ms, tick{5});
        notes.while_reading = [&](tina::context reader) {
            BOOST_TEST(reader.cancel(made));
            BOOST_TEST(!reader.cancel(made));
        };
    });
    on.advance(11ms);
    on.advance(100ms);
    BOOST_TEST(notes.ticks == numbers{5});
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_timer_is_set_anew_with_the_message_it_has) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    tina::timer once;
    tina::timer again;
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) { once = *self.set_timer(10ms, tick{1}); });
    for (int i = 0; i < 5; ++i) {
        on.advance(9ms);
        on.in(who, [&](tina::context self) { BOOST_TEST(self.rearm(once, 10ms)); });
    }
    BOOST_TEST(notes.ticks.empty());
    // Also where its message waits already: that is taken back.
    on.in(who, [&](tina::context) { notes.only_acts = true; });
    on.advance(11ms);
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.rearm(once, 10ms));
        notes.only_acts = false;
    });
    BOOST_TEST(notes.ticks.empty());
    on.advance(11ms);
    BOOST_TEST(notes.ticks == numbers{1});
    // A periodic one goes on with the new period.
    on.in(who, [&](tina::context self) { again = *self.set_periodic_timer(10ms, tick{2}); });
    on.in(who, [&](tina::context self) { BOOST_TEST(self.rearm(again, 30ms)); });
    on.advance(29ms);
    BOOST_TEST(notes.ticks == numbers{1});
    for (int i = 0; i < 3; ++i) on.advance(30ms + 20us);
    BOOST_TEST(notes.ticks == (numbers{1, 2, 2, 2}));
    on.in(who, [&](tina::context self) { BOOST_TEST(self.cancel(again)); });
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_timer_needs_no_room_in_the_mailbox_and_takes_none) {
    tina::shard_limits limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    actor_stage on(1, limits, 4);
    actor_notes& notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        for (std::uint64_t i = 0; i < 20; ++i) BOOST_TEST(self.set_timer(10ms, tick{i}).has_value());
        for (int i = 0; i < 4; ++i) expect(self.send(self.handle(), tick{100}), tina::send_result::ok);
        expect(self.send(self.handle(), tick{100}), tina::send_result::mailbox_full);
    });
    // No envelope is left for anybody.
    std::vector<std::uint32_t> taken;
    while (on.shards[0].envelopes.has_free()) taken.push_back(on.shards[0].envelopes.take());
    on.advance(11ms);
    BOOST_TEST(on.shards.counts(0).messages_queued.get() == 24u);
    for (const std::uint32_t index : taken) on.shards[0].envelopes.give_back(index);
    tina::detail::end_isolate(on.shards[0], on.shards[0].slots[who.slot()]);
    BOOST_TEST(on.shards.counts(0).messages_dropped_target_ended.get() == 24u);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(what_cannot_be_set_is_refused_with_its_reason) {
    tina::shard_limits limits = small_limits();
    limits.message_timers = 2;
    limits.timers = 1;  // of which the idle one's sleep has all
    actor_stage on(1, limits);
    actor_notes& notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.set_timer(1ms, tick{1}).has_value());
        BOOST_TEST(self.set_timer(1ms, tick{1}).has_value());
        expect_error(self.set_timer(1ms, tick{1}), errc::no_timers);
        expect_error(self.set_timer(1ms, number{1}), errc::not_accepted);
    });
    BOOST_TEST(on.shards.counts(0).message_timers_refused.get() == 2u);
    on.advance(2ms);
    BOOST_TEST(notes.ticks == (numbers{1, 1}));
    on.in(who, [&](tina::context self) { BOOST_TEST(self.set_timer(1ms, tick{1}).has_value()); });
    on.advance(2ms);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_name_is_its_owners_and_of_one_use) {
    actor_stage on(1);
    const std::span<actor_notes> notes = on.make_notes(2);
    tina::timer first;
    const tina::handle who[2] = {on.start(0, notes[0]), on.start(0, notes[1])};
    on.in(who[0], [&](tina::context self) { first = *self.set_timer(10ms, tick{1}); });
    on.in(who[1], [&](tina::context self) { BOOST_TEST(!self.cancel(first)); });
    on.in(who[0], [&](tina::context self) {
        BOOST_TEST(self.cancel(first));
        const tina::timer second = *self.set_timer(10ms, tick{2});
        BOOST_TEST((second != first));
        BOOST_TEST(!self.cancel(first));
    });
    on.advance(11ms);
    BOOST_TEST(notes[0].ticks == numbers{2});
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(timers_end_with_their_isolate_at_each_stage) {
    enum class stage { armed, queued, handed_over, read };
    for (const stage when : {stage::armed, stage::queued, stage::handed_over, stage::read}) {
        for (const bool periodic : {false, true}) {
            for (const bool crash : {false, true}) {
                actor_stage on(1);
                actor_notes& notes = on.make_notes(1)[0];
                const tina::handle who = on.start(0, notes);
                on.in(who, [&](tina::context self) {
                    notes.only_acts = when == stage::queued;
                    const auto made = periodic ? self.set_periodic_timer(10ms, tick{1}) : self.set_timer(10ms, tick{1});
                    BOOST_TEST(made.has_value());
                });
                const auto end = [&](tina::context) { (crash ? notes.crash : notes.leave) = true; };
                if (when == stage::read) notes.while_reading = end;
                if (when != stage::armed) on.shards.advance(11ms);
                if (when == stage::handed_over) {
                    on.shards.cycle(0);  // the timer fires when the cycle ends
                    auto& at = on.shards[0];
                    BOOST_TEST(tina::detail::doom(at, at.slots[who.slot()], crash));
                    on.shards.settle();
                } else if (when == stage::read) {
                    on.shards.settle();
                } else {
                    on.shards.settle();
                    on.in(who, end);
                }
                BOOST_TEST(!on.alive(who));
                on.advance(1s);
                BOOST_TEST(notes.destroyed == 1);
                on.expect_nothing_left();
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(timers_of_one_who_dies_without_destructors_are_given_back) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        for (int i = 0; i < 3; ++i) BOOST_TEST(self.set_periodic_timer(10ms, tick{1}).has_value());
        BOOST_TEST(self.set_timer(1h, tick{1}).has_value());
    });
    on.advance(11ms);
    auto& at = on.shards[0];
    tina::detail::slot_header& slot = at.slots[who.slot()];
    // As it is after a fault: what was taken back by nobody, one message in its hands among it.
    const std::uint32_t number = 0;
    tina::detail::take_back(at, at.message_timers[number], number);
    ++at.standing_messages;
    at.message_timers[number].message = tina::detail::message_stage::held;
    tina::detail::end_standings(at, slot);
    tina::detail::close_mailbox(at, slot);
    tina::detail::release_holdings(at, slot);
    on.expect_nothing_left();
    on.end(who);
}

BOOST_AUTO_TEST_CASE(an_idle_shard_wakes_for_a_timer, *boost::unit_test::label("threads")) {
    static std::atomic<int> got{0};
    got = 0;
    struct waiter {
        using accepts = tina::messages<tick>;
        tina::isolate run(tina::context self) {
            const auto slow = self.set_periodic_timer(2ms, tick{1});
            const auto never = self.set_timer(1h, tick{2});
            if (!slow || !never) co_return;
            for (int i = 0; i < 20; ++i) {
                auto message = co_yield tina::receive<tick>();
                if (message->value == 1) ++got;
            }
            self.request_stop();
            static_cast<void>(co_yield tina::receive<tick>());
        }
    };
    const auto counters =
        run_system(spec_of({tina::type<waiter>({.slots = 1})}, {shard_of({tina::child<waiter>(tina::temporary)}),
                                                                shard_of({tina::child<waiter>(tina::temporary)})}));
    BOOST_TEST(got.load() >= 20);
    BOOST_TEST(counters["timer_messages_sent"] >= 20u);
}

BOOST_AUTO_TEST_SUITE_END()
