// SPDX-License-Identifier: Apache-2.0
// Tests of the reactors against their interface, on the kernel that is here: moving bytes, full queues, sleep
// and wake. Operations that lose races are run many times with a seed. They must never wait without a bound.
#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "reactor_bench.hpp"

namespace {

using namespace reactor_test;

}  // namespace

BOOST_AUTO_TEST_SUITE(transfer)

ON_BOTH_REACTORS(what_is_sent_arrives_in_a_provided_buffer) {
    bench at;
    const pair ends;
    const auto receiving = at.receive(ends.left.get());
    const auto sending = at.send(ends.right.get(), "hello", 5);
    BOOST_TEST(at.await(sending).result == 5);
    const auto received = at.await(receiving);
    BOOST_TEST(at.text_of(received) == "hello");
}

ON_BOTH_REACTORS(one_connection_echoes_more_often_than_there_are_buffers) {
    bench at;
    const pair ends = tcp_pair(at);
    for (int round = 0; round < 1000; ++round) {
        const auto text = "round " + std::to_string(round);
        write_all(ends.left.get(), text);
        const auto received = at.await(at.receive(ends.right.get()));
        BOOST_REQUIRE_EQUAL(at.text_of(received), text);
        const auto* memory = &at.buffers[received.buffer * std::size_t{buffer_bytes}];
        BOOST_REQUIRE_EQUAL(at.await(at.send(ends.right.get(), memory, text.size())).result, received.result);
        at.io->return_buffer(received.buffer);
        std::array<char, 64> back{};
        BOOST_REQUIRE_EQUAL(::recv(ends.left.get(), back.data(), back.size(), 0), static_cast<ssize_t>(text.size()));
        BOOST_REQUIRE_EQUAL(std::string(back.data()), text);
    }
}

ON_BOTH_REACTORS(a_receive_takes_at_most_what_it_asked_for) {
    bench at;
    const pair ends;
    write_all(ends.right.get(), "abcdef");
    BOOST_TEST(at.text_of(at.await(at.receive(ends.left.get(), 4))) == "abcd");
    BOOST_TEST(at.text_of(at.await(at.receive(ends.left.get(), 4))) == "ef");
}

ON_BOTH_REACTORS(a_receive_takes_at_most_one_buffer) {
    bench at;
    const pair ends;
    write_all(ends.right.get(), std::string(buffer_bytes + 10, 'x'));
    BOOST_TEST(at.await(at.receive(ends.left.get(), UINT32_MAX)).result == static_cast<int>(buffer_bytes));
    BOOST_TEST(at.await(at.receive(ends.left.get())).result == 10);
}

ON_BOTH_REACTORS(the_end_of_a_stream_holds_no_buffer) {
    bench at;
    pair ends;
    for (std::uint32_t round = 0; round < 4 * buffer_count; ++round) {
        const auto armed = at.receive(ends.left.get());
        at.io->flush();
        BOOST_REQUIRE_EQUAL(at.io->shutdown(ends.right.get(), false, true), 0);
        const auto ended = at.await(armed);
        BOOST_TEST(ended.result == 0);
        BOOST_TEST(ended.buffer == no_buffer);
    }
}

ON_BOTH_REACTORS(a_dry_buffer_ring_refuses_and_loses_nothing) {
    bench at;
    const pair ends;
    std::vector<std::uint16_t> held;
    for (std::uint32_t index = 0; index < buffer_count; ++index) {
        write_all(ends.right.get(), "x");
        const auto received = at.await(at.receive(ends.left.get()));
        BOOST_REQUIRE_EQUAL(received.result, 1);
        held.push_back(received.buffer);
    }
    std::sort(held.begin(), held.end());
    BOOST_TEST((std::adjacent_find(held.begin(), held.end()) == held.end()));
    write_all(ends.right.get(), "kept");
    const auto refused = at.await(at.receive(ends.left.get()));
    BOOST_TEST(refused.result == -ENOBUFS);
    BOOST_TEST(refused.buffer == no_buffer);
    at.io->return_buffer(held[3]);
    const auto received = at.await(at.receive(ends.left.get()));
    BOOST_TEST(received.buffer == held[3]);
    BOOST_TEST(at.text_of(received) == "kept");
}

ON_BOTH_REACTORS(buffers_go_round_for_longer_than_their_counter) {
    bench at;
    const pair ends;
    for (int round = 0; round < 70'000; ++round) {
        write_all(ends.right.get(), "x");
        const auto received = at.await(at.receive(ends.left.get()));
        BOOST_REQUIRE_EQUAL(received.result, 1);
        at.order.clear();
        at.io->return_buffer(received.buffer);
    }
}

ON_BOTH_REACTORS(a_whole_send_completes_once_when_all_has_gone) {
    bench at;
    const pair ends = tcp_pair(at);
    const std::vector<std::byte> much(8 << 20);
    const auto sending = at.send(ends.left.get(), much.data(), much.size());
    at.io->flush();
    std::thread reader([&] {
        std::size_t total = 0;
        std::array<char, 65'536> some;
        while (total < much.size()) {
            const auto count = ::recv(ends.right.get(), some.data(), some.size(), 0);
            if (count <= 0) { return; }
            total += static_cast<std::size_t>(count);
        }
    });
    const auto sent = at.await(sending);
    reader.join();
    BOOST_TEST(sent.result == static_cast<int>(much.size()));
}

ON_BOTH_REACTORS(a_cancelled_send_says_how_much_has_gone) {
    bench at;
    pair ends = tcp_pair(at);
    const std::vector<std::byte> much(32 << 20);
    const auto sending = at.send(ends.left.get(), much.data(), much.size());
    at.io->flush();
    at.cancel(sending);
    const auto sent = at.await(sending);
    BOOST_TEST(sent.result > 0);
    BOOST_TEST(sent.result < static_cast<int>(much.size()));
    ends.left = descriptor();
    const auto [total, error] = read_to_end(ends.right.get());
    BOOST_TEST(total == static_cast<std::size_t>(sent.result));
    BOOST_TEST(error == 0);
}

ON_BOTH_REACTORS(a_send_to_a_peer_that_has_gone_is_an_error_and_no_signal) {
    bench at;
    pair ends;
    ends.right = descriptor();
    BOOST_TEST(at.await(at.send(ends.left.get(), "x", 1)).result == -EPIPE);
}

ON_BOTH_REACTORS(cancelling_receives_loses_no_byte) {
    constexpr std::uint64_t seed = 4711;
    constexpr int rounds = 20'000;
    bench at;
    const pair ends;
    std::mt19937_64 random(seed);
    unsigned char written = 0;
    unsigned char expected = 0;
    int cancelled = 0;
    const auto check = [&](const completion& ended, int round) {
        if (ended.result == -ECANCELED) {
            BOOST_REQUIRE_EQUAL(ended.buffer, no_buffer);
            ++cancelled;
            return;
        }
        for (const char byte : at.text_of(ended)) {
            BOOST_REQUIRE_MESSAGE(static_cast<unsigned char>(byte) == expected++,
                                  "seed " << seed << ", round " << round);
        }
        at.io->return_buffer(ended.buffer);
    };
    for (int round = 0; round < rounds; ++round) {
        const auto receiving = at.receive(ends.left.get());
        if (random() % 2 == 0) { at.io->flush(); }
        for (auto count = random() % 3; count > 0; --count) {
            const auto byte = static_cast<char>(written++);
            write_all(ends.right.get(), std::string_view(&byte, 1));
        }
        at.cancel(receiving);
        check(at.await(receiving), round);
        at.order.clear();
    }
    while (expected != written) { check(at.await(at.receive(ends.left.get())), rounds); }
    BOOST_TEST(cancelled > rounds / 10);
    BOOST_TEST(cancelled < rounds - rounds / 10);
}

ON_BOTH_REACTORS(cancelling_what_is_not_there_does_nothing) {
    bench at;
    const pair ends;
    at.cancel(999);
    write_all(ends.right.get(), "x");
    BOOST_TEST(at.await(at.receive(ends.left.get())).result == 1);
    BOOST_TEST(at.ended.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(queues)

ON_BOTH_REACTORS(more_operations_than_entries_all_complete) {
    constexpr int count = 1000;
    bench at;
    std::vector<pair> pairs(count / 10);
    std::vector<std::uint64_t> sending;
    for (int index = 0; index < count; ++index) {
        sending.push_back(at.send(pairs[static_cast<std::size_t>(index) % pairs.size()].left.get(), "x", 1));
    }
    for (const auto token : sending) { BOOST_REQUIRE_EQUAL(at.await(token).result, 1); }
}

ON_BOTH_REACTORS(more_completions_than_the_queue_holds_all_arrive_in_order) {
    constexpr int count = 200;
    bench at({.submission_entries = 64, .completion_entries = 128, .operations_max = count});
    const pair ends;
    std::vector<std::uint64_t> sending;
    for (int index = 0; index < count; ++index) { sending.push_back(at.send(ends.left.get(), "x", 1)); }
    at.io->flush();
    BOOST_TEST(at.io->has_events());
    for (int turn = 0; turn < count && at.order.size() < sending.size(); ++turn) { at.gather(7); }
    BOOST_TEST(at.order == sending, boost::test_tools::per_element());
    BOOST_TEST(!at.io->has_events());
}

ON_BOTH_REACTORS(what_the_kernel_refuses_waits_in_order_and_is_not_lost) {
    const auto said = in_child([]() -> std::string {
        constexpr std::size_t count = 200;
        bench at({.submission_entries = 64, .operations_max = count});
        const pair ends;
        // A submission that does not ask for events is what makes room in a full queue. Without it the rest
        // must wait.
        refuse(SYS_io_uring_enter, EBUSY, 3, 1);
        std::string text;
        for (std::size_t index = 0; index < count; ++index) { text.push_back(static_cast<char>('a' + index % 26)); }
        std::vector<std::uint64_t> sending;
        for (const char& letter : text) { sending.push_back(at.send(ends.left.get(), &letter, 1)); }
        at.io->flush();
        for (int turn = 0; turn < 100 && at.order.size() < count; ++turn) {
            at.io->wait(at.io->now_ns() + 1'000'000);
            at.gather(64);
        }
        std::string arrived(count + 1, '\0');
        arrived.resize(static_cast<std::size_t>(
            std::max<ssize_t>(::recv(ends.right.get(), arrived.data(), arrived.size(), MSG_DONTWAIT), 0)));
        return at.order != sending ? "completions out of order or missing" : arrived != text ? "bytes" : "fine";
    });
    BOOST_TEST(said == "fine");
}

ON_BOTH_REACTORS(connects_keep_their_addresses_while_they_wait) {
    const auto said = in_child([]() -> std::string {
        bench at({.submission_entries = 64, .operations_max = 200});
        const listener server(*at.io, "127.0.0.1");
        refuse(SYS_io_uring_enter, EBUSY, 3, 1);
        std::vector<descriptor> clients;
        std::vector<std::uint64_t> connecting;
        for (int index = 0; index < 150; ++index) {
            clients.emplace_back(at.io->open_stream(address_family::ip4));
            connecting.push_back(at.connect(clients.back().get(), server.local));
        }
        for (const auto token : connecting) {
            if (at.await(token).result != 0) { return "a connect failed"; }
        }
        return "fine";
    });
    BOOST_TEST(said == "fine");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sleeping)

ON_BOTH_REACTORS(nothing_happens_when_nothing_happened) {
    bench at;
    std::array<completion, 4> some;
    while (at.io->has_events()) { BOOST_REQUIRE_EQUAL(at.io->collect(some), 0U); }
    BOOST_TEST(at.io->collect(some) == 0U);
    at.io->flush();
    BOOST_TEST(!at.io->has_events());
}

ON_BOTH_REACTORS(bytes_that_arrive_show_without_a_wait) {
    bench at;
    const pair ends;
    const auto receiving = at.receive(ends.left.get());
    at.io->flush();
    at.gather();
    BOOST_TEST(!at.io->has_events());
    write_all(ends.right.get(), "x");
    BOOST_TEST(at.shows_events());
    BOOST_TEST(at.gather() == 1U);
    BOOST_TEST(at.await(receiving).result == 1);
}

ON_BOTH_REACTORS(a_wait_ends_at_its_deadline) {
    bench at;
    for (const std::int64_t span_ns : {-5'000'000LL, 0LL, 100'000LL, 20'000'000LL}) {
        const auto deadline_ns = at.io->now_ns() + span_ns;
        int turns = 0;
        do {
            at.io->wait(deadline_ns);
            at.gather();
        } while (at.io->now_ns() < deadline_ns && ++turns < 100);
        BOOST_TEST(turns < 100);
        // Generous, for machines with much to do.
        BOOST_TEST(at.io->now_ns() < deadline_ns + std::max<std::int64_t>(-span_ns, 0) + 1'000'000'000);
    }
}

ON_BOTH_REACTORS(a_wake_before_the_wait_ends_it) {
    bench at;
    for (int round = 0; round < 1000; ++round) {
        at.io->wake();
        at.io->wait(tina::detail::wait_forever);
        BOOST_REQUIRE_EQUAL(at.gather(), 0U);
    }
}

ON_BOTH_REACTORS(time_goes_on_and_never_back) {
    bench at;
    auto last = at.io->now_ns();
    const auto first = last;
    for (int round = 0; round < 10'000; ++round) {
        const auto now = at.io->now_ns();
        BOOST_REQUIRE(now >= last);
        last = now;
    }
    BOOST_TEST(last > first);
}

ON_BOTH_REACTORS(a_wake_from_another_thread_ends_every_wait, *boost::unit_test::label("threads")) {
    constexpr int rounds = 2000;
    bench at;
    std::atomic<int> wanted = 0;
    std::atomic<int> seen = 0;
    std::thread waker([&] {
        for (int round = 1; round <= rounds; ++round) {
            wanted.store(round);
            at.io->wake();
            for (int turn = 0; seen.load() != round && turn < 1'000'000; ++turn) { std::this_thread::yield(); }
        }
    });
    const auto give_up_ns = at.io->now_ns() + 60'000'000'000;
    while (seen.load() != rounds && at.io->now_ns() < give_up_ns) {
        at.io->wait(tina::detail::wait_forever);
        at.gather();
        seen.store(wanted.load());
    }
    waker.join();
    BOOST_TEST(seen.load() == rounds);
}

ON_BOTH_REACTORS(two_reactors_on_two_threads_talk_to_each_other, *boost::unit_test::label("threads")) {
    constexpr int rounds = 2000;
    const pair ends;
    const auto bounce = [](int number, bool is_first, std::string& failure) {
        try {
            bench at;
            if (is_first) { at.await(at.send(number, "x", 1)); }
            for (int round = 0; round < rounds; ++round) {
                const auto received = at.await(at.receive(number));
                need(at.text_of(received) == "x", "another byte");
                at.io->return_buffer(received.buffer);
                at.await(at.send(number, "x", 1));
            }
        } catch (const std::exception& error) { failure = error.what(); }
    };
    std::string own;
    std::string other;
    std::thread second([&] { bounce(ends.right.get(), false, other); });
    bounce(ends.left.get(), true, own);
    second.join();
    BOOST_TEST(own == "");
    BOOST_TEST(other == "");
}

BOOST_AUTO_TEST_SUITE_END()
