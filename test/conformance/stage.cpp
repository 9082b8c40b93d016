// SPDX-License-Identifier: Apache-2.0
// The stage: submits, waits within bounds, and keeps what did not hold.
#include "stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>

namespace conformance {

stage::stage(std::unique_ptr<arm> on) : arm_(std::move(on)) {
    for (int which : {0, 1}) {
        party& made = of(which);
        made.buffers.resize(std::size_t{buffer_count} * buffer_bytes);
        made.io = arm_->make(which, {.submission_entries = 64,
                                     .operations_max = 4096,
                                     .buffers = made.buffers.data(),
                                     .buffer_count = buffer_count,
                                     .buffer_bytes = buffer_bytes});
    }
}

stage::~stage() {
    for (party& each : sides_) each.io.reset();
    for (const party& each : sides_) {
        for (const int number : each.open) arm_->close_left(number);
    }
}

// ---- verdicts

void stage::check(bool holds, std::string_view what) {
    if (!holds) failures_.emplace_back(what);
}

void stage::equal(std::int64_t seen, std::int64_t wanted, std::string_view what) {
    if (seen == wanted) return;
    failures_.push_back(std::string(what) + ": " + std::to_string(seen) + " instead of " + std::to_string(wanted));
}

void stage::need(bool holds, std::string_view what) {
    check(holds, what);
    if (!holds) throw cannot_go_on{};
}

// ---- sockets

sock stage::listener_or_error(const listen_options& options) {
    const sock made{0, io(0).listen(options)};
    if (made.number >= 0) of(0).open.insert(made.number);
    return made;
}

sock stage::listen(listen_options options) {
    if (options.local == address{}) options.local = address_of(0);
    const sock made = listener_or_error(options);
    need(made.number >= 0, "listens");
    return made;
}

sock stage::listen_at(std::string_view ip, listen_options options) {
    options.local = *parse_ip(ip, 0);
    const sock made = listener_or_error(options);
    need(made.number >= 0, "listens");
    return made;
}

sock stage::open(int side, address_family family) {
    const sock made{side, io(side).open_stream(family)};
    need(made.number >= 0, "a stream opens");
    of(side).open.insert(made.number);
    return made;
}

address stage::local(const sock& what) {
    address out;
    equal(io(what).local_address(what.number, out), 0, "has a local address");
    return out;
}

address stage::peer(const sock& what) {
    address out;
    equal(io(what).peer_address(what.number, out), 0, "has a peer's address");
    return out;
}

int stage::peer_result(const sock& what) {
    address out;
    return io(what).peer_address(what.number, out);
}

ends stage::connect_pair(const sock& listener) {
    ends made;
    made.client = open();
    const flight connecting = connect(made.client, local(listener));
    need(result(connecting) == 0, "connects");
    made.server = accepted(accept(listener));
    return made;
}

ends stage::connected() { return connect_pair(listen()); }

ends stage::connected_narrowly() {
    const sock listener = listen({.local = {}, .receive_buffer_bytes = 32'768, .send_buffer_bytes = 32'768});
    ends made;
    made.client = open();
    static_cast<void>(io(1).set_option(made.client.number, socket_option::receive_buffer_bytes, 32'768));
    static_cast<void>(io(1).set_option(made.client.number, socket_option::send_buffer_bytes, 32'768));
    need(result(connect(made.client, local(listener))) == 0, "connects");
    made.server = accepted(accept(listener));
    return made;
}

void stage::close_now(sock& what) {
    of(what.side).open.erase(what.number);
    io(what).close_now(std::exchange(what.number, -1));
}

// ---- operations

flight stage::submit(int side, operation wanted) {
    wanted.token = of(side).next_token++;
    io(side).submit(wanted);
    return {side, wanted.token};
}

flight stage::accept(const sock& listener) {
    return submit(listener.side, {.kind = operation_kind::accept, .descriptor = listener.number});
}

flight stage::connect(const sock& from, const address& to) {
    // The address is gone when this returns: the reactor must have its own copy.
    const address copy = to;
    return submit(from.side, {.kind = operation_kind::connect, .descriptor = from.number, .peer = &copy});
}

flight stage::receive(const sock& from, std::uint32_t bytes) {
    return submit(from.side, {.kind = operation_kind::receive, .descriptor = from.number, .bytes = bytes});
}

flight stage::send(const sock& to, std::string_view text, bool whole) {
    return submit(to.side, {.kind = operation_kind::send,
                            .whole = whole,
                            .descriptor = to.number,
                            .bytes = static_cast<std::uint32_t>(text.size()),
                            .memory = reinterpret_cast<const std::byte*>(text.data())});
}

flight stage::close(sock& what) {
    of(what.side).open.erase(what.number);
    return submit(what.side, {.kind = operation_kind::close, .descriptor = std::exchange(what.number, -1)});
}

void stage::cancel(const flight& what) { io(what.side).submit({.kind = operation_kind::cancel, .target = what.token}); }

void stage::flush() {
    for (party& each : sides_) each.io->flush();
}

// ---- their ends

void stage::gather() {
    flush();
    for (party& each : sides_) {
        std::array<completion, 64> some;
        for (std::size_t count = some.size(); count == some.size();) {
            count = each.io->collect(some);
            for (const completion& one : std::span(some).first(count)) {
                check(each.ended.emplace(one.token, one).second, "an operation ends once");
                each.order.push_back(one.token);
            }
        }
    }
}

completion stage::await(const flight& what) {
    const std::int64_t deadline_ns = arm_->now_ns() + limit_ns;
    gather();
    while (!of(what.side).ended.contains(what.token)) {
        const bool more = arm_->pass(io(what.side), deadline_ns);
        gather();
        need(more || of(what.side).ended.contains(what.token), "an operation ends");
    }
    return of(what.side).ended.at(what.token);
}

bool stage::has_ended(const flight& what) {
    gather();
    return of(what.side).ended.contains(what.token);
}

void stage::settle(std::int64_t span_ns) {
    const std::int64_t deadline_ns = arm_->now_ns() + span_ns;
    gather();
    for (int which = 0; arm_->pass(io(which), deadline_ns); which = 1 - which) gather();
    gather();
}

sock stage::accepted(const flight& what) {
    const sock made{what.side, result(what)};
    need(made.number >= 0, "a connection is accepted");
    of(what.side).open.insert(made.number);
    return made;
}

std::string stage::text(const flight& what) {
    const completion ended = await(what);
    check((ended.buffer != no_buffer) == (ended.result > 0), "a receive names a buffer if there are bytes");
    if (ended.result == 0) return "<end>";
    if (ended.result < 0) return "<" + std::to_string(ended.result) + ">";
    const std::byte* const from = of(what.side).buffers.data() + std::size_t{ended.buffer} * buffer_bytes;
    std::string bytes(reinterpret_cast<const char*>(from), static_cast<std::size_t>(ended.result));
    give_back(what.side, ended.buffer);
    return bytes;
}

std::size_t stage::place_in_order(const flight& what) const {
    const auto& order = sides_[static_cast<std::size_t>(what.side)].order;
    return static_cast<std::size_t>(std::find(order.begin(), order.end(), what.token) - order.begin());
}

// ---- all at once

void stage::say(const sock& to, std::string_view text) {
    equal(result(send(to, text)), static_cast<std::int64_t>(text.size()), "a send takes all");
}

std::string stage::hear(const sock& from, std::uint32_t bytes) { return text(receive(from, bytes)); }

std::string stage::hear_all(const sock& from, std::size_t bytes) {
    std::string all;
    while (all.size() < bytes) {
        const flight next =
            receive(from, static_cast<std::uint32_t>(std::min<std::size_t>(bytes - all.size(), buffer_bytes)));
        if (result(next) <= 0) return all;
        all += text(next);
    }
    return all;
}

std::pair<std::string, int> stage::hear_to_end(const sock& from) {
    std::string all;
    while (true) {
        const flight next = receive(from);
        const int last = result(next);
        if (last <= 0) return {all, last};
        all += text(next);
    }
}

void stage::give_back(int side, std::uint16_t buffer) { io(side).return_buffer(buffer); }

// ---- cases

std::string pattern(std::size_t bytes) {
    std::string made(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>('a' + (i * 7 + i / 251 + i / 65'521) % 26);
    return made;
}

std::vector<conformance_case>& all_cases() {
    static std::vector<conformance_case> cases;
    return cases;
}

std::vector<std::string> run_case(void (*body)(stage&), std::unique_ptr<arm> on) {
    stage at(std::move(on));
    try {
        body(at);
    } catch (const cannot_go_on&) {
        // What was missing has been noted.
    }
    return at.failures();
}

void show_case(void (*body)(stage&), std::unique_ptr<arm> on) {
    for (const std::string& each : run_case(body, std::move(on))) BOOST_ERROR(each);
    BOOST_TEST(true);
}

}  // namespace conformance
