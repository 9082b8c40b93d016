// SPDX-License-Identifier: Apache-2.0
// Conformance: how connections end: half and whole, in order and by reset.
#include <boost/test/unit_test.hpp>

#include "stage.hpp"

using namespace conformance;

namespace {

const std::string& much() {
    static const std::string made = pattern(std::size_t{1} << 20);
    return made;
}

/// Resets the connection from this end.
void reset(stage& at, sock what) {
    at.io(what).reset_on_close(what.number);
    at.close_now(what);
    at.settle();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ending)

CONFORMS(a_shutdown_of_sending_ends_one_direction) {
    const ends made = at.connected();
    at.say(made.client, "last");
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    at.check(at.hear(made.server) == "last", "the last bytes come");
    at.check(at.hear(made.server) == "<end>", "then the end");
    at.say(made.server, "answer");
    at.check(at.hear(made.client) == "answer", "the other direction goes on");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "no more is sent");
}

CONFORMS(the_server_may_end_first) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.server, false, true), 0, "a shutdown");
    at.check(at.hear(made.client) == "<end>", "the end comes");
    at.say(made.client, "more");
    at.check(at.hear(made.server) == "more", "the other direction goes on");
}

CONFORMS(a_receive_in_flight_sees_the_end) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.server);
    at.flush();
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    at.equal(at.result(receiving), 0, "the end");
}

CONFORMS(the_end_stays) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    for (int i = 0; i < 3; ++i) at.check(at.hear(made.server) == "<end>", "the end, each time");
}

CONFORMS(a_second_shutdown_does_nothing) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "the first");
    at.settle();
    at.equal(at.shutdown(made.client, false, true), 0, "the second");
    at.check(at.hear(made.server) == "<end>", "the end");
}

CONFORMS(the_end_comes_after_all_that_waited_for_room) {
    const ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much(), false);
    const int went = at.result(sending);
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    const auto [heard, last] = at.hear_to_end(made.server);
    at.equal(static_cast<std::int64_t>(heard.size()), went, "all comes first");
    at.equal(last, 0, "then the end");
}

CONFORMS(a_shutdown_ends_a_send_that_waits_for_room) {
    const ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much());
    at.settle();
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    const int went = at.result(sending);
    at.check(went > 0 && went < static_cast<int>(much().size()), "a part went");
    const auto [heard, last] = at.hear_to_end(made.server);
    at.equal(static_cast<std::int64_t>(heard.size()), went, "which comes");
    at.equal(last, 0, "before the end");
}

CONFORMS(a_shutdown_of_both_ends_receives_and_sends) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.client);
    at.flush();
    at.equal(at.shutdown(made.client, true, true), 0, "a shutdown");
    at.equal(at.result(receiving), 0, "the receive");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "a send");
    at.check(at.hear(made.server) == "<end>", "the peer sees the end");
}

CONFORMS(bytes_for_who_has_shut_down_both_are_answered_by_a_reset) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, true, true), 0, "a shutdown");
    at.settle();
    at.say(made.server, "nobody reads this");
    at.settle();
    at.equal(at.result(at.send(made.server, "nor this")), -EPIPE, "the next send fails");
    at.equal(at.peer_result(made.server), -ENOTCONN, "the connection is gone");
}

CONFORMS(a_shutdown_of_receiving_ends_a_receive_in_flight) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.server);
    at.flush();
    at.equal(at.shutdown(made.server, true, false), 0, "a shutdown");
    at.equal(at.result(receiving), 0, "the end");
    at.say(made.server, "on");
    at.check(at.hear(made.client) == "on", "sending goes on");
}

CONFORMS(what_comes_after_a_shutdown_of_receiving_can_still_be_read) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.server, true, false), 0, "a shutdown");
    at.check(at.hear(made.server) == "<end>", "nothing is there");
    at.say(made.client, "late");
    at.settle();
    at.check(at.hear(made.server) == "late", "it is read");
    at.check(at.hear(made.server) == "<end>", "then nothing is there");
}

CONFORMS(a_shutdown_of_nothing_does_nothing) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.server, false, false), 0, "a shutdown");
    at.say(made.server, "on");
    at.check(at.hear(made.client) == "on", "all goes on");
}

CONFORMS(both_sides_may_end_at_once) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "one");
    at.equal(at.shutdown(made.server, false, true), 0, "the other");
    at.check(at.hear(made.server) == "<end>", "one sees the end");
    at.check(at.hear(made.client) == "<end>", "the other too");
    at.settle();
    at.equal(at.shutdown(made.client, false, true), -ENOTCONN, "one is not connected any more");
    at.equal(at.shutdown(made.server, false, true), -ENOTCONN, "nor is the other");
}

CONFORMS(a_connection_that_is_over_has_no_peer) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "one ends");
    at.settle();
    at.equal(at.peer_result(made.client), 0, "half a connection has a peer");
    at.equal(at.peer_result(made.server), 0, "on both sides");
    at.equal(at.shutdown(made.server, false, true), 0, "the other ends");
    at.settle();
    at.equal(at.peer_result(made.client), -ENOTCONN, "one has none any more");
    at.equal(at.peer_result(made.server), -ENOTCONN, "nor has the other");
    at.check(at.local(made.server).port != 0, "it still has its own address");
}

CONFORMS(a_close_ends_the_stream) {
    ends made = at.connected();
    at.say(made.client, "bye");
    at.equal(at.result(at.close(made.client)), 0, "closes");
    at.check(at.hear(made.server) == "bye", "the last bytes come");
    at.check(at.hear(made.server) == "<end>", "then the end");
}

CONFORMS(a_close_at_once_ends_the_stream) {
    ends made = at.connected();
    at.say(made.client, "bye");
    at.close_now(made.client);
    at.check(at.hear(made.server) == "bye", "the last bytes come");
    at.check(at.hear(made.server) == "<end>", "then the end");
}

CONFORMS(a_close_goes_on_sending_what_was_written) {
    ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much(), false);
    const int went = at.result(sending);
    at.close_now(made.client);
    at.settle();
    const auto [heard, last] = at.hear_to_end(made.server);
    at.equal(static_cast<std::int64_t>(heard.size()), went, "all comes");
    at.equal(last, 0, "then the end");
}

CONFORMS(a_close_ends_what_is_in_flight_before_itself) {
    ends made = at.connected_narrowly();
    const flight receiving = at.receive(made.client);
    const flight sending = at.send(made.client, much());
    at.settle();
    const flight closing = at.close(made.client);
    at.equal(at.result(closing), 0, "closes");
    at.equal(at.result(receiving), -ECANCELED, "the receive ends");
    const int went = at.result(sending);
    at.check(went > 0 && went < static_cast<int>(much().size()), "the send says how much went");
    at.check(at.place_in_order(receiving) < at.place_in_order(closing), "the receive ends before");
    const auto [heard, last] = at.hear_to_end(made.server);
    at.equal(static_cast<std::int64_t>(heard.size()), went, "as much comes");
    at.equal(last, 0, "then the end");
}

CONFORMS(a_close_in_the_same_flush_ends_a_receive) {
    ends made = at.connected();
    const flight receiving = at.receive(made.client);
    const flight closing = at.close(made.client);
    at.equal(at.result(closing), 0, "closes");
    at.equal(at.result(receiving), -ECANCELED, "the receive ends");
}

CONFORMS(a_descriptor_that_was_closed_is_used_again) {
    ends made = at.connected();
    const int number = made.client.number;
    at.close_now(made.client);
    at.equal(at.open().number, number, "the lowest that is free");
}

CONFORMS(a_close_with_bytes_unread_resets) {
    ends made = at.connected();
    at.say(made.client, "nobody reads this");
    at.settle();
    at.close_now(made.server);
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "the peer sees a reset");
}

CONFORMS(a_close_with_all_read_ends_in_order) {
    ends made = at.connected();
    at.say(made.client, "read");
    at.check(at.hear(made.server) == "read", "all is read");
    at.close_now(made.server);
    at.check(at.hear(made.client) == "<end>", "the peer sees the end");
}

CONFORMS(a_close_with_some_bytes_unread_resets_too) {
    ends made = at.connected();
    at.say(made.client, "half of this");
    at.settle();
    at.check(at.hear(made.server, 4) == "half", "some is read");
    at.equal(at.result(at.close(made.server)), 0, "closes");
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "the peer sees a reset");
}

CONFORMS(a_close_with_only_the_end_unread_ends_in_order) {
    ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "the client ends");
    at.settle();
    at.close_now(made.server);
    at.check(at.hear(made.client) == "<end>", "the peer sees the end");
}

CONFORMS(a_close_that_should_reset_does) {
    ends made = at.connected();
    const flight receiving = at.receive(made.client);
    at.flush();
    at.io(0).reset_on_close(made.server.number);
    at.close_now(made.server);
    at.equal(at.result(receiving), -ECONNRESET, "the peer sees a reset");
}

CONFORMS(a_close_with_operations_in_flight_that_should_reset_does) {
    ends made = at.connected();
    const flight receiving = at.receive(made.server);
    at.flush();
    at.io(0).reset_on_close(made.server.number);
    at.equal(at.result(at.close(made.server)), 0, "closes");
    at.equal(at.result(receiving), -ECANCELED, "the receive ends");
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "the peer sees a reset");
}

CONFORMS(a_close_that_should_reset_does_so_after_half_a_shutdown) {
    ends made = at.connected();
    at.equal(at.shutdown(made.server, false, true), 0, "a shutdown");
    at.check(at.hear(made.client) == "<end>", "the peer sees the end");
    at.io(0).reset_on_close(made.server.number);
    at.close_now(made.server);
    at.settle();
    at.equal(at.result(at.receive(made.client)), 0, "a receive still sees the end");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "a send fails");
}

CONFORMS(a_reset_is_told_once) {
    const ends made = at.connected();
    reset(at, made.server);
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "first the reset");
    at.check(at.hear(made.client) == "<end>", "then an end");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "and a send fails");
}

CONFORMS(a_reset_is_told_to_a_send_as_well) {
    const ends made = at.connected();
    reset(at, made.server);
    at.equal(at.result(at.send(made.client, "x")), -ECONNRESET, "first the reset");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "then a broken pipe");
    at.check(at.hear(made.client) == "<end>", "and a receive sees an end");
}

CONFORMS(bytes_before_a_reset_can_be_read) {
    const ends made = at.connected();
    at.say(made.server, "last words");
    at.settle();
    reset(at, made.server);
    at.check(at.hear(made.client) == "last words", "the bytes");
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "then the reset");
}

CONFORMS(a_connection_that_was_reset_is_over) {
    const ends made = at.connected();
    reset(at, made.server);
    at.equal(at.peer_result(made.client), -ENOTCONN, "it has no peer");
    at.equal(at.shutdown(made.client, false, true), -ENOTCONN, "it cannot be shut down");
}

CONFORMS(a_reset_ends_a_send_that_waits_for_room) {
    const ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much());
    at.settle();
    reset(at, made.server);
    const int went = at.result(sending);
    at.check(went > 0 && went < static_cast<int>(much().size()), "it says how much went");
    at.check(at.hear(made.client) == "<end>", "the reset was told with it");
}

CONFORMS(a_reset_is_told_to_a_send_of_which_nothing_went) {
    const ends made = at.connected_narrowly();
    flight waiting = at.send(made.client, much(), false);
    at.settle(5'000'000);
    for (int i = 0; i < 100 && at.has_ended(waiting); ++i) {
        waiting = at.send(made.client, much(), false);
        at.settle(5'000'000);
    }
    at.need(!at.has_ended(waiting), "a send waits");
    reset(at, made.server);
    at.equal(at.result(waiting), -ECONNRESET, "the reset");
}

CONFORMS(of_a_receive_and_a_later_send_the_send_is_told_of_a_reset) {
    const ends made = at.connected_narrowly();
    const flight receiving = at.receive(made.client);
    at.flush();
    const flight sending = at.send(made.client, much());
    at.settle();
    reset(at, made.server);
    at.check(at.result(sending) > 0, "the send says how much went");
    at.equal(at.result(receiving), 0, "and the receive sees an end");
}

CONFORMS(of_a_send_and_a_later_receive_the_receive_is_told_of_a_reset) {
    const ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much());
    at.settle();
    const flight receiving = at.receive(made.client);
    at.flush();
    reset(at, made.server);
    at.equal(at.result(receiving), -ECONNRESET, "the receive is told");
    at.check(at.result(sending) > 0, "the send says how much went");
}

CONFORMS(a_reset_after_the_end_is_a_broken_pipe) {
    ends made = at.connected();
    at.say(made.client, "unread");
    at.settle();
    at.equal(at.shutdown(made.server, false, true), 0, "the server ends");
    at.settle();
    at.close_now(made.server);
    at.settle();
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "a send fails");
    at.check(at.hear(made.client) == "<end>", "a receive sees the end");
}

CONFORMS(who_has_shut_down_both_hears_of_the_reset_that_it_answers) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, true, true), 0, "a shutdown");
    at.settle();
    at.say(made.server, "nobody reads this");
    at.settle();
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "a receive is told");
    at.check(at.hear(made.client) == "<end>", "once");
    at.equal(at.result(at.send(made.client, "x")), -EPIPE, "a send fails");
    at.equal(at.peer_result(made.client), -ENOTCONN, "the connection is gone");
}

CONFORMS(a_reset_after_ones_own_end_is_told) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.client);
    at.flush();
    at.equal(at.shutdown(made.client, false, true), 0, "the client ends");
    at.settle();
    reset(at, made.server);
    at.equal(at.result(receiving), -ECONNRESET, "the reset");
}

CONFORMS(a_reset_with_bytes_unread_on_both_sides_leaves_the_peer_its_own) {
    ends made = at.connected();
    at.say(made.server, "to the client");
    at.say(made.client, "to the server");
    at.settle();
    at.close_now(made.server);
    at.settle();
    at.check(at.hear(made.client) == "to the client", "first the bytes");
    at.equal(at.result(at.receive(made.client)), -ECONNRESET, "then the reset");
}

CONFORMS(bytes_unread_when_both_have_ended_are_still_read) {
    ends made = at.connected();
    at.say(made.client, "question");
    at.equal(at.shutdown(made.client, false, true), 0, "one ends");
    at.settle();
    at.equal(at.shutdown(made.server, false, true), 0, "the other ends");
    at.settle();
    at.check(at.hear(made.server) == "question", "the bytes");
    at.check(at.hear(made.server) == "<end>", "then the end");
    at.close_now(made.server);
    at.settle();
    at.check(at.hear(made.client) == "<end>", "in order");
}

CONFORMS(a_send_of_nothing_fails_where_no_send_can_go) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.client, false, true), 0, "a shutdown");
    at.equal(at.result(at.send(made.client, "")), -EPIPE, "after a shutdown");
    at.equal(at.result(at.send(at.open(), "")), -EPIPE, "on a fresh socket");
}

CONFORMS(bytes_to_who_has_closed_are_answered_by_a_reset) {
    ends made = at.connected();
    at.close_now(made.server);
    at.settle();
    at.say(made.client, "nobody reads this");
    at.settle();
    at.equal(at.result(at.send(made.client, "nor this")), -EPIPE, "the next send fails");
    at.check(at.hear(made.client) == "<end>", "a receive sees the end that came before");
    at.equal(at.peer_result(made.client), -ENOTCONN, "the connection is gone");
}

CONFORMS(bytes_on_their_way_to_who_closes_are_answered_by_a_reset) {
    ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, much());
    at.settle();
    at.close_now(made.server);
    const int went = at.result(sending);
    at.check(went > 0 && went < static_cast<int>(much().size()), "a part went");
    at.equal(at.peer_result(made.client), -ENOTCONN, "the connection is gone");
}

CONFORMS(who_closes_after_the_end_of_the_other_is_done) {
    ends made = at.connected();
    at.close_now(made.client);
    at.check(at.hear(made.server) == "<end>", "the end comes");
    at.say(made.server, "late");
    at.settle();
    at.equal(at.result(at.send(made.server, "x")), -EPIPE, "what is sent then is refused");
}

CONFORMS(a_send_after_the_peer_has_ended_one_direction_arrives) {
    const ends made = at.connected();
    at.equal(at.shutdown(made.server, false, true), 0, "a shutdown");
    at.check(at.hear(made.client) == "<end>", "the end comes");
    const flight sending = at.send(made.client, much());
    at.check(at.hear_all(made.server, much().size()) == much(), "all comes");
    at.check(at.result(sending) > 0, "the send ends");
    at.equal(at.shutdown(made.client, false, true), 0, "the other direction ends");
    at.check(at.hear(made.server) == "<end>", "in order");
}

CONFORMS(closing_many_ends_them_all) {
    const sock listener = at.listen();
    std::vector<ends> all;
    for (int i = 0; i < 50; ++i) all.push_back(at.connect_pair(listener));
    std::vector<std::pair<flight, flight>> flights;
    for (ends& each : all) {
        const flight receiving = at.receive(each.client);
        flights.emplace_back(receiving, at.close(each.client));
    }
    for (const auto& [receiving, closing] : flights) {
        at.equal(at.result(closing), 0, "closes");
        at.equal(at.result(receiving), -ECANCELED, "a receive ends");
    }
    for (const ends& each : all) at.check(at.hear(each.server) == "<end>", "a peer sees the end");
}

BOOST_AUTO_TEST_SUITE_END()
