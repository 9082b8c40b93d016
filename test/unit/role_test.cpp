// SPDX-License-Identifier: Apache-2.0
// Tests of roles: who has one, on which shard, across restarts, and what a message to one does. Owned by the unit
// tests.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/validate.hpp"
#include "test_actor.hpp"

namespace role_test {

struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};

}  // namespace role_test

namespace {

using namespace system_test;
using role_test::answer;
using role_test::question;
using tina::errc;
using tina::send_result;

constexpr tina::role boss{"boss"};
constexpr tina::role clerk{"clerk"};
constexpr tina::role nobody{"nobody"};

struct worker {
    using accepts = tina::messages<act, question>;
    tina::isolate run(tina::context self, actor_notes* notes) {
        ++notes->begun;
        for (;;) {
            auto message = co_yield tina::receive<act, question>();
            if (const auto* told = message.get<act>()) told->what(self, told->with);
            if (const auto* asked = message.get<question>()) {
                notes->ticks.push_back(asked->value);
                message.reply(answer{asked->value + 1});
            }
            if (notes->crash) co_yield tina::crash("as told");
            if (notes->leave) co_return;
        }
    }
};

/// Two shards: the boss on each, the clerk on the second only; and an actor that asks.
struct stage {
    explicit stage(tina::restart mode = tina::permanent) {
        const auto boss_of = [&](std::uint32_t shard) { return tina::child<worker>(mode, &bosses[shard]).role(boss); };
        shards.emplace(spec_of({tina::type<worker>({.slots = 3, .slots_draining = 0}), tina::type<actor>({.slots = 4})},
                               {shard_of({boss_of(0), tina::child<actor>(tina::temporary, &notes)}),
                                shard_of({boss_of(1), tina::child<worker>(mode, &clerks).role(clerk)})}));
        shards->settle();
        asker = tina::handle(0, (*shards)[0].types[1].first_slot, 1);
    }

    template <class What>
    void ask(What what) {
        auto& at = (*shards)[0];
        const auto placed = tina::detail::place_message(at, asker, tina::detail::message_key_of<act>, {});
        BOOST_REQUIRE(placed.payload != nullptr);
        const act content{[](tina::context self, void* with) { (*static_cast<What*>(with))(self); }, &what};
        std::memcpy(placed.payload, &content, sizeof content);
        at.messages_sent.add();
        shards->settle();
    }
    void end(tina::handle who) {
        auto& at = (*shards)[who.shard()];
        tina::detail::end_isolate(at, at.slots[who.slot()]);
    }

    actor_notes bosses[2];
    actor_notes clerks;
    actor_notes notes;
    std::optional<hand_moved> shards;
    tina::handle asker;
};

tina::isolate asking(tina::context self, actor_notes* notes) {
    auto got = co_yield tina::call<answer>(clerk, question{41}).within(100ms);
    if (got) notes->ticks.push_back(got->value);
    auto none = co_yield tina::call<answer>(nobody, question{1}).within(100ms);
    expect_error(none, errc::target_gone);
    auto delivered = co_yield tina::deliver(clerk, question{7}).within(100ms);
    BOOST_TEST(delivered.has_value());
    auto lost = co_yield tina::deliver(nobody, question{7});
    expect_error(lost, errc::stale_handle);
    BOOST_TEST(self.whereis(clerk).has_value());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(roles)

BOOST_AUTO_TEST_CASE(a_role_is_found_on_the_own_shard_first_and_on_any_that_is_named) {
    stage on;
    on.ask([&](tina::context self) {
        const auto here = self.whereis(boss);
        BOOST_REQUIRE(here.has_value());
        BOOST_TEST(here->shard() == 0u);
        BOOST_TEST(self.whereis(boss, 1)->shard() == 1u);
        BOOST_TEST(self.whereis(clerk)->shard() == 1u);
        expect_error(self.whereis(clerk, 0), errc::unknown_role);
        expect_error(self.whereis(nobody), errc::unknown_role);
        expect_error(self.whereis(boss, 2), errc::unknown_role);
    });
}

BOOST_AUTO_TEST_CASE(a_role_outlives_restarts) {
    stage on;
    std::vector<tina::handle> had;
    for (int i = 0; i < 3; ++i) {
        on.ask([&](tina::context self) { had.push_back(*self.whereis(clerk)); });
        on.end(had.back());
        on.shards->settle();
    }
    BOOST_TEST((had[0] != had[1] && had[1] != had[2]));
    BOOST_TEST(on.clerks.begun == 4);
    on.ask([&](tina::context self) { expect(self.send(clerk, question{5}), send_result::ok); });
    BOOST_TEST(on.clerks.ticks == std::vector<std::uint64_t>{5});
}

BOOST_AUTO_TEST_CASE(one_that_waits_for_a_slot_is_restarting) {
    stage on;
    tina::handle clerk_now;
    on.ask([&](tina::context self) { clerk_now = *self.whereis(clerk); });
    // The kernel still holds its slot, and no other is free.
    auto& at = (*on.shards)[1];
    auto& slot = at.slots[clerk_now.slot()];
    auto& type = at.types[slot.type];
    const std::uint32_t never_used = std::exchange(type.never_used, type.plan->slot_count);
    slot.in_flight = 1;
    on.end(clerk_now);
    BOOST_TEST(at.counts.restarts_pending.get() == 1u);
    on.ask([&](tina::context self) {
        expect_error(self.whereis(clerk), errc::restarting);
        expect(self.send(clerk, question{5}), send_result::stale_handle);
    });
    tina::detail::operation_ended(at, slot);
    type.never_used = never_used;
    on.ask([&](tina::context self) {
        const auto now = self.whereis(clerk);
        BOOST_REQUIRE(now.has_value());
        BOOST_TEST((*now != clerk_now));
    });
    BOOST_TEST(on.clerks.begun == 2);
}

BOOST_AUTO_TEST_CASE(one_that_has_ended_for_good_leaves_its_role_vacant) {
    stage on(tina::transient);
    on.bosses[0].leave = true;
    on.ask([&](tina::context self) { expect(self.send(boss, question{1}), send_result::ok); });
    on.ask([&](tina::context self) {
        // Another shard has one still.
        BOOST_TEST(self.whereis(boss)->shard() == 1u);
        expect_error(self.whereis(boss, 0), errc::unknown_role);
    });
    on.clerks.crash = true;
    on.ask([&](tina::context self) { expect(self.send(clerk, question{1}), send_result::ok); });
    on.ask([&](tina::context self) { BOOST_TEST(self.whereis(clerk).has_value()); });
}

BOOST_AUTO_TEST_CASE(calls_and_deliveries_find_who_has_a_role_when_they_are_yielded) {
    actor_notes notes;
    actor_notes clerks;
    hand_moved shards(spec_of({tina::type<worker>({.slots = 1}), tina::type<asking>({.slots = 1})},
                              {shard_of({tina::child<asking>(tina::temporary, &notes)}),
                               shard_of({tina::child<worker>(tina::permanent, &clerks).role(clerk)})}));
    shards.settle();
    BOOST_TEST(notes.ticks == std::vector<std::uint64_t>{42});
    BOOST_TEST(clerks.ticks == (std::vector<std::uint64_t>{41, 7}));
}

BOOST_AUTO_TEST_CASE(mistakes_with_roles_are_refused_at_boot) {
    actor_notes notes;
    const auto spec_with = [&](std::vector<tina::tree_node> first, std::vector<tina::tree_node> second) {
        return spec_of({tina::type<worker>({.slots = 4})}, {shard_of(std::move(first)), shard_of(std::move(second))});
    };
    const auto child_as = [&](const tina::role& role) {
        return tina::child<worker>(tina::permanent, &notes).role(role);
    };
    const auto errors_of = [](const tina::system_spec& spec) { return joined(tina::detail::validate(spec).errors); };
    BOOST_TEST(errors_of(spec_with({child_as(boss), child_as(clerk)}, {child_as(boss)})) == "");
    BOOST_TEST(
        contains(errors_of(spec_with({child_as(boss), tina::one_for_one({}, {child_as(boss)})}, {child_as(boss)})),
                 "shard 0: role \"boss\" is given to two children; a shard has one of each role"));
    BOOST_TEST(contains(errors_of(spec_with({child_as(tina::role(""))}, {child_as(boss)})), "its role has no name"));
    // Two names with one hash; source: collisions of 32-bit FNV-1a.
    constexpr tina::role costarring{"costarring"};
    constexpr tina::role liquid{"liquid"};
    static_assert(costarring.tag() == liquid.tag());
    BOOST_TEST(contains(errors_of(spec_with({child_as(costarring)}, {child_as(liquid)})),
                        "roles \"costarring\" and \"liquid\" have the same tag; rename one"));
}

namespace {

constexpr std::uint32_t rounds = 400;
std::atomic<std::uint32_t> asked{0};
failures threaded;

/// Answers a few and crashes.
tina::isolate frail(tina::context) {
    for (int i = 0; i < 3; ++i) {
        auto message = co_yield tina::receive<question>();
        message.reply(answer{message->value + 1});
    }
    co_yield tina::crash("three are enough");
}

tina::isolate persistent(tina::context self, std::uint32_t on) {
    for (std::uint32_t i = 0; i < rounds;) {
        const auto who = self.whereis(clerk, on);
        if (!who) {
            threaded.expect(who.error() == make_error_code(errc::restarting), "a permanent child has left its role");
            static_cast<void>(co_yield tina::sleep(20us));
            continue;
        }
        threaded.expect(who->shard() == on, "a role was found on another shard");
        auto got = co_yield tina::call<answer>(*who, question{i}).within(5s);
        if (!got) continue;  // it had crashed meanwhile
        threaded.expect(got->value == i + 1, "a wrong answer");
        ++i;
    }
    if (asked.fetch_add(1) == 1) self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(on_two_threads_a_role_is_found_through_hundreds_of_crashes, *boost::unit_test::label("threads")) {
    asked = 0;
    const auto counters = run_system(spec_of({tina::type<frail>({.slots = 1, .accepts = tina::messages<question>{}}),
                                              tina::type<persistent>({.slots = 1})},
                                             {shard_of({tina::child<frail>(tina::permanent).role(clerk),
                                                        tina::child<persistent>(tina::temporary, std::uint32_t{1})}),
                                              shard_of({tina::child<frail>(tina::permanent).role(clerk),
                                                        tina::child<persistent>(tina::temporary, std::uint32_t{0})})}),
                                     60s);
    threaded.check();
    BOOST_TEST(counters["isolates_crashed"] >= 2 * rounds / 3);
}

BOOST_AUTO_TEST_SUITE_END()
