// SPDX-License-Identifier: Apache-2.0
// Who owns a descriptor, and what becomes of it when its owner gives it up, passes it on, or dies, in a scripted world:
// the test decides when the kernel lets go. Halves, restarts, and a stop with everything in flight.
#include "shard_bench.hpp"

#include <algorithm>
#include <list>

using namespace io_test;
using tina::detail::slot_state;

BOOST_AUTO_TEST_SUITE(ownership)

BOOST_AUTO_TEST_CASE(a_dropped_socket_is_closed_at_the_end_of_the_activation) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::drop_socket});
    BOOST_TEST(!at.io().is_open(peer));
    BOOST_TEST(!at.io().descriptors[peer].reset);
    BOOST_TEST(at.io().count_submitted(operation_kind::close) == 0u);
}

BOOST_AUTO_TEST_CASE(a_dropped_socket_with_a_receive_in_flight_is_closed_in_one_operation) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.io().cancels_at_once = false;
    at.tell(who, {.kind = order_kind::drop_socket});
    BOOST_TEST(at.io().count_submitted(operation_kind::close) == 1u);
    BOOST_TEST(at.io().count_submitted(operation_kind::cancel) == 0u);
    const auto free_before = at.shard().io.records.free_count();
    // Bytes that still come are nobody's.
    at.bytes_come(peer, "orphans");
    BOOST_TEST(at.io().buffers_out() == 0u);
    BOOST_TEST(at.shard().io.records.free_count() == free_before);
    at.io().close_ends(peer);
    at.settle();
    BOOST_TEST(at.shard().io.records.free_count() == free_before + 1);
}

BOOST_AUTO_TEST_CASE(an_owner_that_ends_closes_and_one_that_crashes_resets) {
    for (const bool crashes : {false, true}) {
        script who;
        scripted_bench at;
        const int peer = at.enter_connected(who);
        at.tell(who, {.kind = crashes ? order_kind::crash : order_kind::leave});
        BOOST_TEST(!at.io().is_open(peer));
        BOOST_TEST(at.io().descriptors[peer].reset == crashes);
    }
}

BOOST_AUTO_TEST_CASE(a_socket_goes_to_whom_it_was_given) {
    script first;
    script heir;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::give_socket, .heir = &heir});
    BOOST_TEST(!first.last().error);
    at.tell(first, {.kind = order_kind::recv});
    BOOST_TEST((first.last().error == errc::bad_descriptor));
    at.tell(first, {.kind = order_kind::leave});
    BOOST_TEST(at.io().is_open(peer));
    at.tell(heir, {.kind = order_kind::recv});
    at.bytes_come(peer, "for the heir");
    BOOST_TEST(heir.last().text == "for the heir");
    at.tell(heir, {.kind = order_kind::leave});
    BOOST_TEST(!at.io().is_open(peer));
}

BOOST_AUTO_TEST_CASE(bytes_that_waited_go_with_the_socket) {
    script first;
    script heir;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.bytes_come(peer, "kept");
    at.tell(first, {.kind = order_kind::give_socket, .heir = &heir});
    at.tell(heir, {.kind = order_kind::recv});
    BOOST_TEST(heir.last().text == "kept");
}

BOOST_AUTO_TEST_CASE(a_spawn_that_fails_closes_the_socket_it_was_given) {
    script first;
    script second;
    script heir;
    script refused;
    scripted_bench at({.slots = 1, .slots_draining = 0});
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::give_socket, .heir = &heir});
    const int other = at.connect(first);
    at.tell(first, {.kind = order_kind::give_socket, .heir = &refused});
    BOOST_TEST((first.last().error == errc::no_slots));
    BOOST_TEST(refused.runs == 0u);
    BOOST_TEST(at.io().is_open(peer));
    BOOST_TEST(!at.io().is_open(other));
}

BOOST_AUTO_TEST_CASE(dropping_the_write_half_sends_the_end_and_reading_goes_on) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::split});
    at.tell(who, {.kind = order_kind::drop_writing});
    BOOST_TEST(at.io().descriptors[peer].finished_sending);
    BOOST_TEST(at.io().is_open(peer));
    at.tell(who, {.kind = order_kind::recv});
    at.bytes_come(peer, "answer");
    BOOST_TEST(who.last().text == "answer");
    at.tell(who, {.kind = order_kind::drop_reading});
    BOOST_TEST(!at.io().is_open(peer));
}

BOOST_AUTO_TEST_CASE(dropping_the_read_half_ends_its_receive_and_writing_goes_on) {
    script who;
    scripted_bench at;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::split});
    at.tell(who, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    at.tell(who, {.kind = order_kind::drop_reading});
    BOOST_TEST(at.io().in_flight(operation_kind::receive, peer) == 0u);
    BOOST_TEST(!at.io().descriptors[peer].finished_sending);
    at.tell(who, {.kind = order_kind::send_all, .text = "last words"});
    at.send_ends(peer, 10);
    BOOST_TEST(!who.last().error);
    at.tell(who, {.kind = order_kind::drop_writing});
    BOOST_TEST(!at.io().is_open(peer));
}

BOOST_AUTO_TEST_CASE(halves_work_in_two_isolates_at_once_and_close_with_the_last) {
    for (const bool reader_first : {false, true}) {
        script first;
        script reader;
        script writer;
        scripted_bench at;
        const int peer = at.enter_connected(first);
        at.tell(first, {.kind = order_kind::split});
        at.tell(first, {.kind = order_kind::give_reading, .heir = &reader});
        at.tell(first, {.kind = order_kind::give_writing, .heir = &writer});
        at.tell(first, {.kind = order_kind::leave});
        at.tell(reader, {.kind = order_kind::recv});
        at.tell(writer, {.kind = order_kind::send_all, .text = "out"});
        at.bytes_come(peer, "in");
        at.send_ends(peer, 3);
        BOOST_TEST(reader.last().text == "in");
        BOOST_TEST(writer.last().bytes == 3u);
        at.tell(reader_first ? reader : writer, {.kind = order_kind::leave});
        BOOST_TEST(at.io().is_open(peer));
        at.tell(reader_first ? writer : reader, {.kind = order_kind::leave});
        BOOST_TEST(!at.io().is_open(peer));
    }
}

BOOST_AUTO_TEST_CASE(a_socket_that_was_split_is_of_no_further_use) {
    script first;
    script reader;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::split});
    at.tell(first, {.kind = order_kind::give_reading, .heir = &reader});
    // The puppet has no read half any more, and asks the socket that it split.
    at.tell(first, {.kind = order_kind::recv, .within = 1ms});
    at.pass(2ms);
    BOOST_TEST((first.last().error == errc::bad_descriptor));
    at.tell(first, {.kind = order_kind::close, .within = 1ms});
    BOOST_TEST((first.last().error == errc::bad_descriptor));
    BOOST_TEST(at.io().is_open(peer));
    BOOST_TEST(!at.io().descriptors[peer].finished_sending);
}

BOOST_AUTO_TEST_CASE(a_write_half_whose_owner_crashes_does_not_pretend_that_all_was_sent) {
    script first;
    script writer;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::split});
    at.tell(first, {.kind = order_kind::give_writing, .heir = &writer});
    at.tell(writer, {.kind = order_kind::crash});
    const world_descriptor& seen = at.io().descriptors[peer];
    BOOST_TEST((seen.reset || !seen.finished_sending));
}

BOOST_AUTO_TEST_CASE(a_half_whose_owner_crashes_breaks_the_connection_off_for_the_other) {
    for (const bool writer_crashes : {false, true}) {
        script first;
        script reader;
        script writer;
        scripted_bench at;
        const int peer = at.enter_connected(first);
        at.tell(first, {.kind = order_kind::split});
        at.tell(first, {.kind = order_kind::give_reading, .heir = &reader});
        at.tell(first, {.kind = order_kind::give_writing, .heir = &writer});
        if (writer_crashes) {
            at.tell(reader, {.kind = order_kind::recv});
            at.tell(writer, {.kind = order_kind::crash});
            BOOST_REQUIRE(!reader.busy);
            BOOST_TEST(static_cast<bool>(reader.last().error));
        } else {
            at.tell(writer, {.kind = order_kind::send_all, .text = "stuck"});
            at.tell(reader, {.kind = order_kind::crash});
            BOOST_REQUIRE(!writer.busy);
            BOOST_TEST(static_cast<bool>(writer.last().error));
        }
        BOOST_TEST(at.io().descriptors[peer].reset);
        BOOST_TEST(!at.io().is_open(peer));
    }
}

BOOST_AUTO_TEST_CASE(a_half_that_is_dropped_by_an_exception_which_is_caught_is_only_dropped) {
    script first;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::split});
    at.tell(first, {.kind = order_kind::drop_writing_by_exception});
    BOOST_TEST(!first.last().error);
    BOOST_TEST(at.io().descriptors[peer].finished_sending);
    BOOST_TEST(!at.io().descriptors[peer].reset);
    at.tell(first, {.kind = order_kind::recv});
    at.bytes_come(peer, "still read");
    BOOST_TEST(first.last().text == "still read");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(death)

BOOST_AUTO_TEST_CASE(an_owner_killed_in_a_recv_is_gone_at_once) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv, .within = 1s});
    at.kill(who.self);
    // The kernel has no memory of the slot, only a buffer of the shard's.
    BOOST_TEST(!at.is_alive(who.self));
    BOOST_TEST((at.slot_of(who.self).state == slot_state::vacant));
    BOOST_TEST(at.shard().wheel.armed_count() == 0u);
    BOOST_TEST(at.io().descriptors[peer].open == false);
    at.bytes_come(peer, "for nobody");
    BOOST_TEST(at.io().buffers_out() == 0u);
}

BOOST_AUTO_TEST_CASE(an_owner_killed_in_a_send_drains_until_the_send_has_ended) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .within = 1s, .text = "0123456789"});
    at.kill(who.self);
    BOOST_TEST(!at.is_alive(who.self));
    BOOST_TEST((at.slot_of(who.self).state == slot_state::draining));
    BOOST_TEST(at.counts().slots_draining.get() == 1u);
    BOOST_TEST(at.io().count_submitted(operation_kind::close) == 1u);
    BOOST_TEST(at.io().descriptors[peer].reset);
    at.send_ends(peer, 4);  // short, and not gone on with
    BOOST_TEST(at.io().count_submitted(operation_kind::send) == 1u);
    BOOST_TEST((at.slot_of(who.self).state == slot_state::vacant));
    BOOST_TEST(at.counts().slots_draining.get() == 0u);
    at.io().close_ends(peer);
    at.settle();
    BOOST_TEST(at.shard().io.operations == 0u);
}

BOOST_AUTO_TEST_CASE(a_slot_that_drains_is_not_given_to_another) {
    std::list<script> others;
    script who;
    scripted_bench at({.slots = 2, .slots_draining = 0});
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "old"});
    const std::uint32_t slot = who.self.slot();
    at.kill(who.self);
    at.enter(others.emplace_back());
    BOOST_TEST(!at.last_answer());
    BOOST_TEST(others.back().self.slot() != slot);
    at.enter(others.emplace_back());
    BOOST_TEST((at.last_answer() == errc::no_slots));
    at.send_ends(peer, -ECANCELED);
    at.enter(others.emplace_back());
    BOOST_TEST(!at.last_answer());
    BOOST_TEST(others.back().self.slot() == slot);
    BOOST_TEST(others.back().self.generation() != who.self.generation());
    BOOST_TEST(!at.is_alive(who.self));
}

BOOST_AUTO_TEST_CASE(leases_of_the_dead_come_back_only_after_the_send_that_may_read_them) {
    script who;
    scripted_bench at;
    at.io().cancels_at_once = false;
    const int peer = at.enter_connected(who);
    at.tell(who, {.kind = order_kind::recv});
    at.bytes_come(peer, "request");
    at.tell(who, {.kind = order_kind::send_all, .text = "answer"});
    at.kill(who.self);
    BOOST_TEST(at.io().buffers_out() == 1u);
    at.send_ends(peer, -ECANCELED);
    BOOST_TEST(at.io().buffers_out() == 0u);
}

BOOST_AUTO_TEST_CASE(a_record_is_not_reused_before_its_last_completion_in_whatever_order_they_come) {
    std::array<operation_kind, 3> ends{operation_kind::receive, operation_kind::send, operation_kind::close};
    std::sort(ends.begin(), ends.end());
    do {
        script who;
        script next;
        scripted_bench at;
        at.io().cancels_at_once = false;
        const int peer = at.enter_connected(who);
        at.tell(who, {.kind = order_kind::recv, .within = 1ms});
        at.pass(2ms);
        at.tell(who, {.kind = order_kind::send_all, .text = "abc"});
        const auto free_before = at.shard().io.records.free_count();
        at.kill(who.self);
        for (const operation_kind kind : ends) {
            BOOST_TEST(at.shard().io.records.free_count() == free_before);
            at.io().end(at.io().find(kind, peer), kind == operation_kind::close ? 0 : -ECANCELED);
            at.settle();
        }
        BOOST_TEST(at.shard().io.records.free_count() == free_before + 1);
    } while (std::next_permutation(ends.begin(), ends.end()));
}

BOOST_AUTO_TEST_CASE(a_killed_owner_of_a_write_half_has_its_send_ended) {
    script first;
    script writer;
    scripted_bench at;
    const int peer = at.enter_connected(first);
    at.tell(first, {.kind = order_kind::split});
    at.tell(first, {.kind = order_kind::give_writing, .heir = &writer});
    at.tell(writer, {.kind = order_kind::send_all, .text = "stuck"});
    at.kill(writer.self);
    BOOST_TEST(at.io().in_flight(operation_kind::send, peer) == 0u);
    BOOST_TEST((at.slot_of(writer.self).state == slot_state::vacant));
}

BOOST_AUTO_TEST_CASE(a_permanent_isolate_starts_again_elsewhere_while_its_slot_drains) {
    script who;
    scripted_bench at({.slots = 1, .slots_draining = 1});
    at.io().cancels_at_once = false;
    at.enter(who, tina::restart::permanent);
    const int peer = at.connect(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "old bytes"});
    const tina::handle old = who.self;
    at.kill(old);
    BOOST_TEST(who.runs == 2u);
    BOOST_TEST(who.self.slot() != old.slot());
    BOOST_TEST(at.counts().restarts_pending.get() == 0u);
    at.send_ends(peer, -ECANCELED);
    BOOST_TEST(who.runs == 2u);
    BOOST_TEST(at.counts().isolates_restarted.get() == 1u);
}

BOOST_AUTO_TEST_CASE(without_a_further_slot_a_restart_waits_and_then_happens_once) {
    script who;
    scripted_bench at({.slots = 1, .slots_draining = 0});
    at.io().cancels_at_once = false;
    at.enter(who, tina::restart::permanent);
    const int peer = at.connect(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "old bytes"});
    at.kill(who.self);
    BOOST_TEST(who.runs == 1u);
    BOOST_TEST(at.counts().restarts_pending.get() == 1u);
    at.send_ends(peer, 2);
    BOOST_TEST(who.runs == 2u);
    BOOST_TEST(at.counts().restarts_pending.get() == 0u);
    BOOST_TEST(at.counts().isolates_restarted.get() == 1u);
    BOOST_TEST(at.is_alive(who.self));
}

BOOST_AUTO_TEST_CASE(a_stop_forgets_a_restart_that_was_pending) {
    script who;
    scripted_bench at({.slots = 1, .slots_draining = 0});
    at.io().cancels_at_once = false;
    at.enter(who, tina::restart::permanent);
    at.connect(who);
    at.tell(who, {.kind = order_kind::send_all, .text = "old bytes"});
    at.kill(who.self);
    at.stop();
    BOOST_TEST(who.runs == 1u);
    BOOST_TEST(at.counts().restarts_pending.get() == 0u);
}

BOOST_AUTO_TEST_CASE(a_pending_restart_keeps_its_right_to_a_slot) {
    script temporary;
    script stays;
    script phoenix;
    script late;
    scripted_bench at({.slots = 2, .slots_draining = 1});
    at.io().cancels_at_once = false;
    const int first = at.enter_connected(temporary);
    at.enter(phoenix, tina::restart::permanent);
    const int second = at.connect(phoenix);
    at.tell(temporary, {.kind = order_kind::send_all, .text = "one"});
    at.tell(phoenix, {.kind = order_kind::send_all, .text = "two"});
    at.kill(temporary.self);
    at.enter(stays);
    at.kill(phoenix.self);
    BOOST_TEST(at.counts().restarts_pending.get() == 1u);
    at.send_ends(first, -ECANCELED);
    at.enter(late);
    at.send_ends(second, -ECANCELED);
    BOOST_TEST(phoenix.runs == 2u);
    BOOST_TEST(at.is_alive(phoenix.self));
}

BOOST_AUTO_TEST_CASE(a_stop_with_everything_in_flight_drains) {
    std::list<script> all;
    scripted_bench at({.slots = 16, .buffers = 2, .descriptors = 32});
    at.io().cancels_at_once = false;
    const auto enter = [&] { return at.enter_connected(all.emplace_back()); };
    for (const order_kind kind : {order_kind::recv, order_kind::send_all, order_kind::close}) {
        enter();
        at.tell(all.back(), {.kind = kind, .within = 10s, .text = "in flight"});
    }
    for (int i = 0; i < 3; ++i) {  // two with leases, one starved
        const int peer = enter();
        at.tell(all.back(), {.kind = order_kind::recv});
        if (i < 2) at.bytes_come(peer, "lease");
    }
    for (const order_kind kind : {order_kind::connect, order_kind::accept}) {
        at.enter(all.emplace_back());
        at.tell(all.back(), {.kind = kind, .within = 10s});
    }
    at.stop();
    for (const script& each : all) BOOST_TEST(!at.is_alive(each.self));
}

BOOST_AUTO_TEST_SUITE_END()
