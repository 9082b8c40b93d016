// SPDX-License-Identifier: Apache-2.0
// Tests of monitors: exactly one `down`, on one shard and across, in every order of what can happen at the same
// moment, in storms, and with real threads. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "test_actor.hpp"

namespace monitor_test {

struct arrived {
    tina::handle who;
};

}  // namespace monitor_test

namespace {

using namespace system_test;
using tina::errc;
using tina::exit_reason;

/// Where the target is: on the watcher's shard or on the other.
const auto places = boost::unit_test::data::make({0u, 1u});

void expect_downs(const actor_notes& notes, std::size_t count, tina::handle who, exit_reason reason) {
    BOOST_TEST(notes.downs.size() == count);
    for (const tina::down& each : notes.downs) {
        BOOST_TEST((each.who == who));
        BOOST_TEST(tina::to_string(each.reason) == tina::to_string(reason));
    }
}

/// Shards that are moved in an order told by a number: its base-3 digits, each a shard or nobody.
void move_in_order(actor_stage& on, std::uint32_t order) {
    for (int step = 0; step < 5; ++step, order /= 3) {
        if (order % 3 < 2) on.shards.cycle(order % 3);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(monitors)

BOOST_DATA_TEST_CASE(a_monitor_tells_how_its_target_ended, places, place) {
    for (const exit_reason reason : {exit_reason::done, exit_reason::crashed, exit_reason::stopped}) {
        actor_stage on;
        actor_notes& notes = on.make_notes(1)[0];
        actor_notes& target_notes = on.make_notes(1)[0];
        const tina::handle who = on.start(0, notes);
        const tina::handle target = on.start(place, target_notes);
        on.in(who, [&](tina::context self) { BOOST_TEST(self.monitor(target).has_value()); });
        BOOST_TEST(notes.downs.empty());
        on.in(target, [&](tina::context self) {
            target_notes.leave = reason == exit_reason::done;
            target_notes.crash = reason == exit_reason::crashed;
            if (reason == exit_reason::stopped) expect(self.stop(self.handle()), tina::send_result::ok);
        });
        expect_downs(notes, 1, target, reason);
        BOOST_TEST(target_notes.destroyed == 1);
        on.expect_nothing_left();
    }
}

BOOST_DATA_TEST_CASE(one_that_had_ended_before_or_never_was_is_gone, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(place, target_notes);
    on.in(target, [&](tina::context) { target_notes.leave = true; });
    on.in(who, [&](tina::context self) { BOOST_TEST(self.monitor(target).has_value()); });
    expect_downs(notes, 1, target, exit_reason::gone);
    notes.downs.clear();
    for (const tina::handle nobody : {tina::handle{}, tina::handle(place, 7, 3), tina::handle(900, 1, 1)}) {
        on.in(who, [&](tina::context self) { BOOST_TEST(self.monitor(nobody).has_value()); });
        expect_downs(notes, 1, nobody, exit_reason::gone);
        notes.downs.clear();
    }
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(each_monitor_brings_a_down_of_its_own, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(place, target_notes);
    const tina::handle other = on.start(place, target_notes);
    tina::monitor second;
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.monitor(target).has_value());
        second = *self.monitor(target);
        BOOST_TEST(self.monitor(target).has_value());
        BOOST_TEST(self.monitor(other).has_value());
    });
    on.in(who, [&](tina::context self) { BOOST_TEST(self.demonitor(second)); });
    on.end(target);
    on.shards.settle();
    expect_downs(notes, 2, target, exit_reason::done);
    on.end(who);
    on.shards.settle();
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_monitor_can_be_taken_back_at_each_stage, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle first = on.start(place, target_notes);
    const tina::handle second = on.start(place, target_notes);
    tina::monitor made;
    // Before it has even left.
    on.in(who, [&](tina::context self) {
        made = *self.monitor(first);
        BOOST_TEST(self.demonitor(made));
        BOOST_TEST(!self.demonitor(made));
        BOOST_TEST(!self.demonitor(tina::monitor{}));
    });
    // While it watches.
    on.in(who, [&](tina::context self) { made = *self.monitor(first); });
    on.in(who, [&](tina::context self) { BOOST_TEST(self.demonitor(made)); });
    on.expect_nothing_left();
    // While its message waits.
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        made = *self.monitor(first);
    });
    on.end(first);
    on.shards.settle();
    BOOST_TEST(on.shards.counts(0).messages_queued.get() == 1u);
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.demonitor(made));
        notes.only_acts = false;
    });
    BOOST_TEST(notes.downs.empty());
    // Once it is received, it is over.
    on.in(who, [&](tina::context self) { made = *self.monitor(second); });
    notes.while_reading = [&](tina::context self) { BOOST_TEST(!self.demonitor(made)); };
    on.end(second);
    on.shards.settle();
    expect_downs(notes, 1, second, exit_reason::done);
    on.expect_nothing_left();
}

namespace {

/// A watcher and its target on another shard, again and again.
struct pair_stage {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    tina::handle who;
    tina::handle target;
    tina::monitor made;
    bool taken_back = false;

    void begin() {
        notes = {};
        target_notes = {};
        taken_back = false;
        who = on.start(0, notes);
        target = on.start(1, target_notes);
        on.shards.settle();
        auto set = [&](tina::context self) { made = *self.monitor(target); };
        on.only_in(who, set);
    }
    void take_back() {
        auto withdraw = [&](tina::context self) { taken_back = self.demonitor(made); };
        on.only_in(who, withdraw);
    }
    void finish() {
        for (const tina::handle each : {who, target}) {
            if (on.alive(each)) on.end(each);
        }
        on.shards.settle();
        BOOST_REQUIRE_EQUAL(on.shards[0].monitors.taken_count(), 0u);
        const auto& counts = on.shards.counts(0);
        BOOST_REQUIRE_EQUAL(counts.monitors_set.get(), counts.monitors_ended.get() + counts.monitors_withdrawn.get());
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_happens_at_the_same_moment_in_whatever_order_nothing_is_lost_or_told_twice) {
    enum class first { target_ends, watcher_ends, taken_back };
    pair_stage pair;
    actor_stage& on = pair.on;
    // What happens after the monitor was set, before and after any of the shards has moved.
    for (std::uint32_t order = 0; order < 243; ++order) {
        for (std::uint32_t moves_before = 0; moves_before < 9; ++moves_before) {
            for (const first what : {first::target_ends, first::watcher_ends, first::taken_back}) {
                pair.begin();
                for (const std::uint32_t shard : {moves_before % 3, moves_before / 3}) {
                    if (shard < 2) on.shards.cycle(shard);
                }
                if (what == first::target_ends) on.end(pair.target);
                if (what == first::watcher_ends) on.end(pair.who);
                if (what == first::taken_back) pair.take_back();
                move_in_order(on, order);
                // The target's end is always the second event, if it was not the first.
                if (what != first::target_ends) on.end(pair.target);
                move_in_order(on, order / 3);
                on.shards.settle();
                BOOST_REQUIRE_EQUAL(pair.notes.downs.size(), what == first::target_ends ? 1u : 0u);
                BOOST_REQUIRE(what != first::taken_back || pair.taken_back);
                pair.finish();
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_target_that_ends_while_its_watcher_ends_or_takes_it_back) {
    pair_stage pair;
    actor_stage& on = pair.on;
    for (std::uint32_t order = 0; order < 243; ++order) {
        for (const bool watcher_ends : {false, true}) {
            pair.begin();
            on.shards.settle();
            on.end(pair.target);
            if (order % 2 == 1) tina::detail::publish(on.shards[1]);
            if (watcher_ends) {
                on.end(pair.who);
            } else {
                pair.take_back();
            }
            move_in_order(on, order);
            on.shards.settle();
            BOOST_REQUIRE_EQUAL(pair.notes.downs.size() + (pair.taken_back || watcher_ends ? 1 : 0), 1u);
            pair.finish();
        }
    }
}

BOOST_DATA_TEST_CASE(a_watcher_that_dies_leaves_nothing_behind_at_any_stage, places, place) {
    for (const bool queued : {false, true}) {
        for (const bool crash : {false, true}) {
            actor_stage on;
            actor_notes& notes = on.make_notes(1)[0];
            actor_notes& target_notes = on.make_notes(1)[0];
            const tina::handle who = on.start(0, notes);
            const tina::handle target = on.start(place, target_notes);
            on.in(who, [&](tina::context self) {
                notes.only_acts = true;
                for (int i = 0; i < 3; ++i) BOOST_TEST(self.monitor(target).has_value());
            });
            if (queued) on.end(target);
            on.shards.settle();
            on.in(who, [&](tina::context) { (crash ? notes.crash : notes.leave) = true; });
            BOOST_TEST(!on.alive(who));
            on.expect_nothing_left();
            if (!queued) on.end(target);
            on.shards.settle();
            on.expect_nothing_left();
        }
    }
}

BOOST_DATA_TEST_CASE(the_successor_of_a_target_is_another, places, place) {
    actor_stage on;
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& target_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle target = on.start(place, target_notes, tina::permanent);
    on.in(who, [&](tina::context self) { BOOST_TEST(self.monitor(target).has_value()); });
    on.end(target);
    on.shards.settle();
    BOOST_TEST(target_notes.begun == 2);
    expect_downs(notes, 1, target, exit_reason::done);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(what_cannot_be_set_is_refused_with_its_reason) {
    tina::shard_limits limits = small_limits();
    limits.monitors = 1;
    actor_stage on(1, limits);
    actor_notes& notes = on.make_notes(1)[0];
    actor_notes& deaf_notes = on.make_notes(1)[0];
    const tina::handle who = on.start(0, notes);
    const tina::handle deaf = on.start<deaf_actor>(0, deaf_notes);
    on.in(deaf, [&](tina::context self) { expect_error(self.monitor(who), errc::not_accepted); });
    on.in(who, [&](tina::context self) {
        BOOST_TEST(self.monitor(deaf).has_value());
        expect_error(self.monitor(deaf), errc::no_monitors);
        expect_error(self.link(deaf), errc::no_monitors);
    });
    BOOST_TEST(on.shards.counts(0).monitors_refused.get() == 3u);
    on.end(deaf);
    on.shards.settle();
    BOOST_TEST(notes.downs.size() == 1u);
    on.in(who, [&](tina::context self) { BOOST_TEST(self.monitor(self.handle()).has_value()); });
    on.end(who);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_storm_of_downs_arrives_whole_though_every_pool_is_exhausted, places, place) {
    constexpr std::uint32_t count = 10'000;
    tina::shard_limits limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    limits.monitors = count;
    actor_stage on(2, limits, 2, count + 1);
    actor_notes& notes = on.make_notes(1)[0];
    std::deque<actor_notes> target_notes(count);
    const tina::handle who = on.start(0, notes);
    std::map<tina::handle, int> told;
    for (actor_notes& each : target_notes) told.emplace(on.start(place, each), 0);
    on.shards.settle();
    on.in(who, [&](tina::context self) {
        notes.only_acts = true;
        for (const auto& [target, times] : told) BOOST_TEST(self.monitor(target).has_value());
        expect_error(self.monitor(self.handle()), errc::no_monitors);
        // Its own mailbox is full too.
        for (int i = 0; i < 2; ++i) expect(self.send(self.handle(), tick{1}), tina::send_result::ok);
    });
    for (auto& each : on.shards.shards) {
        while (each->envelopes.has_free()) static_cast<void>(each->envelopes.take());
    }
    for (const auto& [target, times] : told) on.end(target);
    on.shards.settle();
    BOOST_TEST(on.shards.counts(0).messages_queued.get() == count + 2);
    for (auto& each : on.shards.shards) {
        const std::uint32_t most = each->envelopes.capacity();
        const std::uint32_t queued = each->index == 0 ? 2 : 0;
        // Those that are in the mailbox stay.
        for (std::uint32_t i = 0; i < most && each->envelopes.taken_count() > queued; ++i) {
            if (each->envelopes[i].key != tina::detail::message_key_of<tick>) each->envelopes.give_back(i);
        }
    }
    on.in(who, [&](tina::context) { notes.only_acts = false; });
    for (const tina::down& each : notes.downs) ++told[each.who];
    BOOST_TEST(notes.downs.size() == count);
    for (const auto& [target, times] : told) {
        if (times != 1) BOOST_ERROR("a down came " << times << " times");
    }
    on.expect_nothing_left();
}

namespace {

/// The watchers and the watched of the test below, on real threads.
std::atomic<std::uint32_t> watchers_done{0};
failures threaded;

constexpr std::uint32_t watched_count = 2'000;

/// Lives for a moment, and tells a watcher that it is there.
tina::isolate moth(tina::context self, tina::handle watcher) {
    const auto sent = co_yield tina::deliver(watcher, monitor_test::arrived{self.handle()});
    if (!sent) co_return;
    const std::uint64_t chance = self.random();
    if (chance % 4 == 0) co_return;
    if (chance % 4 == 1) static_cast<void>(co_yield tina::sleep(std::chrono::microseconds(chance % 300)));
    if (chance % 4 == 2) co_yield tina::yield();
    if (chance % 8 == 3) co_yield tina::crash("at random");
}

tina::isolate breeder(tina::context self, tina::handle watcher) {
    for (std::uint32_t i = 0; i < watched_count;) {
        if (self.spawn<moth>(watcher)) {
            ++i;
        } else {
            static_cast<void>(co_yield tina::sleep(50us));
        }
    }
}

tina::isolate breeder_of_other_shard(tina::context self) {
    auto told = co_yield tina::receive<monitor_test::arrived>();
    const tina::handle watcher = told->who;
    threaded.expect(self.spawn<breeder>(watcher).has_value(), "a breeder was not started");
}

struct lamp {
    using accepts = tina::messages<monitor_test::arrived, tina::down>;
    std::uint32_t known = 0;
    std::uint32_t ended = 0;
    std::map<tina::handle, int> downs;

    tina::isolate run(tina::context self) {
        const tina::role& other = self.shard_index() == 0 ? breeder_1 : breeder_0;
        static_cast<void>(co_yield tina::deliver(other, monitor_test::arrived{self.handle()}).or_crash());
        while (known < watched_count || ended < watched_count) {
            auto message = co_yield tina::receive<monitor_test::arrived, tina::down>();
            if (const auto* came = message.get<monitor_test::arrived>()) {
                const auto made = self.monitor(came->who);
                threaded.expect(made.has_value(), "a monitor was refused");
                // Every third is taken back and set again: still one down.
                if (made && known % 3 == 0) {
                    if (!self.demonitor(*made)) threaded.expect(false, "a monitor could not be taken back");
                    threaded.expect(self.monitor(came->who).has_value(), "a monitor was refused");
                }
                ++known;
                continue;
            }
            ++ended;
            threaded.expect(++downs[message.get<tina::down>()->who] == 1, "a down came twice");
        }
        threaded.expect(downs.size() == watched_count, "a down is missing");
        if (watchers_done.fetch_add(1) == 1) self.request_stop();
        static_cast<void>(co_yield tina::receive<tina::down>());
    }
    static constexpr tina::role breeder_0{"breeder 0"};
    static constexpr tina::role breeder_1{"breeder 1"};
};

}  // namespace

BOOST_AUTO_TEST_CASE(on_two_threads_each_of_thousands_of_ends_is_told_once, *boost::unit_test::label("threads")) {
    watchers_done = 0;
    tina::shard_limits limits = small_limits();
    limits.monitors = watched_count + 64;
    const auto shard_with = [&](const tina::role& role) {
        return shard_of(
            {tina::child<breeder_of_other_shard>(tina::temporary).role(role), tina::child<lamp>(tina::temporary)},
            limits);
    };
    const auto counters = run_system(
        spec_of({tina::type<moth>({.slots = 200}), tina::type<breeder>({.slots = 1}), tina::type<lamp>({.slots = 1}),
                 tina::type<breeder_of_other_shard>({.slots = 1, .accepts = tina::messages<monitor_test::arrived>{}})},
                {shard_with(lamp::breeder_0), shard_with(lamp::breeder_1)}),
        60s);
    threaded.check();
    BOOST_TEST(counters["monitors_ended"] >= 2 * watched_count);
}

BOOST_AUTO_TEST_SUITE_END()
