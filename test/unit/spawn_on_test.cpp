// SPDX-License-Identifier: Apache-2.0
// Tests of spawn_on: each answer, moved by hand so that every order of events is a sequence of steps; and many requests
// between real threads, of which none may be lost. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <system_error>

#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;
using tina::errc;

struct traces {
    std::uint32_t shard = 99;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    int runs = 0;
};

/// 64 bytes of arguments, all of which must arrive.
tina::isolate child(tina::context self, traces* left, std::array<std::uint64_t, 7> values) {
    left->shard = self.shard_index();
    left->first = values.front();
    left->last = values.back();
    ++left->runs;
    static_cast<void>(co_yield tina::receive<number>());
}

struct listed {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context) { static_cast<void>(co_yield tina::receive<number>()); }
};
tina::isolate crashing(tina::context, int* runs) {
    if (++*runs < 3) co_yield tina::crash("to be started again");
}
tina::isolate unlisted(tina::context) { co_return; }

struct outcome {
    int count = 0;
    tina::handle child;
    std::error_code error;

    void note(const auto& answer) {
        ++count;
        error = answer.error();
        if (answer) child = *answer;
    }
};

tina::isolate spawner(tina::context, std::uint32_t shard, traces* left, outcome* got) {
    got->note(co_yield tina::spawn_on<child>(shard, left, std::array<std::uint64_t, 7>{11, 0, 0, 0, 0, 0, 77}));
}
tina::isolate typed_spawner(tina::context self, std::uint32_t shard, outcome* got) {
    const tina::handle_to<listed> made = co_yield tina::spawn_on<listed>(shard).or_crash();
    got->child = made;
    ++got->count;
    expect(self.send(made, number{1}), tina::send_result::ok);
}
tina::isolate restarting_spawner(tina::context, std::uint32_t shard, int* runs) {
    static_cast<void>(co_yield tina::spawn_on<crashing>(shard, tina::transient, runs));
}
tina::isolate wrong_spawner(tina::context, std::uint32_t shard, outcome* got) {
    got->note(co_yield tina::spawn_on<unlisted>(shard));
}
tina::isolate idle(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

struct stage {
    explicit stage(tina::shard_limits limits = small_limits())
        : shards(spec_of({tina::type<child>({.slots = 2, .accepts = tina::messages<number>{}}), tina::type<listed>(),
                          tina::type<crashing>(), tina::type<spawner>(), tina::type<typed_spawner>(),
                          tina::type<restarting_spawner>(), tina::type<wrong_spawner>(), tina::type<idle>()},
                         {shard_of({tina::child<idle>(tina::temporary)}, limits),
                          shard_of({tina::child<idle>(tina::temporary)}, limits)})) {
        shards.settle();
    }
    /// Starts an isolate on shard 0.
    template <auto Function>
    tina::handle start(auto... arguments) {
        using handler = tina::detail::function_handler<Function>;
        auto pack = handler::pack(arguments...);
        const auto made = tina::detail::start_dynamic(shards[0], handler::info(), 2, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        return made.child;
    }
    void expect_nothing_left() {
        for (const auto& each : shards.shards) BOOST_TEST(each->calls.taken_count() == 0u);
    }

    hand_moved shards;
    traces left;
    outcome got;
};

void expect_outcome(const outcome& got, errc wanted) {
    BOOST_TEST(got.count == 1);
    BOOST_TEST(got.error == make_error_code(wanted), got.error.message());
}

const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(spawning_elsewhere)

BOOST_DATA_TEST_CASE(a_child_starts_where_it_is_wanted_with_its_arguments, places, place) {
    stage on;
    on.start<spawner>(place, &on.left, &on.got);
    on.shards.settle();
    BOOST_TEST(on.got.count == 1);
    BOOST_TEST(!on.got.error);
    BOOST_TEST(on.got.child.shard() == place);
    BOOST_TEST(on.shards[place].live(on.got.child) != nullptr);
    BOOST_TEST(on.left.shard == place);
    BOOST_TEST(on.left.first == 11u);
    BOOST_TEST(on.left.last == 77u);
    BOOST_TEST(on.left.runs == 1);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_struct_comes_with_a_handle_that_knows_what_it_accepts, places, place) {
    stage on;
    on.start<typed_spawner>(place, &on.got);
    on.shards.settle();
    BOOST_TEST(on.got.count == 1);
    BOOST_TEST(on.shards[place].live(on.got.child) == nullptr);  // it has got its message and ended
    BOOST_TEST(on.shards[place].messages_delivered.get() == 1u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_restart_mode_goes_with_the_request, places, place) {
    stage on;
    int runs = 0;
    on.start<restarting_spawner>(place, &runs);
    on.shards.settle();
    BOOST_TEST(runs == 3);
    BOOST_TEST(on.shards.counts(place).isolates_restarted.get() == 2u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(without_a_free_slot_there_the_answer_says_so, places, place) {
    stage on;
    std::array<outcome, 3> got;
    for (outcome& each : got) on.start<spawner>(place, &on.left, &each);
    on.shards.settle();
    BOOST_TEST(!got[0].error);
    BOOST_TEST(!got[1].error);
    expect_outcome(got[2], errc::no_slots);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_handler_that_is_not_in_the_spec_is_an_error, places, place) {
    stage on;
    on.start<wrong_spawner>(place, &on.got);
    on.shards.settle();
    expect_outcome(on.got, errc::unknown_type);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_shard_that_is_not_there_is_an_error_at_once) {
    for (const std::uint32_t shard : {2u, 1023u, 0xffff'ffffu}) {
        stage on;
        on.start<spawner>(shard, &on.left, &on.got);
        on.shards.cycle(0);
        expect_outcome(on.got, errc::no_such_shard);
        on.expect_nothing_left();
    }
}

BOOST_AUTO_TEST_CASE(without_a_free_record_the_answer_comes_at_once) {
    tina::shard_limits limits = small_limits();
    limits.calls = 1;
    stage on(limits);
    std::array<outcome, 2> got;
    for (outcome& each : got) on.start<spawner>(1u, &on.left, &each);
    on.shards.cycle(0);
    BOOST_TEST(got[0].count == 0);
    expect_outcome(got[1], errc::no_calls);
    on.shards.settle();
    BOOST_TEST(!got[0].error);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_spawner_that_dies_leaves_its_child_alive_and_no_record_behind) {
    for (const bool arrived : {false, true}) {
        stage on;
        const tina::handle dying = on.start<spawner>(1u, &on.left, &on.got);
        on.shards.cycle(0);
        if (arrived) on.shards.cycle(1);
        tina::detail::end_isolate(on.shards[0], on.shards[0].slots[dying.slot()]);
        on.shards.settle();
        BOOST_TEST(on.got.count == 0);
        BOOST_TEST(on.left.runs == 1);
        on.expect_nothing_left();
    }
}

BOOST_AUTO_TEST_CASE(a_stop_finds_every_request_wherever_it_is) {
    for (int stage_of_it = 0; stage_of_it < 3; ++stage_of_it) {
        stage on;
        on.start<spawner>(1u, &on.left, &on.got);
        if (stage_of_it > 0) on.shards.cycle(0);
        if (stage_of_it > 1) on.shards.cycle(1);
        on.shards.stop();  // looks at what is left
        BOOST_TEST(on.got.count == 0);
    }
}

// --- on real threads ------------------------------------------------------------------------------------------------

namespace {

struct tally {
    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> ran{0};
    std::atomic<std::uint32_t> done{0};
    failures wrong;
};

tina::isolate passing(tina::context self, tally* on, std::uint32_t expected) {
    on->wrong.expect(self.shard_index() == expected, "a child ran on another shard than it was wanted on");
    ++on->ran;
    co_return;
}

tina::isolate sending(tina::context self, tally* on, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t shard = (self.shard_index() + i) % self.shard_count();
        const auto made = co_yield tina::spawn_on<passing>(shard, on, shard);
        ++(made ? on->started : on->refused);
        on->wrong.expect(made || made.error() == errc::no_slots, "a spawn failed otherwise than by slots");
    }
    if (++on->done < self.shard_count() * 4) co_return;
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_requests_between_threads_all_get_their_answer, *boost::unit_test::label("threads")) {
    tally on;
    const auto child_of_all = tina::child<sending>(tina::temporary, &on, scaled(2000, 200));
    const auto all = shard_of({child_of_all, child_of_all, child_of_all, child_of_all});
    const auto counters =
        run_system(spec_of({tina::type<sending>(), tina::type<passing>({.slots = 4})}, {all, all, all}));
    on.wrong.check();
    BOOST_TEST(on.started + on.refused == 12u * scaled(2000, 200));
    BOOST_TEST(on.ran <= on.started);  // the last ones may be stopped before they run
    BOOST_TEST(counters["isolates_spawned"] == on.started + 12u);
}

BOOST_AUTO_TEST_SUITE_END()
