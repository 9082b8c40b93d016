// SPDX-License-Identifier: Apache-2.0
// A simulated network for tests: hosts with one reactor each, driven by hand. Owned by a test, on its thread.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/event_log.hpp"
#include "sim/network.hpp"
#include "sim/sim_reactor.hpp"
#include "sim/timeline.hpp"

namespace net_test {

using namespace tina::sim;
using namespace std::chrono_literals;
using tina::address;
using tina::address_family;
using tina::parse_ip;
using tina::detail::completion;
using tina::detail::no_buffer;
using tina::detail::operation;
using tina::detail::operation_kind;

inline constexpr std::int64_t ms = 1'000'000;
inline constexpr std::int64_t second = 1'000'000'000;

inline address ip(std::string_view text, std::uint16_t port = 0) { return *parse_ip(text, port); }

/// A shard of a host, with the ends of its operations.
class node : public reactor_machine {
public:
    node(network& on, host& at, const timeline& time, std::uint32_t shard = 0)
        : on_(&on), at_(&at), time_(&time), shard_(shard), buffers_(count * bytes) {
        boot();
    }
    void boot() {
        ended.clear();
        io = make_sim_reactor(
            *on_, *at_,
            {.reactor = {.buffers = buffers_.data(), .buffer_count = count, .buffer_bytes = bytes}, .machine = this});
    }

    std::uint64_t give(operation wanted) {
        wanted.token = ++last_token_;
        io->submit(wanted);
        io->flush();
        return wanted.token;
    }
    std::uint64_t accept(int from) { return give({.kind = operation_kind::accept, .descriptor = from}); }
    std::uint64_t connect(int from, const address& to) {
        return give({.kind = operation_kind::connect, .descriptor = from, .peer = &to});
    }
    std::uint64_t receive(int from, std::uint32_t most = bytes) {
        return give({.kind = operation_kind::receive, .descriptor = from, .bytes = most});
    }
    std::uint64_t send(int to, std::string_view text, bool whole = true) {
        return give({.kind = operation_kind::send,
                     .whole = whole,
                     .descriptor = to,
                     .bytes = static_cast<std::uint32_t>(text.size()),
                     .memory = reinterpret_cast<const std::byte*>(text.data())});
    }
    void cancel(std::uint64_t token) { io->submit({.kind = operation_kind::cancel, .target = token}); }

    void gather() {
        std::array<completion, 16> some;
        for (std::size_t got = some.size(); got == some.size();) {
            got = io->collect(some);
            for (std::size_t i = 0; i < got; ++i) {
                if (!ended.emplace(some[i].token, some[i]).second) ++ended_twice;
            }
        }
    }
    bool has_ended(std::uint64_t token) {
        gather();
        return ended.contains(token);
    }
    /// The result of what has ended; 1 where it has not.
    static constexpr int in_flight = 1'000'000;
    int result(std::uint64_t token) { return has_ended(token) ? ended[token].result : in_flight; }
    std::string text(std::uint64_t token) {
        if (result(token) <= 0 || result(token) == in_flight) return "<" + std::to_string(result(token)) + ">";
        const completion& what = ended[token];
        std::string out(reinterpret_cast<const char*>(buffers_.data() + std::size_t{what.buffer} * bytes),
                        static_cast<std::size_t>(what.result));
        io->return_buffer(what.buffer);
        io->flush();
        return out;
    }

    std::int64_t now_ns() noexcept override { return time_->now_ns(); }
    void due() noexcept override { ++due_count; }
    void woken() noexcept override { ++woken_count; }
    std::uint32_t shard() const noexcept override { return shard_; }
    void completion_cause(std::uint64_t event) noexcept override { causes.push_back(event); }
    std::string_view owner() const noexcept override { return owner_name; }

    std::unique_ptr<tina::detail::reactor> io;
    std::map<std::uint64_t, completion> ended;
    std::vector<std::uint64_t> causes;
    std::string owner_name;
    int due_count = 0;
    int ended_twice = 0;
    int woken_count = 0;

private:
    static constexpr std::uint32_t count = 8;
    static constexpr std::uint32_t bytes = 4096;

    network* on_;
    host* at_;
    const timeline* time_;
    std::uint32_t shard_;
    std::vector<std::byte> buffers_;
    std::uint64_t last_token_ = 0;
};

/// A world of nothing but a network.
class net_stage {
public:
    explicit net_stage(base from = base::quiet, std::uint64_t seed = 1, edit_list edits = {})
        : choices(from, seed, std::move(edits)) {
        log.keep_all();
    }
    /// Hosts 10.0.0.1 and so on.
    host& add(std::string_view name) {
        const auto index = static_cast<std::uint16_t>(hosts.size());
        hosts.push_back(&net.add_host(name, index, {ip("10.0.0." + std::to_string(index + 1))}));
        return *hosts.back();
    }
    void run_until(std::int64_t at_ns) {
        while (time.next_ns() <= at_ns) time.run_next();
        time.advance_to(at_ns);
    }
    void run_for(std::int64_t span_ns) { run_until(time.now_ns() + span_ns); }
    /// Until nothing is scheduled any more.
    void run_out() {
        while (time.next_ns() != never_ns) time.run_next();
    }
    std::size_t count(event_kind kind) {
        std::size_t found = 0;
        for (const event_record& each : log.kept()) found += each.kind == kind ? 1 : 0;
        return found;
    }
    const event_record& last(event_kind kind) {
        for (std::size_t i = log.kept().size(); i-- > 0;) {
            if (log.kept()[i].kind == kind) return log.kept()[i];
        }
        return log.kept().at(log.kept().size());
    }

    timeline time;
    decisions choices;
    event_log log{time, choices};
    network net{time, choices, log};
    std::vector<host*> hosts;
};

/// Two hosts with a connection between them, from `client` to `server`.
class two_hosts : public net_stage {
public:
    explicit two_hosts(base from = base::quiet, std::uint64_t seed = 1, edit_list edits = {})
        : net_stage(from, seed, std::move(edits)) {}
    void connect() {
        listener = server.io->listen({.local = ip("0.0.0.0", 80)});
        const auto accepting = server.accept(listener);
        there = client.io->open_stream(address_family::ip4);
        const auto connecting = client.connect(there, ip("10.0.0.1", 80));
        run_for(50 * ms);
        connected = client.result(connecting);
        here = server.result(accepting);
    }

    host& one = add("one");
    host& two = add("two");
    node server{net, one, time};
    node client{net, two, time};
    int listener = -1;
    int here = -1;   ///< of the server
    int there = -1;  ///< of the client
    int connected = 1;
};

}  // namespace net_test
