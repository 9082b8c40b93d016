// SPDX-License-Identifier: Apache-2.0
// Tests of nested tasks: what they return and throw, what they may wait for, where their frames lie and what happens
// when there is no room for one. Whatever an isolate observes it writes through a pointer among its arguments.
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
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
    std::string text;
    witness(journal* wanted, std::string said) : book(wanted), text(std::move(said)) {}
    witness(const witness&) = default;
    witness& operator=(const witness&) = delete;
    ~witness() { book->push_back(text + " gone"); }
};

constexpr std::uint32_t room = 4096;

/// A system of one isolate of `Handler`, which ends by itself.
template <auto Handler, class... Arguments>
tina::system_spec spec_for(tina::type_options options, Arguments... arguments) {
    return spec_of({tina::type<Handler>(options)}, {shard_of({tina::child<Handler>(tina::temporary, arguments...)})});
}

/// Runs one isolate of `Handler` until it ends or waits for what never comes; returns its log.
template <auto Handler, class... Arguments>
std::string log_of_one(tina::type_options options, Arguments... arguments) {
    auto spec = spec_for<Handler>(options, arguments...);
    spec.log.level = tina::warning;
    hand_moved at(std::move(spec));
    at.settle();
    at.stop();
    return at.sink.text;
}

/// The number that follows `before` in `text`.
std::uint64_t number_after(const std::string& text, const std::string& before) {
    const std::size_t place = text.find(before);
    BOOST_REQUIRE_MESSAGE(place != std::string::npos, "no \"" << before << "\" in: " << text);
    return std::strtoull(text.c_str() + place + before.size(), nullptr, 10);
}

// --- values
// -------------------------------------------------------------------------------------------------------------

tina::task<int> sum(tina::context, int first, int second) { co_return first + second; }
tina::task<std::string> text_of(tina::context, const std::string& from) { co_return from + "!"; }
tina::task<std::unique_ptr<int>> boxed(tina::context, int value) { co_return std::make_unique<int>(value); }
tina::task<std::pair<int, int>> pair_of(tina::context, int value) { co_return {value, value + 1}; }
tina::task<int&> larger(tina::context, int& first, int& second) { co_return first > second ? first : second; }
tina::task<> increment(tina::context self, int& value) { value = co_await sum(self, value, 1); }

struct machine {
    int member = 5;

    tina::task<int> with_member(tina::context, int value) { co_return member + value; }
    tina::isolate run(tina::context self, journal* book) {
        book->push_back(std::to_string(co_await with_member(self, 2)));
        const int local = 40;
        book->push_back(
            std::to_string(co_await [&](tina::context) -> tina::task<int> { co_return local + member; }(self)));
    }
};

tina::isolate values(tina::context self, journal* book) {
    book->push_back(std::to_string(co_await sum(self, 1, 2)));
    book->push_back(co_await text_of(self, std::string("a text that is too long for a small string")));
    book->push_back(std::to_string(*co_await boxed(self, 7)));
    const auto both = co_await pair_of(self, 8);
    book->push_back(std::to_string(both.first + both.second));
    int small = 1;
    int large = 2;
    (co_await larger(self, small, large)) = 99;
    co_await increment(self, large);
    book->push_back(std::to_string(large));
    book->push_back(std::to_string(co_await sum(self, co_await sum(self, 1, 2), 3) + co_await sum(self, 10, 20)));
    if (co_await sum(self, 1, -1) == 0 && co_await sum(self, 1, 1) == 2) book->emplace_back("both");
}

// --- order
// --------------------------------------------------------------------------------------------------------------

tina::task<> inner(tina::context self, journal* book) {
    const witness local{book, "inner"};
    book->emplace_back("inner begins");
    co_yield tina::yield();
    book->emplace_back("inner ends");
    static_cast<void>(self);
}

tina::task<> outer(tina::context self, journal* book, witness kept) {
    book->emplace_back("outer begins");
    co_await inner(self, book);
    book->emplace_back("outer ends, with " + kept.text);
}

tina::isolate in_order(tina::context self, journal* book) {
    static_cast<void>(sum(self, 1, 2));  // never runs
    auto waits = inner(self, book);
    book->emplace_back("made");
    co_await outer(self, book, witness(book, "argument"));
    book->emplace_back("outer awaited");
    co_await std::move(waits);
    book->emplace_back("all awaited");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tasks)

BOOST_AUTO_TEST_CASE(a_task_returns_values_of_all_sorts) {
    journal book;
    BOOST_TEST(log_of_one<values>({.nested_bytes = room}, &book) == "");
    const journal wanted{"3", "a text that is too long for a small string!", "7", "17", "100", "36", "both"};
    BOOST_TEST(book == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(members_and_capturing_lambdas_can_be_tasks) {
    journal book;
    hand_moved at(spec_of({tina::type<machine>({.nested_bytes = room})},
                          {shard_of({tina::child<machine>(tina::temporary, &book)})}));
    at.settle();
    BOOST_TEST(book == (journal{"7", "45"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_task_runs_when_it_is_awaited_and_is_destroyed_where_it_was_made) {
    journal book;
    BOOST_TEST(log_of_one<in_order>({.nested_bytes = room}, &book) == "");
    journal wanted{
        "made",          "outer begins",  "inner begins", "inner ends", "inner gone", "outer ends, with argument",
        "argument gone", "outer awaited", "inner begins", "inner ends", "inner gone", "all awaited"};
    // Whether the copy of an argument that the caller made lives longer than the callee's is not ours to say.
    book.erase(std::unique(book.begin(), book.end()), book.end());
    BOOST_TEST(book == wanted, boost::test_tools::per_element());
}

// --- exceptions
// ---------------------------------------------------------------------------------------------------------

namespace {

tina::task<int> thrower(tina::context self, journal* book, int depth) {
    const witness local{book, std::to_string(depth)};
    co_yield tina::yield();
    if (depth == 0) throw std::runtime_error("the tea is cold");
    co_return co_await thrower(self, book, depth - 1);
}

tina::isolate catcher(tina::context self, journal* book) {
    try {
        static_cast<void>(co_await thrower(self, book, 3));
    } catch (const std::runtime_error& error) { book->emplace_back(error.what()); }
    book->push_back(std::to_string(co_await sum(self, 1, 2)));
    static_cast<void>(co_await thrower(self, book, 0));
    book->emplace_back("not reached");
}

struct sour {
    explicit sour(int value) {
        if (value < 0) throw std::out_of_range("too sour");
    }
    sour(const sour& other) = default;
};
struct fussy {
    explicit fussy(journal* wanted) : book(wanted) {}
    fussy(const fussy& other) : book(other.book) { throw std::logic_error("not to be copied"); }
    journal* book;
};
tina::task<sour> fermented(tina::context, int value) { co_return sour(value); }
tina::task<> takes_fussy(tina::context, fussy) { co_return; }
tina::task<int> throws_a_number(tina::context) {
    throw 7;
    co_return 0;
}

template <class Expected>
tina::task<> expect_from(tina::context self, journal* book, int which) {
    const fussy whole(book);
    try {
        if (which == 0) static_cast<void>(co_await fermented(self, -1));
        if (which == 1) co_await takes_fussy(self, whole);
        if (which == 2) static_cast<void>(co_await throws_a_number(self));
    } catch (const Expected&) { book->push_back("caught " + std::to_string(which)); }
}

tina::isolate odd_exceptions(tina::context self, journal* book) {
    co_await expect_from<std::out_of_range>(self, book, 0);
    co_await expect_from<std::logic_error>(self, book, 1);
    co_await expect_from<int>(self, book, 2);
    static_cast<void>(co_await sum(self, 1, 2));
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_exception_passes_through_all_levels_and_can_be_caught_or_ends_the_isolate) {
    journal book;
    const std::string log = log_of_one<catcher>({.nested_bytes = room}, &book);
    const journal wanted{"0 gone", "1 gone", "2 gone", "3 gone", "the tea is cold", "3", "0 gone"};
    BOOST_TEST(book == wanted, boost::test_tools::per_element());
    BOOST_TEST(contains(log, "crashed: the tea is cold"), log);
}

BOOST_AUTO_TEST_CASE(exceptions_of_arguments_and_of_results_come_out_of_the_await) {
    journal book;
    BOOST_TEST(log_of_one<odd_exceptions>({.nested_bytes = room}, &book) == "");
    BOOST_TEST(book == (journal{"caught 0", "caught 1", "caught 2"}), boost::test_tools::per_element());
}

namespace {

tina::task<> unwraps(tina::context self, journal* book, int depth) {
    const witness local{book, std::to_string(depth)};
    if (depth > 0) {
        co_await unwraps(self, book, depth - 1);
    } else {
        co_yield tina::deliver(tina::handle{}, number{1}).or_crash();
    }
    book->emplace_back("not reached");
}
tina::task<> says_crash(tina::context) { co_yield tina::crash("no more tea"); }
tina::isolate unwrapper(tina::context self, journal* book) { co_await unwraps(self, book, 2); }
tina::isolate sayer(tina::context self) { co_await says_crash(self); }

}  // namespace

BOOST_AUTO_TEST_CASE(or_crash_and_crash_inside_a_task_end_the_isolate_with_their_reason) {
    journal book;
    const std::string log = log_of_one<unwrapper>({.nested_bytes = room}, &book);
    BOOST_TEST(book == (journal{"0 gone", "1 gone", "2 gone"}), boost::test_tools::per_element());
    BOOST_TEST(contains(log, "crashed: deliver: " + make_error_code(tina::errc::stale_handle).message()), log);
    const std::string said = log_of_one<sayer>({.nested_bytes = room});
    BOOST_TEST(contains(said, "crashed: no more tea"), said);
}

// --- effects
// ------------------------------------------------------------------------------------------------------------

namespace {

tina::task<std::uint64_t> next_number(tina::context) { co_return (co_yield tina::receive<number>())->value; }
tina::task<bool> waited(tina::context self, tina::duration span) {
    const tina::instant begin = self.now();
    const auto slept = co_yield tina::sleep(span);
    co_return slept.has_value() && self.now() - begin >= span;
}
tina::task<tina::message<number, word>> next_of_two(tina::context) { co_return co_yield tina::receive<number, word>(); }

struct listener_of_numbers {
    using accepts = tina::messages<number, word>;

    tina::isolate run(tina::context self, journal* book) {
        for (int i = 0; i < 300; ++i) {
            if (co_await next_number(self) != static_cast<std::uint64_t>(i)) book->emplace_back("out of order");
        }
        const auto kept = co_await next_of_two(self);
        book->emplace_back(kept.get<word>() != nullptr ? "word" : "number");
        book->emplace_back(co_await waited(self, 1ms) ? "slept" : "did not sleep");
        const auto nothing = co_yield tina::receive<number>().within(1ms);
        book->emplace_back(nothing ? "something" : nothing.error().message());
        self.request_stop();
    }
};

tina::isolate speaker(tina::context self, journal* book) {
    const auto to = self.spawn<listener_of_numbers>(book);
    for (std::uint64_t i = 0; i < 300; ++i) co_yield tina::deliver(*to, number{i}).or_crash();
    co_yield tina::deliver(*to, word{1}).or_crash();
}

tina::task<std::string> read_line(tina::context, tina::socket& from) {
    std::string line;
    while (line.find('\n') == std::string::npos) {
        auto part = co_yield tina::recv(from, 64).within(10s);
        if (!part) co_return line;
        line.append(reinterpret_cast<const char*>(part->data()), part->size());
    }
    co_return line;
}
tina::task<tina::result<tina::socket>> connected(tina::context, tina::address peer) {
    co_return co_yield tina::connect(peer).within(10s);
}

tina::isolate line_server(tina::context self, tina::listener server, std::uint16_t* port) {
    *port = server.local_address()->port;
    for (;;) {
        auto peer = co_yield tina::accept(server);
        if (!peer) co_return;
        const std::string line = co_await read_line(self, *peer);
        static_cast<void>(co_yield tina::send_all(*peer, line));
        static_cast<void>(co_yield tina::close(*peer, 1s));
    }
}

tina::isolate line_client(tina::context self, const std::uint16_t* port, journal* book) {
    co_yield tina::yield();
    auto peer = co_await connected(self, *tina::parse_ip("127.0.0.1", *port));
    BOOST_TEST(peer.has_value());
    for (const char* part : {"to be ", "or not ", "to be\n"}) {
        co_yield tina::send_all(*peer, std::string_view(part)).or_crash();
        static_cast<void>(co_await waited(self, 1ms));
    }
    book->push_back(co_await read_line(self, *peer));
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_task_may_receive_deliver_and_sleep) {
    journal book;
    static_cast<void>(run_system(
        spec_of({tina::type<listener_of_numbers>({.mailbox_capacity = 8, .nested_bytes = room}), tina::type<speaker>()},
                {shard_of({tina::child<speaker>(tina::temporary, &book)})})));
    const journal wanted{"word", "slept", make_error_code(tina::errc::deadline).message()};
    BOOST_TEST(book == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_task_may_connect_and_receive_from_a_socket_it_got_by_reference) {
    journal book;
    std::uint16_t port = 0;
    static_cast<void>(run_system(
        spec_of({tina::type<line_server>({.nested_bytes = room}), tina::type<line_client>({.nested_bytes = room})},
                {shard_of({tina::child<line_server>(tina::temporary, tina::listening({.address = "127.0.0.1"}), &port),
                           tina::child<line_client>(tina::temporary, &port, &book)})})));
    BOOST_TEST(book == (journal{"to be or not to be\n"}), boost::test_tools::per_element());
}

// --- depth
// --------------------------------------------------------------------------------------------------------------

namespace {

using places = std::vector<std::uintptr_t>;

/// Where the stack is.
[[gnu::noinline]] std::uintptr_t stack_place() noexcept {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

tina::task<int> descend(tina::context self, int depth, places* seen, bool yields) {
    seen->push_back(stack_place());
    if (yields) co_yield tina::yield();
    int below = 0;
    if (depth > 1) below = co_await descend(self, depth - 1, seen, yields);
    seen->push_back(stack_place());
    co_return below + 1;
}

tina::isolate diver(tina::context self, int depth, places* seen, bool yields) {
    BOOST_TEST(co_await descend(self, depth, seen, yields) == depth);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_hundred_levels_need_no_more_of_the_stack_than_one) {
    for (const bool yields : {false, true}) {
        places seen;
        BOOST_TEST(log_of_one<diver>({.nested_bytes = 1 << 17}, 100, &seen, yields) == "");
        BOOST_REQUIRE_EQUAL(seen.size(), 200);
        const auto [least, most] = std::minmax_element(seen.begin(), seen.end());
        // Two places in run_batch() resume, and a sanitizer has frames of its own. A level would take 100 bytes.
        BOOST_TEST(*most - *least < 512);
    }
}

namespace {

tina::task<> sink(tina::context self, std::uint64_t depth, std::uint64_t* reached) {
    ++*reached;
    if (depth > 1) co_await sink(self, depth - 1, reached);
    static_cast<void>(co_yield tina::sleep(1h));
}
tina::isolate sinker(tina::context self, std::uint64_t depth, std::uint64_t* reached) {
    co_await sink(self, depth, reached);
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_isolate_whose_tasks_fill_the_largest_region_can_be_ended) {
    std::uint64_t reached = 0;
    const std::string log = log_of_one<sinker>({}, std::uint64_t{1}, &reached);
    const std::uint64_t bytes = 1 << 20;
    const std::uint64_t levels = bytes / number_after(log, "a nested task needs ");
    BOOST_TEST(log_of_one<sinker>({.nested_bytes = bytes}, levels, &reached) == "");
    BOOST_TEST(reached == levels);
    BOOST_TEST(levels > 1000);
}

// --- running out
// --------------------------------------------------------------------------------------------------------

namespace {

tina::task<int> holds(tina::context self, journal* book, int depth) {
    const witness local{book, std::to_string(depth)};
    if (depth == 0) co_return 0;
    co_return co_await holds(self, book, depth - 1);
}
tina::isolate greedy(tina::context self, journal* book, int depth) {
    const witness local{book, "handler"};
    static_cast<void>(co_await holds(self, book, depth));
    book->emplace_back("enough");
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_nested_bytes_the_first_task_ends_the_isolate_and_the_log_says_what_to_raise) {
    journal book;
    const std::string log = log_of_one<greedy>({}, &book, 0);
    BOOST_TEST(book == (journal{"handler gone"}), boost::test_tools::per_element());
    const std::string needed = std::to_string(number_after(log, "a nested task needs "));
    const std::string wanted = "crashed: a nested task needs " + needed +
                               " bytes, 0 of 0 are left: raise type_options::nested_bytes of \"greedy\"";
    BOOST_TEST(contains(log, wanted), log);
}

BOOST_AUTO_TEST_CASE(a_task_too_many_crashes_its_isolate_alone_with_destructors_run) {
    journal first;
    const std::string log = log_of_one<greedy>({}, &first, 0);
    const auto frame = static_cast<std::uint32_t>(number_after(log, "a nested task needs "));
    journal book;
    BOOST_TEST(log_of_one<greedy>({.nested_bytes = 3 * frame}, &book, 2) == "");
    BOOST_TEST(book == (journal{"0 gone", "1 gone", "2 gone", "enough", "handler gone"}),
               boost::test_tools::per_element());
    book.clear();
    const std::string said = log_of_one<greedy>({.nested_bytes = 3 * frame + 8}, &book, 3);
    BOOST_TEST(book == (journal{"1 gone", "2 gone", "3 gone", "handler gone"}), boost::test_tools::per_element());
    BOOST_TEST(contains(said, std::to_string(frame) + " bytes, 8 of " + std::to_string(3 * frame + 8) + " are left"),
               said);
}

BOOST_AUTO_TEST_CASE(the_most_that_tasks_have_used_is_in_the_report_of_types_and_in_the_layout) {
    journal book;
    const auto frame =
        static_cast<std::uint32_t>(number_after(log_of_one<greedy>({}, &book, 0), "a nested task needs "));
    auto spec = spec_of({tina::type<greedy>({.slots = 3, .nested_bytes = room}), tina::type<values>()},
                        {shard_of({tina::child<greedy>(tina::temporary, &book, 4)})});
    tina::system system(spec);
    BOOST_TEST(system.types().empty());
    BOOST_TEST(system.layout() == "");
    must_start(system);
    BOOST_TEST(stopped_within(system, 20s));
    stop_and_join(system);
    const auto types = system.types();
    BOOST_REQUIRE_EQUAL(types.size(), 2);
    BOOST_TEST(contains(std::string(types[0].name), "greedy"));
    BOOST_TEST(types[0].shard == 0);
    BOOST_TEST(types[0].slots == 3);
    BOOST_TEST(types[0].live == 0);
    BOOST_TEST(types[0].nested_bytes == room);
    BOOST_TEST(types[0].nested_bytes_peak == 5 * frame);
    BOOST_TEST(types[1].nested_bytes_peak == 0);
    const std::string layout = system.layout();
    BOOST_TEST(contains(layout, "nested tasks have used " + std::to_string(5 * frame) + " of 4096 bytes"), layout);
    BOOST_TEST(contains(layout, tina::layout_report(spec).substr(0, 20)), layout);
    BOOST_TEST(contains(tina::layout_report(spec), "nested tasks 4096"), layout);
}

// --- ending inside
// ------------------------------------------------------------------------------------------------------

namespace {

struct talkative {
    using accepts = tina::messages<number>;

    tina::task<> listens(tina::context self, journal* book, int depth) {
        const witness local{book, std::to_string(depth)};
        const auto held = co_yield tina::receive<number>();
        const auto deadline = co_yield tina::receive<number>().within(1s);
        if (depth > 0) co_await listens(self, book, depth - 1);
        static_cast<void>(co_yield tina::receive<number>().within(1h));
    }
    tina::isolate run(tina::context self, journal* book) {
        const witness local{book, "handler"};
        co_await listens(self, book, 2);
    }
};

tina::isolate talker(tina::context self, journal* book) {
    const auto to = self.spawn<talkative>(book);
    for (int i = 0; i < 6; ++i) co_yield tina::deliver(*to, number{1}).or_crash();
    static_cast<void>(co_yield tina::sleep(1ms));
    self.request_stop();
}

/// Keeps a task in memory of its own, which scopes do not order.
struct keeper {
    tina::task<int> kept;
};

tina::isolate disorderly(tina::context self) {
    auto first = std::unique_ptr<keeper>(new keeper{sum(self, 1, 2)});
    const auto second = std::unique_ptr<keeper>(new keeper{sum(self, 1, 2)});
    first.reset();
    co_return;
}

/// What a child process that runs `body` writes to stderr before it aborts.
template <class Body>
std::string last_words(Body body) {
    const log_pipe words;
    const pid_t child = fork();
    if (child == 0) {
        dup2(words.writing_end(), STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);
        body();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    BOOST_TEST(WIFSIGNALED(status));
    return words.text();
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_isolate_that_is_ended_inside_its_tasks_gives_everything_back) {
    journal book;
    static_cast<void>(run_system(spec_of({tina::type<talkative>({.nested_bytes = room}), tina::type<talker>()},
                                         {shard_of({tina::child<talker>(tina::temporary, &book)})})));
    BOOST_TEST(book == (journal{"0 gone", "1 gone", "2 gone", "handler gone"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_task_that_outlives_a_later_one_is_caught) {
    if (sanitized) return;  // a forked child of a sanitized program is slow to die
    const std::string words = last_words([] { static_cast<void>(log_of_one<disorderly>({.nested_bytes = room})); });
    BOOST_TEST(contains(words, "a nested task ended before one that was made after it"), words);
}

BOOST_AUTO_TEST_CASE(nested_bytes_is_limited) {
    const auto found =
        tina::detail::validate(spec_for<greedy>({.nested_bytes = (1 << 20) + 1}, static_cast<journal*>(nullptr), 1));
    BOOST_REQUIRE_EQUAL(found.errors.size(), 1);
    BOOST_TEST(contains(found.errors[0], "nested_bytes is 1048577; must be 0..1048576"), found.errors[0]);
}

BOOST_AUTO_TEST_SUITE_END()
