// SPDX-License-Identifier: Apache-2.0
// Tests of the simulated network beyond what a kernel's loopback can show: latency, links, power, names and events.
#include <boost/test/unit_test.hpp>

#include "net_stage.hpp"
#include "sim/network_tcp.hpp"

using namespace net_test;

namespace {

/// As an event during which something is sent.
std::uint64_t enter(net_stage& at) {
    const std::uint64_t event = at.log.record({.kind = event_kind::dispatch});
    at.log.set_context(event);
    return event;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_time)

BOOST_AUTO_TEST_CASE(bytes_take_the_latency_of_the_network) {
    two_hosts at;
    at.net.set_options({.latency = 3ms});
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.run_for(3 * ms - 1);
    BOOST_TEST(!at.server.has_ended(receiving));
    at.run_for(1);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(a_connection_takes_the_latency_twice) {
    two_hosts at;
    at.net.set_options({.latency = 3ms});
    static_cast<void>(at.server.io->listen({.local = ip("10.0.0.1", 80)}));
    const int number = at.client.io->open_stream(address_family::ip4);
    const auto connecting = at.client.connect(number, ip("10.0.0.1", 80));
    at.run_for(6 * ms - 1);
    BOOST_TEST(!at.client.has_ended(connecting));
    at.run_for(1);
    BOOST_TEST(at.client.result(connecting) == 0);
}

BOOST_AUTO_TEST_CASE(a_host_reaches_itself_faster) {
    two_hosts at;
    at.net.set_options({.latency = 3ms, .loopback_latency = 1us});
    static_cast<void>(at.server.io->listen({.local = ip("0.0.0.0", 80)}));
    for (const char* own : {"127.0.0.1", "10.0.0.1", "127.9.9.9"}) {
        const auto connecting = at.server.connect(at.server.io->open_stream(address_family::ip4), ip(own, 80));
        at.run_for(2000);
        BOOST_TEST(at.server.result(connecting) == 0);
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_scheduled_while_nothing_is_on_its_way) {
    two_hosts at;
    at.connect();
    at.server.receive(at.here);
    BOOST_TEST(at.time.size() == 0u);
    at.client.send(at.there, "x");
    at.run_out();
    BOOST_TEST(at.time.now_ns() < 100 * ms);
}

BOOST_AUTO_TEST_CASE(it_is_at_rest_when_all_has_arrived) {
    two_hosts at;
    at.connect();
    BOOST_TEST(at.net.at_rest());
    at.client.send(at.there, "x");
    BOOST_TEST(!at.net.at_rest());
    at.run_for(ms);
    BOOST_TEST(at.net.at_rest());
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_knows_any_more_is_forgotten) {
    two_hosts at;
    at.connect();
    BOOST_TEST(at.net.connection_count() == 1u);
    at.client.io->close_now(at.there);
    at.run_for(ms);
    at.server.io->close_now(at.here);
    at.run_out();
    BOOST_TEST(at.net.connection_count() == 0u);
    BOOST_TEST(at.net.at_rest());
}

BOOST_AUTO_TEST_CASE(a_reactor_that_ends_closes_what_is_open) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.server.io.reset();
    at.run_for(ms);
    BOOST_TEST(at.client.result(receiving) == 0);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_small) { BOOST_TEST(sizeof(tcp_connection) <= 1024u); }

BOOST_AUTO_TEST_CASE(descriptors_are_the_lowest_that_are_free) {
    two_hosts at;
    BOOST_TEST(at.client.io->open_stream(address_family::ip4) == 3);
    BOOST_TEST(at.client.io->open_stream(address_family::ip4) == 4);
    at.client.io->close_now(3);
    BOOST_TEST(at.client.io->open_stream(address_family::ip4) == 3);
    BOOST_TEST(at.server.io->open_stream(address_family::ip4) == 3);
}

BOOST_AUTO_TEST_CASE(a_wait_ends_what_was_cancelled_without_time_going_by) {
    two_hosts at;
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.server.cancel(receiving);
    const std::int64_t before_ns = at.time.now_ns();
    at.server.io->wait(tina::detail::wait_forever);
    BOOST_TEST(at.server.result(receiving) == -ECANCELED);
    BOOST_TEST(at.time.now_ns() == before_ns);
}

BOOST_AUTO_TEST_CASE(the_machine_is_told_when_something_has_come) {
    two_hosts at;
    at.connect();
    at.server.receive(at.here);
    const int before = at.server.due_count;
    at.client.send(at.there, "x");
    at.run_for(ms);
    BOOST_TEST(at.server.due_count == before + 1);
    BOOST_TEST(at.server.io->has_events());
}

BOOST_AUTO_TEST_CASE(the_machine_is_told_of_a_wake) {
    two_hosts at;
    at.server.io->wake();
    BOOST_TEST(at.server.woken_count == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(network_links)

BOOST_AUTO_TEST_CASE(a_cut_holds_bytes_until_it_is_joined) {
    two_hosts at;
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.net.cut(at.two, at.one);
    at.client.send(at.there, "held ");
    at.client.send(at.there, "up");
    at.run_for(10 * second);
    BOOST_TEST(!at.server.has_ended(receiving));
    BOOST_TEST(!at.net.at_rest());
    at.net.join(at.two, at.one);
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "held up");
    BOOST_TEST(at.net.at_rest());
}

BOOST_AUTO_TEST_CASE(a_cut_holds_what_was_on_its_way) {
    two_hosts at;
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.net.cut(at.two, at.one);
    at.run_for(second);
    BOOST_TEST(!at.server.has_ended(receiving));
    at.net.heal();
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(a_cut_is_of_one_direction) {
    two_hosts at;
    at.connect();
    at.net.cut(at.two, at.one);
    const auto receiving = at.client.receive(at.there);
    at.server.send(at.here, "x");
    at.run_for(ms);
    BOOST_TEST(at.client.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(a_cut_from_the_others_side_stops_a_sender_at_its_window) {
    two_hosts at;
    at.net.set_options({.window_bytes = 1000});
    at.connect();
    at.net.cut(at.one, at.two);
    const std::string text(5000, 'x');
    const auto sending = at.client.send(at.there, text);
    at.run_for(second);
    const auto receiving = at.server.receive(at.here, 4000);
    BOOST_TEST(at.server.result(receiving) == 1000);
    at.run_for(second);
    BOOST_TEST(!at.client.has_ended(sending));
    BOOST_TEST(!at.server.has_ended(at.server.receive(at.here)));
}

BOOST_AUTO_TEST_CASE(a_request_across_a_cut_times_out) {
    two_hosts at;
    at.net.cut(at.two, at.one);
    at.connect();
    BOOST_TEST(at.connected == node::in_flight);
    at.run_for(126 * second);
    BOOST_TEST(at.client.ended.empty());
    at.run_for(second);
    at.client.gather();
    BOOST_REQUIRE(at.client.ended.size() == 1u);
    BOOST_TEST(at.client.ended.begin()->second.result == -ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(bytes_without_an_answer_are_given_up_after_a_quarter_of_an_hour) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.net.cut(at.two, at.one);
    at.client.send(at.there, "x");
    at.run_for(920 * second);
    BOOST_TEST(!at.client.has_ended(receiving));
    at.run_for(10 * second);
    BOOST_TEST(at.client.result(receiving) == -ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(bytes_without_an_answer_are_given_up_when_the_user_wants_it) {
    two_hosts at;
    at.connect();
    static_cast<void>(at.client.io->set_option(at.there, tina::socket_option::user_timeout_ms, 500));
    const auto receiving = at.client.receive(at.there);
    at.net.cut(at.two, at.one);
    at.client.send(at.there, "x");
    at.run_for(600 * ms);
    BOOST_TEST(at.client.result(receiving) == -ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(an_address_without_a_host_is_unreachable) {
    two_hosts at;
    const int number = at.client.io->open_stream(address_family::ip4);
    const auto connecting = at.client.connect(number, ip("10.0.0.77", 80));
    BOOST_TEST(!at.client.has_ended(connecting));
    at.run_for(4 * second);
    BOOST_TEST(at.client.result(connecting) == -EHOSTUNREACH);
}

BOOST_AUTO_TEST_CASE(a_family_without_an_address_is_unreachable_at_once) {
    two_hosts at;
    const int number = at.client.io->open_stream(address_family::ip6);
    BOOST_TEST(at.client.result(at.client.connect(number, ip("fd00::1", 80))) == -ENETUNREACH);
}

BOOST_AUTO_TEST_CASE(a_host_is_reached_at_each_of_its_addresses) {
    two_hosts at;
    host& many = at.net.add_host("many", 2, {ip("10.0.1.1"), ip("10.0.1.2"), ip("fd00::1")});
    at.net.add_host("other", 3, {ip("fd00::2")});
    node shard(at.net, many, at.time);
    static_cast<void>(shard.io->listen({.local = ip("::", 80)}));
    for (const char* each : {"10.0.1.1", "10.0.1.2"}) {
        const auto connecting = at.client.connect(at.client.io->open_stream(address_family::ip4), ip(each, 80));
        at.run_for(ms);
        BOOST_TEST(at.client.result(connecting) == 0);
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(network_power)

BOOST_AUTO_TEST_CASE(a_host_without_power_says_nothing) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.net.power_off(at.one);
    const auto sending = at.client.send(at.there, "anybody?");
    at.run_for(60 * second);
    BOOST_TEST(!at.client.has_ended(receiving));
    BOOST_TEST(at.client.result(sending) == 8);
    BOOST_TEST(at.net.at_rest());
}

BOOST_AUTO_TEST_CASE(what_was_sent_before_the_power_went_arrives) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.server.send(at.here, "last words");
    at.net.power_off(at.one);
    at.run_for(ms);
    BOOST_TEST(at.client.text(receiving) == "last words");
    BOOST_TEST(!at.client.has_ended(at.client.receive(at.there)));
}

BOOST_AUTO_TEST_CASE(a_host_that_is_up_again_resets_what_it_does_not_know) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.net.power_off(at.one);
    at.server.io.reset();
    at.net.power_on(at.one);
    at.server.boot();
    at.run_for(second);
    BOOST_TEST(!at.client.has_ended(receiving));
    at.client.send(at.there, "still there?");
    at.run_for(ms);
    BOOST_TEST(at.client.result(receiving) == -ECONNRESET);
}

BOOST_AUTO_TEST_CASE(bytes_that_had_no_answer_are_reset_when_they_are_sent_again) {
    two_hosts at;
    at.connect();
    const auto receiving = at.client.receive(at.there);
    at.net.power_off(at.one);
    at.client.send(at.there, "anybody?");
    at.run_for(second);
    at.net.power_on(at.one);
    at.run_for(100 * ms);
    BOOST_TEST(!at.client.has_ended(receiving));
    at.run_for(second);
    BOOST_TEST(at.client.result(receiving) == -ECONNRESET);
}

BOOST_AUTO_TEST_CASE(who_waits_for_room_hears_of_it_from_a_host_that_is_up_again) {
    two_hosts at;
    at.net.set_options({.window_bytes = 1000});
    at.connect();
    const std::string text(5000, 'x');
    const auto sending = at.client.send(at.there, text);
    at.run_for(second);
    at.net.power_off(at.one);
    at.run_for(second);
    BOOST_TEST(!at.client.has_ended(sending));
    at.net.power_on(at.one);
    at.run_for(2 * second);
    BOOST_TEST(at.client.result(sending) > 0);
    BOOST_TEST(at.client.result(at.client.send(at.there, "x")) == -EPIPE);
}

BOOST_AUTO_TEST_CASE(a_request_to_a_host_without_power_times_out) {
    two_hosts at;
    at.net.power_off(at.one);
    const auto connecting = at.client.connect(at.client.io->open_stream(address_family::ip4), ip("10.0.0.1", 80));
    at.run_for(126 * second);
    BOOST_TEST(!at.client.has_ended(connecting));
    BOOST_TEST(at.net.at_rest());
    at.run_for(2 * second);
    BOOST_TEST(at.client.result(connecting) == -ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(a_request_that_is_made_again_finds_a_host_that_is_up_again) {
    two_hosts at;
    at.net.power_off(at.one);
    const auto connecting = at.client.connect(at.client.io->open_stream(address_family::ip4), ip("10.0.0.1", 80));
    at.run_for(200 * ms);
    at.net.power_on(at.one);
    at.server.boot();
    static_cast<void>(at.server.io->listen({.local = ip("0.0.0.0", 80)}));
    at.run_for(second);
    BOOST_TEST(at.client.result(connecting) == 0);
}

BOOST_AUTO_TEST_CASE(a_reactor_of_a_host_without_power_takes_and_gives_nothing) {
    two_hosts at;
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.run_for(ms);
    at.net.power_off(at.one);
    BOOST_TEST(!at.server.io->has_events());
    BOOST_TEST(!at.server.has_ended(receiving));
    BOOST_TEST(at.server.io->open_stream(address_family::ip4) == -EBADF);
    at.net.power_on(at.one);
    BOOST_TEST(at.server.io->open_stream(address_family::ip4) == -EBADF);
}

BOOST_AUTO_TEST_CASE(power_frees_all_that_the_host_had) {
    two_hosts at;
    at.connect();
    at.client.send(at.there, "on its way");
    at.net.power_off(at.one);
    at.net.power_off(at.two);
    at.run_out();
    BOOST_TEST(at.net.connection_count() == 0u);
    at.net.power_on(at.one);
    at.server.boot();
    BOOST_TEST(at.server.io->listen({.local = ip("0.0.0.0", 80)}) >= 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(network_names)

BOOST_AUTO_TEST_CASE(a_connection_is_named_by_its_host_and_shard_and_ordinal) {
    two_hosts at;
    std::vector<std::string> names;
    at.net.set_name_listener([&](std::uint64_t, std::string_view name) { names.emplace_back(name); });
    at.connect();
    BOOST_TEST(names == (std::vector<std::string>{"two/0/connection 0", "two/0/connection 0 back"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_connection_is_named_by_who_opens_it) {
    two_hosts at;
    std::vector<std::string> names;
    at.net.set_name_listener([&](std::uint64_t, std::string_view name) { names.emplace_back(name); });
    static_cast<void>(at.client.io->open_stream(address_family::ip4));
    at.client.owner_name = "two/0/teller/3";
    at.connect();
    BOOST_TEST(names.front() == "two/0/teller/3/connection 0");
}

BOOST_AUTO_TEST_CASE(an_arrival_follows_from_the_event_that_sent) {
    two_hosts at;
    at.connect();
    const std::uint64_t sending = enter(at);
    at.client.send(at.there, "x");
    at.log.set_context(0);
    at.run_for(ms);
    BOOST_TEST(at.last(event_kind::net_data).cause == sending);
    BOOST_TEST(at.last(event_kind::net_data).detail == 1u);
    BOOST_TEST(at.last(event_kind::net_data).who == hash_of("two/0/connection 0 back"));
    BOOST_TEST(at.last(event_kind::net_data).machine == 0u);
}

BOOST_AUTO_TEST_CASE(a_completion_follows_from_what_arrived) {
    two_hosts at;
    at.connect();
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.run_for(ms);
    BOOST_TEST(at.server.result(receiving) == 1);
    BOOST_TEST(at.server.causes.back() == at.last(event_kind::net_data).number);
}

BOOST_AUTO_TEST_CASE(a_send_follows_from_the_event_that_began_it) {
    two_hosts at;
    at.connect();
    const std::uint64_t beginning = enter(at);
    const auto sending = at.client.send(at.there, "x");
    BOOST_TEST(at.client.result(sending) == 1);
    BOOST_TEST(at.client.causes.back() == beginning);
}

BOOST_AUTO_TEST_CASE(a_connection_is_told_from_request_to_reset) {
    two_hosts at;
    const std::uint64_t asking = enter(at);
    at.connect();
    at.log.set_context(0);
    BOOST_TEST(at.last(event_kind::net_connect).cause == asking);
    BOOST_TEST(at.last(event_kind::net_connect).detail == 80u);
    BOOST_TEST(at.last(event_kind::net_accept).cause == at.last(event_kind::net_connect).number);
    at.client.io->reset_on_close(at.there);
    at.client.io->close_now(at.there);
    at.run_for(ms);
    BOOST_TEST(at.count(event_kind::net_reset) == 1u);
}

BOOST_AUTO_TEST_CASE(the_same_bytes_have_the_same_hash) {
    two_hosts at;
    at.connect();
    std::vector<std::uint64_t> hashes;
    for (const char* text : {"first text", "first text", "other text"}) {
        at.client.send(at.there, text);
        at.run_for(ms);
        hashes.push_back(at.last(event_kind::net_data).payload);
    }
    BOOST_TEST(hashes[0] == hashes[1]);
    BOOST_TEST(hashes[0] != hashes[2]);
}

BOOST_AUTO_TEST_SUITE_END()
