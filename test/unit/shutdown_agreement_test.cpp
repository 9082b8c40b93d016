// SPDX-License-Identifier: Apache-2.0
// Tests of how shards agree that nothing is left to be done: whatever the order in which they take their turns, they
// never do while a message is on its way, and always do soon after the last. Shards are moved by hand.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/transit.hpp"
#include "stopping_shards.hpp"

namespace {

using namespace system_test;
using tina::errc;

/// What a relay has done. It outlives the shards.
struct relay_notes {
    std::uint64_t hops_left = 0;
    int answers = 0;
    bool is_broken = false;
};

/// Passes a word on to the next shard until it has gone far enough.
tina::isolate relay(tina::context self, relay_notes* notes, std::uint32_t shard_count) {
    for (;;) {
        const auto got = co_yield tina::receive<word>();
        if (notes->hops_left == 0) continue;
        --notes->hops_left;
        const tina::handle next{(self.shard_index() + 1) % shard_count, 0, 1};
        if (self.send(next, *got) != tina::send_result::ok) notes->is_broken = true;
    }
}

tina::system_spec relays(relay_notes& notes, std::uint32_t shard_count) {
    const auto shard = shard_of({tina::child<relay>(tina::permanent, &notes, shard_count)});
    return spec_of({tina::type<relay>({.accepts = tina::messages<word>{}})},
                   std::vector<tina::shard_spec>(shard_count, shard));
}

void post(hand_moved& shards, tina::handle target) {
    auto& at = shards[target.shard()];
    const auto placed = tina::detail::place_message(at, target, tina::detail::message_key_of<word>, {});
    BOOST_REQUIRE(placed.payload != nullptr);
    const word content{1};
    std::memcpy(placed.payload, &content, sizeof content);
    at.messages_sent.add();
}

/// A word goes round while the shards take their turns as `order` says. Fails if they agree before it has stopped.
void relay_in_order(std::uint32_t shard_count, std::uint64_t hops, const std::vector<std::uint32_t>& order) {
    relay_notes notes;
    stopping_shards at(relays(notes, shard_count));
    at.settle();
    notes.hops_left = hops;
    post(at, {0, 0, 1});
    at.request_stop();
    for (const std::uint32_t shard : order) {
        static_cast<void>(at.turn(shard));
        if (at.has_drained() && notes.hops_left > 0) break;
    }
    BOOST_REQUIRE_MESSAGE(!at.has_drained() || notes.hops_left == 0, "they agreed with a message on its way");
    at.turns();
    BOOST_REQUIRE(at.has_drained());
    BOOST_REQUIRE_EQUAL(notes.hops_left, 0u);
    BOOST_REQUIRE(!notes.is_broken);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(shutdown_agreement)

BOOST_AUTO_TEST_CASE(two_shards_never_agree_while_a_message_is_on_its_way_in_any_order_of_their_turns) {
    constexpr std::uint32_t turns = 10;
    for (std::uint32_t bits = 0; bits < 1u << turns; ++bits) {
        std::vector<std::uint32_t> order;
        for (std::uint32_t i = 0; i < turns; ++i) order.push_back(bits >> i & 1);
        for (const std::uint64_t hops : {0u, 1u, 2u, 3u}) relay_in_order(2, hops, order);
    }
}

BOOST_AUTO_TEST_CASE(four_shards_never_agree_while_a_message_is_on_its_way_in_random_orders) {
    const std::uint64_t rounds = scaled(1000, 100);
    for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed) {
            std::mt19937_64 random(seed);
            std::vector<std::uint32_t> order;
            for (int i = 0; i < 60; ++i) order.push_back(static_cast<std::uint32_t>(random() % 4));
            relay_in_order(4, random() % 12, order);
        }
    }
}

BOOST_AUTO_TEST_CASE(one_shard_agrees_with_itself_in_its_second_idle_turn) {
    relay_notes notes;
    stopping_shards at(relays(notes, 1));
    at.settle();
    at.request_stop();
    static_cast<void>(at.turn(0));
    static_cast<void>(at.turn(0));
    BOOST_TEST(at.has_drained());
}

namespace {

/// Reads nothing for a second, then everything.
struct slow_reader {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context, relay_notes* notes) {
        static_cast<void>(co_yield tina::sleep(1s));
        for (;; ++notes->answers) static_cast<void>(co_yield tina::receive<word>());
    }
};

tina::isolate sends_many(tina::context self, relay_notes* notes, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (self.send(tina::handle{0, 0, 1}, word{i}) != tina::send_result::ok) notes->is_broken = true;
    }
    co_return;
}

}  // namespace

BOOST_AUTO_TEST_CASE(messages_that_wait_in_a_channel_for_an_envelope_are_waited_for) {
    relay_notes notes;
    auto limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    const tina::type_options reading{.mailbox_capacity = 64};
    auto spec = spec_of({tina::type<slow_reader>(reading), tina::type<sends_many>()},
                        {shard_of({tina::child<slow_reader>(tina::permanent, &notes)}, limits),
                         shard_of({tina::child<sends_many>(tina::temporary, &notes, 40u)})});
    stopping_shards at(std::move(spec));
    at.settle();
    BOOST_TEST(!at[0].envelopes.has_free());
    at.request_stop();
    at.turns();
    BOOST_TEST(at.drains());
    at.pass(1001ms);
    BOOST_TEST(at.has_drained());
    BOOST_TEST(notes.answers == 40);
    BOOST_TEST(!notes.is_broken);
}

namespace {

/// Holds all envelopes of its shard in a mailbox that it does not read.
struct never_reads {
    using accepts = tina::messages<word, knock>;
    tina::isolate run(tina::context) {
        for (;;) static_cast<void>(co_yield tina::receive<knock>());
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(messages_that_can_never_be_taken_are_no_good_end) {
    relay_notes notes;
    auto limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    auto spec = spec_of({tina::type<never_reads>({.mailbox_capacity = 64}), tina::type<sends_many>()},
                        {shard_of({tina::child<never_reads>(tina::permanent)}, limits),
                         shard_of({tina::child<sends_many>(tina::temporary, &notes, 17u)})});
    stopping_shards at(std::move(spec));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(at.drains());
    at.pass(10s);
    BOOST_TEST(at.was_forced());
}

namespace {

tina::isolate starts_there(tina::context self, relay_notes* notes) {
    const auto made = co_yield tina::spawn_on<sends_many>(0, notes, std::uint64_t{3});
    if (made && self.shard_index() == 1) ++notes->answers;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_spawn_on_another_shard_is_never_interrupted_and_what_it_starts_runs) {
    relay_notes notes;
    auto spec = spec_of({tina::type<slow_reader>(), tina::type<starts_there>(), tina::type<sends_many>()},
                        {shard_of({tina::child<slow_reader>(tina::permanent, &notes)}),
                         shard_of({tina::child<starts_there>(tina::temporary, &notes)})});
    stopping_shards at(std::move(spec));
    at.cycle(1);
    at.request_stop();
    at.turns();
    BOOST_TEST(notes.answers == 1);
    at.pass(1001ms);
    BOOST_TEST(at.has_drained());
    BOOST_TEST(notes.answers == 4);
}

namespace {

/// Learns by a monitor that another has ended, and then sends its last word.
struct watches {
    using accepts = tina::messages<tina::down>;
    tina::isolate run(tina::context self, relay_notes* notes, tina::handle whom) {
        static_cast<void>(self.monitor(whom));
        static_cast<void>(co_yield tina::receive<tina::down>());
        ++notes->answers;
    }
};

tina::isolate ends_late(tina::context) {
    static_cast<void>(co_yield tina::sleep(1s));
    static_cast<void>(co_yield tina::sleep(1s));
}

}  // namespace

BOOST_AUTO_TEST_CASE(who_monitors_on_another_shard_is_told_before_the_end) {
    for (const std::uint32_t first : {0u, 1u}) {
        relay_notes notes;
        auto spec = spec_of({tina::type<ends_late>(), tina::type<watches>()},
                            {shard_of({tina::child<ends_late>(tina::temporary)}),
                             shard_of({tina::child<watches>(tina::temporary, &notes, tina::handle{0, 0, 1})})});
        stopping_shards at(std::move(spec));
        at.settle();
        at.request_stop();
        at.turns();
        BOOST_TEST(at.drains());
        at.advance(1001ms);
        for (int i = 0; i < 20; ++i) {
            static_cast<void>(at.turn(first));
            static_cast<void>(at.turn(1 - first));
        }
        BOOST_TEST(at.has_drained());
        BOOST_TEST(notes.answers == 1);
    }
}

BOOST_AUTO_TEST_SUITE_END()
