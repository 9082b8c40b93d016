// SPDX-License-Identifier: Apache-2.0
// Tests of what is told of an end: to the log, to monitors, in counters. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <csignal>
#include <source_location>
#include <stdexcept>
#include <vector>

#include "lib/exit_note.hpp"
#include "test_actor.hpp"

namespace exit_test {

struct go {};

}  // namespace exit_test

namespace {

using namespace system_test;
using exit_test::go;
using tina::exit_reason;

enum class way { done, crash, or_crash, exception, foreign, in_task, past_task, signal, budget, stopped, linked };

constexpr std::uint32_t line_here(std::source_location where = std::source_location::current()) { return where.line(); }

std::uint32_t last_line = 0;  ///< of the last co_yield or wait() of the one that ends

tina::task<> fails_inside(tina::context) {
    last_line = line_here() + 1;
    static_cast<void>(co_yield tina::receive<go>());
    throw std::runtime_error("inside");
}

tina::task<> does_nothing(tina::context) { co_return; }

tina::isolate mortal(tina::context self, way how) {
    last_line = line_here() + 1;
    static_cast<void>(co_yield tina::receive<go>());
    switch (how) {
    case way::crash: {
        last_line = line_here() + 1;
        co_yield tina::crash("no room");
    }
    case way::or_crash:
        last_line = line_here() + 1;
        co_yield tina::deliver(tina::handle{}, go{}).or_crash();
        break;
    case way::exception: throw std::runtime_error("the tea is cold");
    case way::foreign: throw 42;
    case way::in_task: co_await fails_inside(self); break;
    case way::past_task: co_await does_nothing(self); throw std::runtime_error("after it");
    case way::signal: tina::detail::note_fault(self.slot(), SIGSEGV, 0x10, "a null pointer"); break;
    case way::budget: tina::detail::note_budget(self.slot(), "over its budget"); break;
    default: break;
    }
}

void mortal_fiber(tina::stackful self, way how) {
    last_line = line_here() + 1;
    static_cast<void>(self.wait(tina::receive<go>()));
    if (how == way::exception) throw std::runtime_error("the tea is cold");
    last_line = line_here() + 1;
    self.wait(tina::crash("no room"));
}

tina::isolate observing(tina::context self, tina::handle whom, std::vector<tina::down>* told) {
    if (!self.monitor(whom)) co_return;
    static_cast<void>(self.send(whom, go{}));
    static_cast<void>(self.send(whom, go{}));
    auto message = co_yield tina::receive<tina::down>();
    told->push_back(*message);
}

/// Two shards; one that ends on the first, watched from `place`.
class scene {
public:
    explicit scene(std::uint32_t place)
        : place_(place),
          shards(with_warnings(
              spec_of({tina::type<mortal>({.nested_bytes = 1024, .accepts = tina::messages<go>{}}),
                       tina::type<mortal_fiber>({.slots = 2, .accepts = tina::messages<go>{}}),
                       tina::type<observing>({.accepts = tina::messages<tina::down>{}}), tina::type<idle_actor>()},
                      std::vector<tina::shard_spec>(2, shard_of({tina::child<idle_actor>(tina::temporary)}))))) {
        shards.sink.text.clear();
    }

    template <auto Handler, class... Arguments>
    tina::handle start(std::uint32_t shard, const Arguments&... arguments) {
        using handler = tina::detail::function_handler<Handler>;
        auto pack = handler::pack(arguments...);
        const auto made = tina::detail::start_dynamic(shards[shard], handler::info(),
                                                      static_cast<std::uint8_t>(tina::temporary), &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        return made.child;
    }
    template <auto Handler>
    tina::down end(way how) {
        const tina::handle who = start<Handler>(0, how);
        shards.settle();
        start<observing>(place_, who, &told_);
        shards.settle();
        BOOST_REQUIRE_EQUAL(told_.size(), 1u);
        BOOST_TEST(told_[0].who.bits() == who.bits());
        return told_[0];
    }
    [[nodiscard]] std::string log() {
        shards.settle();
        shards[0].log.flush();
        return shards.sink.text;
    }

private:
    std::uint32_t place_;
    std::vector<tina::down> told_;

public:
    hand_moved shards;
};

[[nodiscard]] std::string at_line(std::uint32_t line) { return "(last co_yield at line " + std::to_string(line) + ")"; }

const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(exit_reasons)

BOOST_DATA_TEST_CASE(the_reason_of_an_end_reaches_monitors_on_any_shard, places, place) {
    const std::pair<way, exit_reason> expected[] = {
        {way::done, exit_reason::done},           {way::crash, exit_reason::crashed},
        {way::or_crash, exit_reason::crashed},    {way::exception, exit_reason::exception},
        {way::foreign, exit_reason::exception},   {way::in_task, exit_reason::exception},
        {way::past_task, exit_reason::exception}, {way::signal, exit_reason::signal},
        {way::budget, exit_reason::budget}};
    for (const auto& [how, reason] : expected) {
        scene on(place);
        const tina::down told = on.end<mortal>(how);
        BOOST_TEST((told.reason == reason), tina::to_string(told.reason) << " instead of " << tina::to_string(reason));
        BOOST_TEST(told.line == (reason == exit_reason::done ? 0u : last_line));
        BOOST_TEST(told.signal == (how == way::signal ? SIGSEGV : 0));
        BOOST_TEST(told.address == (how == way::signal ? 0x10u : 0u));
        BOOST_TEST((told.why().empty() == (how == way::done)));
        BOOST_TEST(is_crash(told.reason) == (how != way::done));
        BOOST_TEST(on.shards.counts(0).isolates_crashed.get() == (how == way::done ? 0u : 1u));
    }
}

BOOST_DATA_TEST_CASE(a_stackful_handlers_end_tells_the_line_of_its_last_wait, places, place) {
    for (const way how : {way::exception, way::crash}) {
        scene on(place);
        const tina::down told = on.end<mortal_fiber>(how);
        BOOST_TEST(told.line == last_line);
        BOOST_TEST(told.why() == (how == way::crash ? "no room" : "the tea is cold"));
    }
}

BOOST_AUTO_TEST_CASE(the_log_says_what_the_reason_was_and_where_the_isolate_was_last) {
    scene crashed(0);
    static_cast<void>(crashed.end<mortal>(way::crash));
    BOOST_TEST(contains(crashed.log(), "crashed: no room " + at_line(last_line)), crashed.log());
    scene faulty(0);
    static_cast<void>(faulty.end<mortal>(way::signal));
    BOOST_TEST(contains(faulty.log(), "crashed: a null pointer " + at_line(last_line)), faulty.log());
}

BOOST_AUTO_TEST_CASE(a_long_text_is_cut_in_the_message_and_longer_in_the_log) {
    static const std::string text(200, 'x');
    scene on(1);
    const tina::handle who = on.start<mortal>(0, way::done);
    tina::detail::note_crash(on.shards[0].slots[who.slot()], text);
    on.shards[0].slots[who.slot()].crashed = 1;
    const tina::down told = tina::detail::describe_end(on.shards[0].slots[who.slot()]);
    BOOST_TEST(told.why() == text.substr(0, sizeof told.text));
    on.shards[0].slots[who.slot()].crashed = 0;
}

BOOST_AUTO_TEST_CASE(each_reason_has_a_counter_and_the_totals_are_their_sums) {
    scene on(0);
    for (const way how : {way::done, way::crash, way::exception, way::signal, way::budget}) {
        const tina::handle who = on.start<mortal>(0, how);
        on.shards.settle();
        std::vector<tina::down> told;
        on.start<observing>(1, who, &told);
        on.shards.settle();
    }
    const tina::handle victim = on.start<mortal>(0, way::done);
    on.shards.settle();
    BOOST_TEST(tina::detail::doom(on.shards[0], on.shards[0].slots[victim.slot()], false));
    on.shards.settle();
    const tina::handle linked = on.start<mortal>(0, way::done);
    on.shards.settle();
    BOOST_TEST(tina::detail::doom(on.shards[0], on.shards[0].slots[linked.slot()], true));
    on.shards.settle();
    on.shards.stop();
    const auto& counts = on.shards.counts(0);
    BOOST_TEST(counts.isolates_ended_done.get() == 1u);
    BOOST_TEST(counts.isolates_ended_crashed.get() == 2u);
    BOOST_TEST(counts.isolates_ended_exception.get() == 1u);
    BOOST_TEST(counts.isolates_ended_signal.get() == 1u);
    BOOST_TEST(counts.isolates_ended_budget.get() == 1u);
    BOOST_TEST(counts.isolates_ended_stopped.get() == 1u);
    BOOST_TEST(counts.isolates_ended_shutdown.get() == 1u);  // the idle one
    BOOST_TEST(counts.isolates_ended.get() == 8u);
    BOOST_TEST(counts.isolates_crashed.get() == 5u);
    BOOST_TEST(counts.isolates_stopped.get() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
