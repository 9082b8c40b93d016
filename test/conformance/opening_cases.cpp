// SPDX-License-Identifier: Apache-2.0
// Conformance: how connections come about, and how they do not.
#include <boost/test/unit_test.hpp>

#include "stage.hpp"

using namespace conformance;

BOOST_AUTO_TEST_SUITE(opening)

CONFORMS(a_connection_is_accepted_and_carries_bytes_both_ways) {
    const ends made = at.connected();
    at.say(made.client, "question");
    at.check(at.hear(made.server) == "question", "the server hears the client");
    at.say(made.server, "answer");
    at.check(at.hear(made.client) == "answer", "the client hears the server");
}

CONFORMS(both_sides_agree_on_the_addresses) {
    const sock listener = at.listen();
    const ends made = at.connect_pair(listener);
    at.check(at.peer(made.client) == at.local(listener), "the client's peer is the listener's address");
    at.check(at.local(made.server) == at.peer(made.client), "the server is whom the client sees");
    at.check(at.peer(made.server) == at.local(made.client), "the client is whom the server sees");
    at.check(at.local(made.client).port != 0, "the client has a port");
}

CONFORMS(an_ip6_loopback_connects) {
    const sock listener = at.listen_at("::1");
    const sock client = at.open(0, address_family::ip6);
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    const sock server = at.accepted(at.accept(listener));
    at.check(at.peer(server) == at.local(client), "both agree");
    at.check(at.local(client) == *parse_ip("::1", at.local(client).port), "the address is the loopback's");
}

CONFORMS(an_ip6_listener_takes_ip4_and_names_it_as_ip6) {
    const sock listener = at.listen_at("::");
    const sock client = at.open(0);
    const std::uint16_t port = at.local(listener).port;
    at.equal(at.result(at.connect(client, *parse_ip("127.0.0.1", port))), 0, "connects");
    const sock server = at.accepted(at.accept(listener));
    at.check(at.peer(server) == *parse_ip("::ffff:127.0.0.1", at.local(client).port), "the client's address is mapped");
    at.check(at.local(server) == *parse_ip("::ffff:127.0.0.1", port), "the server's address is mapped");
}

CONFORMS(an_ip6_listener_that_takes_only_ip6_refuses_ip4) {
    const sock listener = at.listen_at("::", {.local = {}, .only_ip6 = true});
    const sock client = at.open(0);
    at.equal(at.result(at.connect(client, *parse_ip("127.0.0.1", at.local(listener).port))), -ECONNREFUSED, "refused");
}

CONFORMS(an_ip6_socket_connects_to_a_mapped_address) {
    const sock listener = at.listen_at("127.0.0.1");
    const sock client = at.open(0, address_family::ip6);
    const std::uint16_t port = at.local(listener).port;
    at.equal(at.result(at.connect(client, *parse_ip("::ffff:127.0.0.1", port))), 0, "connects");
    at.check(at.peer(client) == *parse_ip("::ffff:127.0.0.1", port), "its peer's address is mapped");
}

CONFORMS(where_nobody_listens_a_connection_is_refused) {
    sock listener = at.listen();
    const address gone = at.local(listener);
    at.close_now(listener);
    const sock client = at.open();
    at.equal(at.result(at.connect(client, gone)), -ECONNREFUSED, "refused");
}

CONFORMS(who_was_refused_may_ask_again) {
    sock listener = at.listen();
    const address place = at.local(listener);
    at.close_now(listener);
    const sock client = at.open();
    at.equal(at.result(at.connect(client, place)), -ECONNREFUSED, "refused");
    listener = at.listen({.local = place});
    at.equal(at.result(at.connect(client, place)), 0, "connects then");
    const sock server = at.accepted(at.accept(listener));
    at.say(server, "x");
    at.check(at.hear(client) == "x", "and the connection works");
}

CONFORMS(who_was_refused_has_an_end_and_cannot_send) {
    sock listener = at.listen();
    const address gone = at.local(listener);
    at.close_now(listener);
    const sock client = at.open();
    at.equal(at.result(at.connect(client, gone)), -ECONNREFUSED, "refused");
    at.equal(at.result(at.receive(client)), 0, "a receive sees an end");
    at.equal(at.result(at.send(client, "x")), -EPIPE, "a send fails");
    at.equal(at.peer_result(client), -ENOTCONN, "there is no peer");
}

CONFORMS(port_zero_cannot_be_reached) {
    const sock client = at.open(0);
    at.equal(at.result(at.connect(client, *parse_ip("127.0.0.1", 0))), -ECONNREFUSED, "refused");
}

CONFORMS(the_address_of_all_means_oneself_when_connecting) {
    const sock listener = at.listen_at("127.0.0.1");
    const sock client = at.open(0);
    at.equal(at.result(at.connect(client, *parse_ip("0.0.0.0", at.local(listener).port))), 0, "connects");
    at.check(at.peer(client) == at.local(listener), "to the loopback address");
}

CONFORMS(a_listener_on_all_addresses_is_reached_by_each) {
    const sock listener = at.listen_at("0.0.0.0");
    const std::uint16_t port = at.local(listener).port;
    address place = at.address_of(0);
    place.port = port;
    at.equal(at.result(at.connect(at.open(), place)), 0, "from the other side");
    at.settle();
    at.equal(at.result(at.connect(at.open(0), *parse_ip("127.0.0.1", port))), 0, "by the loopback address");
    const sock first = at.accepted(at.accept(listener));
    at.check(at.local(first) == place, "the connection has the address that was asked for");
}

CONFORMS(families_do_not_mix) {
    at.equal(at.result(at.connect(at.open(), *parse_ip("::1", 9))), -EAFNOSUPPORT, "an ip4 socket, an ip6 address");
    at.equal(at.result(at.connect(at.open(1, address_family::ip6), *parse_ip("127.0.0.1", 9))), -EINVAL,
             "an ip6 socket, an ip4 address");
}

CONFORMS(who_is_connected_cannot_connect_again) {
    const sock listener = at.listen();
    const ends made = at.connect_pair(listener);
    at.equal(at.result(at.connect(made.client, at.local(listener))), -EISCONN, "the client");
    at.equal(at.result(at.connect(made.server, at.local(listener))), -EISCONN, "the server");
    at.equal(at.result(at.connect(listener, at.local(listener))), -EISCONN, "the listener");
}

CONFORMS(bytes_sent_at_once_with_the_request_arrive) {
    const sock listener = at.listen();
    const sock client = at.open();
    const flight connecting = at.connect(client, at.local(listener));
    const flight sending = at.send(client, "early");
    at.equal(at.result(connecting), 0, "connects");
    at.equal(at.result(sending), 5, "the send takes all");
    at.check(at.hear(at.accepted(at.accept(listener))) == "early", "the bytes arrive");
}

CONFORMS(a_receive_that_comes_with_the_request_waits_for_bytes) {
    const sock listener = at.listen();
    const sock client = at.open();
    const flight connecting = at.connect(client, at.local(listener));
    const flight receiving = at.receive(client);
    at.equal(at.result(connecting), 0, "connects");
    const sock server = at.accepted(at.accept(listener));
    at.check(!at.has_ended(receiving), "the receive waits");
    at.say(server, "late");
    at.check(at.text(receiving) == "late", "the receive has the bytes");
}

CONFORMS(a_connection_counts_before_it_is_accepted) {
    const sock listener = at.listen();
    const sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.say(client, "waiting");
    at.settle();
    at.check(at.hear(at.accepted(at.accept(listener))) == "waiting", "the bytes wait as well");
}

CONFORMS(who_closes_before_being_accepted_is_accepted_all_the_same) {
    const sock listener = at.listen();
    sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.say(client, "bye");
    at.close_now(client);
    at.settle();
    const sock server = at.accepted(at.accept(listener));
    at.check(at.hear(server) == "bye", "the bytes come");
    at.check(at.hear(server) == "<end>", "then the end");
}

CONFORMS(who_resets_before_being_accepted_is_accepted_all_the_same) {
    const sock listener = at.listen();
    sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.io(1).reset_on_close(client.number);
    at.close_now(client);
    at.settle();
    const sock server = at.accepted(at.accept(listener));
    at.equal(at.result(at.receive(server)), -ECONNRESET, "the reset is seen");
}

CONFORMS(bytes_before_a_reset_can_be_read_by_who_accepts_later) {
    const sock listener = at.listen();
    sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.say(client, "last words");
    at.settle();
    at.io(1).reset_on_close(client.number);
    at.close_now(client);
    at.settle();
    const sock server = at.accepted(at.accept(listener));
    at.check(at.hear(server) == "last words", "the bytes");
    at.equal(at.result(at.receive(server)), -ECONNRESET, "then the reset");
    at.equal(at.peer_result(server), -ENOTCONN, "and there is no peer");
}

CONFORMS(connections_are_accepted_in_the_order_in_which_they_came) {
    const sock listener = at.listen();
    const sock first = at.open();
    const sock second = at.open();
    at.equal(at.result(at.connect(first, at.local(listener))), 0, "the first connects");
    at.equal(at.result(at.connect(second, at.local(listener))), 0, "the second connects");
    at.settle();
    at.check(at.peer(at.accepted(at.accept(listener))) == at.local(first), "the first is first");
    at.check(at.peer(at.accepted(at.accept(listener))) == at.local(second), "the second is second");
}

CONFORMS(two_accepts_in_flight_take_two_connections) {
    const sock listener = at.listen();
    const flight first = at.accept(listener);
    const flight second = at.accept(listener);
    at.flush();
    at.equal(at.result(at.connect(at.open(), at.local(listener))), 0, "one connects");
    at.equal(at.result(at.connect(at.open(), at.local(listener))), 0, "another connects");
    at.check(at.accepted(first).number != at.accepted(second).number, "each accept has one");
}

CONFORMS(a_cancelled_accept_loses_no_connection) {
    const sock listener = at.listen();
    const flight accepting = at.accept(listener);
    at.flush();
    at.cancel(accepting);
    at.equal(at.result(accepting), -ECANCELED, "the accept is cancelled");
    const sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.say(client, "here");
    at.check(at.hear(at.accepted(at.accept(listener))) == "here", "the next accept has it");
}

CONFORMS(accept_on_what_does_not_listen_is_refused) {
    const ends made = at.connected();
    at.equal(at.result(at.accept(made.server)), -EINVAL, "a connection");
    at.equal(at.result(at.accept(at.open())), -EINVAL, "a fresh socket");
}

CONFORMS(an_accepted_connection_inherits_the_options_of_its_listener) {
    const sock listener =
        at.listen({.local = {}, .no_delay = true, .receive_buffer_bytes = 20'000, .send_buffer_bytes = 30'000});
    static_cast<void>(at.io(0).set_option(listener.number, socket_option::keep_alive, 1));
    const ends made = at.connect_pair(listener);
    const auto value = [&](socket_option which) {
        std::int32_t read = -1;
        at.equal(at.io(0).get_option(made.server.number, which, read), 0, "can be read");
        return read;
    };
    at.equal(value(socket_option::no_delay), 1, "no_delay");
    at.equal(value(socket_option::keep_alive), 1, "keep_alive");
    at.equal(value(socket_option::receive_buffer_bytes), 40'000, "the receive buffer");
    at.equal(value(socket_option::send_buffer_bytes), 60'000, "the send buffer");
}

CONFORMS(a_hundred_connections_are_told_apart) {
    constexpr int count = 100;
    const sock listener = at.listen();
    std::vector<ends> all;
    for (int i = 0; i < count; ++i) all.push_back(at.connect_pair(listener));
    std::vector<std::string> texts;
    for (int i = 0; i < count; ++i) texts.push_back("number " + std::to_string(i));
    std::vector<flight> flights;
    for (std::size_t i = 0; i < count; ++i) flights.push_back(at.send(all[i].client, texts[i]));
    for (const flight& each : flights) at.check(at.result(each) > 0, "a send goes");
    for (std::size_t i = 0; i < count; ++i) at.check(at.hear(all[i].server) == texts[i], "each has its own bytes");
}

BOOST_AUTO_TEST_SUITE_END()
