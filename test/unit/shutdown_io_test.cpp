// SPDX-License-Identifier: Apache-2.0
// Tests of the end of a system as sockets see it, in a scripted world: receives and accepts are interrupted once,
// output never is, and listening sockets close at once.
#include "lib/drain.hpp"
#include "shard_bench.hpp"

using namespace io_test;

namespace {

class ending_bench : public scripted_bench {
public:
    void begin() {
        shard().shared.request_stop();
        BOOST_REQUIRE(tina::detail::may_go_on(shard()));
        settle();
    }
    [[nodiscard]] bool has_drained() {
        for (int i = 0; i < 4; ++i) {
            if (!tina::detail::may_go_on(shard())) return true;
            static_cast<void>(tina::detail::vote_if_quiet(shard()));
        }
        return false;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(shutdown_io)

BOOST_AUTO_TEST_CASE(a_recv_is_interrupted_once_and_loses_nothing) {
    for (const order_kind kind : {order_kind::recv, order_kind::recv_into}) {
        script who;
        ending_bench at;
        const int peer = at.enter_connected(who);
        at.tell(who, {.kind = kind});
        at.begin();
        BOOST_TEST((who.last().error == errc::interrupted));
        at.tell(who, {.kind = kind});
        BOOST_TEST(who.busy);
        BOOST_TEST(!at.has_drained());
        at.bytes_come(peer, "late");
        BOOST_TEST(who.last().text == "late");
        at.tell(who, {.kind = kind, .within = 1ms});
        at.pass(2ms);
        BOOST_TEST((who.last().error == errc::deadline));
        at.tell(who, {.kind = order_kind::leave});
        BOOST_TEST(at.has_drained());
    }
}

BOOST_AUTO_TEST_CASE(the_next_recv_is_interrupted_also_where_bytes_are_there_which_the_one_after_it_gets) {
    script who;
    ending_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.bytes_come(peer, "here");
    at.begin();
    BOOST_TEST(at.has_drained() == true);  // it waits for orders
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST((who.last().error == errc::interrupted));
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST(who.last().text == "here");
}

BOOST_AUTO_TEST_CASE(an_accept_is_interrupted_once_and_then_the_listening_socket_is_closed) {
    script who;
    ending_bench at;
    at.enter(who);
    const int listener = at.listener();
    at.tell(who, {.kind = order_kind::accept});
    at.begin();
    BOOST_TEST((who.last().error == errc::interrupted));
    BOOST_TEST(!at.io().is_open(listener));
    for (int i = 0; i < 2; ++i) {
        at.tell(who, {.kind = order_kind::accept});
        BOOST_TEST((who.last().error == errc::listener_closed));
    }
    BOOST_TEST(at.io().in_flight(operation_kind::accept) == 0u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_had_accepted_is_closed_and_one_that_was_accepted_is_served) {
    script who;
    ending_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept});
    const int accepted = at.io().connection(at.listener());
    at.settle();
    BOOST_REQUIRE_EQUAL(who.last().descriptor, accepted);
    script other;
    at.enter(other);
    at.tell(other, {.kind = order_kind::accept, .within = 1ms});
    at.pass(2ms);
    const int waiting = at.io().connection(at.listener());
    at.settle();
    at.begin();
    BOOST_TEST(!at.io().is_open(waiting));
    BOOST_TEST(at.io().is_open(accepted));
    at.tell(who, {.kind = order_kind::send_all, .text = "answer"});
    BOOST_TEST(who.busy);
    BOOST_TEST(!at.has_drained());
    at.send_ends(accepted, 6);
    BOOST_TEST(who.last().bytes == 6u);
    BOOST_TEST(!who.last().error);
}

BOOST_AUTO_TEST_CASE(output_and_connect_are_never_interrupted) {
    script sends;
    script closes;
    script connects;
    ending_bench at;
    const int first = at.enter_connected(sends);
    const int second = at.enter_connected(closes);
    at.enter(connects);
    at.tell(sends, {.kind = order_kind::send_all, .text = "answer"});
    at.tell(closes, {.kind = order_kind::close, .within = 1s});
    at.tell(connects, {.kind = order_kind::connect});
    at.begin();
    BOOST_TEST(sends.busy);
    BOOST_TEST(closes.busy);
    BOOST_TEST(connects.busy);
    BOOST_TEST(!at.has_drained());
    at.send_ends(first, 6);
    at.receive_ends(second, 0);
    const int made = at.io().connected();
    at.settle();
    BOOST_TEST(!sends.last().error);
    BOOST_TEST(!closes.last().error);
    BOOST_TEST(connects.last().descriptor == made);
}

BOOST_AUTO_TEST_SUITE_END()
