// SPDX-License-Identifier: Apache-2.0
// Accepting, in a scripted world: connections that come while nobody waits, limits on records and open files, errors
// that pass and errors that stay, acceptors that die, listeners that close.
#include "shard_bench.hpp"

#include <list>

using namespace io_test;

BOOST_AUTO_TEST_SUITE(accepting)

BOOST_AUTO_TEST_CASE(a_connection_that_comes_while_nobody_accepts_is_the_next_one_given) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept, .within = 1ms});
    at.pass(2ms);
    BOOST_TEST((who.last().error == errc::deadline));
    const int peer = at.io().connection(at.listener());
    at.settle();
    BOOST_TEST(at.io().in_flight(operation_kind::accept) == 0u);
    at.tell(who, {.kind = order_kind::accept});
    BOOST_TEST(who.last().descriptor == peer);
    BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 1u);
    BOOST_TEST(at.counts().connections_accepted.get() == 1u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_takes_is_closed_when_the_shard_stops) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept, .within = 1ms});
    at.pass(2ms);
    at.io().connection(at.listener());
    at.settle();
    at.stop();
    BOOST_TEST(who.outcomes.size() == 1u);
}

BOOST_AUTO_TEST_CASE(one_at_a_time_accepts_from_a_listener) {
    script first;
    script second;
    scripted_bench at;
    at.enter(first);
    at.enter(second);
    at.tell(first, {.kind = order_kind::accept});
    at.tell(second, {.kind = order_kind::accept});
    BOOST_TEST((second.last().error == errc::busy));
}

BOOST_AUTO_TEST_CASE(without_a_free_record_an_accept_waits_and_goes_on) {
    std::list<script> holders;
    script acceptor;
    scripted_bench at({.slots = 16, .descriptors = 16});
    at.enter(acceptor);
    while (at.shard().io.records.free_count() > 0) at.enter_connected(holders.emplace_back());
    at.tell(acceptor, {.kind = order_kind::accept});
    BOOST_TEST(acceptor.busy);
    BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 0u);
    BOOST_TEST(at.counts().accepts_postponed.get() == 1u);
    at.tell(holders.front(), {.kind = order_kind::drop_socket});
    BOOST_TEST(at.io().in_flight(operation_kind::accept) == 1u);
    const int peer = at.io().connection(at.listener());
    at.settle();
    BOOST_TEST(acceptor.last().descriptor == peer);
}

BOOST_AUTO_TEST_CASE(a_postponed_accept_whose_deadline_came_goes_on_for_the_next) {
    std::list<script> holders;
    script acceptor;
    scripted_bench at({.slots = 16, .descriptors = 16});
    at.enter(acceptor);
    while (at.shard().io.records.free_count() > 0) at.enter_connected(holders.emplace_back());
    at.tell(acceptor, {.kind = order_kind::accept, .within = 1ms});
    at.pass(2ms);
    BOOST_TEST((acceptor.last().error == errc::deadline));
    at.tell(acceptor, {.kind = order_kind::accept});
    at.tell(holders.front(), {.kind = order_kind::crash});
    BOOST_TEST(at.io().in_flight(operation_kind::accept) == 1u);
    at.stop();
}

BOOST_AUTO_TEST_CASE(at_the_limit_on_open_files_an_accept_is_tried_again_after_100_ms) {
    for (const int error : {-EMFILE, -ENFILE, -ENOMEM, -ENOBUFS}) {
        script who;
        scripted_bench at;
        at.enter(who);
        at.tell(who, {.kind = order_kind::accept});
        at.io().accept_fails(at.listener(), error);
        at.settle();
        BOOST_TEST(at.shard().io.records.free_count() + 1 == at.shard().io.records.capacity());
        at.pass(99ms);
        BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 1u);
        at.pass(2ms);
        BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 2u);
        const int peer = at.io().connection(at.listener());
        at.settle();
        BOOST_TEST(who.last().descriptor == peer);
    }
}

BOOST_AUTO_TEST_CASE(a_shard_that_stops_takes_back_the_timer_of_an_accept) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept});
    at.io().accept_fails(at.listener(), -EMFILE);
    at.settle();
    BOOST_TEST(at.shard().wheel.armed_count() == 1u);
    at.stop();
}

BOOST_AUTO_TEST_CASE(a_connection_that_went_away_does_not_disturb_the_acceptor) {
    for (const int error : {-ECONNABORTED, -EPROTO, -EINTR, -ENETDOWN}) {
        script who;
        scripted_bench at;
        at.enter(who);
        at.tell(who, {.kind = order_kind::accept});
        at.io().accept_fails(at.listener(), error);
        at.settle();
        BOOST_TEST(who.busy);
        BOOST_TEST(at.io().in_flight(operation_kind::accept) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(connections_that_go_away_without_end_do_not_keep_the_shard_busy) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept});
    for (int i = 0; i < 100 && at.io().in_flight(operation_kind::accept) == 1; ++i) {
        at.io().accept_fails(at.listener(), -ECONNABORTED);
        at.settle();
    }
    BOOST_TEST(at.io().count_submitted(operation_kind::accept) < 40u);
    at.pass(101ms);
    BOOST_REQUIRE(at.io().in_flight(operation_kind::accept) == 1u);
    const int peer = at.io().connection(at.listener());
    at.settle();
    BOOST_TEST(who.last().descriptor == peer);
}

BOOST_AUTO_TEST_CASE(a_connection_that_comes_while_its_listener_is_being_closed_is_closed) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    at.io().connections_come_late = true;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept});
    at.stop();  // at the end the reactor looks whether anything is still open
    BOOST_TEST(at.counts().connections_accepted.get() == 0u);
}

BOOST_AUTO_TEST_CASE(an_error_of_the_listening_socket_stays) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::accept});
    at.io().accept_fails(at.listener(), -EBADF);
    at.settle();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(who.last().error.value() == EBADF);
        at.tell(who, {.kind = order_kind::accept});
    }
}

BOOST_AUTO_TEST_CASE(a_killed_acceptor_leaves_the_listener_to_its_successor) {
    script first;
    script second;
    scripted_bench at;
    at.enter(first);
    at.tell(first, {.kind = order_kind::accept});
    at.kill(first.self);
    at.enter(second);
    at.tell(second, {.kind = order_kind::accept});
    BOOST_REQUIRE(second.busy);
    const int peer = at.io().connection(at.listener());
    at.settle();
    BOOST_TEST(second.last().descriptor == peer);
    BOOST_TEST(at.io().count_submitted(operation_kind::accept) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
