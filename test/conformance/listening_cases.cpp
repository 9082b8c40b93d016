// SPDX-License-Identifier: Apache-2.0
// Conformance: ports, backlogs, and listening sockets that end.
#include <boost/test/unit_test.hpp>

#include "stage.hpp"

using namespace conformance;

namespace {

constexpr std::int64_t retry_ns = 1'200'000'000;  ///< after which an unheard request has been sent again

/// Fills the backlog of a listener that was made with 1: two connections wait in it.
std::vector<sock> fill(stage& at, const sock& listener) {
    std::vector<sock> made;
    for (int i = 0; i < 2; ++i) {
        made.push_back(at.open());
        at.need(at.result(at.connect(made.back(), at.local(listener))) == 0, "connects");
    }
    at.settle();
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(listening)

CONFORMS(port_zero_gets_a_port_of_its_own) {
    const sock one = at.listen();
    const sock other = at.listen();
    at.check(at.local(one).port != 0, "there is a port");
    at.check(at.local(one).port != at.local(other).port, "each has its own");
}

CONFORMS(a_port_in_use_is_refused) {
    const sock first = at.listen();
    at.equal(at.listener_or_error({.local = at.local(first)}).number, -EADDRINUSE, "in use");
}

CONFORMS(all_addresses_include_one_that_is_in_use) {
    const sock first = at.listen();
    address all = *parse_ip("0.0.0.0", at.local(first).port);
    at.equal(at.listener_or_error({.local = all}).number, -EADDRINUSE, "in use");
}

CONFORMS(two_addresses_may_have_the_same_port) {
    const sock first = at.listen_at("127.0.0.1");
    const address other = *parse_ip("127.0.0.2", at.local(first).port);
    at.check(at.listener_or_error({.local = other}).number >= 0, "not in use");
}

CONFORMS(ip4_and_ip6_share_a_port_only_if_ip6_stays_to_itself) {
    const sock first = at.listen_at("0.0.0.0");
    const address ip6 = *parse_ip("::", at.local(first).port);
    at.equal(at.listener_or_error({.local = ip6}).number, -EADDRINUSE, "both families");
    at.check(at.listener_or_error({.local = ip6, .only_ip6 = true}).number >= 0, "only one");
}

CONFORMS(a_shared_port_needs_all_to_share_it) {
    const sock alone = at.listen();
    at.equal(at.listener_or_error({.local = at.local(alone), .reuse_port = true}).number, -EADDRINUSE, "the first not");
    const sock shared = at.listen({.local = {}, .reuse_port = true});
    at.equal(at.listener_or_error({.local = at.local(shared)}).number, -EADDRINUSE, "the second not");
    at.check(at.listener_or_error({.local = at.local(shared), .reuse_port = true}).number >= 0, "both");
}

CONFORMS(listeners_of_a_shared_port_get_each_connection_once) {
    const sock one = at.listen({.local = {}, .reuse_port = true});
    const sock other = at.listener_or_error({.local = at.local(one), .reuse_port = true});
    std::vector<flight> accepts;
    for (int i = 0; i < 30; ++i) {
        accepts.push_back(at.accept(one));
        accepts.push_back(at.accept(other));
    }
    at.flush();
    for (int i = 0; i < 30; ++i) at.equal(at.result(at.connect(at.open(), at.local(one))), 0, "connects");
    at.settle();
    int of_one = 0;
    int of_other = 0;
    for (std::size_t i = 0; i < accepts.size(); ++i) {
        if (!at.has_ended(accepts[i])) continue;
        at.check(at.accepted(accepts[i]).number >= 0, "a connection");
        ++(i % 2 == 0 ? of_one : of_other);
    }
    at.equal(of_one + of_other, 30, "all are accepted");
    at.check(of_one > 0 && of_other > 0, "by both");
}

CONFORMS(an_address_of_somebody_else_is_refused) {
    at.equal(at.listener_or_error({.local = *parse_ip("192.0.2.1", 0)}).number, -EADDRNOTAVAIL, "not here");
}

CONFORMS(a_closed_listener_frees_its_port_and_refuses) {
    sock listener = at.listen();
    const address place = at.local(listener);
    const flight accepting = at.accept(listener);
    at.flush();
    const flight closing = at.close(listener);
    at.equal(at.result(closing), 0, "closes");
    at.equal(at.result(accepting), -ECANCELED, "the accept ends");
    at.equal(at.result(at.connect(at.open(), place)), -ECONNREFUSED, "nobody listens");
    at.check(at.listener_or_error({.local = place}).number >= 0, "the port is free");
}

CONFORMS(the_port_of_an_accepted_connection_can_be_listened_on) {
    sock listener = at.listen();
    const address place = at.local(listener);
    const ends made = at.connect_pair(listener);
    at.close_now(listener);
    const sock again = at.listener_or_error({.local = place});
    at.check(again.number >= 0, "listens again");
    at.say(made.client, "still");
    at.check(at.hear(made.server) == "still", "the connection goes on");
}

CONFORMS(a_listener_that_closes_resets_who_was_not_accepted) {
    sock listener = at.listen();
    const sock client = at.open();
    at.equal(at.result(at.connect(client, at.local(listener))), 0, "connects");
    at.settle();
    at.close_now(listener);
    at.equal(at.result(at.receive(client)), -ECONNRESET, "reset");
}

CONFORMS(a_full_backlog_leaves_requests_without_an_answer) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    const flight third = at.connect(at.open(), at.local(listener));
    at.settle();
    at.check(!at.has_ended(third), "the third waits");
}

CONFORMS(a_request_to_a_full_backlog_is_made_again) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    const sock client = at.open();
    const flight third = at.connect(client, at.local(listener));
    at.settle();
    static_cast<void>(at.accepted(at.accept(listener)));
    at.settle(retry_ns);
    at.check(at.has_ended(third), "the third gets in");
    at.equal(at.result(third), 0, "and is connected");
    static_cast<void>(at.accepted(at.accept(listener)));
    at.check(at.peer(at.accepted(at.accept(listener))) == at.local(client), "and is accepted last");
}

CONFORMS(a_request_without_an_answer_can_be_cancelled) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    sock client = at.open();
    const flight third = at.connect(client, at.local(listener));
    at.settle();
    at.cancel(third);
    at.equal(at.result(third), -ECANCELED, "cancelled");
    at.close_now(client);
}

CONFORMS(a_request_without_an_answer_ends_with_its_close) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    sock client = at.open();
    const flight third = at.connect(client, at.local(listener));
    at.settle();
    const flight closing = at.close(client);
    at.equal(at.result(closing), 0, "closes");
    at.equal(at.result(third), -ECANCELED, "the request ends");
    static_cast<void>(at.accepted(at.accept(listener)));
    static_cast<void>(at.accepted(at.accept(listener)));
    const flight accepting = at.accept(listener);
    at.settle(retry_ns);
    at.check(!at.has_ended(accepting), "and nobody is accepted");
}

CONFORMS(a_second_request_meanwhile_is_refused) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    const sock client = at.open();
    const flight third = at.connect(client, at.local(listener));
    at.flush();
    at.equal(at.result(at.connect(client, at.local(listener))), -EALREADY, "one is under way");
    at.check(!at.has_ended(third), "which goes on");
    at.equal(at.peer_result(client), -ENOTCONN, "there is no peer yet");
}

CONFORMS(a_shutdown_ends_a_request_without_an_answer) {
    const sock listener = at.listen({.local = {}, .backlog = 1});
    const std::vector<sock> waiting = fill(at, listener);
    const sock client = at.open();
    const flight third = at.connect(client, at.local(listener));
    at.settle();
    at.equal(at.shutdown(client, false, true), 0, "a shutdown");
    at.equal(at.result(third), -ECONNRESET, "the request ends");
}

CONFORMS(a_shutdown_of_receiving_ends_a_listener) {
    const sock listener = at.listen();
    const address place = at.local(listener);
    const flight accepting = at.accept(listener);
    at.flush();
    at.equal(at.shutdown(listener, false, true), 0, "that of sending does nothing");
    at.check(!at.has_ended(accepting), "the accept waits");
    at.equal(at.shutdown(listener, true, false), 0, "that of receiving");
    at.equal(at.result(accepting), -EINVAL, "ends the accept");
    at.equal(at.result(at.connect(at.open(), place)), -ECONNREFUSED, "nobody listens");
}

CONFORMS(a_listener_carries_no_bytes) {
    const sock listener = at.listen();
    at.equal(at.result(at.receive(listener)), -ENOTCONN, "a receive");
    at.equal(at.result(at.send(listener, "x")), -EPIPE, "a send");
    at.equal(at.peer_result(listener), -ENOTCONN, "it has no peer");
}

BOOST_AUTO_TEST_SUITE_END()
