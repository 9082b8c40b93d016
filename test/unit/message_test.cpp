// SPDX-License-Identifier: Apache-2.0
// Tests of messages within a shard: order, selection, capacity, each answer of a send, and what is kept while a message
// is held. What crosses shards is tested elsewhere. The isolates here must never outlive what their arguments point to.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "test_shards.hpp"
#include "test_system.hpp"

namespace message_test {

struct big {
    std::uint64_t first;
    std::uint8_t rest[88];
};
static_assert(sizeof(big) == 96);

}  // namespace message_test

namespace {

using namespace system_test;
using message_test::big;
using tina::send_result;

using numbers = std::vector<std::uint64_t>;

/// A system whose only child is a driver that spawns what it needs.
template <auto Driver, class... Arguments>
tina::counter_snapshot run_driver(std::vector<tina::type_spec> types, tina::shard_limits limits,
                                  Arguments... arguments) {
    types.push_back(tina::type<Driver>({.slots = 1, .accepts = tina::messages<number, word, knock>{}}));
    return run_system(
        spec_of(std::move(types), {shard_of({tina::child<Driver>(tina::temporary, arguments...)}, limits)}));
}

// --- order and selection
// ------------------------------------------------------------------------------------------------

/// Waits for a knock, then takes what is there in the order that `script` says: n a number, w a word, e either.
struct selector {
    using accepts = tina::messages<number, word, knock, big>;
    tina::isolate run(tina::context self, const char* script, numbers* got) {
        static_cast<void>(co_yield tina::receive<knock>());
        for (const char* step = script; *step != '\0'; ++step) {
            if (*step == 'n') {
                const auto message = co_yield tina::receive<number>();
                got->push_back(message->value);
            } else if (*step == 'w') {
                const auto message = co_yield tina::receive<word>();
                got->push_back(message->value + 1000);
            } else {
                const auto message = co_yield tina::receive<word, number>();
                message.match([&](const number& n) { got->push_back(n.value); },
                              [&](const word& w) { got->push_back(w.value + 1000); });
            }
        }
        self.request_stop();
    }
};

tina::isolate select_driver(tina::context self, const char* script, numbers* got) {
    const auto target = self.spawn<selector>(script, got);
    for (std::uint64_t i = 0; i < 6; ++i) {
        expect(self.send(*target, number{i}), send_result::ok);
        expect(self.send(*target, word{i}), send_result::ok);
    }
    expect(self.send(*target, knock{}), send_result::ok);
    co_return;
}

numbers selected(const char* script) {
    numbers got;
    static_cast<void>(run_driver<select_driver>({tina::type<selector>()}, small_limits(), script, &got));
    return got;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(local_messages)

BOOST_AUTO_TEST_CASE(messages_of_one_sender_arrive_in_order) {
    BOOST_TEST(selected("nnnnnn") == (numbers{0, 1, 2, 3, 4, 5}), boost::test_tools::per_element());
    BOOST_TEST(selected("wwww") == (numbers{1000, 1001, 1002, 1003}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_receive_of_two_types_takes_the_oldest_of_either_and_others_keep_their_place) {
    BOOST_TEST(selected("eeee") == (numbers{0, 1000, 1, 1001}), boost::test_tools::per_element());
    BOOST_TEST(selected("nnee") == (numbers{0, 1, 1000, 1001}), boost::test_tools::per_element());
    BOOST_TEST(selected("wweenneew") == (numbers{1000, 1001, 0, 1, 2, 3, 1002, 1003, 1004}),
               boost::test_tools::per_element());
}

namespace {

struct full_size {
    using accepts = tina::messages<big>;
    tina::isolate run(tina::context self, std::uint32_t rounds) {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            const auto message = co_yield tina::receive<big>();
            BOOST_TEST(message->first == i);
            BOOST_TEST(std::all_of(std::begin(message->rest), std::end(message->rest),
                                   [&](std::uint8_t byte) { return byte == static_cast<std::uint8_t>(i); }));
        }
        self.request_stop();
    }
};

tina::isolate full_size_driver(tina::context self) {
    const auto target = self.spawn<full_size>(20u);
    for (std::uint32_t i = 0; i < 20; ++i) {
        big message{.first = i, .rest = {}};
        std::fill(std::begin(message.rest), std::end(message.rest), static_cast<std::uint8_t>(i));
        if (i % 2 == 0) {
            expect(self.send(*target, message), send_result::ok);
        } else {
            BOOST_TEST(bool{co_yield tina::deliver(*target, message)});
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_of_96_bytes_arrives_whole) {
    static_cast<void>(run_driver<full_size_driver>({tina::type<full_size>()}, small_limits()));
}

// --- answers
// ------------------------------------------------------------------------------------------------------------

namespace {

struct sleeper {
    using accepts = tina::messages<number, word>;
    tina::isolate run(tina::context) { static_cast<void>(co_yield tina::sleep(1h)); }
};

struct deaf {
    tina::isolate run(tina::context) { static_cast<void>(co_yield tina::sleep(1h)); }
};

tina::isolate capacity_driver(tina::context self, std::uint32_t capacity) {
    const auto target = self.spawn<sleeper>();
    for (std::uint32_t i = 0; i < capacity; ++i) {
        if (i % 2 == 0) {
            expect(self.send(*target, number{i}), send_result::ok);
        } else {
            expect(self.send(*target, word{i}), send_result::ok);
        }
    }
    for (int i = 0; i < 3; ++i) expect(self.send(*target, number{0}), send_result::mailbox_full);
    self.request_stop();
    co_return;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_mailbox_holds_exactly_its_capacity) {
    for (const std::uint32_t capacity : {1u, 2u, 7u, 64u, 700u}) {
        const auto counters = run_driver<capacity_driver>({tina::type<sleeper>({.mailbox_capacity = capacity})},
                                                          small_limits(), capacity);
        BOOST_TEST(counters["messages_dropped_target_ended"] == capacity);
        BOOST_TEST(counters["sends_refused_mailbox_full"] == 3);
    }
}

BOOST_AUTO_TEST_CASE(a_mailbox_of_the_largest_size_holds_exactly_65535) {
    auto limits = small_limits();
    limits.messages = 70'000;
    const auto counters =
        run_driver<capacity_driver>({tina::type<sleeper>({.mailbox_capacity = 65535})}, limits, 65535u);
    BOOST_TEST(counters["messages_dropped_target_ended"] == 65535);
}

namespace {

tina::isolate answers_driver(tina::context self) {
    const auto target = self.spawn<sleeper>();
    const auto silent = self.spawn<deaf>();
    tina::handle untyped = *target;
    expect(self.send(untyped, number{1}), send_result::ok);
    expect(self.send(untyped, knock{}), send_result::not_accepted);
    expect(self.send(*silent, number{1}), send_result::not_accepted);
    expect(self.send(tina::handle{}, number{1}), send_result::stale_handle);
    expect(self.send(tina::handle{0, untyped.slot(), untyped.generation() + 1}, number{1}), send_result::stale_handle);
    expect(self.send(tina::handle{0, 0x3f'ffff, 1}, number{1}), send_result::stale_handle);
    expect(self.send(tina::handle{0, untyped.slot() + 1, 1}, number{1}), send_result::stale_handle);
    expect(self.send(tina::handle{1023, 0, 1}, number{1}), send_result::stale_handle);
    expect(self.send(tina::handle{1, 0, 1}, number{1}), send_result::stale_handle);
    std::uint32_t went = 1;
    while (self.send(untyped, number{1}) == send_result::ok) ++went;
    BOOST_TEST(went == 20);
    expect(self.send(untyped, number{1}), send_result::pool_exhausted);
    // What is wrong with the target is said before what is wrong with the pool.
    expect(self.send(tina::handle{}, number{1}), send_result::stale_handle);
    expect(self.send(*silent, number{1}), send_result::not_accepted);
    self.request_stop();
    co_return;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_reason_to_refuse_a_send_is_its_answer_and_is_counted) {
    auto limits = small_limits();
    limits.messages = 30;
    limits.messages_reserved = 10;
    const auto counters = run_driver<answers_driver>({tina::type<sleeper>(), tina::type<deaf>()}, limits);
    BOOST_TEST(counters["messages_sent"] == 20);
    BOOST_TEST(counters["sends_refused_not_accepted"] == 3);
    BOOST_TEST(counters["sends_refused_stale_handle"] == 7);
    BOOST_TEST(counters["sends_refused_pool_exhausted"] == 2);
    BOOST_TEST(counters["sends_refused_mailbox_full"] == 0);
    BOOST_TEST(counters["envelopes_free"] == 30);
}

namespace {

tina::isolate self_sender(tina::context self, numbers* got) {
    expect(self.send(self.handle(), number{1}), send_result::ok);
    expect(self.send(self.handle(), number{2}), send_result::ok);
    auto first = co_yield tina::receive<number>();
    BOOST_TEST((first.sender() == self.handle()));
    auto second = co_yield tina::receive<number>();
    got->push_back(first->value);
    got->push_back(second->value);
    first = std::move(second);  // gives the first one back
    got->push_back(first->value);
    BOOST_TEST(first.get<number>() == &*first);
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_isolate_can_send_to_itself_and_hold_several_messages) {
    numbers got;
    static_cast<void>(run_driver<self_sender>({}, small_limits(), &got));
    BOOST_TEST(got == (numbers{1, 2, 2}), boost::test_tools::per_element());
}

// --- replies, holding
// ---------------------------------------------------------------------------------------------------

namespace {

struct doubler {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self) {
        for (;;) {
            const auto message = co_yield tina::receive<number>();
            const std::uint64_t before = message->value;
            co_yield tina::yield();
            static_cast<void>(co_yield tina::sleep(1us));
            BOOST_TEST(message->value == before);  // held while others run
            expect(self.send(message.sender(), word{message->value * 2}), send_result::ok);
        }
    }
};

tina::isolate asker(tina::context self) {
    const auto target = self.spawn<doubler>();
    for (std::uint64_t i = 0; i < 100; ++i) {
        expect(self.send(*target, number{i}), send_result::ok);
        expect(self.send(*target, number{i + 500}), send_result::ok);
        BOOST_TEST((co_yield tina::receive<word>())->value == i * 2);
        BOOST_TEST((co_yield tina::receive<word>())->value == i * 2 + 1000);
    }
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_reply_reaches_the_sender_and_a_held_message_stays_what_it_is) {
    const auto counters = run_driver<asker>({tina::type<doubler>()}, small_limits());
    BOOST_TEST(counters["messages_sent"] == 400);
    BOOST_TEST(counters["messages_delivered"] == 400);
}

namespace {

struct hoarder {
    using accepts = tina::messages<number, knock>;
    tina::isolate run(tina::context self, bool crashes) {
        auto first = co_yield tina::receive<number>();
        auto second = co_yield tina::receive<number>();
        static_cast<void>(co_yield tina::receive<knock>());
        if (crashes) co_yield tina::crash("with full hands");
        self.request_stop();
    }
};

tina::isolate hoarder_driver(tina::context self) {
    for (const bool crashes : {true, false}) {
        const auto target = self.spawn<hoarder>(crashes);
        expect(self.send(*target, number{1}), send_result::ok);
        expect(self.send(*target, number{2}), send_result::ok);
        expect(self.send(*target, number{3}), send_result::ok);
        expect(self.send(*target, knock{}), send_result::ok);
    }
    co_return;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_an_isolate_held_or_had_waiting_is_given_back_when_it_ends) {
    const auto counters = run_driver<hoarder_driver>({tina::type<hoarder>()}, small_limits());
    BOOST_TEST(counters["envelopes_free"] == 1024);
    BOOST_TEST(counters["messages_dropped_target_ended"] == 2);
}

// --- cost of selection
// --------------------------------------------------------------------------------------------------

namespace {

struct crowded {
    using accepts = tina::messages<number, word, knock>;
    tina::isolate run(tina::context self, std::uint32_t rounds) {
        static_cast<void>(co_yield tina::receive<knock>());
        for (std::uint32_t i = 0; i < rounds; ++i) {
            expect(self.send(self.handle(), word{i}), send_result::ok);
            BOOST_TEST((co_yield tina::receive<word>())->value == i);
        }
        self.request_stop();
    }
};

tina::isolate crowd_driver(tina::context self, std::uint32_t crowd, std::uint32_t rounds) {
    const auto target = self.spawn<crowded>(rounds);
    for (std::uint32_t i = 0; i < crowd; ++i) {
        if (self.send(*target, number{i}) != send_result::ok) BOOST_ERROR("the crowd did not fit");
    }
    expect(self.send(*target, knock{}), send_result::ok);
    co_return;
}

/// Seconds that `rounds` selective receives take beside a crowd of other messages.
double seconds_beside(std::uint32_t crowd, std::uint32_t rounds) {
    auto limits = small_limits();
    limits.messages = 70'000;
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(
        run_driver<crowd_driver>({tina::type<crowded>({.mailbox_capacity = 65535})}, limits, crowd, rounds));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_selective_receive_does_not_look_at_messages_of_other_types) {
    // Looking at 65 000 messages in each of 5 000 rounds would take seconds.
    const std::uint32_t rounds = 5000;
    const double alone = seconds_beside(1, rounds);
    const double crowded_in = seconds_beside(65'000, rounds);
    BOOST_TEST(crowded_in < alone + 0.9);
}

// --- receive with a deadline
// --------------------------------------------------------------------------------------------

namespace {

tina::isolate waiter(tina::context self) {
    const auto begin = self.now();
    const auto late = co_yield tina::receive<number>().within(2ms);
    BOOST_TEST(!late.has_value());
    BOOST_TEST(late.error() == make_error_code(tina::errc::deadline));
    BOOST_TEST((self.now() - begin >= 2ms));
    const auto by = self.now() + 1ms;
    BOOST_TEST(!(co_yield tina::receive<number>().by(by)).has_value());
    BOOST_TEST((self.now() >= by));
    expect(self.send(self.handle(), number{5}), send_result::ok);
    expect(self.send(self.handle(), word{6}), send_result::ok);
    BOOST_TEST((co_yield tina::receive<word>().within(0s).or_crash())->value == 6);
    BOOST_TEST((co_yield tina::receive<number>().by(begin).or_crash())->value == 5);  // it is there: no deadline
    BOOST_TEST(!(co_yield tina::receive<number>().by(begin)).has_value());
    BOOST_TEST(!(co_yield tina::receive<number>().within(-1s)).has_value());
    BOOST_TEST(!(co_yield tina::receive<number>().within(0s)).has_value());
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_receive_with_a_deadline_yields_a_result) {
    const auto counters = run_driver<waiter>({}, small_limits());
    BOOST_TEST(counters["timers_expired"] == 5);
    BOOST_TEST(counters["isolates_crashed"] == 0);
}

namespace {

tina::isolate disarmer(tina::context self) {
    for (int i = 0; i < 1000; ++i) {
        expect(self.send(self.handle(), number{1}), send_result::ok);
        BOOST_TEST(bool{co_yield tina::receive<number>().within(1h)});
    }
    const auto target = self.spawn<doubler>();
    for (int i = 0; i < 100; ++i) {
        expect(self.send(*target, number{1}), send_result::ok);
        BOOST_TEST(
            bool{co_yield tina::receive<word>().within(1h)});  // waits, so that the deadline is armed and taken back
    }
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_deadline_that_is_no_longer_needed_leaves_no_timer) {
    auto limits = small_limits();
    limits.timers = 2;
    const auto counters = run_driver<disarmer>({tina::type<doubler>()}, limits);
    BOOST_TEST(counters["timers_armed"] == 0);
    BOOST_TEST(counters["timers_refused"] == 0);
}

BOOST_AUTO_TEST_SUITE_END()
