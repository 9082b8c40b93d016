// SPDX-License-Identifier: Apache-2.0
// Receiving, sending, connecting and closing on one connection, in a scripted world: what a deadline leaves behind,
// what comes in pieces, what an error leaves. The scripted reactor checks the rules towards the kernel on the way.
#include "shard_bench.hpp"

#include <algorithm>

using namespace io_test;

BOOST_AUTO_TEST_SUITE(stream)

// ---- receiving

BOOST_AUTO_TEST_CASE(bytes_that_come_after_a_deadline_wait_for_the_next_recv) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(900us);
    BOOST_TEST(who.busy);
    at.pass(200us);
    BOOST_TEST((who.last().error == errc::deadline));
    BOOST_TEST(at.io().in_flight(operation_kind::receive, peer) == 1u);
    at.bytes_come(peer, "late");
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST(who.last().text == "late");
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 1u);
    BOOST_TEST(at.io().count_submitted(operation_kind::cancel) == 0u);
}

BOOST_AUTO_TEST_CASE(two_deadlines_in_a_row_lose_nothing_and_arm_once) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    for (int i = 0; i < 2; ++i) {
        at.tell(who, {.kind = order_kind::recv, .within = 1ms});
        at.pass(2ms);
        BOOST_TEST((who.last().error == errc::deadline));
    }
    at.tell(who, {.kind = order_kind::recv, .within = 1s});
    at.bytes_come(peer, "third");
    BOOST_TEST(who.last().text == "third");
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 1u);
    BOOST_TEST(at.shard().wheel.armed_count() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_held_is_given_in_pieces_as_small_as_asked) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.bytes_come(peer, "abcdefghij");
    for (const char* piece : {"abc", "def", "ghi", "j"}) {
        at.tell(who, {.kind = order_kind::recv, .bytes = 3});
        BOOST_TEST(who.last().text == piece);
    }
    BOOST_TEST(at.shard().io.buffers_in_use == 1u);
    // Nothing is left: the next one asks the kernel.
    at.tell(who, {.kind = order_kind::recv, .bytes = 3});
    BOOST_TEST(who.busy);
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 2u);
}

BOOST_AUTO_TEST_CASE(leases_on_pieces_of_a_buffer_outlive_each_other_in_any_order) {
    std::array<std::uint32_t, 3> order_of_drops{0, 1, 2};
    do {
        script who;
        scripted_bench at;
        const int peer = at.enter_connected(who);
        at.tell(who, {.kind = order_kind::recv, .bytes = 4096, .within = 1ms});
        at.pass(2ms);
        at.bytes_come(peer, "aabbcc");
        for (int i = 0; i < 3; ++i) at.tell(who, {.kind = order_kind::recv, .bytes = 2});
        std::vector<std::uint32_t> left{0, 1, 2};
        for (const std::uint32_t drop : order_of_drops) {
            BOOST_TEST(at.io().buffers_out() == 1u);
            const auto found = std::find(left.begin(), left.end(), drop);
            at.tell(who, {.kind = order_kind::drop_lease, .bytes = static_cast<std::uint32_t>(found - left.begin())});
            left.erase(found);
        }
        BOOST_TEST(at.io().buffers_out() == 0u);
    } while (std::next_permutation(order_of_drops.begin(), order_of_drops.end()));
}

BOOST_AUTO_TEST_CASE(leases_go_back_while_part_of_the_buffer_waits_with_its_socket) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.bytes_come(peer, "aabb");
    at.tell(who, {.kind = order_kind::recv, .bytes = 2});
    at.tell(who, {.kind = order_kind::drop_lease, .bytes = 0});
    BOOST_TEST(at.io().buffers_out() == 1u);
    at.tell(who, {.kind = order_kind::recv_into, .bytes = 1});
    at.tell(who, {.kind = order_kind::recv_into, .bytes = 9});
    BOOST_TEST(who.last().text == "b");
    BOOST_TEST(at.io().buffers_out() == 0u);
}

BOOST_AUTO_TEST_CASE(recv_into_copies_and_gives_the_buffer_back_at_once) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv_into, .bytes = 100});
    at.bytes_come(peer, "copied");
    BOOST_TEST(who.last().text == "copied");
    BOOST_TEST(at.io().buffers_out() == 0u);
}

BOOST_AUTO_TEST_CASE(a_recv_of_no_bytes_is_refused) {
    script who;
    scripted_bench at;
    at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .bytes = 0});
    BOOST_TEST(who.last().error.value() == EINVAL);
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 0u);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_stream_stays) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv});
    at.receive_ends(peer, 0);
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST((who.last().error == errc::end_of_stream));
        at.tell(who, {.kind = order_kind::recv});
    }
    BOOST_TEST(at.io().count_submitted(operation_kind::receive) == 1u);
}

BOOST_AUTO_TEST_CASE(a_reset_that_looks_like_an_end_of_stream_is_one_all_the_same) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.io().peers_are_gone = true;
    at.tell(who, {.kind = order_kind::recv});
    at.receive_ends(peer, 0);
    BOOST_TEST(who.last().error.value() == ECONNRESET);
}

BOOST_AUTO_TEST_CASE(an_error_that_comes_while_nobody_waits_is_the_next_answer_and_stays) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.receive_ends(peer, -ECONNRESET);
    for (int i = 0; i < 2; ++i) {
        at.tell(who, {.kind = order_kind::recv});
        BOOST_TEST(who.last().error.value() == ECONNRESET);
    }
}

BOOST_AUTO_TEST_CASE(a_passing_error_of_a_receive_is_tried_again) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv});
    at.receive_ends(peer, -EINTR);
    BOOST_TEST(who.busy);
    at.bytes_come(peer, "yes");
    BOOST_TEST(who.last().text == "yes");
}

BOOST_AUTO_TEST_CASE(an_isolate_holds_at_most_its_number_of_leases) {
    script who;
    scripted_bench at({.leases = 2});
    const int peer = at.enter_connected(who);
    for (int i = 0; i < 2; ++i) {
        at.tell(who, {.kind = order_kind::recv});
        at.bytes_come(peer, "x");
    }
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST((who.last().error == errc::no_buffers));
    at.tell(who, {.kind = order_kind::drop_lease, .bytes = 0});
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST(who.busy);
}

BOOST_AUTO_TEST_CASE(a_lease_of_one_isolate_outlives_another_that_had_the_same_buffer) {
    script first;
    script heir;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::split});
    at.tell(first, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.bytes_come(peer, "aabb");
    at.tell(first, {.kind = order_kind::recv, .bytes = 2});
    at.tell(first, {.kind = order_kind::give_reading, .heir = &heir});
    at.tell(heir, {.kind = order_kind::recv, .bytes = 2});
    BOOST_TEST(heir.last().text == "bb");
    at.tell(first, {.kind = order_kind::leave});
    BOOST_TEST(at.io().buffers_out() == 1u);
    at.tell(heir, {.kind = order_kind::wait});  // looks at its leases before
    at.tell(heir, {.kind = order_kind::drop_lease, .bytes = 0});
    BOOST_TEST(at.io().buffers_out() == 0u);
}

// ---- sending

BOOST_AUTO_TEST_CASE(send_all_goes_on_until_everything_went) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "0123456789"});
    at.send_ends(peer, 3);
    at.send_ends(peer, -EINTR);
    at.send_ends(peer, 4);
    BOOST_TEST(who.busy);
    at.send_ends(peer, 3);
    BOOST_TEST(!who.last().error);
    BOOST_TEST(who.last().bytes == 10u);
    BOOST_TEST(at.io().descriptors[peer].sent == "0123456789");
}

BOOST_AUTO_TEST_CASE(send_is_content_with_what_went) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send, .text = "0123456789"});
    at.send_ends(peer, 3);
    BOOST_TEST(!who.last().error);
    BOOST_TEST(who.last().bytes == 3u);
    BOOST_TEST(at.io().count_submitted(operation_kind::send) == 1u);
}

BOOST_AUTO_TEST_CASE(a_send_of_nothing) {
    script who;
    scripted_bench at;
    at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send});
    BOOST_TEST((who.last().error == errc::empty));
    at.tell(who, {.kind = order_kind::send_all});
    BOOST_TEST(!who.last().error);
    BOOST_TEST(at.io().count_submitted(operation_kind::send) == 0u);
}

BOOST_AUTO_TEST_CASE(a_deadline_cancels_a_send_and_waits_until_the_kernel_has_let_go) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .within = 1ms, .text = "0123456789"});
    at.send_ends(peer, 4);
    at.pass(2ms);
    BOOST_TEST(at.io().count_submitted(operation_kind::cancel) == 1u);
    BOOST_TEST(who.busy);
    at.pass(1s);
    BOOST_TEST(who.busy);
    at.send_ends(peer, 2);  // went before the cancel took hold
    BOOST_TEST((who.last().error == errc::deadline));
    BOOST_TEST(who.last().bytes == 6u);
    BOOST_TEST(at.io().in_flight(operation_kind::send) == 0u);
    BOOST_TEST(at.io().descriptors[peer].sent == "012345");
}

BOOST_AUTO_TEST_CASE(a_send_that_ends_whole_after_its_cancel_is_a_success) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .within = 1ms, .text = "0123456789"});
    at.pass(2ms);
    at.send_ends(peer, 10);
    BOOST_TEST(!who.last().error);
    BOOST_TEST(who.last().bytes == 10u);
    // The cancel belongs to the past: the next one is not touched by it.
    at.tell(who, {.kind = order_kind::send_all, .text = "more"});
    at.send_ends(peer, 4);
    BOOST_TEST(!who.last().error);
}

BOOST_AUTO_TEST_CASE(a_cancelled_send_without_a_byte_is_a_deadline) {
    script who;
    scripted_bench at;
    at.enter_connected(who);
    for (const order_kind kind : {order_kind::send, order_kind::send_all}) {
        at.tell(who, {.kind = kind, .within = 1ms, .text = "abc"});
        at.pass(2ms);
        BOOST_TEST((who.last().error == errc::deadline));
        BOOST_TEST(who.last().bytes == 0u);
    }
}

BOOST_AUTO_TEST_CASE(an_error_in_the_middle_of_a_send_tells_how_much_went) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "0123456789"});
    at.send_ends(peer, 7);
    at.send_ends(peer, -EPIPE);
    BOOST_TEST(who.last().error.value() == EPIPE);
    BOOST_TEST(who.last().bytes == 7u);
}

BOOST_AUTO_TEST_CASE(without_a_free_timer_a_wait_fails_and_does_nothing) {
    script who;
    scripted_bench at({.timers = 1});
    at.enter_connected(who);
    // Spare ones there may be; all are used up here.
    std::vector<std::uint32_t> taken;
    for (std::uint32_t timer; (timer = at.shard().wheel.arm(INT64_MAX / 2, 0, 0)) != tina::detail::no_timer;) {
        taken.push_back(timer);
    }
    at.shard().refresh_gauges();
    const auto operations = at.counts().operations_submitted.get();
    for (const order_kind kind : {order_kind::recv, order_kind::send_all, order_kind::connect, order_kind::sleep}) {
        at.tell(who, {.kind = kind, .within = 1s, .text = "abc"});
        BOOST_TEST((who.last().error == errc::no_timers));
    }
    at.shard().refresh_gauges();
    BOOST_TEST(at.counts().operations_submitted.get() == operations);
    for (const std::uint32_t timer : taken) at.shard().wheel.cancel(timer);
}

// ---- connecting

BOOST_AUTO_TEST_CASE(a_connect_that_fails_closes_its_descriptor) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::connect});
    const int peer = at.io().connected(-ECONNREFUSED);
    at.settle();
    BOOST_TEST(who.last().error.value() == ECONNREFUSED);
    BOOST_TEST(!at.io().is_open(peer));
}

BOOST_AUTO_TEST_CASE(a_connect_past_its_deadline_closes_its_descriptor_even_if_it_succeeds) {
    for (const int result : {0, -ECANCELED, -ETIMEDOUT}) {
        script who;
        scripted_bench at;
        at.io().cancels_at_once = false;
        at.enter(who);
        at.tell(who, {.kind = order_kind::connect, .within = 1ms});
        at.pass(2ms);
        BOOST_TEST(who.busy);
        BOOST_TEST(at.io().flights.front().cancelled);
        const int peer = at.io().connected(result);
        at.settle();
        BOOST_TEST((who.last().error == errc::deadline));
        BOOST_TEST(!at.io().is_open(peer));
        BOOST_TEST(at.counts().connections_opened.get() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_connect_whose_owner_is_killed_is_cancelled_and_closed) {
    script who;
    scripted_bench at;
    at.enter(who);
    at.tell(who, {.kind = order_kind::connect});
    const int peer = at.io().flights.front().wanted.descriptor;
    at.kill(who.self);
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(at.io().flights.empty());
}

BOOST_AUTO_TEST_CASE(a_connect_without_a_free_record_or_descriptor_says_so) {
    script who;
    scripted_bench at({.descriptors = 16});
    at.enter(who);
    at.io().refusal = -EMFILE;
    at.tell(who, {.kind = order_kind::connect});
    BOOST_TEST(who.last().error.value() == EMFILE);
    at.io().refusal = 0;
    std::vector<std::uint32_t> taken;
    while (at.shard().io.records.free_count() > 0) taken.push_back(at.shard().io.records.take());
    at.tell(who, {.kind = order_kind::connect});
    BOOST_TEST((who.last().error == errc::no_descriptors));
    for (const std::uint32_t index : taken) at.shard().io.records.give_back(index);
}

// ---- closing

BOOST_AUTO_TEST_CASE(close_sends_the_end_and_throws_away_what_still_comes) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::close, .within = 1s});
    BOOST_TEST(at.io().descriptors[peer].finished_sending);
    for (int i = 0; i < 20; ++i) at.bytes_come(peer, "unwanted");
    BOOST_TEST(who.busy);
    BOOST_TEST(at.io().buffers_out() == 0u);
    at.receive_ends(peer, 0);
    BOOST_TEST(!who.last().error);
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(!at.io().descriptors[peer].reset);
    at.tell(who, {.kind = order_kind::recv});
    BOOST_TEST((who.last().error == errc::bad_descriptor));
}

BOOST_AUTO_TEST_CASE(close_ends_at_its_deadline) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::close, .within = 1ms});
    at.pass(2ms);
    BOOST_TEST((who.last().error == errc::deadline));
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(at.io().flights.empty());
}

BOOST_AUTO_TEST_CASE(close_with_bytes_held_or_the_end_reached_or_a_receive_armed) {
    for (const int before : {0, 1, 2}) {
        script who;
        scripted_bench at;
        const int peer = at.enter_connected(who);
        at.tell(who, {.kind = order_kind::recv, .within = 1ms});
        at.pass(2ms);
        if (before == 0) at.bytes_come(peer, "held");
        if (before == 1) at.receive_ends(peer, 0);
        at.tell(who, {.kind = order_kind::close, .within = 1s});
        if (before != 1) at.receive_ends(peer, 0);
        BOOST_TEST(!who.last().error);
        BOOST_TEST(!at.io().is_open(peer));
        BOOST_TEST(at.io().buffers_out() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(an_isolate_that_is_killed_while_it_closes_closes) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::close, .within = 1s});
    at.kill(who.self);
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(at.shard().wheel.armed_count() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
