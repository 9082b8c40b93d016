// SPDX-License-Identifier: Apache-2.0
// Tests of a spec's validation, of the report of its layout, and of the frame sizes found by asking. Nothing is started
// here, but for one system that must refuse to.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/plan.hpp"
#include "lib/validate.hpp"
#include "test_system.hpp"

namespace spec_test {

// Two names that the hash of tags, 32-bit FNV-1a, cannot tell apart.
struct first_of_a_pair {
    static constexpr std::string_view tina_name = "vtafdwup";
};
struct second_of_a_pair {
    static constexpr std::string_view tina_name = "ashkzqa";
};
struct defined_once {
    static constexpr std::string_view tina_name = "twice";
    std::uint32_t value;
};
struct defined_again {
    static constexpr std::string_view tina_name = "twice";
    std::uint64_t value;
};

}  // namespace spec_test

namespace {

using namespace system_test;

tina::isolate worker(tina::context) { co_return; }
tina::isolate other_worker(tina::context) { co_return; }
tina::isolate server(tina::context, tina::listener) { co_return; }
struct acceptor {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context) { co_return; }
};

tina::system_spec good() { return spec_of({tina::type<worker>()}, {shard_of({tina::child<worker>(tina::permanent)})}); }

std::vector<std::string> mistakes(const tina::system_spec& spec) { return tina::detail::validate(spec).errors; }

void expect_mistake(const tina::system_spec& spec, const std::string& text) {
    const auto found = mistakes(spec);
    BOOST_CHECK_MESSAGE(found == std::vector<std::string>{text},
                        "expected: " << text << "\nfound:    " << joined(found));
}

template <class Change>
void expect_type_mistake(Change change, const std::string& text) {
    auto spec = good();
    change(spec.types[0].options);
    expect_mistake(spec, "type \"worker\": " + text);
}

template <class Change>
void expect_limit_mistake(Change change, const std::string& text) {
    auto spec = good();
    spec.shards.each.push_back(spec.shards.each[0]);
    change(spec.shards.each[1].limits);
    expect_mistake(spec, "shard 1: " + text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(specs)

BOOST_AUTO_TEST_CASE(a_good_spec_has_no_mistakes) { BOOST_TEST(mistakes(good()).empty()); }

BOOST_AUTO_TEST_CASE(each_option_of_a_type_has_its_range) {
    expect_type_mistake([](auto& type) { type.mailbox_capacity = 0; }, "mailbox_capacity is 0; must be 1..65535");
    expect_type_mistake([](auto& type) { type.mailbox_capacity = 65536; },
                        "mailbox_capacity is 65536; must be 1..65535");
    expect_type_mistake([](auto& type) { type.weight = 0; }, "weight is 0; must be 1..256");
    expect_type_mistake([](auto& type) { type.weight = 257; }, "weight is 257; must be 1..256");
    expect_type_mistake([](auto& type) { type.working_arena_bytes = (1u << 30) + 1; },
                        "working_arena_bytes is 1073741825; must be 0..1073741824");
}

BOOST_AUTO_TEST_CASE(slots_are_bounded_for_each_type_and_for_all_together) {
    auto spec = good();
    spec.types.push_back(tina::type<other_worker>({.slots = 0}));
    expect_mistake(spec, "type \"other_worker\": slots is 0; must be 1..4194304");
    spec.types[1].options.slots = 4'194'304 - 72;
    spec.types[1].options.slots_draining = 0;
    BOOST_TEST(mistakes(spec).empty());
    spec.types[1].options.slots_draining = 1;
    expect_mistake(spec, "slots and slots_draining of all types together is 4194305; must be 0..4194304");
}

BOOST_AUTO_TEST_CASE(each_limit_of_a_shard_has_its_range) {
    expect_limit_mistake([](auto& limits) { limits.messages = 17u << 20; },
                         "messages is 17825792; must be 16..16777216");
    expect_limit_mistake([](auto& limits) { limits.messages_reserved = 1024; },
                         "messages_reserved is 1024; must be 0..1023");
    expect_limit_mistake([](auto& limits) { limits.buffers = 100; },
                         "buffers is 100; must be a power of two, 2..32768");
    expect_limit_mistake([](auto& limits) { limits.buffers = 0; }, "buffers is 0; must be a power of two, 2..32768");
    expect_limit_mistake([](auto& limits) { limits.buffer_bytes = 63; }, "buffer_bytes is 63; must be 64..1048576");
    expect_limit_mistake([](auto& limits) { limits.leases_per_isolate = 0; },
                         "leases_per_isolate is 0; must be 1..255");
    expect_limit_mistake([](auto& limits) { limits.leases_per_isolate = 256; },
                         "leases_per_isolate is 256; must be 1..255");
    expect_limit_mistake([](auto& limits) { limits.log_bytes = 4095; }, "log_bytes is 4095; must be 4096..67108864");
    expect_limit_mistake([](auto& limits) { limits.scratch_bytes = (1u << 30) + 1; },
                         "scratch_bytes is 1073741825; must be 0..1073741824");
    expect_limit_mistake([](auto& limits) { limits.descriptors = (1u << 20) + 1; },
                         "descriptors is 1048577; must be 0..1048576");
    expect_limit_mistake([](auto& limits) { limits.timers = (1u << 26) + 1; },
                         "timers is 67108865; must be 0..67108864");
    expect_limit_mistake([](auto& limits) { limits.cycle_max = 0s; }, "cycle_max is 0 ns; must be 1000..1000000000 ns");
    expect_limit_mistake([](auto& limits) { limits.spin = -1ns; }, "spin is -1 ns; must be 0..1000000000 ns");
}

BOOST_AUTO_TEST_CASE(each_channel_has_its_range_and_its_two_ends) {
    auto spec = good();
    spec.channels.capacity = 3;
    expect_mistake(spec, "channels: capacity is 3; must be a power of two, 2..65536");
    spec = good();
    spec.channels.lane_capacity = 1 << 17;
    expect_mistake(spec, "channels: lane_capacity is 131072; must be a power of two, 4..65536");
    spec = good();
    spec.channels.overrides = {{.from = 0, .to = 1, .capacity = 2}};
    expect_mistake(spec, "channel from 0 to 1: names no channel; there are 1 shards, from 0");
    spec.shards.each.push_back(spec.shards.each[0]);
    BOOST_TEST(mistakes(spec).empty());
    spec.channels.overrides[0].capacity = 5;
    expect_mistake(spec, "channel from 0 to 1: capacity is 5; must be a power of two, 2..65536");
}

BOOST_AUTO_TEST_CASE(there_are_three_ways_to_the_network) {
    auto spec = good();
    spec.process.io = tina::io_backend::epoll;
    BOOST_TEST(mistakes(spec).empty());
    spec.process.io = static_cast<tina::io_backend>(3);
    expect_mistake(spec, "process: io is 3; must be 0..2");
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_there_twice_is_said) {
    auto spec = good();
    spec.shards.each.clear();
    expect_mistake(spec, "shards is 0; must be 1..1023");
    spec = good();
    spec.types.push_back(tina::type<worker>());
    expect_mistake(spec, "type \"worker\" is listed twice; list each handler once");
    spec = good();
    spec.shards.each[0].tree.children.clear();
    expect_mistake(spec, "shard 0: tree has no children; nothing would run on it");
    spec = good();
    spec.shards.each[0].tree.children.emplace_back(tina::child<other_worker>(tina::permanent));
    expect_mistake(spec, "shard 0: child \"other_worker\" is not among types; add tina::type<other_worker>()");
    spec = good();
    spec.types[0].options.slots = 2;
    spec.shards.each[0].tree.children.emplace_back(tina::one_for_one(
        {}, {tina::child<worker>(tina::permanent), tina::one_for_all({}, {tina::child<worker>(tina::permanent)})}));
    expect_mistake(spec,
                   "shard 0: type \"worker\": slots is 2; must be at least 3, the number of its children in the tree");
    spec = spec_of({tina::type<acceptor>({.accepts = tina::messages<word>{}})},
                   {shard_of({tina::child<acceptor>(tina::permanent)})});
    expect_mistake(spec,
                   "type \"acceptor\": accepts is given twice: in the struct and in the options; keep the struct's");
}

BOOST_AUTO_TEST_CASE(a_port_that_is_listened_on_twice_is_said) {
    const auto listening = [](bool shared) {
        return tina::child<server>(tina::permanent, tina::listening({.port = 9000, .reuse_port = shared}));
    };
    auto spec = spec_of({tina::type<server>()}, {shard_of({listening(true)}), shard_of({listening(true)})});
    BOOST_TEST(mistakes(spec).empty());
    spec.shards.each[1] = shard_of({listening(false)});
    expect_mistake(spec,
                   "shard 1: child \"server\": port 9000 is listened on more than once; set reuse_port for each, or "
                   "choose different ports");
}

BOOST_AUTO_TEST_CASE(messages_whose_tags_collide_are_refused) {
    auto spec = good();
    spec.types[0].options.accepts = tina::messages<spec_test::first_of_a_pair, spec_test::second_of_a_pair>{};
    expect_mistake(spec, "messages \"vtafdwup\" and \"ashkzqa\" have the same tag; rename one, or give it another "
                         "tina_name");
    spec.types[0].options.accepts = tina::messages<spec_test::defined_once, spec_test::defined_again>{};
    expect_mistake(spec, "message \"twice\" is defined in two ways, with 4 and 8 bytes; one name must be one type");
}

BOOST_AUTO_TEST_CASE(all_mistakes_are_said_at_once_and_nothing_starts) {
    auto spec = good();
    spec.types[0].options.mailbox_capacity = 0;
    spec.types[0].options.weight = 0;
    spec.types.push_back(tina::type<worker>());
    spec.shards.each[0].limits.buffers = 3;
    spec.channels.capacity = 0;
    const auto found = mistakes(spec);
    BOOST_TEST(found.size() == 5, joined(found));
    tina::system system(spec);
    const auto booted = system.start();
    BOOST_TEST(!booted);
    BOOST_TEST(booted.errors == found, boost::test_tools::per_element());
    BOOST_TEST(system.stopping());
    BOOST_TEST(system.counters().values().empty());
    BOOST_TEST(tina::layout_report(spec) == joined(found));
}

BOOST_AUTO_TEST_CASE(risky_sizes_are_advice_in_the_log) {
    auto spec = good();
    spec.shards.each[0].limits.messages_reserved = 1000;
    BOOST_TEST(mistakes(spec).empty());
    const auto advice = tina::detail::validate(spec).advice;
    BOOST_REQUIRE_EQUAL(advice.size(), 1);
    BOOST_TEST(advice[0] ==
               "shard 0: messages_reserved is more than half of messages: users' messages are refused early");
}

// --- layout
// -------------------------------------------------------------------------------------------------------------

namespace {

tina::isolate small_frame(tina::context) { co_yield tina::yield(); }
tina::isolate large_frame(tina::context) {
    std::array<volatile std::uint8_t, 1024> kept{};
    kept[1] = 1;
    co_yield tina::yield();
    for (volatile std::uint8_t& each : kept) each = static_cast<std::uint8_t>(each + 1);
}
struct large_object {
    std::array<std::uint8_t, 1024> kept{};
    tina::isolate run(tina::context) { co_yield tina::yield(); }
};

std::size_t frame_bytes(const tina::type_spec& type) { return tina::detail::probe_frame_bytes(*type.what); }

}  // namespace

BOOST_AUTO_TEST_CASE(the_size_of_a_frame_is_found_by_asking_for_it) {
    const std::size_t small = frame_bytes(tina::type<small_frame>());
    BOOST_TEST(small > 0);
    BOOST_TEST(frame_bytes(tina::type<large_frame>()) >= small + 1024);
    BOOST_TEST(frame_bytes(tina::type<large_frame>()) <= small + 2048);
    BOOST_TEST(frame_bytes(tina::type<large_object>()) <= small + 64);
}

BOOST_AUTO_TEST_CASE(the_report_names_each_region_and_type) {
    auto spec =
        spec_of({tina::type<worker>({.slots = 40, .slots_draining = 2, .working_arena_bytes = 4096}),
                 tina::type<acceptor>({.slots = 3})},
                {shard_of({tina::child<worker>(tina::permanent)}), shard_of({tina::child<worker>(tina::permanent)})});
    const std::string report = tina::layout_report(spec);
    BOOST_TEST_MESSAGE(report);
    for (const char* part :
         {"shard 0", "shard 1", "region", "count", "stride", "bytes", "slots", "envelopes", "timers", "descriptors",
          "buffers", "log", "scratch", "worker", "acceptor", "frame", "working arena 4096"}) {
        BOOST_TEST(contains(report, part), "no \"" << part << "\" in:\n" << report);
    }
    const auto plan = tina::detail::plan_shard(spec, spec.shards.each[0], 0, 64, false);
    std::size_t end = 0;
    for (const auto& region : plan.regions) {
        BOOST_TEST(region.offset >= end);  // with a guard before each but the first
        end = region.offset + region.bytes() + tina::detail::guard_bytes;
    }
    BOOST_TEST(end <= plan.bytes);
    BOOST_TEST(plan.regions[tina::detail::region_first_type].count == 42);
    BOOST_TEST(plan.types[0].stride >= plan.types[0].frame_bytes + 4096);
    BOOST_TEST(plan.types[1].first_slot == 42);
}

BOOST_AUTO_TEST_SUITE_END()
