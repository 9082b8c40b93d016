// SPDX-License-Identifier: Apache-2.0
// A TCP proxy: two isolates for each connection, one for each direction, so that neither can stall the other. What to
// watch: a half-close is passed on as one, a reset ends both sides with a reset, and a target that is not there costs
// its client alone. Try it with `proxy --to 127.0.0.1:80` and a client of port 9100; Ctrl-C stops it: no more requests
// are passed on, answers that are under way are.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace proxy {

/// To each direction of a connection: who the other one is; nobody if it could not be started.
struct introduction {
    tina::handle other;
};

/// From one direction to the other, now and then: a connection is idle only when neither moves.
struct moved {
    tina::instant when;
};

}  // namespace proxy

namespace {

using proxy::introduction;
using proxy::moved;

constexpr std::uint32_t buffer_bytes = 16 * 1024;
constexpr tina::duration last_idle = 500ms;  ///< the patience with an answer, once the proxy stops

struct patience {
    tina::duration connecting;
    tina::duration idle;  ///< nothing comes from either side, or one side takes nothing of what is there for it
};

/// Carries bytes one way. To end well is to pass the end of the stream on; to crash is to break both connections off,
/// which ends the other direction too. When the proxy stops, requests end, and the target sees that; answers go on.
struct direction {
    using accepts = tina::messages<introduction, moved>;

    tina::isolate run(tina::context self, tina::read_half from, tina::write_half to, tina::duration idle,
                      bool of_requests) {
        const auto sibling = co_yield tina::receive<introduction>();
        if (!sibling->other) co_yield tina::crash("no slot for the other direction: raise --connections");
        auto moved_at = self.now();  // either direction, as far as this one knows
        auto next_notice = self.now();
        for (;;) {
            auto received = co_yield tina::recv(from, buffer_bytes).by(moved_at + idle);
            if (received) {
                co_yield tina::send_all(to, *received).within(idle).or_crash();
                moved_at = self.now();
                if (moved_at < next_notice) continue;
                next_notice = moved_at + idle / 8;
                // The other one may have ended well before, and if its mailbox is full it has been told enough.
                static_cast<void>(self.send(sibling->other, moved{moved_at}));
            } else if (received.error() == tina::errc::end_of_stream) {
                co_return;
            } else if (received.error() == tina::errc::interrupted) {
                if (of_requests) co_return;
                idle = std::min(idle, last_idle);
                moved_at = self.now();
            } else if (received.error() != tina::errc::deadline) {
                const std::string why = received.error().message();
                co_yield tina::crash(why);
            }
            while (auto notice = co_yield tina::receive<moved>().within(0s)) {
                moved_at = std::max(moved_at, (*notice)->when);
            }
            if (self.now() >= moved_at + idle) co_return;  // the other one finds the same
        }
    }
};

/// Opens the way to the target and gives its two directions to isolates of their own.
tina::isolate connector(tina::context self, tina::socket client, tina::address target, patience limits) {
    auto server = co_yield tina::connect(target).within(limits.connecting);
    if (!server) {
        tina::log(self, tina::warning, "a client is turned away: {}: {}", target, server.error());
        co_return;
    }
    static_cast<void>(server->set_option(tina::socket_option::no_delay, 1));
    auto near = std::move(client).split();
    auto far = std::move(*server).split();
    const auto there = self.spawn<direction>(std::move(near.reading), std::move(far.writing), limits.idle, true);
    const auto back = self.spawn<direction>(std::move(far.reading), std::move(near.writing), limits.idle, false);
    const auto nobody = tina::handle_to<direction>{};
    if (there) co_yield tina::deliver(*there, introduction{back ? *back : nobody}).or_crash();
    if (back) co_yield tina::deliver(*back, introduction{there ? *there : nobody}).or_crash();
}

tina::isolate acceptor(tina::context self, tina::listener clients, tina::address target, patience limits) {
    if (auto bound = clients.local_address()) tina::log(self, tina::info, "listening on {}", *bound);
    while (auto client = co_yield tina::accept(clients)) {
        if (auto child = self.spawn<connector>(std::move(*client), target, limits); !child) {  // consumed either way
            tina::log(self, tina::warning, "a client is turned away: {}", child.error());
        }
    }
}

struct options {
    std::string listen = "127.0.0.1:9100";
    std::string to;
    std::uint32_t shards = 1;
    std::uint32_t connections = 1000;
    std::uint32_t connect_timeout_ms = 5'000;
    std::uint32_t idle_timeout_ms = 600'000;
    bool counters = false;
};

/// "127.0.0.1:80" without its port, "[::1]:80" also without its brackets.
std::string_view host_of(std::string_view address) {
    address = address.substr(0, address.rfind(':'));
    return address.front() == '[' ? address.substr(1, address.size() - 2) : address;
}

tina::system_spec spec_of(const options& wanted) {
    const patience limits{.connecting = std::chrono::milliseconds{wanted.connect_timeout_ms},
                          .idle = std::chrono::milliseconds{wanted.idle_timeout_ms}};
    const tina::listening socket({.address = host_of(wanted.listen),
                                  .port = tina::parse_address(wanted.listen)->port,
                                  .reuse_port = wanted.shards > 1});
    const auto target = *tina::parse_address(wanted.to);
    return {
        .types = {tina::type<acceptor>({.slots = 1}), tina::type<connector>({.slots = wanted.connections}),
                  tina::type<direction>({.slots = 2 * wanted.connections})},
        .shards = tina::on_cores(
            wanted.shards, {.tree = tina::one_for_one({.restarts = 5, .within = 10s},
                                                      {tina::child<acceptor>(tina::permanent, socket, target, limits)}),
                            // A buffer for each direction: those that wait for a slow reader leave some for all others.
                            .limits = {.messages = 1024 + 16 * wanted.connections,
                                       .buffers = std::bit_ceil(2 * wanted.connections),
                                       .buffer_bytes = buffer_bytes}}),
        .memory = tina::memory_mode::development,
    };
}

const CLI::Validator is_address(
    [](const std::string& text) {
        return tina::parse_address(text) ? "" : '"' + text + "\" is no address with a port: 127.0.0.1:80 or [::1]:80";
    },
    "ADDRESS:PORT");

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("A TCP proxy on tina.");
    app.add_option("--to", wanted.to, "where connections lead to")->required()->check(is_address);
    app.add_option("--listen", wanted.listen, "where connections come from; port 0: the system chooses")
        ->capture_default_str()
        ->check(is_address);
    app.add_option("--shards", wanted.shards, "threads, each on a processor of its own")->capture_default_str();
    app.add_option("--connections", wanted.connections, "connections at once on each shard")
        ->capture_default_str()
        ->check(CLI::Range(1, 16'384));
    app.add_option("--connect-timeout-ms", wanted.connect_timeout_ms, "a client is turned away if the target is silent")
        ->capture_default_str()
        ->check(CLI::Range(1, 3'600'000));
    app.add_option("--idle-timeout-ms", wanted.idle_timeout_ms,
                   "a connection is closed if nothing comes from either side, or one side does not read, for so long")
        ->capture_default_str()
        ->check(CLI::Range(1, 86'400'000));
    app.add_flag("--counters", wanted.counters, "print the counters at the end");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    return tina::run(spec_of(wanted), [&](const tina::counter_snapshot& counters) {
        if (wanted.counters) std::fputs(counters.to_string().c_str(), stdout);
    });
}
