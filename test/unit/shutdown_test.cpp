// SPDX-License-Identifier: Apache-2.0
// Tests of the end of a system as its isolates see it: who gets the message, who is interrupted and where, what never
// is, what may still be done, and in which order the rest is ended. Shards are moved by hand.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/slots.hpp"
#include "stopping_shards.hpp"

namespace {

using namespace system_test;
using tina::errc;
using journal = std::vector<std::string>;

std::string word_for(const std::error_code& error) {
    if (!error) return "ok";
    if (error == errc::interrupted) return "interrupted";
    if (error == errc::deadline) return "deadline";
    return error.message();
}

/// A spec with one shard of these children, which drain for ten seconds at most.
tina::system_spec draining(std::vector<tina::type_spec> types, std::vector<tina::tree_node> children) {
    auto spec = spec_of(std::move(types), {shard_of(std::move(children))});
    spec.log.level = tina::log_level::warning;
    return spec;
}

// --- isolates that wait
// ------------------------------------------------------------------------------------------------------------------

/// Sleeps twice and tells what came of it.
tina::isolate sleeps_twice(tina::context, journal* book) {
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
}

/// Never minds.
tina::isolate sleeps_on(tina::context) {
    for (;;) static_cast<void>(co_yield tina::sleep(1s));
}

tina::isolate waits_for_a_word(tina::context, journal* book) {
    const auto got = co_yield tina::receive<word>();
    book->push_back("word " + std::to_string(got->value));
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
}

/// Has a message in hand when its destructor runs.
struct last_word {
    journal* book;
    std::string text;
    ~last_word() { book->push_back(text); }
};

tina::isolate stays(tina::context, journal* book, std::uint64_t name) {
    const last_word late{book, "end of " + std::to_string(name)};
    for (;;) static_cast<void>(co_yield tina::receive<word>());
}

tina::isolate stays_too(tina::context, journal* book, std::uint64_t name) {
    const last_word late{book, "end of " + std::to_string(name)};
    for (;;) static_cast<void>(co_yield tina::receive<word>());
}

const tina::type_options takes_words{.accepts = tina::messages<word>{}};

/// Sends a word to an isolate of a shard that is moved by hand.
void post(hand_moved& shards, tina::handle target, std::uint64_t value) {
    auto& at = shards[target.shard()];
    const auto placed = tina::detail::place_message(at, target, tina::detail::message_key_of<word>, {});
    BOOST_REQUIRE(placed.payload != nullptr);
    const word content{value};
    std::memcpy(placed.payload, &content, sizeof content);
    at.messages_sent.add();
}

tina::handle first_of(hand_moved& shards) { return shards[0].slots[0].own_handle(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(shutdowns)

BOOST_AUTO_TEST_CASE(a_sleep_is_interrupted_once_and_the_next_one_is_as_long_as_ever) {
    journal book;
    stopping_shards at(draining({tina::type<sleeps_twice>()}, {tina::child<sleeps_twice>(tina::permanent, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal{"interrupted"}, boost::test_tools::per_element());
    BOOST_TEST(at.drains());
    at.pass(1001ms);
    BOOST_TEST(book == (journal{"interrupted", "ok"}), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
    BOOST_TEST(at.counts(0).isolates_restarted.get() == 0u);  // a permanent one
}

BOOST_AUTO_TEST_CASE(one_that_runs_or_receives_is_interrupted_in_its_next_wait) {
    journal book;
    stopping_shards at(
        draining({tina::type<waits_for_a_word>(takes_words), tina::type<sleeps_on>()},
                 {tina::child<waits_for_a_word>(tina::temporary, &book), tina::child<sleeps_on>(tina::temporary)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    post(at, first_of(at), 7);
    at.turns();
    BOOST_TEST(book == (journal{"word 7", "interrupted"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_has_not_run_yet_is_interrupted_in_its_first_wait) {
    journal book;
    stopping_shards at(draining({tina::type<sleeps_twice>()}, {tina::child<sleeps_twice>(tina::temporary, &book)}));
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal{"interrupted"}, boost::test_tools::per_element());
}

namespace {

tina::isolate waits_for_several(tina::context, journal* book) {
    for (int i = 0; i < 2; ++i) {
        auto first = co_yield tina::any_of(tina::receive<word>(), tina::sleep(1s));
        if (auto* message = first.get<0>()) book->push_back("word " + std::to_string((*message)->value));
        else book->push_back(word_for(first.get<1>()->error()));
    }
}

tina::isolate waits_for_messages_alone(tina::context, journal* book) {
    auto first = co_yield tina::any_of(tina::receive<word>(), tina::receive<number>());
    book->push_back(first.get<0>() != nullptr ? "word" : "number");
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(of_several_things_the_arm_that_can_be_is_interrupted_and_the_others_wait_on) {
    journal book;
    stopping_shards at(draining({tina::type<waits_for_several>(takes_words)},
                                {tina::child<waits_for_several>(tina::temporary, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal{"interrupted"}, boost::test_tools::per_element());
    BOOST_TEST(at.drains());
    post(at, first_of(at), 3);
    at.turns();
    BOOST_TEST(book == (journal{"interrupted", "word 3"}), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(several_things_that_begin_while_it_drains_are_interrupted_before_a_message_is_given) {
    journal book;
    stopping_shards at(draining({tina::type<waits_for_several>(takes_words)},
                                {tina::child<waits_for_several>(tina::temporary, &book)}));
    post(at, first_of(at), 3);
    at.request_stop();
    at.turns();
    BOOST_TEST(book == (journal{"interrupted", "word 3"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(several_things_that_are_all_messages_are_not_interrupted_and_hold_nothing_up) {
    journal book;
    stopping_shards at(draining({tina::type<waits_for_messages_alone>({.accepts = tina::messages<word, number>{}})},
                                {tina::child<waits_for_messages_alone>(tina::temporary, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    BOOST_TEST(at.has_drained());
}

// --- the message
// ------------------------------------------------------------------------------------------------------------------

namespace {

struct told {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context self, journal* book) {
        for (;;) {
            const auto got = co_yield tina::receive<word, tina::shutdown>();
            if (const auto* plain = got.get<word>()) {
                book->push_back("word " + std::to_string(plain->value));
                continue;
            }
            const auto left = got.get<tina::shutdown>()->deadline - self.now();
            book->push_back("shutdown in " + std::to_string(left / 1s) + " s");
            BOOST_TEST((got.sender() == tina::handle{}));
            BOOST_TEST(!got.reply(word{1}));
            book->push_back(word_for((co_yield tina::sleep(1s)).error()));
            co_return;
        }
    }
};

/// Waits for nothing else.
struct told_alone {
    using accepts = tina::messages<tina::shutdown>;
    tina::isolate run(tina::context, journal* book) {
        const auto got = co_yield tina::receive<tina::shutdown>();
        book->push_back("told");
        co_yield tina::yield();  // with the message in hand
    }
};

struct told_among_others {
    using accepts = tina::messages<tina::shutdown>;
    tina::isolate run(tina::context, journal* book) {
        auto first = co_yield tina::any_of(tina::sleep(1s), tina::receive<tina::shutdown>());
        book->push_back(first.get<1>() != nullptr ? "told" : word_for(first.get<0>()->error()));
    }
};

/// Accepts the message and never looks for it.
struct told_in_vain {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context, journal* book) {
        book->push_back(word_for((co_yield tina::sleep(1s)).error()));
        for (;;) static_cast<void>(co_yield tina::receive<word>());
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(whose_type_accepts_the_message_gets_it_with_the_deadline_and_is_not_interrupted) {
    journal book;
    stopping_shards at(draining({tina::type<told>()}, {tina::child<told>(tina::permanent, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal{"shutdown in 10 s"}, boost::test_tools::per_element());
    at.pass(1001ms);
    BOOST_TEST(book == (journal{"shutdown in 10 s", "ok"}), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(the_message_comes_after_those_that_were_there_before_and_before_those_that_come_later) {
    journal book;
    stopping_shards at(draining({tina::type<told>()}, {tina::child<told>(tina::permanent, &book)}));
    post(at, first_of(at), 1);
    post(at, first_of(at), 2);
    at.request_stop();
    static_cast<void>(tina::detail::may_go_on(at[0]));  // begins to drain, and runs nobody
    post(at, first_of(at), 3);
    at.turns();
    BOOST_TEST(book == (journal{"word 1", "word 2", "shutdown in 10 s"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_message_comes_where_the_mailbox_is_full_and_no_envelope_is_free) {
    journal book;
    auto spec = draining({tina::type<told>({.mailbox_capacity = 16})}, {tina::child<told>(tina::permanent, &book)});
    spec.shards.each[0].limits.messages = 16;
    spec.shards.each[0].limits.messages_reserved = 0;
    stopping_shards at(std::move(spec));
    for (std::uint64_t i = 0; i < 16; ++i) post(at, first_of(at), i);
    BOOST_TEST(!at[0].envelopes.has_free());
    at.request_stop();
    at.turns();
    BOOST_REQUIRE(book.size() == 17u);
    BOOST_TEST(book.back() == "shutdown in 10 s");
}

BOOST_AUTO_TEST_CASE(many_hold_the_message_at_once_and_it_is_whole_for_each) {
    journal book;
    std::vector<tina::tree_node> children;
    for (int i = 0; i < 20; ++i) children.emplace_back(tina::child<told_alone>(tina::temporary, &book));
    stopping_shards at(draining({tina::type<told_alone>()}, children));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal(20, "told"), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
    BOOST_TEST(at[0].messages_sent.get() == at[0].messages_delivered.get());
}

BOOST_AUTO_TEST_CASE(the_message_ends_a_wait_for_several_things) {
    journal book;
    stopping_shards at(
        draining({tina::type<told_among_others>()}, {tina::child<told_among_others>(tina::temporary, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book == journal{"told"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_does_not_look_for_the_message_is_not_interrupted_for_it) {
    journal book;
    stopping_shards at(draining({tina::type<told_in_vain>()}, {tina::child<told_in_vain>(tina::temporary, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    at.pass(1001ms);
    BOOST_TEST(book == journal{"ok"}, boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
}

// --- what is never interrupted
// ------------------------------------------------------------------------------------------------------------------

namespace {

struct server {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context) {
        for (;;) {
            const auto asked = co_yield tina::receive<word>();
            static_cast<void>(co_yield tina::sleep(1s));
            asked.reply(number{asked->value});
        }
    }
};

tina::isolate calls(tina::context, journal* book, tina::handle target) {
    const auto answer = co_yield tina::call<number>(target, word{5}).within(5s);
    book->push_back(answer ? "answer " + std::to_string(answer->value) : word_for(answer.error()));
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
}

/// Leaves a full mailbox unread for a while.
struct reads_late {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context) {
        static_cast<void>(co_yield tina::sleep(1s));
        for (;;) static_cast<void>(co_yield tina::receive<word>());
    }
};

tina::isolate delivers(tina::context, journal* book, tina::handle target) {
    book->push_back(word_for((co_yield tina::deliver(target, word{1})).error()));
    book->push_back(word_for((co_yield tina::deliver(target, word{2})).error()));
}

tina::handle starts_as_first(std::uint32_t shard) { return {shard, 0, 1}; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_call_is_never_interrupted_and_gets_its_answer) {
    journal book;
    stopping_shards at(draining(
        {tina::type<server>(), tina::type<calls>()},
        {tina::child<server>(tina::permanent), tina::child<calls>(tina::temporary, &book, starts_as_first(0))}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    at.pass(1001ms);
    BOOST_TEST(book == (journal{"answer 5", "interrupted"}), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(a_delivery_is_never_interrupted_and_is_waited_for) {
    journal book;
    tina::handle target = starts_as_first(0);
    stopping_shards at(
        draining({tina::type<reads_late>({.mailbox_capacity = 1}), tina::type<delivers>()},
                 {tina::child<reads_late>(tina::permanent), tina::child<delivers>(tina::temporary, &book, target)}));
    at.settle();
    BOOST_TEST(book == journal{"ok"}, boost::test_tools::per_element());
    at.request_stop();
    at.turns();
    BOOST_TEST(at.drains());
    at.pass(1001ms);
    BOOST_TEST(book == (journal{"ok", "ok"}), boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
    BOOST_TEST(at.counts(0).messages_dropped_target_ended.get() == 0u);
}

// --- receives with a deadline, timers
// ------------------------------------------------------------------------------------------------------------------

namespace {

tina::isolate receives_for(tina::context, journal* book, tina::duration span) {
    for (;;) {
        const auto got = co_yield tina::receive<word>().within(span);
        book->push_back(word_for(got.error()));
    }
}

/// A timer goes on and on.
struct beats {
    using accepts = tina::messages<knock>;
    tina::isolate run(tina::context self, int* count) {
        static_cast<void>(self.set_periodic_timer(1ms, knock{}));
        for (;; ++*count) static_cast<void>(co_yield tina::receive<knock>());
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_receive_with_a_deadline_is_waited_for_once) {
    journal book;
    stopping_shards at(draining({tina::type<receives_for>(takes_words)},
                                {tina::child<receives_for>(tina::permanent, &book, tina::duration(1s))}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    BOOST_TEST(at.drains());
    at.pass(1001ms);
    BOOST_TEST(book == journal{"deadline"}, boost::test_tools::per_element());
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(a_receive_whose_deadline_is_later_than_the_end_holds_nothing_up) {
    journal book;
    stopping_shards at(draining({tina::type<receives_for>(takes_words)},
                                {tina::child<receives_for>(tina::permanent, &book, tina::duration(11s))}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(book.empty());
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(a_timer_that_goes_on_holds_nothing_up) {
    int count = 0;
    stopping_shards at(draining({tina::type<beats>()}, {tina::child<beats>(tina::permanent, &count)}));
    at.settle();
    at.pass(2ms);
    BOOST_TEST(count > 0);
    at.request_stop();
    at.turns();
    BOOST_TEST(at.has_drained());
}

// --- what may still be done
// ------------------------------------------------------------------------------------------------------------------

namespace {

tina::isolate helper(tina::context, journal* book) {
    book->emplace_back("helper runs");
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
}

tina::isolate spawns_late(tina::context self, journal* book) {
    book->push_back(word_for((co_yield tina::sleep(1s)).error()));
    book->push_back(word_for(self.spawn<helper>(tina::permanent, book).error()));
    book->push_back(word_for(self.spawn<told>(book).error()));
}

tina::isolate crashes_when_interrupted(tina::context) { co_yield tina::sleep(1s).or_crash(); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_spawn_works_while_it_drains_and_the_new_isolate_is_told_as_well) {
    journal book;
    stopping_shards at(draining({tina::type<spawns_late>(), tina::type<helper>(), tina::type<told>()},
                                {tina::child<spawns_late>(tina::temporary, &book)}));
    at.settle();
    at.request_stop();
    at.turns();
    std::sort(book.begin(), book.end());
    BOOST_TEST(book == (journal{"helper runs", "interrupted", "interrupted", "ok", "ok", "shutdown in 10 s"}),
               boost::test_tools::per_element());
    at.pass(1001ms);
    BOOST_TEST(at.has_drained());
    BOOST_TEST(at.counts(0).isolates_restarted.get() == 0u);
}

BOOST_AUTO_TEST_CASE(who_crashes_while_it_drains_is_not_started_again) {
    stopping_shards at(
        draining({tina::type<crashes_when_interrupted>()}, {tina::child<crashes_when_interrupted>(tina::permanent)}));
    at.settle();
    at.request_stop();
    at.turns();
    BOOST_TEST(at.has_drained());
    BOOST_TEST(at.counts(0).isolates_crashed.get() == 1u);
    BOOST_TEST(at.counts(0).isolates_spawned.get() == 1u);
}

// --- the end
// ------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(those_that_only_receive_end_last_in_the_reverse_order_of_their_start) {
    journal book;
    std::vector<tina::tree_node> children;
    for (std::uint64_t i = 0; i < 9; i += 3) {
        children.emplace_back(tina::child<stays>(tina::permanent, &book, i));
        children.emplace_back(tina::child<stays_too>(tina::permanent, &book, i + 1));
        children.emplace_back(tina::child<stays>(tina::permanent, &book, i + 2));
    }
    children.emplace_back(tina::child<sleeps_twice>(tina::permanent, &book));
    stopping_shards at(draining(
        {tina::type<stays>(takes_words), tina::type<stays_too>(takes_words), tina::type<sleeps_twice>()}, children));
    at.settle();
    at.request_stop();
    at.turns();
    at.pass(1001ms);
    BOOST_REQUIRE(at.has_drained());
    journal expected{"interrupted", "ok"};
    BOOST_TEST(book == expected, boost::test_tools::per_element());
    at.stop();
    for (int i = 8; i >= 0; --i) expected.push_back("end of " + std::to_string(i));
    BOOST_TEST(book == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_order_is_that_of_the_start_however_slots_were_used) {
    // Seeded: starts and ends at random, so that slots and numbers have nothing to do with each other.
    journal book;
    constexpr std::uint64_t seed = 4711;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937_64 random(seed);
    using handler = tina::detail::function_handler<stays>;
    auto options = takes_words;
    options.slots = 64;
    stopping_shards at(draining({tina::type<stays>(options)}, {tina::child<stays>(tina::permanent, &book, 0)}));
    std::vector<std::pair<tina::handle, std::uint64_t>> alive{{first_of(at), 0}};
    for (std::uint64_t name = 1; name < 2000; ++name) {
        if (alive.size() == 64 || (alive.size() > 1 && random() % 2 == 0)) {
            const auto gone = alive.begin() + static_cast<std::ptrdiff_t>(1 + random() % (alive.size() - 1));
            at.settle();
            tina::detail::end_isolate(at[0], at[0].slots[gone->first.slot()]);
            alive.erase(gone);
        }
        auto pack = handler::pack(&book, name);
        const auto made = tina::detail::start_dynamic(at[0], handler::info(), 2, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        alive.emplace_back(made.child, name);
    }
    at.settle();
    book.clear();
    at.request_stop();
    at.turns();
    BOOST_REQUIRE(at.has_drained());
    at.stop();
    journal expected;
    for (auto each = alive.rbegin(); each != alive.rend(); ++each) {
        expected.push_back("end of " + std::to_string(each->second));
    }
    BOOST_TEST(book == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(at_the_deadline_it_is_forced_and_the_log_says_who_was_there_in_ten_lines_at_most) {
    journal book;
    std::vector<tina::tree_node> children{tina::child<stays>(tina::permanent, &book, 1)};
    for (int i = 0; i < 12; ++i) children.emplace_back(tina::child<sleeps_on>(tina::permanent));
    stopping_shards at(draining({tina::type<stays>(takes_words), tina::type<sleeps_on>()}, children));
    at.settle();
    at.request_stop();
    at.turns();
    at.pass(9999ms);
    BOOST_TEST(at.drains());
    at.pass(1ms);
    BOOST_TEST(at.was_forced());
    at.stop();
    std::size_t lines = 0;
    for (std::size_t where = 0;
         (where = at.sink.text.find("ended by force: it waits in sleep", where)) != std::string::npos; ++where)
        ++lines;
    BOOST_TEST(lines == 10u, at.sink.text);
    BOOST_TEST(contains(at.sink.text, "sleeps_on"));
    BOOST_TEST(!contains(at.sink.text, "stays"));
    BOOST_TEST(at.counts(0).isolates_forced.get() == 12u);
}

BOOST_AUTO_TEST_CASE(told_to_end_at_once_it_does_not_drain_and_a_later_request_changes_nothing) {
    journal book;
    stopping_shards at(draining({tina::type<sleeps_twice>()}, {tina::child<sleeps_twice>(tina::permanent, &book)}));
    at.settle();
    at.request_stop(tina::stop_mode::now);
    BOOST_TEST(!at.turn(0));
    BOOST_TEST(at.was_forced());
    at.request_stop();
    at.request_stop(tina::stop_mode::now);
    BOOST_TEST(at.was_forced());
    at.stop();
    BOOST_TEST(book.empty());
}

BOOST_AUTO_TEST_CASE(what_has_drained_cannot_be_forced_any_more) {
    journal book;
    stopping_shards at(draining({tina::type<stays>(takes_words)}, {tina::child<stays>(tina::permanent, &book, 1)}));
    at.request_stop();
    at.turns();
    BOOST_REQUIRE(at.has_drained());
    at.request_stop(tina::stop_mode::now);
    BOOST_TEST(at.has_drained());
}

BOOST_AUTO_TEST_CASE(a_deadline_that_is_out_of_range_is_a_mistake_of_the_spec) {
    for (const tina::duration wrong : {tina::duration(-1), tina::duration(25h)}) {
        auto spec = draining({tina::type<sleeps_on>()}, {tina::child<sleeps_on>(tina::permanent)});
        spec.shutdown.deadline = wrong;
        const auto found = tina::detail::validate(spec);
        BOOST_REQUIRE_EQUAL(found.errors.size(), 1u);
        BOOST_TEST(found.errors[0] ==
                   "shutdown: deadline is " + std::to_string(wrong.count()) + " ns; must be 0..86400000000000 ns");
    }
}

BOOST_AUTO_TEST_SUITE_END()
