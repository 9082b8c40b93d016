// SPDX-License-Identifier: Apache-2.0
// Conformance: bytes, and operations that wait for them or for room.
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "stage.hpp"

using namespace conformance;

namespace {

/// More than all buffers between two sockets take, and static, since an operation of a case that fails may outlive it.
const std::string& much() {
    static const std::string made = pattern(std::size_t{32} << 20);
    return made;
}

const std::string& some() {
    static const std::string made = pattern(std::size_t{1} << 20);
    return made;
}

/// Sends without waiting for room until there is none: how many bytes went, and the send that waits.
std::pair<std::size_t, flight> fill(stage& at, const sock& to) {
    std::size_t went = 0;
    while (true) {
        const flight next = at.send(to, some(), false);
        at.settle(5'000'000);
        if (!at.has_ended(next)) return {went, next};
        at.need(at.result(next) > 0 && went < much().size(), "a send takes some");
        went += static_cast<std::size_t>(at.result(next));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(data)

CONFORMS(a_receive_takes_what_is_there) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.server, 1000);
    at.say(made.client, "few");
    at.check(at.text(receiving) == "few", "and does not wait for more");
}

CONFORMS(a_receive_takes_no_more_than_it_asked_for) {
    const ends made = at.connected();
    at.say(made.client, "abcdefgh");
    at.settle();
    at.check(at.hear(made.server, 3) == "abc", "the first three");
    at.check(at.hear(made.server, 3) == "def", "the next three");
    at.check(at.hear(made.server, 3) == "gh", "the rest");
}

CONFORMS(a_receive_takes_one_buffer_at_most) {
    const ends made = at.connected();
    const std::string text = pattern(buffer_bytes + 100);
    at.say(made.client, text);
    at.settle();
    const std::string first = at.hear(made.server, 10 * buffer_bytes);
    at.equal(static_cast<std::int64_t>(first.size()), buffer_bytes, "a whole buffer");
    at.check(first + at.hear(made.server) == text, "and the rest later");
}

CONFORMS(a_receive_of_zero_bytes_means_a_whole_buffer) {
    const ends made = at.connected();
    at.say(made.client, "abc");
    at.settle();
    at.check(at.hear(made.server, 0) == "abc", "all that is there");
}

CONFORMS(bytes_of_two_sends_come_with_one_receive) {
    const ends made = at.connected();
    at.say(made.client, "one ");
    at.say(made.client, "two");
    at.settle();
    at.check(at.hear(made.server) == "one two", "a stream has no messages");
}

CONFORMS(bytes_stay_in_order) {
    const ends made = at.connected();
    const std::string& all = some();
    const flight sending = at.send(made.client, all);
    at.check(at.hear_all(made.server, all.size()) == all, "a mebibyte comes as it was sent");
    at.equal(at.result(sending), static_cast<std::int64_t>(all.size()), "the send took all");
}

CONFORMS(bytes_stay_in_order_in_both_directions_at_once) {
    const ends made = at.connected();
    const std::string& all = some();
    const flight there = at.send(made.client, all);
    const flight back = at.send(made.server, all);
    std::string heard_there;
    std::string heard_back;
    while (heard_there.size() + heard_back.size() < 2 * all.size()) {
        const std::size_t before = heard_there.size() + heard_back.size();
        if (heard_there.size() < all.size()) heard_there += at.hear(made.server);
        if (heard_back.size() < all.size()) heard_back += at.hear(made.client);
        at.need(heard_there.size() + heard_back.size() > before, "bytes come");
    }
    at.check(heard_there == all && heard_back == all, "as they were sent");
    at.check(at.result(there) > 0 && at.result(back) > 0, "both sends end");
}

CONFORMS(many_small_sends_stay_in_order) {
    const ends made = at.connected();
    std::vector<std::string> texts;
    for (int i = 0; i < 500; ++i) texts.push_back(std::to_string(i) + ",");
    std::string all;
    std::vector<flight> flights;
    for (const std::string& each : texts) {
        all += each;
        flights.push_back(at.send(made.client, each));
    }
    at.check(at.hear_all(made.server, all.size()) == all, "all comes as it was sent");
    for (const flight& each : flights) at.check(at.result(each) > 0, "each send ends");
}

CONFORMS(a_send_of_nothing_is_done_at_once) {
    const ends made = at.connected();
    at.equal(at.result(at.send(made.client, "")), 0, "nothing went");
    const flight receiving = at.receive(made.server);
    at.settle();
    at.check(!at.has_ended(receiving), "and nothing came");
}

CONFORMS(a_dry_ring_is_told_and_loses_nothing) {
    const ends made = at.connected();
    std::vector<completion> held;
    for (std::uint32_t i = 0; i < buffer_count; ++i) {
        at.say(made.client, "x");
        held.push_back(at.await(at.receive(made.server)));
        at.check(held.back().buffer != no_buffer, "a buffer");
    }
    at.equal(at.result(at.receive(made.server)), -ENOBUFS, "none is left, though nothing has come");
    at.say(made.client, "kept");
    at.settle();
    at.equal(at.result(at.receive(made.server)), -ENOBUFS, "nor when something has");
    at.give_back(0, held.front().buffer);
    at.check(at.hear(made.server) == "kept", "the bytes have stayed");
}

CONFORMS(a_ring_that_runs_dry_ends_receives_when_bytes_come) {
    const ends made = at.connected();
    const flight waiting = at.receive(made.client);
    at.flush();
    for (std::uint32_t i = 0; i < buffer_count; ++i) {
        const ends other = at.connected();
        at.say(other.server, "x");
        at.check(at.result(at.receive(other.client)) == 1, "takes a buffer");
    }
    at.settle();
    at.check(!at.has_ended(waiting), "who waits goes on waiting");
    at.say(made.server, "kept");
    at.equal(at.result(waiting), -ENOBUFS, "until bytes come");
}

CONFORMS(buffers_come_back_in_any_order) {
    const ends made = at.connected();
    for (int round = 0; round < 5; ++round) {
        std::vector<completion> held;
        for (std::uint32_t i = 0; i < buffer_count; ++i) {
            at.say(made.client, "x");
            held.push_back(at.await(at.receive(made.server)));
        }
        std::vector<std::uint16_t> seen;
        for (const completion& each : held) seen.push_back(each.buffer);
        std::sort(seen.begin(), seen.end());
        for (std::uint16_t i = 0; i < buffer_count; ++i) at.equal(seen[i], i, "each buffer is handed out once");
        while (!held.empty()) {
            at.give_back(0, held.back().buffer);
            held.pop_back();
        }
    }
}

CONFORMS(a_send_waits_for_a_reader_and_then_takes_all) {
    const ends made = at.connected_narrowly();
    const std::string& all = some();
    const flight sending = at.send(made.client, all);
    at.settle();
    at.check(!at.has_ended(sending), "nobody reads, and it waits");
    at.check(at.hear_all(made.server, all.size()) == all, "all comes when it is read");
    at.equal(at.result(sending), static_cast<std::int64_t>(all.size()), "and the send has taken all");
}

CONFORMS(the_server_waits_for_its_reader_too) {
    const ends made = at.connected_narrowly();
    const std::string& all = some();
    const flight sending = at.send(made.server, all);
    at.settle();
    at.check(!at.has_ended(sending), "nobody reads, and it waits");
    at.check(at.hear_all(made.client, all.size()) == all, "all comes when it is read");
    at.equal(at.result(sending), static_cast<std::int64_t>(all.size()), "and the send has taken all");
}

CONFORMS(buffers_of_their_usual_size_are_full_some_time) {
    const ends made = at.connected();
    const flight sending = at.send(made.client, much());
    at.settle();
    at.check(!at.has_ended(sending), "nobody reads, and it waits");
    at.cancel(sending);
    const int went = at.result(sending);
    at.check(went > 0 && went < static_cast<int>(much().size()), "some went");
}

CONFORMS(a_send_that_need_not_be_whole_takes_what_has_room) {
    const ends made = at.connected_narrowly();
    const int went = at.result(at.send(made.client, some(), false));
    at.need(went > 0 && went < static_cast<int>(some().size()), "a part goes");
    const auto count = static_cast<std::size_t>(went);
    at.check(at.hear_all(made.server, count) == some().substr(0, count), "and comes");
}

CONFORMS(a_send_without_any_room_waits) {
    const ends made = at.connected_narrowly();
    const auto [went, waiting] = fill(at, made.client);
    at.cancel(waiting);
    at.equal(at.result(waiting), -ECANCELED, "when cancelled, nothing of it went");
    at.equal(static_cast<std::int64_t>(at.hear_all(made.server, went).size()), static_cast<std::int64_t>(went),
             "all that went comes");
    const flight receiving = at.receive(made.server);
    at.settle();
    at.check(!at.has_ended(receiving), "and no more");
}

CONFORMS(a_send_goes_on_when_there_is_room) {
    const ends made = at.connected_narrowly();
    const auto [went, waiting] = fill(at, made.client);
    at.check(at.hear_all(made.server, went).size() == went, "what went is read");
    at.check(at.result(waiting) > 0, "and the next takes some");
}

CONFORMS(a_cancelled_send_says_how_much_went) {
    const ends made = at.connected_narrowly();
    const flight sending = at.send(made.client, some());
    at.settle();
    at.cancel(sending);
    const int went = at.result(sending);
    at.need(went > 0, "some went");
    sock client = made.client;
    at.close_now(client);
    const auto [heard, last] = at.hear_to_end(made.server);
    at.equal(last, 0, "the stream ends");
    at.equal(static_cast<std::int64_t>(heard.size()), went, "after as many bytes");
    at.check(heard == some().substr(0, heard.size()), "which are the first");
}

CONFORMS(a_cancelled_receive_loses_no_bytes) {
    const ends made = at.connected();
    const flight receiving = at.receive(made.server);
    at.flush();
    at.cancel(receiving);
    at.equal(at.result(receiving), -ECANCELED, "cancelled");
    at.say(made.client, "kept");
    at.check(at.hear(made.server) == "kept", "the next receive has them");
}

CONFORMS(bytes_that_are_there_win_over_a_cancel_that_comes_after) {
    const ends made = at.connected();
    at.say(made.client, "there");
    at.settle();
    const flight receiving = at.receive(made.server);
    at.cancel(receiving);
    at.check(at.text(receiving) == "there", "the receive has them");
}

CONFORMS(a_cancel_of_what_has_ended_does_nothing) {
    const ends made = at.connected();
    const flight sending = at.send(made.client, "x");
    at.equal(at.result(sending), 1, "sent");
    at.cancel(sending);
    at.settle();
    at.check(at.hear(made.server) == "x", "and received");
}

CONFORMS(a_cancel_ends_one_operation_only) {
    const ends made = at.connected();
    const ends other = at.connected();
    const flight one = at.receive(made.server);
    const flight two = at.receive(other.server);
    at.flush();
    at.cancel(one);
    at.equal(at.result(one), -ECANCELED, "this one");
    at.say(other.client, "on");
    at.check(at.text(two) == "on", "not that one");
}

CONFORMS(descriptors_that_are_not_open_are_refused) {
    const sock none{0, -1};
    at.equal(at.result(at.receive(none)), -EBADF, "receive");
    at.equal(at.result(at.send(none, "x")), -EBADF, "send");
    at.equal(at.result(at.accept(none)), -EBADF, "accept");
    at.equal(at.result(at.connect(none, *parse_ip("127.0.0.1", 9))), -EBADF, "connect");
    at.equal(at.shutdown(none, true, true), -EBADF, "shutdown");
    at.equal(at.peer_result(none), -EBADF, "peer_address");
    address out;
    at.equal(at.io(0).local_address(none.number, out), -EBADF, "local_address");
    std::int32_t value = 0;
    at.equal(at.io(0).set_option(none.number, socket_option::no_delay, 1), -EBADF, "set_option");
    at.equal(at.io(0).get_option(none.number, socket_option::no_delay, value), -EBADF, "get_option");
    sock closed = none;
    at.equal(at.result(at.close(closed)), -EBADF, "close");
}

CONFORMS(a_fresh_socket_carries_no_bytes) {
    const sock fresh = at.open();
    at.equal(at.result(at.receive(fresh)), -ENOTCONN, "a receive");
    at.equal(at.result(at.send(fresh, "x")), -EPIPE, "a send");
    at.equal(at.shutdown(fresh, false, true), -ENOTCONN, "a shutdown");
    at.equal(at.peer_result(fresh), -ENOTCONN, "it has no peer");
    at.check(at.local(fresh) == address{}, "and no address");
}

CONFORMS(options_keep_their_values) {
    const std::pair<socket_option, std::int32_t> values[] = {
        {socket_option::no_delay, 1},           {socket_option::keep_alive, 1},
        {socket_option::keep_alive_idle_s, 77}, {socket_option::keep_alive_interval_s, 7},
        {socket_option::keep_alive_probes, 3},  {socket_option::user_timeout_ms, 4321},
        {socket_option::type_of_service, 0x10},
    };
    for (const auto family : {address_family::ip4, address_family::ip6}) {
        const sock fresh = at.open(0, family);
        for (const auto& [option, value] : values) {
            std::int32_t read = -1;
            at.equal(at.io(0).set_option(fresh.number, option, value), 0, "set");
            at.equal(at.io(0).get_option(fresh.number, option, read), 0, "read");
            at.equal(read, value, "the value");
        }
    }
}

CONFORMS(options_begin_as_they_are_elsewhere) {
    const sock fresh = at.open();
    const std::pair<socket_option, std::int32_t> values[] = {
        {socket_option::no_delay, 0},
        {socket_option::keep_alive, 0},
        {socket_option::keep_alive_idle_s, 7200},
        {socket_option::keep_alive_interval_s, 75},
        {socket_option::keep_alive_probes, 9},
        {socket_option::user_timeout_ms, 0},
        {socket_option::type_of_service, 0},
    };
    for (const auto& [option, value] : values) {
        std::int32_t read = -1;
        at.equal(at.io(1).get_option(fresh.number, option, read), 0, "read");
        at.equal(read, value, "the value");
    }
}

CONFORMS(options_out_of_range_are_refused_or_fitted) {
    const sock fresh = at.open(0);
    const auto set = [&](socket_option option, std::int32_t value) {
        return at.io(0).set_option(fresh.number, option, value);
    };
    const auto get = [&](socket_option option) {
        std::int32_t read = -1;
        at.equal(at.io(0).get_option(fresh.number, option, read), 0, "read");
        return read;
    };
    at.equal(set(socket_option::keep_alive_idle_s, 0), -EINVAL, "no second");
    at.equal(set(socket_option::keep_alive_idle_s, 40'000), -EINVAL, "too many seconds");
    at.equal(set(socket_option::keep_alive_interval_s, 0), -EINVAL, "no interval");
    at.equal(set(socket_option::keep_alive_probes, 128), -EINVAL, "too many probes");
    at.equal(set(socket_option::user_timeout_ms, -1), -EINVAL, "less than no time");
    at.equal(set(socket_option::no_delay, 7), 0, "more than on");
    at.equal(get(socket_option::no_delay), 1, "is on");
    at.equal(set(socket_option::receive_buffer_bytes, 10'000), 0, "a receive buffer");
    at.equal(get(socket_option::receive_buffer_bytes), 20'000, "is doubled");
    at.equal(set(socket_option::receive_buffer_bytes, 1), 0, "a tiny receive buffer");
    at.equal(get(socket_option::receive_buffer_bytes), 2304, "is as small as it may be");
    at.equal(set(socket_option::send_buffer_bytes, 1), 0, "a tiny send buffer");
    at.equal(get(socket_option::send_buffer_bytes), 4608, "is as small as it may be");
    at.equal(set(socket_option::type_of_service, 0x13), 0, "a type of service");
    at.equal(get(socket_option::type_of_service), 0x10, "without the bits of the network");
}

BOOST_AUTO_TEST_SUITE_END()
