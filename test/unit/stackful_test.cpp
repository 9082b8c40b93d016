// SPDX-License-Identifier: Apache-2.0
// Tests of stackful handlers: every effect from an ordinary function, waiting at any depth of calls, exceptions that
// cross waits, ends of all kinds, and stacks that are used again. Most run on shards that the test moves by hand.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/slots.hpp"
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

/// Uses at least `depth` KiB of the stack and waits at the bottom of it.
[[gnu::noinline]] std::uint64_t wait_deep(tina::stackful self, std::uint64_t depth, tina::duration span) {
    std::array<volatile std::uint64_t, 128> room;
    room[depth % room.size()] = depth;
    if (depth == 0) {
        const auto slept = self.wait(tina::sleep(span));
        return slept ? 0 : 1'000'000;
    }
    const std::uint64_t below = wait_deep(self, depth - 1, span);
    return below + room[depth % room.size()];
}

/// What checks of Boost.Test need in a sanitized build.
constexpr tina::type_options roomy{.slots = 16, .stack_bytes = 256 * 1024};

/// One shard.
tina::system_spec spec_with(std::vector<tina::type_spec> types, std::vector<tina::tree_node> children) {
    return spec_of(std::move(types), {shard_of(std::move(children))});
}

// --- how they start
// -----------------------------------------------------------------------------------------------------

struct wide {
    std::array<std::uint8_t, 40> bytes;
};

void with_arguments(tina::stackful self, journal* book, std::uint8_t small, wide large) {
    BOOST_TEST(small == 7);
    for (std::uint8_t i = 0; i < 40; ++i) BOOST_TEST(large.bytes[i] == i);
    book->emplace_back("function");
    self.request_stop();
}

struct object_with_arguments {
    using accepts = tina::messages<number>;
    int member = 42;
    journal* kept = nullptr;

    ~object_with_arguments() {
        if (kept != nullptr) kept->emplace_back("object destroyed");
    }
    void run(tina::stackful self, journal* book, std::array<std::uint64_t, 7> rest) noexcept {
        kept = book;
        BOOST_TEST(member == 42);
        for (std::uint64_t i = 0; i < rest.size(); ++i) BOOST_TEST(rest[i] == i * i);
        self.wait(tina::yield());
        BOOST_TEST(rest[6] == 36);
        book->emplace_back("object");
    }
};

inline constexpr auto lambda = [](tina::stackful self, int* runs) {
    self.wait(tina::yield());
    ++*runs;
};

// --- messages and time
// --------------------------------------------------------------------------------------------------------

struct counter_of_words {
    using accepts = tina::messages<number, word>;
    void run(tina::stackful self, journal* book) {
        auto first = self.wait(tina::receive<word>());
        book->push_back("word " + std::to_string(first->value));
        auto any = self.wait(tina::receive<number, word>());
        if (const number* got = any.get<number>()) book->push_back("number " + std::to_string(got->value));
        auto none = self.wait(tina::receive<number>().within(5ms));
        book->push_back(none ? "more" : none.error().message());
        auto last = self.wait(tina::receive<number>().within(1s));
        BOOST_REQUIRE(last);
        book->push_back("late " + std::to_string((*last)->value));
        BOOST_TEST((self.send(last->sender(), word{9}) == tina::send_result::ok));
    }
};

void sender_of_words(tina::stackful self, journal* book) {
    const auto child = self.spawn<counter_of_words>(book);
    BOOST_REQUIRE(child);
    BOOST_TEST(self.wait(tina::deliver(*child, number{1})).has_value());
    BOOST_TEST((self.send(*child, word{2}) == tina::send_result::ok));
    BOOST_TEST(self.wait(tina::sleep(10ms)).has_value());
    BOOST_TEST(self.wait(tina::deliver(*child, number{3})).has_value());
    const auto answer = self.wait(tina::receive<word>());
    book->push_back("answer " + std::to_string(answer->value));
    expect_error(self.wait(tina::deliver(tina::handle{}, number{1})), tina::errc::stale_handle);
    book->emplace_back("gone");
}

// --- exceptions
// ----------------------------------------------------------------------------------------------------------------

/// Catches its own exception, lets others run while it is caught, and throws it on.
void catcher(tina::stackful self, journal* book, std::uint64_t name, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        const std::string mine = std::to_string(name) + "." + std::to_string(i);
        try {
            try {
                throw std::runtime_error(mine);
            } catch (const std::exception&) {
                self.wait(tina::yield());
                wait_deep(self, name % 5, 1ms);
                throw;
            }
        } catch (const std::exception& caught) {
            self.wait(tina::yield());
            if (caught.what() != mine) book->push_back(mine + " caught " + caught.what());
        }
        if (std::uncaught_exceptions() != 0 || std::current_exception()) book->emplace_back("left behind");
    }
}

struct waits_when_destroyed {
    tina::stackful self;
    journal* book;
    ~waits_when_destroyed() {
        book->push_back("unwinding " + std::to_string(std::uncaught_exceptions()));
        self.wait(tina::yield());
        book->push_back("still " + std::to_string(std::uncaught_exceptions()));
    }
};

void unwinder(tina::stackful self, journal* book) {
    try {
        const waits_when_destroyed waiting{self, book};
        throw 1;
    } catch (int) { book->emplace_back("caught"); }
    book->push_back("then " + std::to_string(std::uncaught_exceptions()));
}

void bystander(tina::stackful self, journal* book) {
    self.wait(tina::yield());
    book->push_back("elsewhere " + std::to_string(std::uncaught_exceptions()));
}

// --- endings
// ------------------------------------------------------------------------------------------------------------------

enum class ending { returns, throws, throws_no_exception, crashes, unwraps, receives_foreign };

[[gnu::noinline]] void end_deep(tina::stackful self, journal* book, ending how, int depth) {
    if (depth > 0) {
        const witness each{book, "level"};
        return end_deep(self, book, how, depth - 1);
    }
    self.wait(tina::yield());
    switch (how) {
    case ending::returns: return;
    case ending::throws: throw std::runtime_error("the tea is cold");
    case ending::throws_no_exception: throw 7;
    case ending::crashes: self.wait(tina::crash("no more tea")); break;
    case ending::unwraps: self.wait(tina::deliver(tina::handle{}, number{1}).or_crash()); break;
    case ending::receives_foreign: static_cast<void>(self.wait(tina::receive<number>())); break;
    }
    book->emplace_back("not reached");
}

void ender(tina::stackful self, journal* book, ending how) {
    const witness outer{book, "outer"};
    end_deep(self, book, how, 2);
}

/// Runs, is started again, and tells how often.
void fails_twice(tina::stackful self, int* runs) {
    self.wait(tina::yield());
    if (++*runs < 3) throw std::runtime_error("not yet");
    self.request_stop();
}

void sleeper(tina::stackful self, journal* book, std::uint64_t depth) {
    const witness never{book, "destroyed"};
    wait_deep(self, depth, 1h);
    book->emplace_back("woken");
}

// --- sockets
// ------------------------------------------------------------------------------------------------------------------

/// Reads a line byte by byte, from a call below the handler.
[[gnu::noinline]] bool read_line(tina::stackful self, const tina::socket& peer, std::string& line) {
    line.clear();
    for (;;) {
        const auto got = self.wait(tina::recv(peer, 1).within(10s));
        if (!got) return false;
        if (got->text() == "\n") return true;
        line += got->text();
    }
}

void line_server(tina::stackful self, tina::socket peer) {
    std::string line;
    while (read_line(self, peer, line)) {
        line += '!';
        if (const auto sent = self.wait(tina::send_all(peer, line).within(10s)); !sent) break;
    }
}

void line_acceptor(tina::stackful self, tina::listener server, std::uint16_t* port) {
    *port = server.local_address()->port;
    expect_error(self.wait(tina::accept(server).within(1ms)), tina::errc::deadline);
    while (auto peer = self.wait(tina::accept(server)))
        BOOST_TEST(self.spawn<line_server>(std::move(*peer)).has_value());
}

void line_client(tina::stackful self, const std::uint16_t* port, int* answers) {
    static_cast<void>(self.wait(tina::sleep(20ms)));
    auto peer = self.wait(tina::connect(*tina::parse_ip("127.0.0.1", *port)).within(10s));
    BOOST_REQUIRE(peer);
    expect_error(self.wait(tina::recv(*peer, 8).within(1ms)), tina::errc::deadline);
    for (const std::string_view part : {"he", "llo\nwor", "ld\n"}) {
        BOOST_TEST(self.wait(tina::send_all(*peer, part)).has_value());
        self.wait(tina::yield());
    }
    std::array<std::byte, 12> answer{};
    for (std::size_t got = 0; got < answer.size();) {
        got += self.wait(tina::recv_into(*peer, std::span(answer).subspan(got)).within(10s).or_crash());
    }
    if (std::memcmp(answer.data(), "hello!world!", answer.size()) == 0) ++*answers;
    self.request_stop();
}

tina::isolate stop_after(tina::context self, tina::duration span) {
    static_cast<void>(co_yield tina::sleep(span));
    self.request_stop();
}

tina::tree_node stopping(tina::duration span) { return tina::child<stop_after>(tina::temporary, span); }

}  // namespace

BOOST_AUTO_TEST_SUITE(stackful)

BOOST_AUTO_TEST_CASE(a_function_a_struct_and_a_lambda_run_with_their_arguments) {
    journal book;
    int runs = 0;
    wide large{};
    for (std::uint8_t i = 0; i < 40; ++i) large.bytes[i] = i;
    std::array<std::uint64_t, 7> rest{};
    for (std::uint64_t i = 0; i < rest.size(); ++i) rest[i] = i * i;
    hand_moved shards(
        spec_with({tina::type<with_arguments>(roomy), tina::type<object_with_arguments>(roomy), tina::type<+lambda>()},
                  {tina::child<with_arguments>(tina::temporary, &book, 7, large),
                   tina::child<object_with_arguments>(tina::temporary, &book, rest),
                   tina::child<+lambda>(tina::temporary, &runs)}));
    shards.settle();
    BOOST_TEST(book == (journal{"function", "object", "object destroyed"}), boost::test_tools::per_element());
    BOOST_TEST(runs == 1);
    BOOST_TEST(shards.counts(0).isolates_ended.get() == 3);
    BOOST_TEST(shards.counts(0).isolates_crashed.get() == 0);
}

BOOST_AUTO_TEST_CASE(messages_are_received_delivered_and_waited_for_with_deadlines) {
    journal book;
    auto options = roomy;
    options.accepts = tina::messages<word>{};
    hand_moved shards(spec_with({tina::type<sender_of_words>(options), tina::type<counter_of_words>(roomy)},
                                {tina::child<sender_of_words>(tina::temporary, &book)}));
    for (int i = 0; i < 10; ++i) {
        shards.settle();
        shards.advance(2ms);
    }
    BOOST_TEST(book == (journal{"word 2", "number 1", make_error_code(tina::errc::deadline).message(), "late 3",
                                "answer 9", "gone"}),
               boost::test_tools::per_element());
    BOOST_TEST(shards.counts(0).isolates_crashed.get() == 0);
}

BOOST_AUTO_TEST_CASE(sockets_are_served_from_below_the_handler) {
    std::uint16_t port = 0;
    int answers = 0;
    const auto counters = run_system(
        spec_with({tina::type<line_acceptor>(roomy), tina::type<line_server>(roomy), tina::type<line_client>(roomy)},
                  {tina::child<line_acceptor>(tina::permanent, tina::listening({.address = "127.0.0.1"}), &port),
                   tina::child<line_client>(tina::temporary, &port, &answers)}));
    BOOST_TEST(answers == 1);
    BOOST_TEST(counters["connections_accepted"] == 1);
    BOOST_TEST(counters["isolates_crashed"] == 0);
}

namespace {

std::uint64_t sums[3];

struct adds {
    static void up(tina::stackful self, std::uint64_t which, std::uint64_t depth) {
        sums[which] = wait_deep(self, depth, 1ms);
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_lies_on_a_stack_is_there_after_a_wait_at_its_bottom) {
    // 64 KiB are enough for 40 levels of a good KiB each; in a sanitized build a level takes more.
    hand_moved shards(spec_with({tina::type<adds::up>({.stack_bytes = sanitized ? 1u << 20 : 0})},
                                {tina::child<adds::up>(tina::temporary, std::uint64_t{0}, std::uint64_t{40}),
                                 tina::child<adds::up>(tina::temporary, std::uint64_t{1}, std::uint64_t{10}),
                                 tina::child<adds::up>(tina::temporary, std::uint64_t{2}, std::uint64_t{0})}));
    shards.settle();
    shards.advance(10ms);
    shards.settle();
    BOOST_TEST(sums[0] == 820);
    BOOST_TEST(sums[1] == 55);
    BOOST_TEST(sums[2] == 0);
}

BOOST_AUTO_TEST_CASE(a_caught_exception_is_the_fiber_s_own_across_waits) {
    journal book;
    std::vector<tina::tree_node> children;
    for (std::uint64_t name = 0; name < 10; ++name) {
        children.emplace_back(tina::child<catcher>(tina::temporary, &book, name, std::uint64_t{20}));
    }
    hand_moved shards(spec_with({tina::type<catcher>(roomy)}, std::move(children)));
    for (int i = 0; i < 100; ++i) {
        shards.settle();
        shards.advance(2ms);
    }
    BOOST_TEST(book == journal{}, boost::test_tools::per_element());
    BOOST_TEST(shards.counts(0).isolates_ended.get() == 10);
    BOOST_TEST(shards.counts(0).isolates_crashed.get() == 0);
    BOOST_TEST(!std::current_exception());
    BOOST_TEST(std::uncaught_exceptions() == 0);
}

BOOST_AUTO_TEST_CASE(a_destructor_may_wait_while_an_exception_flies) {
    journal book;
    hand_moved shards(
        spec_with({tina::type<unwinder>(roomy), tina::type<bystander>(roomy)},
                  {tina::child<unwinder>(tina::temporary, &book), tina::child<bystander>(tina::temporary, &book)}));
    shards.settle();
    BOOST_TEST(book == (journal{"unwinding 1", "elsewhere 0", "still 1", "caught", "then 0"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_kind_of_end_runs_the_destructors_and_says_why) {
    const std::vector<std::pair<ending, std::string>> reasons{
        {ending::returns, ""},
        {ending::throws, "the tea is cold"},
        {ending::throws_no_exception, "an exception that is not a std::exception"},
        {ending::crashes, "crashed: no more tea"},
        {ending::unwraps, "deliver: "},
        {ending::receives_foreign, "it waits for a message that its type does not accept"},
    };
    for (const auto& [how, reason] : reasons) {
        journal book;
        auto spec = spec_with({tina::type<ender>(roomy), tina::type<object_with_arguments>(roomy)},
                              {tina::child<ender>(tina::temporary, &book, how)});
        spec.log.level = tina::log_level::warning;
        hand_moved shards(std::move(spec));
        shards.settle();
        BOOST_TEST(book == (journal{"level", "level", "outer"}), boost::test_tools::per_element());
        BOOST_TEST(shards.counts(0).isolates_ended.get() == 1);
        BOOST_TEST(shards.counts(0).isolates_crashed.get() == (how == ending::returns ? 0 : 1));
        BOOST_TEST(contains(shards.sink.text, reason), shards.sink.text);
    }
}

BOOST_AUTO_TEST_CASE(an_exception_ends_that_isolate_alone_and_it_is_started_again) {
    int runs = 0;
    journal book;
    const auto counters = run_system(spec_with({tina::type<fails_twice>(), tina::type<sleeper>(roomy)},
                                               {tina::child<sleeper>(tina::permanent, &book, std::uint64_t{3}),
                                                tina::child<fails_twice>(tina::permanent, &runs)}));
    BOOST_TEST(runs >= 3);
    BOOST_TEST(counters["isolates_crashed"] == 2);
    BOOST_TEST(book == (journal{"woken", "destroyed"}), boost::test_tools::per_element());  // by the system's end
}

BOOST_AUTO_TEST_CASE(an_isolate_that_is_ended_while_it_waits_is_not_unwound_and_its_stack_serves_the_next) {
    journal book;
    tina::type_options one = roomy;
    one.slots = 1;
    one.slots_draining = 0;
    hand_moved shards(
        spec_with({tina::type<sleeper>(one)}, {tina::child<sleeper>(tina::permanent, &book, std::uint64_t{8})}));
    auto& slot = shards[0].slots[0];
    for (int i = 0; i < 1000; ++i) {
        shards.settle();
        BOOST_REQUIRE((slot.state == tina::detail::slot_state::waiting));
        tina::detail::end_isolate(shards[0], slot);
    }
    shards.settle();
    BOOST_TEST(shards.counts(0).isolates_restarted.get() == 1000);
    BOOST_TEST(book.empty());
    shards.advance(2h);
    shards.settle();
    BOOST_TEST(book == (journal{"woken", "destroyed"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_what_waits_at_depth_and_what_has_not_run_yet) {
    journal book;
    hand_moved shards(
        spec_with({tina::type<sleeper>(roomy)}, {tina::child<sleeper>(tina::permanent, &book, std::uint64_t{8}),
                                                 tina::child<sleeper>(tina::permanent, &book, std::uint64_t{0})}));
    shards.settle();
    shards.stop();
    hand_moved not_run(
        spec_with({tina::type<sleeper>(roomy)}, {tina::child<sleeper>(tina::permanent, &book, std::uint64_t{8})}));
    not_run.stop();
    BOOST_TEST(book.empty());
    BOOST_TEST(shards.counts(0).isolates_ended.get() == 2);
    BOOST_TEST(shards[0].wheel.armed_count() == 0);
    BOOST_TEST(not_run.counts(0).isolates_ended.get() == 1);
}

namespace {

struct idles {
    static void on(tina::stackful self, const std::uint16_t* server) {
        static_cast<void>(self.wait(tina::sleep(10ms)));
        auto peer = self.wait(tina::connect(*tina::parse_ip("127.0.0.1", *server)));
        static_cast<void>(self.wait(tina::send_all(*peer, std::string_view("no end of line"))));
        static_cast<void>(self.wait(tina::recv(*peer, 1)));
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_stop_closes_the_sockets_that_lie_on_stacks) {
    // The client's connection and the server's are open when the stop comes.
    std::uint16_t port = 0;
    const auto counters = run_system(
        spec_with({tina::type<line_acceptor>(roomy), tina::type<line_server>(roomy), tina::type<idles::on>(roomy),
                   tina::type<stop_after>()},
                  {tina::child<line_acceptor>(tina::permanent, tina::listening({.address = "127.0.0.1"}), &port),
                   tina::child<idles::on>(tina::temporary, &port), stopping(50ms)}));
    BOOST_TEST(counters["connections_accepted"] == 1);
    BOOST_TEST(counters["connections_closed"] == 2);
}

BOOST_AUTO_TEST_SUITE_END()
