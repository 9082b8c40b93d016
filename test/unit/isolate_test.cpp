// SPDX-License-Identifier: Apache-2.0
// Tests of the life of an isolate: how it starts, with which arguments, how it ends, and what starts it again. Whatever
// an isolate observes it writes through a pointer among its arguments, which the test reads after the system has
// stopped.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;

using journal = std::vector<std::string>;

/// Writes when it is destroyed.
struct witness {
    journal* book;
    const char* text;
    ~witness() { book->emplace_back(text); }
};

/// No constructor of its member says that it does not throw.
struct stopwatch {
    tina::instant began{};

    tina::isolate run(tina::context self, journal* book) {
        if (self.now() > began) book->emplace_back("time goes on");
        began = self.now();
        self.request_stop();
        co_return;
    }
};

// --- arguments
// ----------------------------------------------------------------------------------------------------------

struct wide {
    std::array<std::uint8_t, 40> bytes;
};

tina::isolate with_arguments(tina::context self, journal* book, std::uint8_t small, wide large, double real) {
    BOOST_TEST(small == 7);
    BOOST_TEST(real == 0.5);
    for (std::uint8_t i = 0; i < 40; ++i) BOOST_TEST(large.bytes[i] == i);
    book->emplace_back("function");
    self.request_stop();
    co_return;
}

struct object_with_arguments {
    int member = 42;
    journal* kept = nullptr;

    ~object_with_arguments() {
        if (kept != nullptr) kept->emplace_back("object destroyed");
    }
    tina::isolate run(tina::context self, journal* book, std::array<std::uint64_t, 7> rest) {
        kept = book;
        BOOST_TEST(member == 42);
        for (std::uint64_t i = 0; i < rest.size(); ++i) BOOST_TEST(rest[i] == i * i);
        book->emplace_back("object");
        self.request_stop();
        co_return;
    }
};

// --- endings
// ------------------------------------------------------------------------------------------------------------

enum class ending { returns, throws, throws_no_exception, crashes, unwraps, receives_foreign, waits };

tina::isolate ender(tina::context self, journal* book, ending how) {
    const witness outer{book, "outer"};
    co_yield tina::yield();
    const witness inner{book, "inner"};
    switch (how) {
    case ending::returns: co_return;
    case ending::throws: throw std::runtime_error("the tea is cold");
    case ending::throws_no_exception: throw 7;
    case ending::crashes: co_yield tina::crash("no more tea"); break;
    case ending::unwraps: co_yield tina::deliver(tina::handle{}, number{1}).or_crash(); break;
    case ending::receives_foreign: static_cast<void>(co_yield tina::receive<number>()); break;
    case ending::waits: static_cast<void>(co_yield tina::receive<knock>()); break;
    }
    book->emplace_back("not reached");
    static_cast<void>(self);
}

tina::isolate stop_after(tina::context self, tina::duration span) {
    static_cast<void>(co_yield tina::sleep(span));
    self.request_stop();
}

tina::system_spec ender_spec(journal& book, ending how, tina::restart mode) {
    return spec_of({tina::type<ender>({.accepts = tina::messages<knock>{}}), tina::type<stop_after>()},
                   {shard_of({tina::child<ender>(mode, &book, how),
                              tina::child<stop_after>(tina::temporary, tina::duration(5ms))})});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(isolates)

BOOST_AUTO_TEST_CASE(a_function_runs_with_its_arguments) {
    journal book;
    wide large{};
    for (std::uint8_t i = 0; i < 40; ++i) large.bytes[i] = i;
    const auto counters =
        run_system(spec_of({tina::type<with_arguments>()},
                           {shard_of({tina::child<with_arguments>(tina::temporary, &book, 7, large, 0.5)})}));
    BOOST_TEST(book == journal{"function"}, boost::test_tools::per_element());
    BOOST_TEST(counters["isolates_crashed"] == 0);
}

BOOST_AUTO_TEST_CASE(a_struct_runs_with_64_bytes_of_arguments_and_is_destroyed_after_its_frame) {
    journal book;
    std::array<std::uint64_t, 7> rest{};
    for (std::uint64_t i = 0; i < rest.size(); ++i) rest[i] = i * i;
    static_cast<void>(
        run_system(spec_of({tina::type<object_with_arguments>()},
                           {shard_of({tina::child<object_with_arguments>(tina::temporary, &book, rest)})})));
    BOOST_TEST(book == (journal{"object", "object destroyed"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_struct_may_hold_a_moment) {
    journal book;
    static_cast<void>(run_system(
        spec_of({tina::type<stopwatch>()}, {shard_of({tina::child<stopwatch>(tina::temporary, &book)})})));
    BOOST_TEST(book == journal{"time goes on"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(co_return_is_a_clean_exit_with_destructors_run) {
    journal book;
    const auto counters = run_system(ender_spec(book, ending::returns, tina::temporary));
    BOOST_TEST(book == (journal{"inner", "outer"}), boost::test_tools::per_element());
    BOOST_TEST(counters["isolates_crashed"] == 0);
    BOOST_TEST(counters["isolates_ended"] == 2);
}

BOOST_AUTO_TEST_CASE(however_an_isolate_crashes_its_destructors_run_and_the_log_says_why) {
    const std::vector<std::pair<ending, std::string>> ways = {
        {ending::throws, "crashed: the tea is cold"},
        {ending::throws_no_exception, "crashed: an exception that is not a std::exception"},
        {ending::crashes, "crashed: no more tea"},
        {ending::unwraps, "crashed: deliver: " + make_error_code(tina::errc::stale_handle).message()},
        {ending::receives_foreign, "crashed: it waits for a message that its type does not accept"},
    };
    for (const auto& [how, text] : ways) {
        journal book;
        const std::string log = log_of(ender_spec(book, how, tina::temporary), tina::warning);
        BOOST_TEST(book == (journal{"inner", "outer"}), boost::test_tools::per_element());
        BOOST_TEST_MESSAGE(log);
        BOOST_TEST(contains(log, text), "the log has no \"" << text << "\" but: " << log);
        BOOST_TEST(contains(log, "ender"));
    }
}

BOOST_AUTO_TEST_CASE(a_system_that_stops_destroys_what_waits) {
    journal book;
    const auto counters = run_system(ender_spec(book, ending::waits, tina::permanent));
    BOOST_TEST(book == (journal{"inner", "outer"}), boost::test_tools::per_element());
    BOOST_TEST(counters["isolates_restarted"] == 0);
}

namespace {

/// Ends `lives` times as told, then stays.
tina::isolate mortal(tina::context self, std::vector<std::uint64_t>* lives, std::uint64_t argument, ending how,
                     std::size_t enough) {
    lives->push_back(argument);
    if (lives->size() >= enough) {
        self.request_stop();
        static_cast<void>(co_yield tina::sleep(1h));
    }
    if (how == ending::crashes) co_yield tina::crash("on purpose");
}

std::size_t lives_of(tina::restart mode, ending how) {
    std::vector<std::uint64_t> lives;
    const auto counters =
        run_system(spec_of({tina::type<mortal>({.slots = 1, .slots_draining = 0}), tina::type<stop_after>()},
                           {shard_of({tina::child<mortal>(mode, &lives, 4711, how, 5),
                                      tina::child<stop_after>(tina::temporary, tina::duration(20ms))})}));
    for (const std::uint64_t argument : lives) BOOST_TEST(argument == 4711);
    BOOST_TEST(counters["isolates_restarted"] == lives.size() - 1);
    return lives.size();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_permanent_child_is_started_again_with_the_same_arguments_however_it_ends) {
    BOOST_TEST(lives_of(tina::permanent, ending::crashes) == 5);
    BOOST_TEST(lives_of(tina::permanent, ending::returns) == 5);
}

BOOST_AUTO_TEST_CASE(a_transient_child_is_started_again_only_if_it_crashed) {
    BOOST_TEST(lives_of(tina::transient, ending::crashes) == 5);
    BOOST_TEST(lives_of(tina::transient, ending::returns) == 1);
}

BOOST_AUTO_TEST_CASE(a_temporary_child_is_not_started_again) {
    BOOST_TEST(lives_of(tina::temporary, ending::crashes) == 1);
    BOOST_TEST(lives_of(tina::temporary, ending::returns) == 1);
}

// --- spawning
// -----------------------------------------------------------------------------------------------------------

namespace {

tina::isolate spawner_of_mortals(tina::context self, std::vector<std::uint64_t>* lives, tina::restart mode,
                                 ending how) {
    BOOST_TEST(bool{self.spawn<mortal>(mode, lives, std::uint64_t{99}, how, std::size_t{4})});
    static_cast<void>(co_yield tina::sleep(20ms));
    self.request_stop();
}

std::size_t dynamic_lives(tina::restart mode, ending how) {
    std::vector<std::uint64_t> lives;
    static_cast<void>(
        run_system(spec_of({tina::type<mortal>({.slots = 1}), tina::type<spawner_of_mortals>()},
                           {shard_of({tina::child<spawner_of_mortals>(tina::temporary, &lives, mode, how)})})));
    for (const std::uint64_t argument : lives) BOOST_TEST(argument == 99);
    return lives.size();
}

tina::isolate idler(tina::context, journal* book) {
    book->emplace_back("child");
    static_cast<void>(co_yield tina::sleep(1h));
}

tina::isolate unknown(tina::context) { co_return; }

tina::isolate parent(tina::context self, journal* book) {
    const auto first = self.spawn<idler>(book);
    BOOST_TEST(bool{first});
    book->emplace_back("parent");
    BOOST_TEST(bool{self.spawn<idler>(book)});
    const auto third = self.spawn<idler>(book);
    BOOST_TEST(!third.has_value());
    BOOST_TEST(third.error() == make_error_code(tina::errc::no_slots));
    BOOST_TEST(self.spawn<unknown>().error() == make_error_code(tina::errc::unknown_type));
    book->emplace_back("parent waits");
    co_yield tina::yield();
    book->emplace_back("parent again");
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_spawned_isolate_is_started_again_as_its_restart_says) {
    BOOST_TEST(dynamic_lives(tina::permanent, ending::returns) == 4);
    BOOST_TEST(dynamic_lives(tina::transient, ending::crashes) == 4);
    BOOST_TEST(dynamic_lives(tina::transient, ending::returns) == 1);
    BOOST_TEST(dynamic_lives(tina::temporary, ending::crashes) == 1);
}

BOOST_AUTO_TEST_CASE(spawn_answers_at_once_and_the_child_first_runs_after_its_parents_activation) {
    journal book;
    const auto counters = run_system(spec_of({tina::type<idler>({.slots = 2}), tina::type<parent>()},
                                             {shard_of({tina::child<parent>(tina::temporary, &book)})}));
    BOOST_REQUIRE(book.size() == 5);
    BOOST_TEST(book[0] == "parent");
    BOOST_TEST(book[1] == "parent waits");
    BOOST_TEST(counters["spawns_refused"] == 2);
}

namespace {

struct spawn_in_destructor {
    tina::context self;
    journal* book;
    ~spawn_in_destructor() { static_cast<void>(self.spawn<idler>(book)); }
};

tina::isolate last_words(tina::context self, journal* book) {
    const spawn_in_destructor late{self, book};
    self.request_stop();
    static_cast<void>(co_yield tina::receive<knock>());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_destructor_that_spawns_while_the_system_stops_leaves_nothing_behind) {
    journal book;
    static_cast<void>(
        run_system(spec_of({tina::type<idler>(), tina::type<last_words>({.accepts = tina::messages<knock>{}})},
                           {shard_of({tina::child<last_words>(tina::temporary, &book)})})));
    BOOST_TEST(book.empty());
}

// --- handles
// ------------------------------------------------------------------------------------------------------------

namespace {

struct short_lived {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context, std::vector<std::uint64_t>* got) {
        const auto message = co_yield tina::receive<number>();
        got->push_back(message->value);
    }
};

/// Starts one isolate after the other, in the same few slots, and talks to all those that are dead.
tina::isolate necromancer(tina::context self, std::vector<std::uint64_t>* got, std::vector<std::uint32_t>* slots) {
    std::vector<tina::handle> dead;
    for (std::uint64_t round = 0; round < 100; ++round) {
        const auto child = self.spawn<short_lived>(got);
        BOOST_TEST(bool{child});
        if (!child) break;
        slots->push_back(child->slot());
        for (const tina::handle ghost : dead) {
            BOOST_TEST((self.send(ghost, number{1000}) == tina::send_result::stale_handle));
        }
        BOOST_TEST((self.send(*child, number{round}) == tina::send_result::ok));
        while (got->size() <= round) static_cast<void>(co_yield tina::sleep(1us));
        dead.push_back(*child);
    }
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stale_handle_never_reaches_the_next_tenant) {
    std::vector<std::uint64_t> got;
    std::vector<std::uint32_t> slots;
    const auto counters =
        run_system(spec_of({tina::type<short_lived>({.slots = 3, .slots_draining = 0}), tina::type<necromancer>()},
                           {shard_of({tina::child<necromancer>(tina::temporary, &got, &slots)})}));
    BOOST_REQUIRE_EQUAL(got.size(), 100);
    for (std::uint64_t i = 0; i < got.size(); ++i) BOOST_TEST(got[i] == i);
    BOOST_TEST(counters["sends_refused_stale_handle"] == 99 * 100 / 2);
    BOOST_TEST(slots[1] == slots[0]);  // a slot that has had a tenant comes before those that never had one
}

namespace {

tina::isolate blank(tina::context) { co_return; }
tina::isolate restless(tina::context self, std::vector<tina::handle>* lives) {
    lives->push_back(self.handle());
    co_return;
}

}  // namespace

BOOST_AUTO_TEST_CASE(slots_that_became_free_are_handed_out_in_that_order) {
    std::vector<tina::handle> lives;
    hand_moved at(spec_of(
        {tina::type<restless>({.slots = 4, .slots_draining = 0}), tina::type<blank>()},
        {shard_of({tina::child<restless>(tina::temporary, &lives), tina::child<restless>(tina::temporary, &lives),
                   tina::child<restless>(tina::temporary, &lives), tina::child<restless>(tina::permanent, &lives)})}));
    at.cycle(0);
    BOOST_REQUIRE(lives.size() > 8);
    for (std::size_t i = 4; i < lives.size(); ++i) {
        BOOST_TEST(lives[i].slot() == i % 4);
        BOOST_TEST(lives[i].generation() == i / 4 + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_slot_whose_generations_are_used_up_is_retired_and_counted) {
    std::vector<tina::handle> lives;
    hand_moved at(spec_of(
        {tina::type<restless>({.slots = 2, .slots_draining = 0})},
        {shard_of({tina::child<restless>(tina::permanent, &lives), tina::child<restless>(tina::temporary, &lives)})}));
    at[0].slots[1].generation = 0xffff'fffe;
    at.cycle(0);
    BOOST_TEST(at.counts(0).slots_retired.get() == 1);
    BOOST_REQUIRE(lives.size() > 8);
    BOOST_TEST(lives[lives.size() - 2].slot() == 0);
    BOOST_TEST(lives.back().slot() == 0);
}

BOOST_AUTO_TEST_CASE(a_permanent_child_whose_last_slot_is_retired_does_not_end_the_process) {
    std::vector<tina::handle> lives;
    hand_moved at(spec_of({tina::type<restless>({.slots = 1, .slots_draining = 0})},
                          {shard_of({tina::child<restless>(tina::permanent, &lives)})}));
    at[0].slots[0].generation = 0xffff'ffff;
    at.cycle(0);
    BOOST_TEST(lives.size() == 1);
    BOOST_TEST(at.counts(0).slots_retired.get() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
