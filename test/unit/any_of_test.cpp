// SPDX-License-Identifier: Apache-2.0
// Waiting for several things at once, in a scripted world: each winner, each loser, whose turn it is, what goes wrong
// as it begins, and isolates that die in it. Owned by the unit tests.
#include "shard_bench.hpp"

#include <array>

namespace any_test {

struct news {
    std::uint64_t value;
};
struct rumour {
    std::uint64_t value;
};
struct question {};
struct answer {
    std::uint64_t value;
};
struct nudge {};
struct foreign {};

}  // namespace any_test

namespace {

using namespace io_test;
using namespace any_test;

/// What a watcher yields next.
enum class shape {
    connect,
    recv_news_sleep,
    recv_news_until,
    news_recv,
    accept_news,
    call_news_sleep,
    two_sockets,
    one_socket_twice,
    overlapping,
    hurried,
    foreign_receive,
    recv_news_in_a_flood,
    recv,
    accept,
    receive,
    crash,
};

struct step {
    shape what{};
    std::chrono::nanoseconds span = 1h;
    std::uint32_t bytes = 4096;
    std::uint32_t times = 1;
};

/// What came of a step.
struct event {
    std::size_t arm = 99;
    std::error_code error{};
    std::string text{};
    std::uint64_t value = 0;
};

/// What the test shares with a watcher, and with the server that it calls.
struct story {
    std::deque<step> steps;
    std::vector<event> events;
    tina::listener from;
    tina::handle self;
    tina::handle server;
    bool busy = false;
    bool answers = false;  ///< the server answers at once; else it keeps the tokens until it is nudged
    std::uint32_t questions = 0;

    [[nodiscard]] const event& last() const {
        BOOST_REQUIRE(!events.empty());
        return events.back();
    }
    /// Which arms came first, in order.
    [[nodiscard]] std::string arms() const {
        std::string text;
        for (const event& each : events) text += std::to_string(each.arm);
        return text;
    }
};

void note(event& out, const tina::result<tina::buffer_lease>& got) {
    out.error = got.error();
    if (got) out.text = got->text();
}
void note(event& out, const tina::result<tina::socket>& got) {
    out.error = got.error();
    if (got) out.value = static_cast<std::uint64_t>(number_of(*got));
}
void note(event& out, const tina::message<news>& got) { out.value = got->value; }
void note(event& out, const tina::message<news, rumour>& got) {
    out.value = got.match([](const auto& content) { return content.value; });
}
void note(event& out, const tina::result<void>& got) { out.error = got.error(); }
void note(event& out, const tina::result<answer>& got) {
    out.error = got.error();
    if (got) out.value = got->value;
}
template <class Message>
void note(event& out, const tina::result<Message>& got) {
    out.error = got.error();
    if (got) note(out, *got);
}

template <std::size_t Index, class Result>
void note_arm(event& out, const Result& got) {
    if (const auto* found = got.template get<Index>()) {
        out.arm = Index;
        BOOST_TEST(got.index() == Index);
        note(out, *found);
    }
}
template <class... Results>
[[nodiscard]] event event_of(const tina::any_result<Results...>& got) {
    event out;
    [&]<std::size_t... Index>(std::index_sequence<Index...>) {
        (note_arm<Index>(out, got), ...);
    }(std::index_sequence_for<Results...>{});
    return out;
}

tina::isolate watcher(tina::context self, story* my) {
    std::array<tina::socket, 2> peers;
    my->self = self.handle();
    for (;;) {
        my->busy = false;
        while (my->steps.empty()) { [[maybe_unused]] auto woken = co_yield tina::receive<nudge>(); }
        const step now = my->steps.front();
        if (--my->steps.front().times == 0) my->steps.pop_front();
        my->busy = true;
        event done;
        switch (now.what) {
        case shape::connect: {
            auto made = co_yield tina::connect({});
            note(done, made);
            (peers[0] ? peers[1] : peers[0]) = std::move(*made);
            break;
        }
        case shape::recv_news_sleep: {
            auto got =
                co_yield tina::any_of(tina::recv(peers[0], now.bytes), tina::receive<news>(), tina::sleep(now.span));
            done = event_of(got);
            break;
        }
        case shape::recv_news_until: {
            auto got = co_yield tina::any_of(tina::recv(peers[0], now.bytes), tina::receive<news>(),
                                             tina::sleep_until(tina::instant(now.span)));
            done = event_of(got);
            break;
        }
        case shape::news_recv: {
            auto got = co_yield tina::any_of(tina::receive<news>(), tina::recv(peers[0], now.bytes));
            done = event_of(got);
            break;
        }
        case shape::accept_news: {
            auto got = co_yield tina::any_of(tina::accept(my->from), tina::receive<news>());
            done = event_of(got);
            break;
        }
        case shape::call_news_sleep: {
            auto got = co_yield tina::any_of(tina::call<answer>(my->server, question{}).within(now.span),
                                             tina::receive<news>(), tina::sleep(2 * now.span));
            done = event_of(got);
            break;
        }
        case shape::two_sockets: {
            auto got = co_yield tina::any_of(tina::recv(peers[0], now.bytes), tina::recv(peers[1], now.bytes),
                                             tina::receive<news>());
            done = event_of(got);
            break;
        }
        case shape::one_socket_twice: {
            auto got = co_yield tina::any_of(tina::recv(peers[0], now.bytes).within(now.span),
                                             tina::recv(peers[0], now.bytes).within(now.span));
            done = event_of(got);
            break;
        }
        case shape::overlapping: {
            auto got =
                co_yield tina::any_of(tina::receive<news>(), tina::receive<news, rumour>(), tina::sleep(now.span));
            done = event_of(got);
            break;
        }
        case shape::hurried: {
            auto got = co_yield tina::any_of(tina::recv(peers[0], now.bytes).within(now.span),
                                             tina::receive<news>().within(2 * now.span),
                                             tina::accept(my->from).within(3 * now.span));
            done = event_of(got);
            break;
        }
        case shape::foreign_receive: {
            auto got = co_yield tina::any_of(tina::sleep(now.span), tina::receive<foreign>());
            done.arm = got.index();
            break;
        }
        case shape::recv_news_in_a_flood: {
            static_cast<void>(self.send(self.handle(), news{0}));
            auto got =
                co_yield tina::any_of(tina::recv(peers[0], now.bytes), tina::receive<news>(), tina::sleep(now.span));
            done = event_of(got);
            break;
        }
        case shape::recv: note(done, co_yield tina::recv(peers[0], now.bytes)); break;
        case shape::accept: note(done, co_yield tina::accept(my->from)); break;
        case shape::receive: note(done, co_yield tina::receive<news>()); break;
        case shape::crash: co_yield tina::crash("as told");
        }
        my->events.push_back(std::move(done));
    }
}

tina::isolate server(tina::context self, story* my) {
    std::vector<tina::reply_token> kept;
    my->server = self.handle();
    for (;;) {
        auto message = co_yield tina::receive<question, nudge>();
        if (message.get<nudge>() != nullptr) {
            for (auto& token : kept) token.reply(answer{7});
            kept.clear();
            continue;
        }
        ++my->questions;
        if (my->answers) {
            BOOST_TEST(message.reply(answer{42}));
        } else {
            kept.push_back(message.take<tina::reply_token>());
        }
    }
}

/// Starts the two, and has the listening socket.
tina::isolate usher(tina::context self, story* my, tina::listener from) {
    my->from = from;
    BOOST_TEST(self.spawn<server>(my).has_value());
    BOOST_TEST(self.spawn<watcher>(my).has_value());
    co_yield tina::sleep(1000h).or_crash();
}

[[nodiscard]] tina::system_spec any_spec(story& my, std::uint32_t timers) {
    tina::shard_spec shard{
        .tree = tina::one_for_one(
            {}, {tina::child<usher>(tina::restart::temporary, &my, tina::listening({.address = "127.0.0.1"}))}),
        .limits = {.messages = 512,
                   .messages_reserved = 16,
                   .timers = timers,
                   .descriptors = 16,
                   .buffers = 8,
                   .leases_per_isolate = 1}};
    return {.types = {tina::type<usher>({.slots = 1}),
                      tina::type<server>({.slots = 1, .accepts = tina::messages<question, nudge>{}}),
                      tina::type<watcher>({.slots = 1, .accepts = tina::messages<nudge, news, rumour>{}})},
            .shards = {shard},
            .memory = tina::memory_mode::development,
            .log = {.level = tina::log_level::info},
            .seed = 1};
}

/// A watcher, a server and the world, which is the test.
class any_bench : public shard_bench {
public:
    explicit any_bench(story& my, std::uint32_t timers = 0)
        : shard_bench(
              any_spec(my, timers),
              [](const tina::detail::reactor_options& options) { return std::make_unique<scripted_reactor>(options); }),
          my_(&my) {
        settle();
    }
    ~any_bench() { stop(); }

    [[nodiscard]] scripted_reactor& io() { return static_cast<scripted_reactor&>(*shard().io_reactor); }
    template <class Message>
    [[nodiscard]] tina::send_result send(tina::handle whom, const Message& what) {
        return tina::context(slot_of(whom)).send(whom, what);
    }
    /// News come, and whatever else is ready happens.
    void tell_news(std::uint64_t value) {
        BOOST_TEST((send(my_->self, news{value}) == tina::send_result::ok));
        settle();
    }
    /// The watcher is to do something, and goes as far as it can.
    void tell(step what) {
        my_->steps.push_back(what);
        BOOST_TEST((send(my_->self, nudge{}) == tina::send_result::ok));
        settle();
    }
    /// One more connection for the watcher. Returns its descriptor.
    int connect() {
        tell({.what = shape::connect});
        const int made = io().connected();
        settle();
        my_->events.clear();
        return made;
    }
    void bytes_come(int descriptor, std::string_view text) {
        io().bytes_come(descriptor, text);
        settle();
    }
    /// Bytes wait with their descriptor.
    void hold_bytes(int descriptor, std::string_view text) {
        tell({.what = shape::recv_news_sleep});
        tell_news(0);
        bytes_come(descriptor, text);
        my_->events.clear();
    }
    void pass(std::chrono::nanoseconds span) {
        io().time_ns += span.count();
        settle();
    }
    /// Armed timers, besides the usher's.
    [[nodiscard]] std::uint32_t timers() { return shard().wheel.armed_count() - 1; }
    [[nodiscard]] int listener() {
        for (const auto& [number, state] : io().descriptors) {
            if (state.listening) return number;
        }
        return -1;
    }

private:
    story* my_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(any_of)

// ---- each winner, each loser

BOOST_AUTO_TEST_CASE(bytes_win_and_the_others_are_let_go) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.tell({.what = shape::recv_news_sleep});
    BOOST_TEST(my.busy);
    BOOST_TEST(at.timers() == 1u);
    at.bytes_come(peer, "bytes");
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST(my.last().text == "bytes");
    BOOST_TEST(at.timers() == 0u);
    at.tell_news(5);
    at.tell({.what = shape::receive});
    BOOST_TEST(my.last().value == 5u);
}

BOOST_AUTO_TEST_CASE(a_message_wins_and_the_receive_stays_armed) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.tell({.what = shape::recv_news_sleep});
    at.tell_news(5);
    BOOST_TEST(my.last().arm == 1u);
    BOOST_TEST(my.last().value == 5u);
    BOOST_TEST(at.timers() == 0u);
    BOOST_TEST(at.io().in_flight(operation_kind::receive, peer) == 1u);
    // What it brings waits, and the next one has it without asking the kernel.
    at.bytes_come(peer, "late");
    at.tell({.what = shape::recv_news_sleep});
    BOOST_TEST(my.last().text == "late");
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 1u);
    BOOST_TEST(at.io().count_submitted(operation_kind::cancel) == 0u);
}

BOOST_AUTO_TEST_CASE(a_receive_that_lost_a_hundred_times_is_still_the_same_one) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    for (std::uint64_t i = 0; i < 100; ++i) {
        at.tell({.what = i % 2 == 0 ? shape::recv_news_sleep : shape::news_recv});
        at.tell_news(i);
        BOOST_TEST(my.last().value == i);
    }
    at.tell({.what = shape::recv});
    at.bytes_come(peer, "at last");
    BOOST_TEST(my.last().text == "at last");
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 1u);
}

BOOST_AUTO_TEST_CASE(a_sleep_wins) {
    story my;
    any_bench at(my);
    at.connect();
    at.tell({.what = shape::recv_news_sleep, .span = 1ms});
    at.pass(999us);
    BOOST_TEST(my.busy);
    at.pass(20us);
    BOOST_TEST(my.last().arm == 2u);
    BOOST_TEST(!my.last().error);
    BOOST_TEST(at.timers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_connection_wins_and_one_that_comes_too_late_waits) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::accept_news});
    const int first = at.io().connection(at.listener());
    at.settle();
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST(my.last().value == static_cast<std::uint64_t>(first));
    at.tell({.what = shape::accept_news});
    at.tell_news(5);
    BOOST_TEST(my.last().arm == 1u);
    const int second = at.io().connection(at.listener());
    at.settle();
    at.tell({.what = shape::accept});
    BOOST_TEST(my.last().value == static_cast<std::uint64_t>(second));
    BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 2u);
}

BOOST_AUTO_TEST_CASE(an_answer_wins) {
    story my;
    my.answers = true;
    any_bench at(my);
    at.tell({.what = shape::call_news_sleep});
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST(my.last().value == 42u);
    BOOST_TEST(at.timers() == 0u);
    BOOST_TEST(at.counts().calls_answered.get() == 1u);
}

BOOST_AUTO_TEST_CASE(the_answer_to_a_call_that_lost_is_discarded) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::call_news_sleep});
    at.tell_news(5);
    BOOST_TEST(my.last().arm == 1u);
    BOOST_TEST(my.questions == 1u);
    BOOST_TEST(at.timers() == 0u);
    BOOST_TEST(at.counts().calls_abandoned.get() == 1u);
    // The late answer does not reach the next call.
    at.tell({.what = shape::call_news_sleep});
    BOOST_TEST((at.send(my.server, nudge{}) == tina::send_result::ok));
    at.settle();
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST(my.last().value == 7u);
    BOOST_TEST(at.counts().replies_late.get() == 1u);
}

BOOST_AUTO_TEST_CASE(a_call_ends_at_its_deadline_or_with_its_server) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::call_news_sleep, .span = 1ms});
    at.pass(2ms);
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST((my.last().error == errc::deadline));
    at.tell({.what = shape::call_news_sleep});
    at.kill(my.server);
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST((my.last().error == errc::target_gone));
    // Now it is refused at once.
    at.tell({.what = shape::call_news_sleep});
    BOOST_TEST((my.last().error == errc::target_gone));
    BOOST_TEST(at.timers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_is_made_also_where_another_arm_is_ready) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::call_news_sleep});
    at.tell_news(1);
    at.tell_news(2);
    at.tell_news(3);
    at.tell({.what = shape::call_news_sleep, .times = 2});
    BOOST_TEST(my.arms() == "111");
    BOOST_TEST(my.questions == 3u);
    BOOST_TEST(at.counts().calls_abandoned.get() == 3u);
}

BOOST_AUTO_TEST_CASE(one_of_two_sockets_wins_and_the_other_keeps_its_bytes) {
    story my;
    any_bench at(my);
    const int first = at.connect();
    const int second = at.connect();
    at.tell({.what = shape::two_sockets});
    at.io().bytes_come(second, "two");
    at.io().bytes_come(first, "one");
    at.settle();
    BOOST_TEST(my.arms() == "1");
    BOOST_TEST(my.last().text == "two");
    at.tell({.what = shape::two_sockets});
    BOOST_TEST(my.arms() == "10");
    BOOST_TEST(my.last().text == "one");
}

// ---- whose turn it is

BOOST_AUTO_TEST_CASE(arms_that_are_always_ready_win_turn_by_turn) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.hold_bytes(peer, "abcdef");
    for (std::uint64_t i = 1; i <= 6; ++i) at.tell_news(i);
    at.tell({.what = shape::recv_news_until, .span = 0ns, .bytes = 1, .times = 18});
    BOOST_TEST(my.arms() == "201201201201201201");
    std::string text;
    std::uint64_t value = 0;
    for (const event& each : my.events) {
        text += each.text;
        if (each.arm == 1) BOOST_TEST(each.value == ++value);
    }
    BOOST_TEST(text == "abcdef");
}

BOOST_AUTO_TEST_CASE(two_of_three_share_alike) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.hold_bytes(peer, "abc");
    for (std::uint64_t i = 1; i <= 3; ++i) at.tell_news(i);
    at.tell({.what = shape::recv_news_sleep, .bytes = 1, .times = 6});
    BOOST_TEST(my.arms() == "010101");
}

BOOST_AUTO_TEST_CASE(a_flood_of_messages_keeps_out_neither_bytes_nor_the_end_of_a_sleep) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.io().descriptors[peer].waiting = "in the kernel";
    // Never is the mailbox empty here, so that no wait ever begins: the receive must be armed all the same.
    my.steps.push_back({.what = shape::recv_news_in_a_flood, .span = 0ns, .times = 60'000});
    BOOST_TEST((at.send(my.self, nudge{}) == tina::send_result::ok));
    at.settle();
    BOOST_TEST(my.events.size() == 60'000u);
    BOOST_TEST(my.arms().find('0') != std::string::npos);
    BOOST_TEST(my.arms().find('2') != std::string::npos);
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) >= 1u);
}

BOOST_AUTO_TEST_CASE(a_message_for_two_arms_goes_to_the_one_whose_turn_it_is) {
    story my;
    any_bench at(my);
    for (std::uint64_t i = 0; i < 4; ++i) {
        at.tell({.what = shape::overlapping});
        at.tell_news(i);
    }
    BOOST_TEST(my.arms() == "0101");
    for (std::uint64_t i = 0; i < 4; ++i) at.tell_news(i);
    at.tell({.what = shape::overlapping, .times = 4});
    BOOST_TEST(my.arms() == "01010101");
    at.tell({.what = shape::overlapping});
    BOOST_TEST((at.send(my.self, rumour{9}) == tina::send_result::ok));
    at.settle();
    BOOST_TEST(my.last().arm == 1u);
    BOOST_TEST(my.last().value == 9u);
}

// ---- deadlines and errors

BOOST_AUTO_TEST_CASE(each_arm_has_a_deadline_of_its_own) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.tell({.what = shape::hurried, .span = 1ms});
    BOOST_TEST(at.timers() == 3u);
    at.pass(1100us);
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST((my.last().error == errc::deadline));
    BOOST_TEST(at.timers() == 0u);
    // All of them have come at once: the first to have come wins, once.
    at.tell({.what = shape::hurried, .span = 1ms});
    at.pass(1h);
    BOOST_TEST(my.events.size() == 2u);
    BOOST_TEST(my.last().arm == 0u);
    at.bytes_come(peer, "still armed");
    at.tell({.what = shape::hurried, .span = 1ms});
    BOOST_TEST(my.last().text == "still armed");
}

BOOST_AUTO_TEST_CASE(deadlines_that_have_passed_win_in_turn_and_the_operations_are_armed_all_the_same) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.tell({.what = shape::hurried, .span = 0ns, .times = 6});
    BOOST_TEST(my.arms() == "012012");
    for (const event& each : my.events) BOOST_TEST((each.error == errc::deadline));
    BOOST_TEST(at.io().in_flight(operation_kind::receive, peer) == 1u);
    BOOST_TEST(at.io().in_flight(operation_kind::accept) == 1u);
    BOOST_TEST(at.timers() == 0u);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_stream_and_errors_win) {
    for (const int result : {0, -ECONNRESET}) {
        story my;
        any_bench at(my);
        const int peer = at.connect();
        at.tell({.what = shape::recv_news_sleep});
        at.io().receive_ends(peer, -EINTR);  // passes
        at.settle();
        BOOST_TEST(my.busy);
        at.io().receive_ends(peer, result);
        at.settle();
        for (int i = 0; i < 2; ++i) {
            BOOST_TEST(my.last().arm == 0u);
            BOOST_TEST((result == 0 ? my.last().error == errc::end_of_stream : my.last().error.value() == -result));
            at.tell({.what = shape::recv_news_sleep});
        }
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_begin_wins_in_its_turn) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::recv_news_sleep});  // there is no socket
    BOOST_TEST(my.last().arm == 0u);
    BOOST_TEST((my.last().error == errc::bad_descriptor));
    at.connect();
    at.tell({.what = shape::recv_news_sleep, .bytes = 0});
    BOOST_TEST(my.last().error.value() == EINVAL);
    at.tell_news(1);
    at.tell({.what = shape::recv_news_sleep, .bytes = 0});
    BOOST_TEST(my.last().arm == 1u);
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 0u);
    BOOST_TEST(at.timers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_socket_may_be_received_from_in_one_arm_only) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.tell({.what = shape::one_socket_twice});
    BOOST_TEST(my.last().arm == 1u);
    BOOST_TEST((my.last().error == errc::busy));
    BOOST_TEST(at.timers() == 0u);
    at.tell({.what = shape::recv});
    at.bytes_come(peer, "unharmed");
    BOOST_TEST(my.last().text == "unharmed");
}

BOOST_AUTO_TEST_CASE(without_a_free_timer_the_arm_that_wants_one_wins_and_none_is_left_armed) {
    story my;
    any_bench at(my, 3);
    at.connect();
    at.tell({.what = shape::hurried});  // the usher has one
    BOOST_TEST(my.last().arm == 2u);
    BOOST_TEST((my.last().error == errc::no_timers));
    BOOST_TEST(at.timers() == 0u);
    at.tell({.what = shape::recv_news_sleep});
    BOOST_TEST(my.busy);
    BOOST_TEST(at.timers() == 1u);
}

BOOST_AUTO_TEST_CASE(a_receive_of_what_the_type_does_not_accept_ends_the_isolate) {
    story my;
    any_bench at(my);
    at.tell({.what = shape::foreign_receive});
    BOOST_TEST(!at.is_alive(my.self));
    BOOST_TEST(at.counts().isolates_crashed.get() == 1u);
}

// ---- dying in it

BOOST_AUTO_TEST_CASE(an_isolate_that_is_killed_in_any_of_gives_everything_back) {
    for (const shape what : {shape::recv_news_sleep, shape::accept_news, shape::call_news_sleep, shape::two_sockets,
                             shape::hurried, shape::overlapping}) {
        story my;
        any_bench at(my);
        at.connect();
        at.connect();
        at.tell({.what = what});
        BOOST_REQUIRE(my.busy);
        at.kill(my.self);
        BOOST_TEST(at.timers() == 0u);
        BOOST_TEST(at.io().in_flight(operation_kind::receive) == 0u);
        // The listening socket is the tree's, and stays armed for the next acceptor.
        const std::size_t accepts = what == shape::accept_news || what == shape::hurried ? 1 : 0;
        BOOST_TEST(at.io().in_flight(operation_kind::accept) == accepts);
        if (accepts == 1) at.io().connection(at.listener());
        if (what == shape::call_news_sleep) BOOST_TEST((at.send(my.server, nudge{}) == tina::send_result::ok));
        at.settle();
        BOOST_TEST(at.counts().replies_late.get() == (what == shape::call_news_sleep ? 1u : 0u));
    }
}

BOOST_AUTO_TEST_CASE(a_shard_that_stops_ends_who_waits_in_any_of) {
    for (const shape what : {shape::recv_news_sleep, shape::accept_news, shape::call_news_sleep, shape::hurried}) {
        story my;
        any_bench at(my);
        at.connect();
        at.tell({.what = what});
        BOOST_TEST(my.busy);
        at.stop();
    }
}

BOOST_AUTO_TEST_CASE(an_isolate_that_crashes_after_it_lost_leaves_nothing_behind) {
    story my;
    any_bench at(my);
    const int peer = at.connect();
    at.hold_bytes(peer, "never read");
    at.tell({.what = shape::crash});
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(at.io().buffers_out() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
