// SPDX-License-Identifier: Apache-2.0
// What a shard takes out of a channel while its isolates run: cycle by cycle, on shards without threads. Owned by the
// unit tests.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <vector>

#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;

struct record {
    std::vector<std::uint64_t> seen;
    std::vector<tina::handle> receivers;
    bool is_busy = false;
};

/// Writes down what it receives; ends itself at the value `ends_at`, and sleeps first if it is told to be busy.
struct receiver {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context self, record* on, std::uint32_t ends_at) {
        on->receivers.push_back(self.handle());
        if (on->is_busy) co_yield tina::sleep(1s).or_crash();
        for (;;) {
            const auto message = co_yield tina::receive<number>();
            on->seen.push_back(message->value);
            if (message->value == ends_at) co_return;
        }
    }
};

/// Sends a burst in one activation: `runs` times, to each receiver in turn, `run_length` messages.
struct burst {
    std::uint32_t runs;
    std::uint32_t run_length;
};

tina::isolate sender(tina::context self, record* on, burst what) {
    std::uint32_t value = 0;
    for (std::uint32_t run = 0; run < what.runs; ++run) {
        for (const tina::handle to : on->receivers) {
            for (std::uint32_t i = 0; i < what.run_length; ++i) {
                BOOST_TEST((self.send(to, number{value++}) == tina::send_result::ok));
            }
        }
    }
    co_return;
}

constexpr std::uint32_t never = 0xffff'ffff;

/// Shard 1 has the receivers, with room for one message each, shard 0 the sender. Moved by the test.
hand_moved moved(record& on, std::uint32_t receivers, burst what, std::uint32_t ends_at = never) {
    std::vector<tina::tree_node> children;
    for (std::uint32_t i = 0; i < receivers; ++i) {
        children.push_back(tina::child<receiver>(tina::temporary, &on, ends_at));
    }
    return hand_moved(
        spec_of({tina::type<sender>({.slots = 1}), tina::type<receiver>({.mailbox_capacity = 1})},
                {shard_of({tina::child<sender>(tina::temporary, &on, what)}), shard_of(std::move(children))}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inflow)

BOOST_AUTO_TEST_CASE(a_burst_to_one_isolate_that_waits_needs_no_room_in_its_mailbox) {
    record on;
    auto at = moved(on, 1, {.runs = 1, .run_length = 100});
    at.cycle(1);
    at.cycle(0);
    at.cycle(1);
    BOOST_TEST(on.seen.size() == 100u);
    BOOST_TEST(at.counts(1).messages_dropped_mailbox_full.get() == 0u);
}

BOOST_AUTO_TEST_CASE(runs_of_messages_to_several_isolates_are_taken_in_one_cycle_and_in_order) {
    record on;
    auto at = moved(on, 3, {.runs = 10, .run_length = 3});
    at.cycle(1);
    at.cycle(0);
    at.cycle(1);
    BOOST_REQUIRE(on.seen.size() == 90u);
    for (std::uint32_t i = 0; i < 90; ++i) BOOST_TEST(on.seen[i] == i);
}

BOOST_AUTO_TEST_CASE(an_isolate_that_ends_in_the_middle_of_a_burst_leaves_the_rest_counted_as_dropped) {
    record on;
    auto at = moved(on, 1, {.runs = 1, .run_length = 100}, 40);
    at.cycle(1);
    at.cycle(0);
    at.cycle(1);
    BOOST_TEST(on.seen.size() == 41u);
    BOOST_TEST(at.counts(1).messages_dropped_stale_handle.get() == 59u);
}

BOOST_AUTO_TEST_CASE(an_isolate_that_waits_for_something_else_does_not_hold_up_its_channel) {
    record on;
    on.is_busy = true;
    auto at = moved(on, 1, {.runs = 1, .run_length = 100});
    at.cycle(1);
    at.cycle(0);
    at.cycle(1);
    BOOST_TEST(on.seen.empty());
    BOOST_TEST(at.counts(1).messages_from_channels.get() == 100u);
    BOOST_TEST(at.counts(1).messages_dropped_mailbox_full.get() == 99u);
}

BOOST_AUTO_TEST_CASE(a_channel_that_pauses_for_one_whose_type_has_had_its_share_goes_on_in_the_next_cycle) {
    record on;
    auto at = moved(on, 2, {.runs = 1, .run_length = 2});
    at.cycle(1);
    at[1].type_cores[1].cycle_budget = 2;  // of the receivers: for the messages to the first of them
    at.cycle(0);
    at.cycle(1);
    BOOST_TEST(on.seen.size() == 2u);
    BOOST_TEST(at.counts(1).messages_from_channels.get() == 3u);
    at.cycle(1);
    BOOST_TEST(on.seen.size() == 4u);
}

BOOST_AUTO_TEST_SUITE_END()
