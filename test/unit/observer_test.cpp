// SPDX-License-Identifier: Apache-2.0
// The one stream of events of a shard: each kind comes, in the order in which things happened, about whom it happened
// to.
#include "shard_bench.hpp"

using namespace io_test;
using tina::detail::event_kind;

namespace {

struct event {
    event_kind kind{};
    std::uint32_t slot = 0;
    std::uint32_t detail = 0;
    std::int64_t value = 0;
};

class recorder final : public tina::detail::observer {
public:
    void on_event(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value) noexcept override {
        events.push_back({kind, slot, detail, value});
    }

    /// The kinds of what concerned one slot, a letter for each.
    [[nodiscard]] std::string story_of(std::uint32_t slot) const {
        constexpr std::string_view letters = "SDEMXCTQRV";
        std::string story;
        for (const event& each : events) {
            if (each.slot == slot) story += letters[static_cast<std::size_t>(each.kind)];
        }
        return story;
    }
    [[nodiscard]] std::vector<event> of_kind(event_kind kind) const {
        std::vector<event> found;
        for (const event& each : events) {
            if (each.kind == kind) found.push_back(each);
        }
        return found;
    }

    std::vector<event> events;
};

struct watched {
    watched() { at.shard().watch(seen); }
    recorder seen;
    script who;
    scripted_bench at;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(observing)

BOOST_AUTO_TEST_CASE(the_life_of_an_isolate_is_told_in_order) {
    watched it;
    it.at.enter(it.who);
    // Spawned, dispatched, waits for a message; it comes, and the isolate ends.
    it.at.tell(it.who, {.kind = order_kind::leave});
    BOOST_TEST(it.seen.story_of(it.who.self.slot()) == "SDEMRDQ");
    BOOST_TEST(it.seen.of_kind(event_kind::exit).at(0).detail == 0u);
}

BOOST_AUTO_TEST_CASE(an_exit_tells_a_crash_from_an_end) {
    watched it;
    it.at.enter(it.who);
    it.at.tell(it.who, {.kind = order_kind::crash});
    BOOST_TEST(it.seen.of_kind(event_kind::exit).at(0).detail == 1u);
}

BOOST_AUTO_TEST_CASE(a_completion_names_its_owner_and_its_result) {
    watched it;
    const int peer = it.at.enter_connected(it.who);
    it.at.tell(it.who, {.kind = order_kind::recv});
    it.at.bytes_come(peer, "five!");
    const auto completions = it.seen.of_kind(event_kind::completion);
    BOOST_REQUIRE(completions.size() == 2u);  // of the connect, and of the receive
    BOOST_TEST(completions[1].value == 5);
    BOOST_TEST(completions[1].slot == it.who.self.slot());
    // An effect for each wait, and a dispatch after each that ended.
    BOOST_TEST(it.seen.story_of(it.who.self.slot()) == "SDEMRDECDEMRDECDE");
}

BOOST_AUTO_TEST_CASE(a_deadline_is_told_before_the_isolate_runs) {
    watched it;
    it.at.enter_connected(it.who);
    it.seen.events.clear();
    it.at.tell(it.who, {.kind = order_kind::recv, .within = 1ms});
    it.at.pass(2ms);
    BOOST_TEST(it.seen.story_of(it.who.self.slot()) == "MRDETDE");
    BOOST_TEST(it.seen.of_kind(event_kind::timer).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_send_that_meets_a_full_mailbox_is_a_drop) {
    watched it;
    it.at.enter(it.who);
    const auto slot = it.who.self.slot();
    for (int i = 0; i < 100; ++i) it.at.poke_one(it.who.self);
    const auto taken = it.seen.of_kind(event_kind::delivery).size();
    const auto refused = it.seen.of_kind(event_kind::drop).size();
    BOOST_TEST(taken + refused == 101u);  // and the poke of the director
    BOOST_TEST(refused == it.at.counts().sends_refused_mailbox_full.get());
    BOOST_TEST(refused > 0u);
    BOOST_TEST(it.seen.events.back().slot == slot);
    it.at.settle();
}

BOOST_AUTO_TEST_CASE(without_an_observer_the_same_happens) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::leave});
    BOOST_TEST(!at.is_alive(who.self));
}

BOOST_AUTO_TEST_SUITE_END()
