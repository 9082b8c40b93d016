// SPDX-License-Identifier: Apache-2.0
// Tests of budgets, escalation and back-off. Each says what Erlang/OTP's supervisor does in its place. Owned by the
// unit tests.
#include <boost/test/unit_test.hpp>

#include "supervised_tree.hpp"

namespace {

using namespace system_test;
using order = member_order;

constexpr order crash{order::crash};
constexpr tina::restart_budget twice{.restarts = 2, .within = std::chrono::seconds{10}};
constexpr tina::restart_budget never{.restarts = 0};

tina::group_spec group_of(tina::strategy how, tree_world& world, std::string_view names, tina::restart_budget budget) {
    tina::group_spec group{.how = how, .budget = budget};
    for (const char name : names) group.children.emplace_back(member(world, name));
    return group;
}

constexpr auto one = tina::strategy::one_for_one;
constexpr auto all = tina::strategy::one_for_all;
constexpr auto rest = tina::strategy::rest_for_one;

/// a, a group of b and c that must not fail, and d, in a group of strategy `how`.
tina::group_spec fragile_inside(tina::strategy how, tree_world& world, tina::restart_budget outer_budget = twice,
                                tina::restart_budget inner_budget = never) {
    tina::group_spec outer{.how = how, .budget = outer_budget};
    outer.children.emplace_back(member(world, 'a'));
    outer.children.emplace_back(group_of(one, world, "bc", inner_budget));
    outer.children.emplace_back(member(world, 'd'));
    return outer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(supervision_budgets)

BOOST_AUTO_TEST_CASE(the_window_of_a_budget_slides) {
    // OTP: more than `restarts` within the period, looked at from each restart backwards.
    tree_world world;
    supervised_tree on(group_of(one, world, "ab", twice));
    on.settle();
    const auto crash_a = [&] {
        on.tell(world.who.at('a'), crash);
        return on.counts().budgets_exceeded.get();
    };
    BOOST_TEST(crash_a() == 0u);
    on.advance(6s);
    BOOST_TEST(crash_a() == 0u);
    on.advance(5s);
    BOOST_TEST(crash_a() == 0u);  // the first was 11 s ago
    on.advance(4s);
    BOOST_TEST(crash_a() == 1u);  // the third within 10 s; a fixed window would have begun anew
    BOOST_TEST(on.counts().shard_restarts.get() == 1u);
}

BOOST_AUTO_TEST_CASE(all_restarts_of_a_group_count_together_and_each_of_all_counts_once) {
    tree_world world;
    supervised_tree on(group_of(all, world, "abc", twice));
    on.settle();
    static_cast<void>(world.news());
    on.tell(world.who.at('a'), crash);
    on.tell(world.who.at('b'), crash);
    BOOST_TEST(world.news() == "abcabc/acbbca");
    BOOST_TEST(on.counts().budgets_exceeded.get() == 0u);
    on.tell(world.who.at('c'), crash);
    BOOST_TEST(on.counts().budgets_exceeded.get() == 1u);
}

BOOST_AUTO_TEST_CASE(an_end_that_restarts_nobody_costs_no_budget) {
    tree_world world;
    tina::group_spec root{.budget = never};
    root.children.emplace_back(member(world, 'a', tina::temporary));
    root.children.emplace_back(member(world, 'b', tina::transient));
    supervised_tree on(root);
    on.settle();
    on.tell(world.who.at('a'), crash);
    on.tell(world.who.at('b'), {order::leave});
    BOOST_TEST(on.counts().budgets_exceeded.get() == 0u);
}

BOOST_AUTO_TEST_CASE(a_group_that_fails_ends_its_children_and_is_started_again_by_its_parents_strategy) {
    // OTP: the supervisor ends its children in reverse order and itself; for its parent it is a child that ended.
    const std::pair<tina::strategy, std::string> expected[] = {{one, "bc/bc"}, {rest, "bcd/bcd"}, {all, "abcd/bcda"}};
    for (const auto& [how, news] : expected) {
        tree_world world;
        supervised_tree on(fragile_inside(how, world));
        on.settle();
        static_cast<void>(world.news());
        on.tell(world.who.at('b'), crash);
        BOOST_TEST(world.news() == news);
        BOOST_TEST(on.counts().budgets_exceeded.get() == 1u);
        BOOST_TEST(on.counts().shard_restarts.get() == 0u);
        BOOST_TEST(on.live() == 4u);
    }
}

BOOST_AUTO_TEST_CASE(a_group_that_was_started_again_has_its_whole_budget) {
    tree_world world;
    supervised_tree on(fragile_inside(one, world, twice, {.restarts = 1, .within = 1h}));
    on.settle();
    for (int i = 0; i < 4; ++i) on.tell(world.who.at('b'), crash);
    BOOST_TEST(on.counts().budgets_exceeded.get() == 2u);  // by the second and the fourth
    BOOST_TEST(on.counts().shard_restarts.get() == 0u);
}

BOOST_AUTO_TEST_CASE(several_groups_may_fail_by_one_end) {
    tree_world world;
    tina::group_spec root{.budget = twice};
    root.children.emplace_back(fragile_inside(one, world, never));
    root.children.emplace_back(member(world, 'e'));
    supervised_tree on(root);
    on.settle();
    static_cast<void>(world.news());
    on.tell(world.who.at('c'), crash);
    BOOST_TEST(world.news() == "abcd/cbda");
    BOOST_TEST(on.counts().budgets_exceeded.get() == 2u);
    BOOST_TEST(on.counts().groups_restarted.get() == 1u);
}

BOOST_AUTO_TEST_CASE(spawned_children_are_gone_with_a_group_that_failed) {
    // OTP: a supervisor that is started again has the children of its spec.
    tree_world world;
    supervised_tree on(fragile_inside(one, world));
    on.settle();
    on.tell(world.who.at('b'), {order::spawn, 'x', tina::permanent});
    static_cast<void>(world.news());
    on.tell(world.who.at('b'), crash);
    BOOST_TEST(world.news() == "bc/bxc");
    on.tell(world.who.at('c'), {order::spawn, 'y', tina::permanent});
    static_cast<void>(world.news());
    on.tell(world.who.at('y'), crash);  // also the one whose end was too much
    BOOST_TEST(world.news() == "bc/ycb");
    BOOST_TEST(on.live() == 4u);
}

BOOST_AUTO_TEST_CASE(a_root_over_its_budget_fails_the_shard_once) {
    tree_world world;
    supervised_tree on(fragile_inside(one, world, never));
    on.settle();
    on.tell(world.who.at('a'), {order::spawn, 'x', tina::permanent});
    static_cast<void>(world.news());
    on.tell(world.who.at('d'), crash);
    BOOST_TEST(world.news() == "abcd/dxcba");
    BOOST_TEST(on.counts().shard_restarts.get() == 1u);
    BOOST_TEST(on.live() == 4u);
    on.shards[0].log.flush();
    BOOST_TEST(contains(on.shards.sink.text, "one restart more than 0 within 5000 ms: its group is the root"),
               on.shards.sink.text);
}

BOOST_AUTO_TEST_CASE(a_crash_before_the_first_wait_counts_like_any_other) {
    // OTP: a child that does not start within a restart is tried again, and counted each time. Unlike OTP the same goes
    // for the first start: the system is up by then.
    tree_world world;
    world.cursed = "b";
    supervised_tree on(fragile_inside(one, world, {.restarts = 3, .within = 1h}, twice));
    on.shards.settle(1);  // one cycle, in which all of it happens
    // Twice again in its group, then the group, three times; then the root is over its budget as well.
    BOOST_TEST(on.counts().budgets_exceeded.get() >= 4u);
    BOOST_TEST(on.counts().shard_restarts.get() >= 1u);
    world.cursed.clear();
    on.settle();
    BOOST_TEST(on.live() == 4u);
    for (const char name : std::string_view("abcd")) BOOST_TEST(on.alive(world.who.at(name)));
}

BOOST_AUTO_TEST_CASE(an_unlimited_budget_is_never_exceeded) {
    tree_world world;
    supervised_tree on(group_of(one, world, "a", {.restarts = tina::unlimited}));
    on.settle();
    for (int i = 0; i < 1000; ++i) on.tell(world.who.at('a'), crash);
    BOOST_TEST(on.counts().isolates_restarted.get() == 1000u);
    BOOST_TEST(on.counts().budgets_exceeded.get() == 0u);
}

// --- back-off: OTP has none ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(back_off_doubles_up_to_its_most_and_begins_anew_after_a_quiet_time) {
    tree_world world;
    supervised_tree on(group_of(one, world, "ab", {.restarts = 100, .within = 1s})
                           .back_off({.first = 10ms, .most = 35ms, .jitter_percent = 0}));
    on.settle();
    const auto waits_for = [&](std::chrono::milliseconds wait) {
        static_cast<void>(world.news());
        on.tell(world.who.at('a'), crash);
        BOOST_TEST(on.counts().restarts_delayed.get() == 1u);
        on.advance(wait - 1ms);
        BOOST_TEST(world.news() == "/a");
        on.advance(2ms);
        BOOST_TEST(world.news() == "a/");
        BOOST_TEST(on.counts().restarts_delayed.get() == 0u);
    };
    for (const auto wait : {10ms, 20ms, 35ms, 35ms}) waits_for(wait);
    on.advance(2s);
    waits_for(10ms);
}

BOOST_AUTO_TEST_CASE(jitter_shortens_waits_by_a_random_part) {
    tree_world world;
    supervised_tree on(group_of(one, world, "abcdefghijkl", {.restarts = 100, .within = 1ms})
                           .back_off({.first = 100ms, .most = 100ms, .jitter_percent = 50}));
    on.settle();
    static_cast<void>(world.news());
    for (const char name : std::string_view("abcdefghijkl")) on.post(world.who.at(name), crash);
    on.settle();
    on.advance(49ms);
    BOOST_TEST(world.begun == "");
    on.advance(26ms);
    BOOST_TEST(world.begun.size() > 0u);
    BOOST_TEST(world.begun.size() < 12u);
    on.advance(26ms);
    BOOST_TEST(world.begun.size() == 12u);
}

BOOST_AUTO_TEST_CASE(one_that_waits_for_its_back_off_ends_with_its_group) {
    tree_world world;
    tina::group_spec root{.how = all, .budget = twice};
    root.children.emplace_back(member(world, 'a'));
    root.children.emplace_back(group_of(one, world, "bc", twice).back_off({.first = 1h, .most = 1h}));
    supervised_tree on(root);
    on.settle();
    static_cast<void>(world.news());
    on.tell(world.who.at('b'), crash);
    BOOST_TEST(world.news() == "/b");
    on.tell(world.who.at('a'), crash);
    BOOST_TEST(world.news() == "abc/ac");
    BOOST_TEST(on.counts().restarts_delayed.get() == 0u);
    BOOST_TEST(on.shards[0].timers_max == on.shards[0].plan.spec.limits.timers);
}

// --- the spec -------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(mistakes_in_groups_are_found_before_anything_starts) {
    tree_world world;
    const auto errors_of = [&](const tina::group_spec& root) {
        const auto found =
            tina::detail::validate(spec_of({tina::type<tree_member>()}, {{.tree = root, .limits = small_limits()}}));
        return joined(found.errors);
    };
    BOOST_TEST(errors_of(group_of(one, world, "a", twice)) == "");
    BOOST_TEST(errors_of(group_of(one, world, "a", {.restarts = 2'000'000})) ==
               "shard 0: restarts of a group is 2000000; must be 0..1048576\n");
    BOOST_TEST(contains(errors_of(group_of(one, world, "a", {.within = 0s})), "within of a group is 0 ns"));
    BOOST_TEST(contains(errors_of(group_of(one, world, "a", twice).back_off({.first = 2s, .most = 1s})),
                        "backoff.most of a group is 1000000000 ns"));
    BOOST_TEST(contains(errors_of(group_of(one, world, "a", twice).back_off({.jitter_percent = 101})),
                        "backoff.jitter_percent of a group is 101"));
    tina::group_spec deep = group_of(one, world, "a", twice);
    for (int depth = 1; depth < 32; ++depth) {
        tina::group_spec outer;
        outer.children.emplace_back(deep);
        deep = outer;
    }
    BOOST_TEST(errors_of(deep) == "");
    tina::group_spec too_deep;
    too_deep.children.emplace_back(deep);
    BOOST_TEST(errors_of(too_deep) == "shard 0: groups nest more than 32 deep\n");
    supervised_tree on(deep);
    on.settle();
    on.tell(world.who.at('a'), crash);
    BOOST_TEST(on.live() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
