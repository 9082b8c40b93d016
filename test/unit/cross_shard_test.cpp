// SPDX-License-Identifier: Apache-2.0
// Tests of what crosses shards on real threads: nothing lost, nothing twice, order kept, no wake-up missed, and the
// sums of the counters. Owned by the unit tests. Checks are made through `failures`, since several shards run at once.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <vector>

#include "test_system.hpp"

namespace cross_shard_test {

struct numbered {
    std::uint32_t from;
    std::uint32_t value;
};
struct never_accepted {
    std::uint64_t value;
};

}  // namespace cross_shard_test

namespace {

using cross_shard_test::never_accepted;
using cross_shard_test::numbered;
using namespace system_test;
using tina::send_result;

const auto threads = boost::unit_test::label("threads");

/// What isolates on several shards share: where they are, and what went wrong.
struct stage {
    std::array<std::atomic<std::uint64_t>, 4> handles{};
    std::atomic<std::uint32_t> finished{0};
    failures wrong;

    void publish(std::size_t role, tina::handle who) noexcept { handles[role] = who.bits(); }
    [[nodiscard]] tina::handle find(std::size_t role) const noexcept {
        const std::uint64_t bits = handles[role];
        return {static_cast<std::uint32_t>(bits >> 54), static_cast<std::uint32_t>(bits >> 32) & 0x3f'ffff,
                static_cast<std::uint32_t>(bits)};
    }
};

constexpr std::size_t receiver_role = 0;

/// Waits until an isolate of that role is there.
#define AWAIT_ROLE(on, role)                                                                                           \
    while (!(on)->find(role)) static_cast<void>(co_yield tina::sleep(50us))

tina::system_spec two_shards(std::vector<tina::type_spec> types, tina::shard_spec first, tina::shard_spec second) {
    return spec_of(std::move(types), {std::move(first), std::move(second)});
}

// --- a stream of sends
// --------------------------------------------------------------------------------------------------

tina::isolate stream_sender(tina::context self, stage* on, std::uint32_t count) {
    AWAIT_ROLE(on, receiver_role);
    const tina::handle target = on->find(receiver_role);
    for (std::uint32_t i = 0; i < count;) {
        const send_result answer = self.send(target, number{i});
        if (answer == send_result::ok) {
            ++i;
        } else {
            on->wrong.expect(answer == send_result::channel_full,
                             "a send across shards was refused otherwise than by room");
            co_yield tina::yield();
        }
    }
}

struct stream_receiver {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, stage* on, std::uint32_t count) {
        on->publish(receiver_role, self.handle());
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto message = co_yield tina::receive<number>();
            on->wrong.expect(message->value == i, "a message came out of order");
            on->wrong.expect(message.sender().shard() == 0, "a message has a wrong sender");
        }
        self.request_stop();
    }
};

void stream(std::uint32_t count, tina::channel_limits channels, std::uint32_t mailbox, tina::shard_limits limits) {
    stage on;
    auto spec = two_shards({tina::type<stream_sender>(), tina::type<stream_receiver>({.mailbox_capacity = mailbox})},
                           shard_of({tina::child<stream_sender>(tina::temporary, &on, count)}),
                           shard_of({tina::child<stream_receiver>(tina::temporary, &on, count)}, limits));
    spec.channels = std::move(channels);
    const auto counters = run_system(std::move(spec));
    on.wrong.check();
    BOOST_TEST(counters["messages_sent"] == count);
    BOOST_TEST(counters["messages_delivered"] == count);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cross_shard)

BOOST_AUTO_TEST_CASE(a_stream_of_sends_loses_nothing_and_keeps_its_order, *threads) {
    auto limits = small_limits();
    limits.messages = 8192;
    stream(scaled(1'000'000, 100'000), {}, 4096, limits);
}

BOOST_AUTO_TEST_CASE(a_receiver_with_an_empty_pool_holds_up_its_channel_and_loses_nothing, *threads) {
    auto limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 12;
    stream(scaled(100'000, 10'000), {.capacity = 2}, 64, limits);
}

BOOST_AUTO_TEST_CASE(a_channel_can_have_a_size_of_its_own, *threads) {
    auto limits = small_limits();
    limits.messages = 8192;
    stream(scaled(100'000, 10'000), {.capacity = 2, .overrides = {{.from = 0, .to = 1, .capacity = 4096}}}, 4096,
           limits);
}

// --- ping-pong
// ----------------------------------------------------------------------------------------------------------

namespace {

struct ponger {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, stage* on) {
        on->publish(receiver_role, self.handle());
        for (;;) {
            const auto message = co_yield tina::receive<number>();
            on->wrong.expect(self.send(message.sender(), *message) == send_result::ok, "a reply was refused");
        }
    }
};

struct pinger {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, stage* on, std::uint32_t rounds) {
        AWAIT_ROLE(on, receiver_role);
        for (std::uint32_t i = 0; i < rounds; ++i) {
            on->wrong.expect(self.send(on->find(receiver_role), number{i}) == send_result::ok, "a ping was refused");
            const auto answer = co_yield tina::receive<number>();
            on->wrong.expect(answer->value == i, "a pong does not fit its ping");
        }
        self.request_stop();
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(no_wake_up_is_lost_between_two_shards_that_sleep, *threads) {
    stage on;
    auto limits = small_limits();
    limits.spin = 0s;
    const std::uint32_t rounds = scaled(100'000, 10'000);
    const auto counters = run_system(two_shards({tina::type<ponger>(), tina::type<pinger>()},
                                                shard_of({tina::child<pinger>(tina::temporary, &on, rounds)}, limits),
                                                shard_of({tina::child<ponger>(tina::temporary, &on)}, limits)),
                                     60s);
    on.wrong.check();
    BOOST_TEST(counters["messages_delivered"] == 2 * std::uint64_t{rounds});
}

// --- deliveries
// ---------------------------------------------------------------------------------------------------------

namespace {

tina::isolate stream_deliverer(tina::context, stage* on, std::uint32_t count) {
    AWAIT_ROLE(on, receiver_role);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto outcome = co_yield tina::deliver(on->find(receiver_role), number{i});
        on->wrong.expect(bool{outcome}, "a delivery without a deadline failed");
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(deliveries_to_a_mailbox_of_one_lose_nothing_and_keep_their_order, *threads) {
    const std::uint32_t count = scaled(100'000, 10'000);
    stage on;
    auto spec = two_shards({tina::type<stream_deliverer>(), tina::type<stream_receiver>({.mailbox_capacity = 1})},
                           shard_of({tina::child<stream_deliverer>(tina::temporary, &on, count)}),
                           shard_of({tina::child<stream_receiver>(tina::temporary, &on, count)}));
    const auto counters = run_system(std::move(spec), 60s);
    on.wrong.check();
    BOOST_TEST(counters["messages_delivered"] == count);
}

namespace {

/// Takes numbers of many senders, each of which must come in order.
struct collector {
    using accepts = tina::messages<numbered>;
    tina::isolate run(tina::context self, stage* on, std::vector<std::uint32_t>* next, std::uint32_t total) {
        on->publish(receiver_role, self.handle());
        for (std::uint32_t i = 0; i < total; ++i) {
            const auto message = co_yield tina::receive<numbered>();
            on->wrong.expect((*next)[message->from] == message->value, "one deliverer's messages came out of order");
            ++(*next)[message->from];
        }
        self.request_stop();
    }
};

tina::isolate one_of_many(tina::context, stage* on, std::uint32_t who, std::uint32_t count) {
    AWAIT_ROLE(on, receiver_role);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto outcome = co_yield tina::deliver(on->find(receiver_role), numbered{who, i});
        on->wrong.expect(bool{outcome}, "a delivery without a deadline failed");
    }
}

tina::shard_spec many(stage& on, std::uint32_t first, std::uint32_t count, std::uint32_t each) {
    std::vector<tina::tree_node> children;
    for (std::uint32_t i = 0; i < count; ++i) {
        children.emplace_back(tina::child<one_of_many>(tina::temporary, &on, first + i, each));
    }
    return shard_of(std::move(children));
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_deliverers_through_the_smallest_channel_and_lane_all_get_through, *threads) {
    constexpr std::uint32_t who = 20;
    const std::uint32_t each = scaled(1000, 200);
    stage on;
    std::vector<std::uint32_t> next(2 * who, 0);
    auto near_by = many(on, 0, who, each);
    near_by.tree.children.emplace_back(tina::child<collector>(tina::temporary, &on, &next, 2 * who * each));
    near_by.limits.messages = 32;
    auto spec = spec_of({tina::type<collector>({.mailbox_capacity = 3}), tina::type<one_of_many>()},
                        {near_by, many(on, who, who, each)});
    spec.channels = {.capacity = 2, .lane_capacity = 4};
    static_cast<void>(run_system(std::move(spec), 60s));
    on.wrong.check();
    for (const std::uint32_t count : next) BOOST_TEST(count == each);
}

namespace {

/// A target that lives a while; its successor has another handle.
struct mayfly {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, stage* on) {
        on->publish(receiver_role, self.handle());
        static_cast<void>(co_yield tina::sleep(200us));
    }
};

tina::isolate persistent_deliverer(tina::context self, stage* on) {
    AWAIT_ROLE(on, receiver_role);
    for (std::uint32_t i = 0; i < 500; ++i) {
        const auto outcome = co_yield tina::deliver(on->find(receiver_role), number{i});
        on->wrong.expect(outcome || outcome.error() == make_error_code(tina::errc::stale_handle),
                         "a delivery to one that dies ended otherwise than stale");
    }
    if (++on->finished == 2) self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_delivery_to_an_isolate_that_dies_ends_as_stale, *threads) {
    stage on;
    static_cast<void>(
        run_system(two_shards({tina::type<mayfly>({.mailbox_capacity = 1}), tina::type<persistent_deliverer>()},
                              shard_of({tina::child<persistent_deliverer>(tina::temporary, &on)}),
                              shard_of({tina::child<mayfly>(tina::permanent, &on),
                                        tina::child<persistent_deliverer>(tina::temporary, &on)}))));
    on.wrong.check();
}

// --- deadlines
// ----------------------------------------------------------------------------------------------------------

namespace {

constexpr std::uint32_t stress_deliverers = 12;

/// What became of each delivery: `ok` is the deliverer's word, `received` the receiver's count.
struct ledger {
    stage on;
    std::uint32_t each = 0;
    std::uint64_t seed = 0;
    std::vector<std::uint8_t> ok;
    std::vector<std::uint8_t> received;
};

struct busy_receiver {
    using accepts = tina::messages<numbered>;
    tina::isolate run(tina::context self, ledger* book, std::uint32_t role) {
        book->on.publish(role, self.handle());
        std::mt19937 chance(static_cast<std::uint32_t>(book->seed + role));
        for (;;) {
            const auto message = co_yield tina::receive<numbered>();
            ++book->received[message->from * book->each + message->value];
            if (chance() % 16 == 0) static_cast<void>(co_yield tina::sleep(std::chrono::microseconds{chance() % 200}));
        }
    }
};

tina::isolate hasty_deliverer(tina::context self, ledger* book, std::uint32_t who) {
    AWAIT_ROLE(&book->on, 0);
    AWAIT_ROLE(&book->on, 1);
    std::mt19937 chance(static_cast<std::uint32_t>(book->seed * 31 + who));
    for (std::uint32_t i = 0; i < book->each; ++i) {
        const bool patient = chance() % 4 == 0;
        const auto begin = self.now();
        const std::chrono::microseconds limit{chance() % 150};
        const auto what = tina::deliver(book->on.find(chance() % 2), numbered{who, i});
        const auto outcome = co_yield (patient ? what : what.within(limit));
        book->on.wrong.expect(outcome || outcome.error() == make_error_code(tina::errc::deadline),
                              "a delivery failed, and not by its deadline");
        book->on.wrong.expect(outcome || !patient, "a delivery without a deadline was ended by one");
        book->on.wrong.expect(outcome || self.now() - begin >= limit, "a deadline came early");
        book->ok[who * book->each + i] = bool{outcome};
    }
    if (++book->on.finished == stress_deliverers) {
        static_cast<void>(co_yield tina::sleep(20ms));
        self.request_stop();
    }
}

void deadline_stress(std::uint64_t seed, tina::channel_limits channels, std::uint32_t mailbox) {
    ledger book;
    book.seed = seed;
    book.each = scaled(1500, 200);
    book.ok.assign(stress_deliverers * book.each, 0);
    book.received.assign(stress_deliverers * book.each, 0);
    std::array<tina::shard_spec, 2> shards{shard_of({}), shard_of({})};
    for (std::uint32_t role = 0; role < 2; ++role) {
        shards[role].limits.messages = 32;
        shards[role].tree.children.emplace_back(tina::child<busy_receiver>(tina::temporary, &book, role));
    }
    for (std::uint32_t who = 0; who < stress_deliverers; ++who) {
        shards[who % 2].tree.children.emplace_back(tina::child<hasty_deliverer>(tina::temporary, &book, who));
    }
    auto spec = spec_of({tina::type<busy_receiver>({.mailbox_capacity = mailbox}), tina::type<hasty_deliverer>()},
                        {shards[0], shards[1]});
    spec.channels = std::move(channels);
    static_cast<void>(run_system(std::move(spec), 60s));
    book.on.wrong.check();
    std::size_t mismatches = 0;
    for (std::size_t i = 0; i < book.ok.size(); ++i) mismatches += book.ok[i] != book.received[i];
    BOOST_CHECK_MESSAGE(mismatches == 0, mismatches << " deliveries whose result is not what happened; seed " << seed);
    BOOST_TEST(std::count(book.ok.begin(), book.ok.end(), 0) > 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_delivery_with_a_deadline_says_ok_if_and_only_if_it_was_received_once, *threads) {
    deadline_stress(1, {}, 1);
    deadline_stress(2, {.capacity = 2, .lane_capacity = 64}, 2);
    deadline_stress(3, {.capacity = 2, .lane_capacity = 4}, 1);
}

// --- drops
// --------------------------------------------------------------------------------------------------------------

namespace {

/// Says when its isolate has ended.
struct farewell {
    stage* on;
    explicit farewell(stage* of) : on(of) {}
    farewell(const farewell&) = delete;
    farewell& operator=(const farewell&) = delete;
    ~farewell() { ++on->finished; }
};

struct stubborn {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, stage* on, std::size_t role, bool stays) {
        const farewell said(on);
        on->publish(role, self.handle());
        if (stays) static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Sends to a full mailbox, a dead isolate and one that does not want it, on the other shard, as fast as it goes.
tina::isolate careless(tina::context self, stage* on) {
    AWAIT_ROLE(on, 0);
    AWAIT_ROLE(on, 1);
    while (on->finished == 0) static_cast<void>(co_yield tina::sleep(50us));
    std::uint32_t sent = 0;
    while (sent < 900) {
        const tina::handle target = on->find(sent % 3 == 0 ? 0 : 1);
        const auto answer = sent % 3 == 2 ? self.send(on->find(0), never_accepted{1}) : self.send(target, number{1});
        if (answer == send_result::ok) ++sent;
        co_yield tina::yield();
    }
    static_cast<void>(co_yield tina::sleep(100ms));
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_dropped_at_the_other_shard_is_counted_by_its_reason, *threads) {
    stage on;
    const auto counters =
        run_system(two_shards({tina::type<stubborn>({.mailbox_capacity = 4}), tina::type<careless>()},
                              shard_of({tina::child<careless>(tina::temporary, &on)}),
                              shard_of({tina::child<stubborn>(tina::temporary, &on, std::size_t{0}, true),
                                        tina::child<stubborn>(tina::temporary, &on, std::size_t{1}, false)})));
    BOOST_TEST(counters["messages_sent"] == 900);
    BOOST_TEST(counters["messages_dropped_mailbox_full"] == 296);
    BOOST_TEST(counters["messages_dropped_target_ended"] == 4);
    BOOST_TEST(counters["messages_dropped_stale_handle"] == 300);
    BOOST_TEST(counters["messages_dropped_not_accepted"] == 300);
}

namespace {

/// Sends to everybody on all shards, whatever the answers, now and then taking what came.
struct gossip {
    using accepts = tina::messages<number, word>;
    tina::isolate run(tina::context self, std::vector<std::atomic<std::uint64_t>>* all, std::uint32_t who,
                      std::atomic<std::uint32_t>* left) {
        (*all)[who] = self.handle().bits();
        // By chance alone the channels are never full where both shards are slow.
        const tina::handle nobody{1, 0, 0x7777'7777};
        for (int left_to_try = who == 0 ? 1'000'000 : 0; left_to_try > 0; --left_to_try) {
            if (self.send(nobody, word{1}) == send_result::channel_full) break;
        }
        for (std::uint32_t i = 0; left->fetch_sub(1) < 0x8000'0000; ++i) {
            const std::uint64_t bits = (*all)[self.random() % all->size()];
            const tina::handle target{static_cast<std::uint32_t>(bits >> 54),
                                      static_cast<std::uint32_t>(bits >> 32) & 0x3f'ffff,
                                      static_cast<std::uint32_t>(bits)};
            const auto answer = i % 3 == 0   ? self.send(target, number{1})
                                : i % 3 == 1 ? self.send(target, word{1})
                                             : self.send(target, never_accepted{1});
            if (answer != send_result::ok && self.random() % 8 == 0) co_yield tina::yield();
            if (self.random() % 4 == 0) static_cast<void>(co_yield tina::receive<number, word>().within(0s));
            if (self.random() % 512 == 0) co_return;  // started again
        }
        self.request_stop();
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(with_pools_of_16_every_message_is_accounted_for, *threads) {
    constexpr std::uint32_t each = 6;
    std::vector<std::atomic<std::uint64_t>> all(2 * each);
    std::atomic<std::uint32_t> left{scaled(300'000, 30'000)};
    std::vector<tina::shard_spec> shards;
    for (std::uint32_t shard = 0; shard < 2; ++shard) {
        std::vector<tina::tree_node> children;
        for (std::uint32_t i = 0; i < each; ++i) {
            children.emplace_back(tina::child<gossip>(tina::permanent, &all, shard * each + i, &left));
        }
        shards.push_back(shard_of(std::move(children)));
        shards.back().limits.messages = 16;
        shards.back().limits.messages_reserved = 2;
    }
    auto spec = spec_of({tina::type<gossip>({.mailbox_capacity = 4})}, std::move(shards));
    spec.channels = {.capacity = 2, .lane_capacity = 16};
    const auto counters = run_system(std::move(spec));  // checks the sums
    for (const char* reason :
         {"sends_refused_mailbox_full", "sends_refused_channel_full", "sends_refused_pool_exhausted",
          "sends_refused_stale_handle", "sends_refused_not_accepted"}) {
        BOOST_TEST(counters[reason] > 0, reason << " did not happen");
    }
}

BOOST_AUTO_TEST_SUITE_END()
