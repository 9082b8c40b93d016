// SPDX-License-Identifier: Apache-2.0
// A TCP echo server: an isolate for each listening socket, an isolate for each connection. Everything below the two
// handlers is its command line. Try it with `nc 127.0.0.1 9000`; Ctrl-C stops it: what was received is answered first,
// and the last line tells. Ctrl-C again does not wait for that.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

/// How long a connection may be silent, and how long an answer may take to go out. The second is short: as long as a
/// peer does not read, its answer holds a receive buffer that others need.
struct patience {
    tina::duration silence;
    tina::duration answer;
};

/// What all connections of all shards have done: a request is what one recv brings.
struct tally {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> answered{0};
};

/// What one connection has done; added to the rest when it ends, however it ends.
struct own_tally {
    tally* all;
    std::uint64_t accepted = 0;
    std::uint64_t answered = 0;

    explicit own_tally(tally* of_all) : all(of_all) {}
    own_tally(const own_tally&) = delete;
    own_tally& operator=(const own_tally&) = delete;
    ~own_tally() {
        all->accepted += accepted;
        all->answered += answered;
    }
};

tina::isolate connection(tina::context, tina::socket peer, patience limits, tally* all) {
    own_tally requests(all);
    while (auto received = co_yield tina::recv(peer, 65536).within(limits.silence)) {
        ++requests.accepted;
        if (auto sent = co_yield tina::send_all(peer, *received).within(limits.answer); !sent) co_return;
        ++requests.answered;
    }
    // A request that is under way now, as when the system stops, would destroy the last answer if we just closed.
    static_cast<void>(co_yield tina::close(peer, 200ms));
}  // what an isolate owns is closed when it ends, however it ends

tina::isolate acceptor(tina::context self, tina::listener server, patience limits, tally* all) {
    if (auto bound = server.local_address()) tina::log(self, tina::info, "listening on {}", *bound);
    while (auto peer = co_yield tina::accept(server)) {
        if (auto child = self.spawn<connection>(std::move(*peer), limits, all); !child) {  // consumed either way
            tina::log(self, tina::warning, "connection refused: {}", child.error());
        }
    }
}

struct options {
    std::uint16_t port = 9000;
    std::uint32_t shards = 1;
    std::string bind = "127.0.0.1";
    std::uint32_t connections = 20'000;
    std::uint32_t idle_timeout_ms = 600'000;
    std::uint32_t send_timeout_ms = 10'000;
    std::uint32_t shutdown_deadline_ms = 10'000;
    tina::shard_limits limits{.buffers = 4096};
    tina::io_backend io = tina::io_backend::automatic;
    bool development = false;
    bool counters = false;
};

tina::system_spec spec_of(const options& wanted, tally& all) {
    const patience limits{.silence = std::chrono::milliseconds{wanted.idle_timeout_ms},
                          .answer = std::chrono::milliseconds{wanted.send_timeout_ms}};
    const tina::listening socket({.address = wanted.bind, .port = wanted.port, .reuse_port = wanted.shards > 1});
    return {
        .types = {tina::type<acceptor>({.slots = 1}), tina::type<connection>({.slots = wanted.connections})},
        .shards = tina::on_cores(
            wanted.shards, {.tree = tina::one_for_one({.restarts = 5, .within = 10s},
                                                      {tina::child<acceptor>(tina::permanent, socket, limits, &all)}),
                            .limits = wanted.limits}),
        .memory = wanted.development ? tina::memory_mode::development : tina::memory_mode::production,
        .shutdown = {.deadline = std::chrono::milliseconds{wanted.shutdown_deadline_ms}},
        .process = {.io = wanted.io},
    };
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("A TCP echo server on tina.");
    const std::map<std::string, tina::io_backend> io_backends{{"automatic", tina::io_backend::automatic},
                                                              {"io_uring", tina::io_backend::io_uring},
                                                              {"epoll", tina::io_backend::epoll}};
    app.add_option("--port", wanted.port, "the port to listen on; 0: the system chooses")->capture_default_str();
    app.add_option("--shards", wanted.shards, "threads, each on a processor of its own")->capture_default_str();
    app.add_option("--bind", wanted.bind, "the IPv4 or IPv6 address to listen on")->capture_default_str();
    app.add_option("--connections", wanted.connections, "connections at once on each shard")->capture_default_str();
    app.add_option("--descriptors", wanted.limits.descriptors,
                   "open sockets on each shard; 0: what the process may have");
    app.add_option("--buffers", wanted.limits.buffers, "receive buffers of each shard")->capture_default_str();
    app.add_option("--buffer-bytes", wanted.limits.buffer_bytes, "the size of one")->capture_default_str();
    app.add_option("--idle-timeout-ms", wanted.idle_timeout_ms, "a silent connection is closed")->capture_default_str();
    app.add_option("--send-timeout-ms", wanted.send_timeout_ms, "a connection that does not read is closed")
        ->capture_default_str();
    app.add_option("--shutdown-deadline-ms", wanted.shutdown_deadline_ms,
                   "for how long it goes on to answer at the end")
        ->capture_default_str();
    app.add_option("--io", wanted.io, "io_uring, epoll; automatic: epoll where io_uring is refused")
        ->transform(CLI::CheckedTransformer(io_backends))
        ->option_text("automatic|io_uring|epoll");
    app.add_flag("--development", wanted.development, "take memory when it is used, not at the start");
    app.add_flag("--counters", wanted.counters, "print the counters at the end");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    tally all;
    return tina::run(spec_of(wanted, all), [&](const tina::counter_snapshot& counters) {
        if (wanted.counters) std::fputs(counters.to_string().c_str(), stdout);
        std::printf("accepted %llu requests, answered %llu\n", static_cast<unsigned long long>(all.accepted),
                    static_cast<unsigned long long>(all.answered));
    });
}
