// SPDX-License-Identifier: Apache-2.0
// Tests of stop and of links: whom they end, how, when, and that nothing of it is left. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "test_actor.hpp"

namespace link_test {

struct wanted {
    tina::handle of;
};

}  // namespace link_test

namespace {

using namespace system_test;
using tina::exit_reason;
using tina::send_result;

const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(stops_and_links)

BOOST_DATA_TEST_CASE(a_waiting_isolate_is_stopped_with_its_destructors, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(place, target_notes);
    on.shards.settle();
    on.in(who, [&](tina::context self) {
        expect(self.stop(target), send_result::ok);
        BOOST_TEST(target_notes.destroyed == 0);  // not inside this activation
    });
    BOOST_TEST(!on.alive(target));
    BOOST_TEST(target_notes.destroyed == 1);
    BOOST_TEST(on.shards.counts(place).isolates_stopped.get() == 1u);
    BOOST_TEST(on.shards.counts(place).isolates_crashed.get() == 0u);
    on.in(who, [&](tina::context self) {
        expect(self.stop(target), place == 0 ? send_result::stale_handle : send_result::ok);
        expect(self.stop(tina::handle{}), send_result::stale_handle);
        expect(self.stop(tina::handle(900, 1, 1)), send_result::stale_handle);
    });
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(one_that_is_queued_to_run_is_stopped_without_running, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    on.shards.settle();
    // Never run yet.
    const tina::handle fresh = on.start(place, target_notes);
    auto stop_fresh = [&](tina::context self) { expect(self.stop(fresh), send_result::ok); };
    if (place == 0) {
        stop_fresh(tina::context(on.shards[0].slots[who.slot()]));
    } else {
        on.in(who, stop_fresh);
    }
    on.shards.settle();
    BOOST_TEST(!on.alive(fresh));
    BOOST_TEST(target_notes.begun == 0);
    // With a message in hand that it has not seen yet.
    target_notes = {};
    const tina::handle target = on.start(0, target_notes);
    on.shards.settle();
    on.in(who, [&](tina::context self) {
        expect(self.send(target, tick{1}), send_result::ok);
        expect(self.stop(target), send_result::ok);
        expect(self.send(target, tick{2}), send_result::ok);
    });
    BOOST_TEST(!on.alive(target));
    BOOST_TEST(target_notes.ticks.empty());
    BOOST_TEST(target_notes.destroyed == 1);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(one_that_has_yielded_is_stopped) {
    actor_stage on(1);
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle target = on.start(0, target_notes);
    const tina::handle who = on.start(0, notes);
    on.shards.settle();
    auto yield = [&](tina::context) { target_notes.yield = true; };
    auto stop = [&](tina::context self) { expect(self.stop(target), send_result::ok); };
    on.post(target, yield);
    on.post(who, stop);
    on.shards.settle();
    BOOST_TEST(!on.alive(target));
    BOOST_TEST(target_notes.destroyed == 1);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(an_isolate_that_stops_itself_ends_after_its_activation) {
    for (const bool yields : {false, true}) {
        for (const bool leaves : {false, true}) {
            actor_stage on(1);
            actor_notes& notes = on.make_notes(1)[0];
            bool went_on = false;
            const tina::handle who = on.start(0, notes);
            on.in(who, [&](tina::context self) {
                expect(self.stop(self.handle()), send_result::ok);
                expect(self.stop(self.handle()), send_result::ok);
                went_on = true;
                notes.yield = yields;
                notes.leave = leaves;
            });
            BOOST_TEST(went_on);
            BOOST_TEST(!on.alive(who));
            BOOST_TEST(notes.destroyed == 1);
            BOOST_TEST(on.shards.counts(0).isolates_ended.get() == 1u);
            on.expect_nothing_left();
        }
    }
}

BOOST_DATA_TEST_CASE(a_permanent_child_that_is_stopped_is_started_again_and_no_other, places, place) {
    for (const tina::restart mode : {tina::permanent, tina::transient, tina::temporary}) {
        actor_stage on;
        actor_notes& notes = on.make_notes(1)[0];
        actor_notes& target_notes = on.make_notes(1)[0];
        const tina::handle who = on.start(0, notes);
        const tina::handle target = on.start(place, target_notes, mode);
        on.shards.settle();
        on.in(who, [&](tina::context self) { expect(self.stop(target), send_result::ok); });
        BOOST_TEST(!on.alive(target));
        BOOST_TEST(target_notes.begun == (mode == tina::permanent ? 2 : 1));
    }
}

namespace {

enum class waiting : std::uint8_t { sleeping, calling, delivering, selecting, nested };

tina::task<int> nested_wait(tina::context, frame_guard&) {
    static_cast<void>(co_yield tina::sleep(1h));
    co_return 1;
}

/// Waits for ever, in the way it is told.
tina::isolate stuck(tina::context self, waiting how, tina::handle other, int* destroyed) {
    frame_guard guard(*destroyed);
    switch (how) {
    case waiting::sleeping: static_cast<void>(co_yield tina::sleep(1h)); break;
    case waiting::calling: static_cast<void>(co_yield tina::call<tick>(other, tick{1}).within(1h)); break;
    case waiting::delivering:
        for (;;) static_cast<void>(co_yield tina::deliver(other, tick{1}));
    case waiting::selecting:
        static_cast<void>(
            co_yield tina::any_of(tina::receive<tick>(), tina::sleep(1h), tina::call<tick>(other, tick{1}).within(1h)));
        break;
    case waiting::nested: static_cast<void>(co_await nested_wait(self, guard)); break;
    }
    BOOST_ERROR("a stopped isolate went on");
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_is_stopped_in_whatever_it_waits_for) {
    for (const waiting how :
         {waiting::sleeping, waiting::calling, waiting::delivering, waiting::selecting, waiting::nested}) {
        for (const std::uint32_t place : {0u, 1u}) {
            using handler = tina::detail::function_handler<stuck>;
            int destroyed = 0;
            actor_notes notes;
            actor_notes other_notes;
            hand_moved shards(
                spec_of({tina::type<stuck>({.slots = 1, .nested_bytes = 512, .accepts = tina::messages<tick>{}}),
                         tina::type<actor>({.slots = 2, .mailbox_capacity = 2})},
                        {shard_of({tina::child<actor>(tina::temporary, &notes)}),
                         shard_of({tina::child<actor>(tina::temporary, &other_notes)})}));
            // The other reads nothing, so that a call stays unanswered and a delivery waits.
            other_notes.only_acts = true;
            shards.settle();
            const tina::handle other(1, shards[1].types[1].first_slot, 1);
            const tina::handle who(0, shards[0].types[1].first_slot, 1);
            auto pack = handler::pack(how, other, &destroyed);
            auto& at = shards[place];
            const auto made = tina::detail::start_isolate(at, tina::detail::find_type(at, handler::info()),
                                                          tina::detail::no_restart, &pack);
            BOOST_REQUIRE_EQUAL(made.error, 0);
            shards.settle();
            BOOST_TEST(at.live(made.child) != nullptr);
            tina::context self(shards[0].slots[who.slot()]);
            expect(self.stop(made.child), send_result::ok);
            shards.settle();
            BOOST_TEST(at.live(made.child) == nullptr);
            BOOST_TEST(destroyed == 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(thousands_are_stopped_in_one_activation) {
    constexpr std::uint32_t count = 5'000;
    actor_stage on(1, small_limits(), 4, count + 1);
    actor_notes& notes = on.make_notes(1)[0];
    std::deque<actor_notes> target_notes(count);
    const tina::handle who = on.start(0, notes);
    std::vector<tina::handle> targets;
    for (actor_notes& each : target_notes) targets.push_back(on.start(0, each));
    on.shards.settle();
    on.in(who, [&](tina::context self) {
        for (const tina::handle target : targets) expect(self.stop(target), send_result::ok);
    });
    int destroyed = 0;
    for (const actor_notes& each : target_notes) destroyed += each.destroyed;
    BOOST_TEST(destroyed == static_cast<int>(count));
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_full_channel_refuses_a_stop_and_a_dry_pool_does_not_hold_one_up) {
    tina::shard_limits limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    actor_stage on(2, limits);
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(1, target_notes);
    on.shards.settle();
    auto fill = [&](tina::context self) {
        for (int i = 0; i < 128; ++i) expect(self.stop(target), send_result::ok);
        expect(self.stop(target), send_result::channel_full);
    };
    on.only_in(who, fill);
    std::vector<std::uint32_t> taken;
    while (on.shards[1].envelopes.has_free()) taken.push_back(on.shards[1].envelopes.take());
    BOOST_TEST(tina::detail::has_inbound(on.shards[1]));
    on.shards.settle();
    BOOST_TEST(!on.alive(target));
    for (const std::uint32_t index : taken) on.shards[1].envelopes.give_back(index);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(whichever_of_two_linked_ends_first_the_other_ends_too, places, place) {
    for (const exit_reason how : {exit_reason::done, exit_reason::crashed, exit_reason::stopped}) {
        for (const bool linker_first : {false, true}) {
            actor_stage on;
            const std::span<actor_notes> notes = on.make_notes(2);
            actor_notes& witness_notes = on.make_notes(1)[0];
            const tina::handle linker = on.start(0, notes[0]);
            const tina::handle linked = on.start(place, notes[1]);
            const tina::handle witness = on.start(0, witness_notes);
            on.in(linker, [&](tina::context self) { BOOST_TEST(self.link(linked).has_value()); });
            on.in(witness,
                  [&](tina::context self) { BOOST_TEST(self.monitor(linker_first ? linked : linker).has_value()); });
            actor_notes& first = notes[linker_first ? 0 : 1];
            on.in(linker_first ? linker : linked, [&](tina::context self) {
                first.leave = how == exit_reason::done;
                first.crash = how == exit_reason::crashed;
                if (how == exit_reason::stopped) expect(self.stop(self.handle()), send_result::ok);
            });
            BOOST_TEST(!on.alive(linker));
            BOOST_TEST(!on.alive(linked));
            for (const actor_notes& each : notes) BOOST_TEST(each.destroyed == 1);
            BOOST_REQUIRE(witness_notes.downs.size() == 1u);
            const exit_reason told = how == exit_reason::crashed ? exit_reason::crashed : exit_reason::stopped;
            BOOST_TEST(tina::to_string(witness_notes.downs.front().reason) == tina::to_string(told));
            on.expect_nothing_left();
        }
    }
}

BOOST_AUTO_TEST_CASE(the_log_says_whose_crash_ended_a_linked_isolate) {
    actor_stage on;
    for (auto& each : on.shards.shards) BOOST_TEST(each->log.wants(tina::log_level::error));
    const std::span<actor_notes> notes = on.make_notes(2);
    const tina::handle linker = on.start(0, notes[0]);
    const tina::handle linked = on.start(1, notes[1]);
    on.in(linker, [&](tina::context self) { BOOST_TEST(self.link(linked).has_value()); });
    on.in(linked, [&](tina::context) { notes[1].crash = true; });
    BOOST_TEST(on.shards.counts(0).isolates_crashed.get() == 1u);
    BOOST_TEST(on.shards.counts(0).links_broken.get() == 1u);
    BOOST_TEST(on.shards.counts(0).isolates_stopped.get() == 0u);
}

BOOST_DATA_TEST_CASE(a_link_to_one_that_has_ended_stops_the_linker, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(place, target_notes);
    on.shards.settle();
    on.end(target);
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.link(self.handle()).has_value());
        BOOST_TEST(self.link(target).has_value());
    });
    BOOST_TEST(!on.alive(who));
    BOOST_TEST(notes.destroyed == 1);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(two_linked_that_end_at_the_same_moment_leave_nothing_in_whatever_order) {
    for (std::uint32_t order = 0; order < 243; ++order) {
        for (const bool both_ways : {false, true}) {
            actor_stage on;
            const std::span<actor_notes> notes = on.make_notes(2);
            const tina::handle first = on.start(0, notes[0]);
            const tina::handle second = on.start(1, notes[1], tina::permanent);
            on.in(first, [&](tina::context self) { BOOST_TEST(self.link(second).has_value()); });
            if (both_ways) on.in(second, [&](tina::context self) { BOOST_TEST(self.link(first).has_value()); });
            on.end(first);
            if (order % 2 == 1) tina::detail::publish(on.shards[0]);
            on.end(second);
            std::uint32_t left = order;
            for (int step = 0; step < 5; ++step, left /= 3) {
                if (left % 3 < 2) on.shards.cycle(left % 3);
            }
            on.shards.settle();
            BOOST_REQUIRE_EQUAL(notes[0].destroyed, 1);
            BOOST_REQUIRE_EQUAL(notes[1].destroyed, 1);  // its successor is linked to nobody
            BOOST_REQUIRE_EQUAL(on.shards[0].monitors.taken_count(), 0u);
            BOOST_REQUIRE_EQUAL(on.shards[1].monitors.taken_count(), 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_of_links_falls_whole) {
    constexpr std::uint32_t count = 5'000;
    tina::shard_limits limits = small_limits();
    limits.monitors = count;
    actor_stage on(2, limits, 4, count);
    std::deque<actor_notes> notes(count);
    std::vector<tina::handle> chain;
    for (std::uint32_t i = 0; i < count; ++i) chain.push_back(on.start(i % 5 == 0 ? 1 : 0, notes[i]));
    on.shards.settle();
    for (std::uint32_t i = 1; i < count; ++i) {
        on.in(chain[i], [&](tina::context self) { BOOST_TEST(self.link(chain[i - 1]).has_value()); });
    }
    on.in(chain[count / 2], [&](tina::context) { notes[count / 2].leave = true; });
    std::uint32_t destroyed = 0;
    for (const actor_notes& each : notes) destroyed += static_cast<std::uint32_t>(each.destroyed);
    BOOST_TEST(destroyed == count);
    on.expect_nothing_left();
}

namespace {

std::atomic<std::uint32_t> pairs_ended{0};
constexpr std::uint32_t pair_count = 500;

/// Waits for its partner's handle, links itself to it, and ends at random, or when the partner does.
tina::isolate partner(tina::context self, tina::handle other) {
    struct ending {
        ~ending() { ++pairs_ended; }
    } const counted;
    if (other && !self.link(other)) co_return;
    const std::uint64_t chance = self.random();
    static_cast<void>(co_yield tina::sleep(std::chrono::microseconds(chance % 500)));
    if (chance % 2 == 0) co_yield tina::crash("at random");
    if (chance % 4 == 1) {
        static_cast<void>(self.stop(other));
        static_cast<void>(co_yield tina::sleep(1h));
    }
}

constexpr tina::role matchmaker_role{"matchmaker"};

/// Starts partners for those of another shard.
tina::isolate matchmaker(tina::context self) {
    for (;;) {
        auto message = co_yield tina::receive<link_test::wanted>();
        while (!self.spawn<partner>(message->of)) static_cast<void>(co_yield tina::sleep(50us));
    }
}

tina::isolate first_partners(tina::context self) {
    for (std::uint32_t i = 0; i < pair_count; ++i) {
        auto made = self.spawn<partner>(tina::handle{});
        while (!made) {
            static_cast<void>(co_yield tina::sleep(50us));
            made = self.spawn<partner>(tina::handle{});
        }
        static_cast<void>(co_yield tina::deliver(matchmaker_role, link_test::wanted{*made}).or_crash());
    }
    while (pairs_ended < 2 * pair_count) static_cast<void>(co_yield tina::sleep(1ms));
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(on_two_threads_linked_pairs_end_together, *boost::unit_test::label("threads")) {
    pairs_ended = 0;
    const auto counters =
        run_system(spec_of({tina::type<partner>({.slots = 100}), tina::type<first_partners>({.slots = 1}),
                            tina::type<matchmaker>({.slots = 1, .accepts = tina::messages<link_test::wanted>{}})},
                           {shard_of({tina::child<first_partners>(tina::temporary)}),
                            shard_of({tina::child<matchmaker>(tina::temporary).role(matchmaker_role)})}),
                   60s);
    BOOST_TEST(counters["monitors_set"] == pair_count);
}

namespace {

std::atomic<std::uint16_t> port_of_holder{0};
std::atomic<int> sockets_ended{0};

/// Holds a connection, and waits to receive on it for ever.
tina::isolate holder(tina::context, tina::socket peer) {
    static_cast<void>(co_yield tina::recv(peer, 64));
    BOOST_ERROR("a stopped isolate went on");
}

tina::isolate stopper(tina::context self, tina::listener server) {
    port_of_holder = server.local_address()->port;
    for (int i = 0; i < 20; ++i) {
        auto peer = co_yield tina::accept(server);
        if (!peer) co_return;
        const auto made = self.spawn<holder>(std::move(*peer));
        if (i % 2 == 0) static_cast<void>(co_yield tina::sleep(1ms));
        if (made) static_cast<void>(self.stop(*made));
    }
    while (sockets_ended < 20) static_cast<void>(co_yield tina::sleep(1ms));
    self.request_stop();
}

tina::isolate visitor(tina::context) {
    while (port_of_holder == 0) static_cast<void>(co_yield tina::sleep(1ms));
    for (int i = 0; i < 20; ++i) {
        auto to = co_yield tina::connect(*tina::parse_ip("127.0.0.1", port_of_holder));
        if (!to) break;
        const auto got = co_yield tina::recv(*to, 64).within(10s);
        if (got.error() == make_error_code(tina::errc::end_of_stream)) ++sockets_ended;
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_sockets_of_a_stopped_isolate_close_as_on_a_clean_end, *boost::unit_test::label("threads")) {
    port_of_holder = 0;
    sockets_ended = 0;
    static_cast<void>(run_system(
        spec_of(
            {tina::type<stopper>({.slots = 1}), tina::type<holder>({.slots = 8}), tina::type<visitor>({.slots = 1})},
            {shard_of({tina::child<stopper>(tina::temporary, tina::listening({.address = "127.0.0.1"}))}),
             shard_of({tina::child<visitor>(tina::temporary)})}),
        30s));
    BOOST_TEST(sockets_ended.load() == 20);
}

BOOST_AUTO_TEST_SUITE_END()
