// SPDX-License-Identifier: Apache-2.0
// Tests of groups: whom the end of a child ends, whom it starts again, in which order. Each says what Erlang/OTP's
// supervisor does in its place. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "supervised_tree.hpp"

namespace {

using namespace system_test;
using order = member_order;

const tina::restart_budget plenty{.restarts = 100, .within = std::chrono::seconds{5}};

constexpr order crash{order::crash};
constexpr order leave{order::leave};

/// A tree, its world, and the first start behind it.
struct started {
    template <class Make>
    explicit started(Make&& make, tina::type_options options = {.slots = 32},
                     tina::shard_limits limits = small_limits())
        : on(make(world), options, limits) {
        on.settle();
        boot = world.news();
    }
    void tell(char name, const order& what) { on.tell(world.who.at(name), what); }
    void post(char name, const order& what) { on.post(world.who.at(name), what); }

    tree_world world;
    supervised_tree on;
    std::string boot;
};

tina::group_spec group_of(tina::strategy how, tree_world& world, std::string_view names,
                          tina::restart_budget budget = plenty) {
    tina::group_spec group{.how = how, .budget = budget};
    for (const char name : names) group.children.emplace_back(member(world, name));
    return group;
}

constexpr auto one = tina::strategy::one_for_one;
constexpr auto all = tina::strategy::one_for_all;
constexpr auto rest = tina::strategy::rest_for_one;

}  // namespace

BOOST_AUTO_TEST_SUITE(supervision)

// --- strategies: as in OTP, but that a group's members end within the activation of the one that failed
// ---------------

BOOST_AUTO_TEST_CASE(children_start_in_order_and_end_in_reverse_order) {
    for (const auto how : {one, all, rest}) {
        started at([&](tree_world& world) {
            auto group = group_of(how, world, "ab");
            group.children.emplace_back(group_of(how, world, "cd"));
            group.children.emplace_back(member(world, 'e'));
            return group;
        });
        BOOST_TEST(at.boot == "abcde/");
        at.tell('c', {order::spawn, 'x'});
        at.tell('a', {order::spawn, 'y'});
        at.on.shards.stop();
        BOOST_TEST(at.world.news() == "xy/yexdcba");
        BOOST_TEST(at.on.counts().isolates_restarted.get() == 0u);
        BOOST_TEST(at.on.counts().isolates_ended_shutdown.get() == 7u);
    }
}

BOOST_AUTO_TEST_CASE(one_for_one_starts_only_the_child_that_ended) {
    started at([&](tree_world& world) { return group_of(one, world, "abc"); });
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "b/b");
    at.tell('b', leave);  // permanent: however it ends
    BOOST_TEST(at.world.news() == "b/b");
    BOOST_TEST(at.on.counts().isolates_restarted.get() == 2u);
}

BOOST_AUTO_TEST_CASE(one_for_all_ends_the_others_in_reverse_order_and_starts_all_in_order) {
    started at([&](tree_world& world) { return group_of(all, world, "abcd"); });
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "abcd/bdca");
    BOOST_TEST(at.on.counts().isolates_ended_shutdown.get() == 3u);
    BOOST_TEST(at.on.counts().groups_restarted.get() == 1u);
    BOOST_TEST(at.on.counts().isolates_restarted.get() == 4u);
}

BOOST_AUTO_TEST_CASE(rest_for_one_ends_and_starts_those_that_were_started_later) {
    started at([&](tree_world& world) { return group_of(rest, world, "abcd"); });
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "bcd/bdc");
    at.tell('d', crash);
    BOOST_TEST(at.world.news() == "d/d");
    at.tell('a', leave);
    BOOST_TEST(at.world.news() == "abcd/adcb");
}

// --- restart types --------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_temporary_child_and_a_transient_one_that_ends_well_start_nobody_again) {
    for (const auto how : {one, all, rest}) {
        started at([&](tree_world& world) {
            return tina::group_spec{.how = how,
                                    .budget = plenty,
                                    .children = {member(world, 'a'), member(world, 'b', tina::temporary),
                                                 member(world, 'c', tina::transient)}};
        });
        at.tell('b', crash);
        at.tell('c', leave);
        BOOST_TEST(at.world.news() == "/bc");
        BOOST_TEST(at.on.counts().isolates_restarted.get() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_transient_child_that_fails_is_started_again_and_one_that_is_stopped_is_not) {
    // OTP: the reasons normal, shutdown and {shutdown, _} are no failures.
    started at([&](tree_world& world) {
        return tina::group_spec{.budget = plenty, .children = {member(world, 'a', tina::transient)}};
    });
    at.tell('a', crash);
    at.tell('a', {order::exception});
    BOOST_TEST(at.world.news() == "aa/aa");
    at.tell('a', {order::stop_self});
    BOOST_TEST(at.world.news() == "/a");
}

BOOST_AUTO_TEST_CASE(a_group_that_starts_again_leaves_its_temporary_children_behind) {
    // OTP ends them with the others and does not start them again.
    started at([&](tree_world& world) {
        return tina::group_spec{
            .how = all, .budget = plenty, .children = {member(world, 'a'), member(world, 'b', tina::temporary)}};
    });
    at.tell('a', crash);
    BOOST_TEST(at.world.news() == "a/ab");
    BOOST_TEST(at.on.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_group_that_starts_again_starts_the_transient_ones_that_were_done) {
    // OTP keeps the spec of a transient child that has ended, and starts it with its group.
    started at([&](tree_world& world) {
        return tina::group_spec{
            .how = all, .budget = plenty, .children = {member(world, 'a'), member(world, 'b', tina::transient)}};
    });
    at.tell('b', leave);
    at.tell('a', crash);
    BOOST_TEST(at.world.news() == "ab/ba");
}

// --- nested groups --------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_nested_group_is_one_child_of_its_parent_and_starts_afresh_with_it) {
    // OTP: the child is the supervisor, whose own start starts all of its children, temporary ones too.
    started at([&](tree_world& world) {
        auto inner = group_of(one, world, "b");
        inner.children.emplace_back(member(world, 't', tina::temporary));
        auto outer = group_of(rest, world, "a");
        outer.children.emplace_back(inner);
        outer.children.emplace_back(member(world, 'c'));
        return outer;
    });
    BOOST_TEST(at.boot == "abtc/");
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "b/b");
    at.tell('a', crash);
    BOOST_TEST(at.world.news() == "abtc/actb");
    at.tell('c', crash);
    BOOST_TEST(at.world.news() == "c/c");
}

// --- spawned children -----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_spawned_child_joins_the_group_of_its_parent) {
    started at([&](tree_world& world) {
        auto outer = group_of(one, world, "a");
        outer.children.emplace_back(group_of(all, world, "bc"));
        return outer;
    });
    at.tell('b', {order::spawn, 'x', tina::permanent});
    at.tell('x', {order::spawn, 'y', tina::temporary});
    at.tell('y', {order::spawn, 'z', tina::transient});
    BOOST_TEST(at.world.news() == "xyz/");
    // Started again behind the spec's children, in the order in which they were spawned; temporary ones are gone. As
    // OTP does it with the children of start_child.
    at.tell('c', crash);
    BOOST_TEST(at.world.news() == "bcxz/czyxb");
    at.tell('x', crash);
    BOOST_TEST(at.world.news() == "bcxz/xzcb");
    // Unlike OTP: a spawned transient child that is done is gone for good.
    at.tell('z', leave);
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "bcx/zbxc");
    at.tell('a', crash);
    BOOST_TEST(at.world.news() == "a/a");
    BOOST_TEST(at.on.live() == 4u);
}

BOOST_AUTO_TEST_CASE(in_rest_for_one_a_spawned_child_takes_those_spawned_later_with_it) {
    started at([&](tree_world& world) { return group_of(rest, world, "ab"); });
    for (const char name : std::string_view("xyz")) at.tell('a', {order::spawn, name, tina::permanent});
    static_cast<void>(at.world.news());
    at.tell('y', crash);
    BOOST_TEST(at.world.news() == "yz/yz");
    at.tell('b', crash);
    BOOST_TEST(at.world.news() == "bxyz/bzyx");
}

BOOST_AUTO_TEST_CASE(in_one_for_one_a_spawned_child_is_started_again_alone) {
    started at([&](tree_world& world) { return group_of(one, world, "a"); });
    at.tell('a', {order::spawn, 'x', tina::transient});
    at.tell('x', crash);
    BOOST_TEST(at.world.news() == "xx/x");
    at.tell('x', leave);
    BOOST_TEST(at.world.news() == "/x");
    BOOST_TEST(at.on.live() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_spawned_into_a_group_that_is_being_ended) {
    started at([&](tree_world& world) { return group_of(all, world, "abc"); });
    at.world.spawn_at_end = true;
    at.tell('b', crash);  // b itself is gone before the group ends, and may spawn: that one is a member
    BOOST_TEST(at.world.news() == "abc!/bca");
    BOOST_TEST(at.world.spawns_refused == 2);
    BOOST_TEST(at.on.live() == 4u);
    at.world.spawn_at_end = false;
}

// --- what waits -----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(members_that_are_queued_to_run_end_with_their_group_and_never_run) {
    started at([&](tree_world& world) { return group_of(all, world, "abc"); });
    const auto b = at.world.who.at('b');
    at.post('a', crash);
    at.post('b', {order::spawn, 'x', tina::permanent});
    at.post('c', {order::yield});
    at.on.settle();
    BOOST_TEST(at.world.news() == "abc/acb");
    BOOST_TEST(!at.on.alive(b));
    at.post('c', {order::yield});  // one that has yielded already
    at.post('a', crash);
    at.on.settle();
    BOOST_TEST(at.world.news() == "abc/acb");
}

BOOST_AUTO_TEST_CASE(a_group_waits_for_slots_in_start_order) {
    // As many slots as children: those of the queued are free only when their turn comes.
    started at([&](tree_world& world) { return group_of(all, world, "abcd"); }, {.slots = 4, .slots_draining = 0});
    const auto b = at.world.who.at('b');
    at.post('d', crash);
    at.post('b', leave);
    at.post('a', leave);
    at.on.shards[0].type_cores[0].cycle_budget = 1;  // one activation in each cycle
    at.on.shards.cycle(0);
    BOOST_TEST(at.world.news() == "/dcba");
    BOOST_TEST(!at.on.alive(b));
    BOOST_TEST(at.on.counts().restarts_pending.get() == 1u);
    BOOST_TEST(at.on.counts().isolates_restarted.get() == 2u);  // in the slots of c and d
    BOOST_TEST(at.on.live() == 4u);                             // places are kept for those that wait
    at.on.settle();
    BOOST_TEST(at.world.news() == "abcd/");
    BOOST_TEST(at.on.counts().restarts_pending.get() == 0u);
}

BOOST_AUTO_TEST_CASE(a_failure_while_a_group_waits_starts_it_over) {
    started at([&](tree_world& world) { return group_of(rest, world, "abcd"); }, {.slots = 4, .slots_draining = 0});
    at.post('b', crash);
    at.post('c', leave);
    at.post('d', leave);
    at.post('a', crash);
    at.on.shards[0].type_cores[0].cycle_budget = 1;
    at.on.settle();
    BOOST_TEST(at.world.news() == "abcd/bdca");
    BOOST_TEST(at.on.live() == 4u);
    BOOST_TEST(at.on.counts().restarts_pending.get() == 0u);
}

BOOST_AUTO_TEST_CASE(a_child_of_the_tree_waits_for_a_place_that_was_taken_meanwhile) {
    started at(
        [&](tree_world& world) {
            return tina::group_spec{
                .how = all, .budget = plenty, .children = {member(world, 'a'), member(world, 'b', tina::transient)}};
        },
        {.slots = 2, .slots_draining = 1});
    at.tell('b', leave);
    at.tell('a', {order::spawn, 'x', tina::transient});
    at.tell('a', crash);  // x has a place, b has none, and nobody waits for b
    BOOST_TEST(at.world.news() == "xax/bax");
    BOOST_TEST(at.on.counts().restarts_pending.get() == 1u);
    at.tell('a', crash);
    BOOST_TEST(at.world.news() == "ax/ax");
    BOOST_TEST(at.on.counts().restarts_pending.get() == 1u);
    at.tell('x', leave);
    BOOST_TEST(at.world.news() == "b/x");
    BOOST_TEST(at.on.counts().restarts_pending.get() == 0u);
    BOOST_TEST(at.on.live() == 2u);
}

// --- with nothing left ----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(restarts_need_nothing_from_any_pool) {
    auto limits = small_limits();
    limits.messages = 16;
    limits.messages_reserved = 0;
    limits.timers = 1;
    limits.message_timers = 0;
    limits.monitors = 0;
    limits.calls = 0;
    limits.leases = 0;
    started at(
        [&](tree_world& world) {
            auto outer = group_of(one, world, "a");
            outer.children.emplace_back(group_of(all, world, "bc").back_off({.first = 10ms, .jitter_percent = 0}));
            return outer;
        },
        {.slots = 3, .slots_draining = 1}, limits);
    auto& shard = at.on.shards[0];
    at.post('c', {order::exception});
    at.post('a', crash);
    std::vector<std::uint32_t> taken;
    for (std::uint32_t each = 0; (each = shard.envelopes.take()) != tina::detail::nothing;) taken.push_back(each);
    const std::uint32_t timer = shard.wheel.arm(shard.now_ns() + 1'000'000'000, 0, 0);
    at.on.settle();
    BOOST_TEST(at.world.news() == "a/cba");
    at.on.shards.advance(20ms);
    at.on.settle();
    BOOST_TEST(at.world.news() == "bc/");
    shard.wheel.cancel(timer);
    for (const std::uint32_t index : taken) shard.envelopes.give_back(index);
}

BOOST_AUTO_TEST_CASE(a_system_that_stops_starts_nobody_again) {
    started at([&](tree_world& world) { return group_of(all, world, "abc").back_off({.first = 1h, .most = 1h}); });
    at.tell('a', crash);
    BOOST_TEST(at.on.counts().restarts_delayed.get() == 1u);
    at.on.shards.stop();
    BOOST_TEST(at.world.news() == "/acb");
    BOOST_TEST(at.on.counts().restarts_delayed.get() == 0u);
    BOOST_TEST(at.on.live() == 0u);
}

// --- who is told ----------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(monitors_see_each_end_in_a_group_once_and_roles_restart) {
    static constexpr tina::role clerk{"clerk"};
    started at([&](tree_world& world) {
        auto outer = group_of(one, world, "w");
        tina::group_spec inner{.how = all, .budget = plenty};
        inner.children.emplace_back(member(world, 'a'));
        inner.children.emplace_back(member(world, 'b').role(clerk));
        outer.children.emplace_back(inner.back_off({.first = 10ms}));
        return outer;
    });
    auto& shard = at.on.shards[0];
    auto& watcher = shard.slots[at.world.who.at('w').slot()];
    for (const char name : std::string_view("ab")) {
        BOOST_TEST(tina::detail::set_monitor(watcher, at.world.who.at(name), false).error == 0);
    }
    const auto who_has_it = [&] { return tina::detail::find_role(watcher, clerk.tag(), 0); };
    BOOST_TEST(who_has_it().who.bits() == at.world.who.at('b').bits());
    at.tell('a', {order::exception});
    BOOST_REQUIRE(at.world.downs.size() == 2u);
    BOOST_TEST((at.world.downs[0].reason == tina::exit_reason::exception));
    BOOST_TEST(at.world.downs[0].why() == "thrown as told");
    BOOST_TEST((at.world.downs[1].reason == tina::exit_reason::shutdown));
    BOOST_TEST(at.world.downs[1].why() == "");
    BOOST_TEST(who_has_it().error == tina::detail::packed_error{tina::errc::restarting}.value);
    at.on.advance(20ms);
    BOOST_TEST(who_has_it().who.bits() == at.world.who.at('b').bits());
    BOOST_TEST(at.world.downs.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
