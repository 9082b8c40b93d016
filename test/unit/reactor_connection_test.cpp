// SPDX-License-Identifier: Apache-2.0
// Tests of the reactors' connections over loopback: how they come about, what they are set to, and how they
// end. They must never leave a descriptor open.
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "reactor_bench.hpp"

namespace {

using namespace reactor_test;

}  // namespace

BOOST_AUTO_TEST_SUITE(connections)

ON_BOTH_REACTORS(ip4_connects_and_both_sides_agree_on_the_addresses) {
    bench at;
    const pair ends = tcp_pair(at);
    address here;
    address there;
    BOOST_TEST(at.io->local_address(ends.left.get(), here) == 0);
    BOOST_TEST(at.io->peer_address(ends.right.get(), there) == 0);
    BOOST_TEST((here == there));
    BOOST_TEST((here.family == address_family::ip4));
    BOOST_TEST(here.port != 0);
    BOOST_TEST(::fcntl(ends.right.get(), F_GETFD) == FD_CLOEXEC);
}

ON_BOTH_REACTORS(ip6_connects_and_both_sides_agree_on_the_addresses) {
    bench at;
    const pair ends = tcp_pair(at, "::1");
    address here;
    address there;
    BOOST_TEST(at.io->local_address(ends.left.get(), here) == 0);
    BOOST_TEST(at.io->peer_address(ends.right.get(), there) == 0);
    BOOST_TEST((here == there));
    BOOST_TEST((here == parse_ip("::1", here.port)));
}

ON_BOTH_REACTORS(an_ip6_listener_takes_ip4_unless_told_otherwise) {
    bench at;
    for (const bool only_ip6 : {false, true}) {
        const listener server(*at.io, "::", {.local = {}, .only_ip6 = only_ip6});
        const descriptor client(at.io->open_stream(address_family::ip4));
        const auto connected = at.await(at.connect(client.get(), *parse_ip("127.0.0.1", server.local.port)));
        BOOST_TEST(connected.result == (only_ip6 ? -ECONNREFUSED : 0));
    }
}

ON_BOTH_REACTORS(connecting_where_nobody_listens_is_refused) {
    bench at;
    address free_port;
    {
        const listener gone(*at.io, "127.0.0.1");
        free_port = gone.local;
    }
    const descriptor client(at.io->open_stream(address_family::ip4));
    BOOST_TEST(at.await(at.connect(client.get(), free_port)).result == -ECONNREFUSED);
}

ON_BOTH_REACTORS(an_accepted_connection_inherits_what_the_listener_was_given) {
    bench at;
    const listener server(*at.io, "127.0.0.1",
                          {.local = {}, .receive_buffer_bytes = 20'000, .send_buffer_bytes = 30'000});
    const descriptor client(at.io->open_stream(address_family::ip4));
    const auto accepting = at.accept(server.socket.get());
    BOOST_REQUIRE_EQUAL(at.await(at.connect(client.get(), server.local)).result, 0);
    const descriptor accepted(at.await(accepting).result);
    std::int32_t value = 0;
    BOOST_TEST(at.io->get_option(accepted.get(), socket_option::no_delay, value) == 0);
    BOOST_TEST(value == 1);
    BOOST_TEST(at.io->get_option(accepted.get(), socket_option::receive_buffer_bytes, value) == 0);
    BOOST_TEST(value == 40'000);
    BOOST_TEST(at.io->get_option(accepted.get(), socket_option::send_buffer_bytes, value) == 0);
    BOOST_TEST(value == 60'000);
}

ON_BOTH_REACTORS(a_port_in_use_is_refused_and_a_shared_one_is_not) {
    bench at;
    const auto before = open_descriptors();
    const listener first(*at.io, "127.0.0.1");
    BOOST_TEST(at.io->listen({.local = first.local}) == -EADDRINUSE);
    BOOST_TEST(at.io->listen({.local = first.local, .reuse_port = true}) == -EADDRINUSE);
    const listener shared(*at.io, "127.0.0.1", {.local = {}, .reuse_port = true});
    const descriptor second(at.io->listen({.local = shared.local, .reuse_port = true}));
    BOOST_TEST(second.get() >= 0);
    BOOST_TEST(open_descriptors() == before + 3);
}

ON_BOTH_REACTORS(an_address_that_is_not_here_is_refused) {
    bench at;
    BOOST_TEST(at.io->listen({.local = *parse_ip("192.0.2.1", 0)}) == -EADDRNOTAVAIL);
}

ON_BOTH_REACTORS(every_option_keeps_its_value) {
    bench at;
    const std::vector<std::pair<socket_option, std::int32_t>> values{
        {socket_option::no_delay, 1},           {socket_option::keep_alive, 1},
        {socket_option::keep_alive_idle_s, 77}, {socket_option::keep_alive_interval_s, 7},
        {socket_option::keep_alive_probes, 3},  {socket_option::user_timeout_ms, 4321},
        {socket_option::type_of_service, 0x10},
    };
    for (const auto family : {address_family::ip4, address_family::ip6}) {
        const descriptor stream(at.io->open_stream(family));
        for (const auto& [option, value] : values) {
            std::int32_t read = -1;
            BOOST_TEST(at.io->set_option(stream.get(), option, value) == 0);
            BOOST_TEST(at.io->get_option(stream.get(), option, read) == 0);
            BOOST_TEST(read == value, "option " << static_cast<int>(option));
        }
    }
    BOOST_TEST(at.io->set_option(-1, socket_option::no_delay, 1) == -EBADF);
    BOOST_TEST(at.io->set_option(-1, socket_option::type_of_service, 1) == -EBADF);
}

ON_BOTH_REACTORS(half_a_shutdown_ends_one_direction) {
    bench at;
    const pair ends = tcp_pair(at);
    BOOST_TEST(at.io->shutdown(ends.left.get(), false, true) == 0);
    BOOST_TEST(at.await(at.receive(ends.right.get())).result == 0);
    write_all(ends.right.get(), "still");
    BOOST_TEST(at.text_of(at.await(at.receive(ends.left.get()))) == "still");
    BOOST_TEST(at.await(at.send(ends.left.get(), "x", 1)).result == -EPIPE);
}

ON_BOTH_REACTORS(two_accepts_take_two_connections) {
    bench at;
    const listener server(*at.io, "127.0.0.1");
    const auto first = at.accept(server.socket.get());
    const auto second = at.accept(server.socket.get());
    const descriptor one(at.io->open_stream(address_family::ip4));
    const descriptor two(at.io->open_stream(address_family::ip4));
    BOOST_TEST(at.await(at.connect(one.get(), server.local)).result == 0);
    BOOST_TEST(at.await(at.connect(two.get(), server.local)).result == 0);
    const descriptor left(at.await(first).result);
    const descriptor right(at.await(second).result);
    BOOST_TEST(left.get() >= 0);
    BOOST_TEST(right.get() >= 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(closing)

ON_BOTH_REACTORS(a_close_ends_what_is_in_flight_before_itself_and_the_peer_sees_the_end) {
    bench at;
    pair ends = tcp_pair(at);
    const std::vector<std::byte> much(32 << 20);
    const int closed_descriptor = ends.left.release();
    const auto receiving = at.receive(closed_descriptor);
    const auto sending = at.send(closed_descriptor, much.data(), much.size());
    at.io->flush();
    const auto closing = at.close(closed_descriptor);
    BOOST_TEST(at.await(closing).result == 0);
    BOOST_TEST(!is_open(closed_descriptor));
    BOOST_TEST(at.order.back() == closing);
    BOOST_TEST(at.await(receiving).result == -ECANCELED);
    const auto sent = at.await(sending);
    BOOST_TEST(sent.result > 0);
    const auto [total, error] = read_to_end(ends.right.get());
    BOOST_TEST(error == 0);
    BOOST_TEST(total == static_cast<std::size_t>(sent.result));
}

ON_BOTH_REACTORS(a_close_in_the_same_submission_as_what_it_ends_still_comes_last) {
    bench at;
    for (int round = 0; round < 200; ++round) {
        pair ends;
        const int number = ends.left.release();
        const auto receiving = at.receive(number);
        const auto closing = at.close(number);
        BOOST_REQUIRE_EQUAL(at.await(closing).result, 0);
        BOOST_REQUIRE_EQUAL(at.order.back(), closing);
        BOOST_REQUIRE_EQUAL(at.await(receiving).result, -ECANCELED);
    }
}

ON_BOTH_REACTORS(a_send_that_moved_to_a_kernel_thread_ends_with_its_socket) {
    // After 128 waits for room the kernel leaves a whole send to a thread of its own, which a cancel only
    // interrupts.
    bench at;
    const listener server(*at.io, "127.0.0.1", {.local = {}, .send_buffer_bytes = 4096});
    const descriptor reader(at.io->open_stream(address_family::ip4));
    BOOST_REQUIRE_EQUAL(at.io->set_option(reader.get(), socket_option::receive_buffer_bytes, 4096), 0);
    const auto accepting = at.accept(server.socket.get());
    BOOST_REQUIRE_EQUAL(at.await(at.connect(reader.get(), server.local)).result, 0);
    const int writer = at.await(accepting).result;
    BOOST_REQUIRE(writer >= 0);
    const std::vector<std::byte> much(64 << 20);
    const auto sending = at.send(writer, much.data(), much.size());
    std::size_t total = 0;
    std::array<char, 2000> some;
    for (int round = 0; round < 1500; ++round) {
        at.io->wait(at.io->now_ns() + 100'000);
        BOOST_REQUIRE_EQUAL(at.gather(), 0U);
        const auto count = ::recv(reader.get(), some.data(), some.size(), MSG_DONTWAIT);
        total += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    }
    const auto closing = at.close(writer);
    BOOST_TEST(at.await(closing).result == 0);
    const auto sent = at.await(sending);
    const auto [rest, error] = read_to_end(reader.get());
    BOOST_TEST(error == 0);
    BOOST_TEST(total + rest == static_cast<std::size_t>(sent.result));
}

ON_BOTH_REACTORS(closing_an_idle_connection_ends_it) {
    bench at;
    pair ends = tcp_pair(at);
    BOOST_TEST(at.await(at.close(ends.left.release())).result == 0);
    BOOST_TEST((read_to_end(ends.right.get()) == std::pair<std::size_t, int>{0, 0}));
    BOOST_TEST(at.ended.empty());
}

ON_BOTH_REACTORS(a_reset_close_resets) {
    bench at;
    for (const bool at_once : {false, true}) {
        pair ends = tcp_pair(at);
        const int number = ends.left.release();
        at.io->reset_on_close(number);
        if (at_once) {
            at.io->close_now(number);
        } else {
            const auto receiving = at.receive(number);
            at.io->flush();
            BOOST_TEST(at.await(at.close(number)).result == 0);
            BOOST_TEST(at.await(receiving).result == -ECANCELED);
        }
        BOOST_TEST(read_to_end(ends.right.get()).second == -ECONNRESET);
    }
}

ON_BOTH_REACTORS(a_closed_listener_frees_its_port_at_once) {
    bench at;
    listener server(*at.io, "127.0.0.1");
    const auto accepting = at.accept(server.socket.get());
    at.io->flush();
    BOOST_TEST(at.await(at.close(server.socket.release())).result == 0);
    BOOST_TEST(at.await(accepting).result == -ECANCELED);
    const descriptor client(at.io->open_stream(address_family::ip4));
    BOOST_TEST(at.await(at.connect(client.get(), server.local)).result == -ECONNREFUSED);
    const descriptor again(at.io->listen({.local = server.local}));
    BOOST_TEST(again.get() >= 0);
}

ON_BOTH_REACTORS(many_closes_at_once_never_split_from_their_cancel) {
    constexpr int connections = 200;
    bench at;
    std::vector<descriptor> peers;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> tokens;
    std::vector<int> numbers;
    for (int index = 0; index < connections; ++index) {
        pair ends;
        numbers.push_back(ends.left.release());
        peers.push_back(std::move(ends.right));
    }
    // 3 entries each and 64 in all: the queue runs full at every place within the three.
    for (const int number : numbers) {
        const auto receiving = at.receive(number);
        tokens.emplace_back(receiving, at.close(number));
    }
    for (const auto& [receiving, closing] : tokens) {
        BOOST_REQUIRE_EQUAL(at.await(closing).result, 0);
        BOOST_REQUIRE_EQUAL(at.await(receiving).result, -ECANCELED);
    }
    for (const auto& peer : peers) { BOOST_REQUIRE((read_to_end(peer.get()) == std::pair<std::size_t, int>{0, 0})); }
}

ON_BOTH_REACTORS(a_reactor_that_ends_leaves_no_receive_armed) {
    std::vector<std::byte> buffers;
    pair ends;
    {
        bench at;
        for (int index = 0; index < 5; ++index) { at.receive(ends.left.get()); }
        at.io->flush();
        at.receive(ends.left.get());
        at.io.reset();
        buffers = at.buffers;
        write_all(ends.right.get(), "late");
        BOOST_TEST((at.buffers == buffers));
    }
    std::array<char, 8> late{};
    BOOST_TEST(::recv(ends.left.get(), late.data(), late.size(), MSG_DONTWAIT) == 4);
}

ON_BOTH_REACTORS(a_reactor_gives_back_all_its_descriptors) {
    const auto before = open_descriptors();
    for (int round = 0; round < 3; ++round) {
        bench at;
        const pair ends = tcp_pair(at);
        at.await(at.send(ends.left.get(), "x", 1));
    }
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
