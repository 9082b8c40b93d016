// SPDX-License-Identifier: Apache-2.0
// A demonstration that ends by itself: two shards, each with an echo server and with clients that talk to the server of
// the other shard, over real TCP on loopback. What to watch: round trips per second, and that not one answer is wrong.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

using namespace std::chrono_literals;

namespace echo_demo {

/// What a client has done since its last report. A message must have a name that is the same in every program, so it
/// stands outside the anonymous namespace.
struct progress {
    std::uint64_t round_trips;
    std::uint64_t wrong_answers;
};

}  // namespace echo_demo

namespace {

using echo_demo::progress;

constexpr std::size_t request_bytes = 64;

std::atomic<std::uint64_t> wrong_answers{0};      ///< of both shards; the exit status tells
std::atomic<std::uint32_t> reporters_at_work{2};  ///< the last one to finish stops the system

// --- the server: what is left of it when everything below is taken away is a whole echo server
// -------------------------

tina::isolate connection(tina::context, tina::socket peer) {
    while (auto received = co_yield tina::recv(peer, 4096)) {
        if (auto sent = co_yield tina::send_all(peer, *received); !sent) break;
    }
}

tina::isolate server(tina::context self, tina::listener listener) {
    while (auto peer = co_yield tina::accept(listener)) {
        if (auto child = self.spawn<connection>(std::move(*peer)); !child) {
            tina::log(self, tina::warning, "connection refused: {}", child.error());
        }
    }
}

// --- the clients
// ------------------------------------------------------------------------------------------------------

/// Asks for echoes without a pause and tells the reporter of its shard what came back.
tina::isolate client(tina::context self, std::uint16_t port, tina::handle reporter) {
    const auto server = tina::parse_ip("127.0.0.1", port);
    auto peer = co_yield tina::connect(*server).within(5s).or_crash();
    std::array<std::byte, request_bytes> request{};
    std::array<std::byte, request_bytes> answer{};
    progress done{};
    auto next_report = self.now() + 100ms;
    for (std::uint64_t number = 0;; ++number) {
        std::memcpy(request.data(), &number, sizeof number);
        co_yield tina::send_all(peer, request).within(5s).or_crash();
        std::size_t got = 0;
        while (got < answer.size()) {
            const auto part = co_yield tina::recv_into(peer, std::span(answer).subspan(got)).within(5s);
            if (part.error() == tina::errc::interrupted) co_return;  // the demonstration is over
            if (!part) co_yield tina::crash("no answer");
            got += *part;
        }
        ++done.round_trips;
        if (answer != request) ++done.wrong_answers;
        if (self.now() < next_report) continue;
        co_yield tina::deliver(reporter, done).or_crash();
        done = {};
        next_report += 100ms;
    }
}

/// Starts the clients of its shard, adds up what they report, and says so once a second.
struct reporter {
    using accepts = tina::messages<progress>;
    progress total{};

    tina::isolate run(tina::context self, std::uint16_t port, std::uint32_t clients, std::uint32_t seconds) {
        co_yield tina::sleep(50ms).or_crash();  // all shards listen by now
        for (std::uint32_t i = 0; i < clients; ++i) {
            if (auto started = self.spawn<client>(tina::permanent, port, self.handle()); !started) {
                co_yield tina::crash("a client could not be started");
            }
        }
        const auto end = self.now() + std::chrono::seconds{seconds};
        for (auto line = self.now() + 1s; line <= end; line += 1s) {
            progress second{};
            while (auto report = co_yield tina::receive<progress>().by(line)) {
                second.round_trips += (*report)->round_trips;
                second.wrong_answers += (*report)->wrong_answers;
            }
            total.round_trips += second.round_trips;
            total.wrong_answers += second.wrong_answers;
            tina::log(self, tina::info, "{} round trips in this second, {} wrong answers", second.round_trips,
                      second.wrong_answers);
        }
        tina::log(self, tina::info, "summary: {} round trips by {} clients in {} s, {} wrong answers",
                  total.round_trips, clients, seconds, total.wrong_answers);
        wrong_answers += total.wrong_answers;
        if (--reporters_at_work == 0) self.request_stop();
        for (;;) static_cast<void>(co_yield tina::receive<progress>());  // until then the clients go on
    }
};

tina::shard_spec shard_of(std::uint16_t own_port, std::uint16_t other_port, std::uint32_t clients,
                          std::uint32_t seconds) {
    return {.tree = tina::one_for_one(
                {.restarts = 5, .within = 10s},
                {tina::child<server>(tina::permanent, tina::listening({.address = "127.0.0.1", .port = own_port})),
                 tina::child<reporter>(tina::temporary, other_port, clients, seconds)})};
}

}  // namespace

int main(int argc, char** argv) {
    std::uint32_t seconds = 10;
    std::uint32_t clients = 8;
    std::uint16_t port = 9700;
    CLI::App app("Two shards that serve each other's clients over TCP, for a few seconds.");
    app.add_option("--seconds", seconds, "how long")->capture_default_str()->check(CLI::Range(1, 3600));
    app.add_option("--clients", clients, "clients on each shard")->capture_default_str()->check(CLI::Range(1, 64));
    app.add_option("--port", port, "the first of two ports to use")->capture_default_str()->check(CLI::Range(1, 65534));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }

    std::puts("two shards, each with an echo server and clients of the other's; watch the wrong answers stay at 0");
    const auto second_port = static_cast<std::uint16_t>(port + 1);
    const int status = tina::run({
        .types = {tina::type<server>({.slots = 1}), tina::type<connection>({.slots = 256}),
                  tina::type<client>({.slots = 64}), tina::type<reporter>({.slots = 1})},
        .shards = {shard_of(port, second_port, clients, seconds), shard_of(second_port, port, clients, seconds)},
        .memory = tina::memory_mode::development,
    });
    return status != 0 ? status : wrong_answers > 0 ? 1 : 0;
}
