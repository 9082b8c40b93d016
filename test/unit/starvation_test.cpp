// SPDX-License-Identifier: Apache-2.0
// A dry ring of buffers, in a scripted world: receives wait in order, are fed when buffers come back, and never storm
// the kernel; and receives that stay armed for nobody, which must not come to hold what others need.
#include "shard_bench.hpp"

#include <list>

using namespace io_test;

namespace {

/// Puppets with a connection each, and the bytes that their receives bring.
struct crowd {
    explicit crowd(scripted_bench& bench, int count) : at(bench) {
        for (int i = 0; i < count; ++i) peers.push_back(at.enter_connected(scripts.emplace_back()));
    }
    script& operator[](int which) { return *std::next(scripts.begin(), which); }
    /// A recv that gets `text` and keeps its lease.
    void take(int which, std::string_view text = "x") {
        at.tell((*this)[which], {.kind = order_kind::recv});
        at.bytes_come(peers[static_cast<std::size_t>(which)], text);
    }
    void ask(int which, std::chrono::nanoseconds within = std::chrono::nanoseconds{-1}) {
        at.tell((*this)[which], {.kind = order_kind::recv, .within = within});
    }
    void drop(int which) { at.tell((*this)[which], {.kind = order_kind::drop_lease, .bytes = 0}); }
    [[nodiscard]] bool is_armed(int which) const {
        return at.io().in_flight(operation_kind::receive, peers[static_cast<std::size_t>(which)]) == 1;
    }

    scripted_bench& at;
    std::list<script> scripts;
    std::vector<int> peers;
};

constexpr bench_sizes two_buffers{.slots = 32, .buffers = 2, .descriptors = 48};

}  // namespace

BOOST_AUTO_TEST_SUITE(starvation)

BOOST_AUTO_TEST_CASE(a_receive_that_finds_no_buffer_waits_until_one_comes_back) {
    scripted_bench at(two_buffers);
    crowd all(at, 3);
    all.take(0);
    all.take(1);
    all.ask(2);
    BOOST_TEST(all[2].busy);
    BOOST_TEST(!all.is_armed(2));
    all.drop(0);
    BOOST_TEST(all.is_armed(2));
    at.bytes_come(all.peers[2], "fed");
    BOOST_TEST(all[2].last().text == "fed");
    BOOST_TEST(at.counts().receives_postponed.get() == 1u);
}

BOOST_AUTO_TEST_CASE(starved_receives_are_fed_in_the_order_in_which_they_came) {
    scripted_bench at(two_buffers);
    crowd all(at, 8);
    all.take(0);
    all.take(1);
    for (int i = 2; i < 8; ++i) {
        at.io().descriptors[all.peers[static_cast<std::size_t>(i)]].waiting = "x";
        all.ask(i);
    }
    for (int i = 2; i < 8; ++i) {
        // One buffer comes back, and goes to the one that is next.
        all.drop(i - 2);
        BOOST_TEST(!all[i].busy, "number " << i);
        for (int later = i + 1; later < 8; ++later) BOOST_TEST(all[later].busy);
    }
    // Nobody was let try in vain more than once.
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) <= 2u + 2 * 6u);
}

BOOST_AUTO_TEST_CASE(a_dry_ring_is_not_asked_again_until_a_buffer_came_back) {
    scripted_bench at(two_buffers);
    crowd all(at, 20);
    all.take(0);
    all.take(1);
    for (int i = 2; i < 20; ++i) all.ask(i);
    const auto before = at.io().count_submitted(operation_kind::receive);
    for (int i = 0; i < 1000; ++i) at.shard().cycle();
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == before);
    BOOST_TEST(at.io().dry_answers <= 2u, "receives that found no buffer: " << at.io().dry_answers);
}

BOOST_AUTO_TEST_CASE(a_buffer_that_the_next_in_line_has_no_use_for_goes_to_those_behind) {
    scripted_bench at(two_buffers);
    crowd all(at, 12);
    all.take(0);  // keeps its lease for long
    all.take(1);
    for (int i = 2; i < 12; ++i) all.ask(i);
    all.drop(1);
    // There is one buffer. Whoever gets bytes first shall have it, so all must come to ask.
    for (int i = 2; i < 12; ++i) BOOST_TEST(all.is_armed(i), "number " << i << " waits though a buffer is free");
}

BOOST_AUTO_TEST_CASE(a_new_receive_is_served_while_a_buffer_is_free) {
    scripted_bench at(two_buffers);
    crowd all(at, 6);
    all.take(0);
    all.take(1);
    for (int i = 2; i < 5; ++i) all.ask(i);
    all.drop(1);
    all.ask(5);
    BOOST_TEST(at.io().buffers_free() == 1u);
    BOOST_REQUIRE(all.is_armed(5));
    at.bytes_come(all.peers[5], "served");
    BOOST_TEST(all[5].last().text == "served");
}

BOOST_AUTO_TEST_CASE(the_deadline_of_a_starved_receive_comes_in_time) {
    scripted_bench at(two_buffers);
    crowd all(at, 3);
    all.take(0);
    all.take(1);
    all.ask(2, 1ms);
    at.pass(1100us);
    BOOST_TEST((all[2].last().error == errc::deadline));
    all.drop(0);
    all.ask(2);
    BOOST_TEST(all.is_armed(2));
    at.bytes_come(all.peers[2], "later");
    BOOST_TEST(all[2].last().text == "later");
}

BOOST_AUTO_TEST_CASE(a_starved_socket_that_is_closed_leaves_its_place) {
    scripted_bench at(two_buffers);
    crowd all(at, 5);
    all.take(0);
    all.take(1);
    for (int i = 2; i < 5; ++i) all.ask(i);
    at.kill(all[3].self);
    BOOST_TEST(!at.io().is_open(all.peers[3]));
    all.drop(0);
    at.bytes_come(all.peers[2], "first");
    all.drop(1);
    BOOST_TEST(all.is_armed(4));
}

BOOST_AUTO_TEST_CASE(a_starved_close_ends_at_its_deadline_or_when_fed) {
    for (const bool fed : {false, true}) {
        scripted_bench at(two_buffers);
        crowd all(at, 3);
        all.take(0);
        all.take(1);
        at.tell(all[2], {.kind = order_kind::close, .within = 1ms});
        if (fed) {
            all.drop(0);
            at.receive_ends(all.peers[2], 0);
            BOOST_TEST(!all[2].last().error);
        } else {
            at.pass(2ms);
            BOOST_TEST((all[2].last().error == errc::deadline));
        }
        BOOST_TEST(!at.io().is_open(all.peers[2]));
    }
}

BOOST_AUTO_TEST_CASE(what_is_armed_for_nobody_is_limited_to_half_of_the_buffers) {
    scripted_bench at({.slots = 32, .buffers = 8, .descriptors = 48});
    crowd all(at, 12);
    for (int i = 0; i < 12; ++i) {
        all.ask(i, 1ms);
        at.pass(2ms);
        BOOST_TEST((all[i].last().error == errc::deadline));
    }
    std::size_t armed = 0;
    for (int i = 0; i < 12; ++i) armed += all.is_armed(i) ? 1 : 0;
    BOOST_TEST(armed <= 4u);
    // Those that were cancelled have lost nothing.
    for (int i = 0; i < 12; ++i) {
        all.ask(i);
        BOOST_REQUIRE(all.is_armed(i));
        at.bytes_come(all.peers[static_cast<std::size_t>(i)], "still there");
        BOOST_TEST(all[i].last().text == "still there");
        all.drop(i);
    }
}

BOOST_AUTO_TEST_CASE(bytes_that_beat_the_cancel_of_an_unattended_receive_are_kept) {
    scripted_bench at(two_buffers);
    crowd all(at, 2);
    at.io().cancels_at_once = false;
    for (int i = 0; i < 2; ++i) {
        all.ask(i, 1ms);
        at.pass(2ms);
    }
    BOOST_REQUIRE(at.io().count_submitted(operation_kind::cancel) == 1u);
    at.bytes_come(all.peers[1], "kept");
    all.ask(1);
    BOOST_TEST(all[1].last().text == "kept");
}

BOOST_AUTO_TEST_CASE(a_waiter_that_comes_back_before_the_cancel_took_hold_is_armed_again) {
    scripted_bench at(two_buffers);
    crowd all(at, 2);
    at.io().cancels_at_once = false;
    for (int i = 0; i < 2; ++i) {
        all.ask(i, 1ms);
        at.pass(2ms);
    }
    all.ask(1);
    at.receive_ends(all.peers[1], -ECANCELED);
    BOOST_TEST(all[1].busy);
    BOOST_REQUIRE(all.is_armed(1));
    at.bytes_come(all.peers[1], "again");
    BOOST_TEST(all[1].last().text == "again");
}

BOOST_AUTO_TEST_CASE(sockets_whose_starved_receives_timed_out_do_not_come_to_hold_all_buffers) {
    scripted_bench at({.slots = 32, .buffers = 4, .descriptors = 48});
    crowd all(at, 16);
    for (int i = 0; i < 4; ++i) all.take(i);
    for (int i = 4; i < 15; ++i) all.ask(i, 1ms);
    at.pass(2ms);
    for (int i = 0; i < 4; ++i) all.drop(i);
    // Whatever is armed now is armed for nobody. Its bytes come.
    for (int i = 4; i < 15; ++i) {
        if (all.is_armed(i) && at.io().buffers_free() > 0) at.bytes_come(all.peers[static_cast<std::size_t>(i)], "x");
    }
    all.ask(15);
    BOOST_TEST(all.is_armed(15), "receives for nobody hold every buffer");
}

BOOST_AUTO_TEST_SUITE_END()
