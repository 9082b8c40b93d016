// SPDX-License-Identifier: Apache-2.0
// One isolate that dies in a way of your choice, again and again, on the same shard as an echo server that others are
// talking to. What to watch: no request fails, no answer is wrong, and the longest time that anybody waited for one.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#undef NDEBUG  // one of the ways to die is an assertion
#include <cassert>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

namespace {

enum class way {
    null_write,
    wild_read,
    stack_overflow,
    endless_loop,
    divide_by_zero,
    illegal_instruction,
    abort,
    exception,
    assertion,
};

const std::map<std::string, way> ways{
    {"null-write", way::null_write},
    {"wild-read", way::wild_read},
    {"stack-overflow", way::stack_overflow},
    {"endless-loop", way::endless_loop},
    {"divide-by-zero", way::divide_by_zero},
    {"illegal-instruction", way::illegal_instruction},
    {"abort", way::abort},
    {"exception", way::exception},
    {"assertion", way::assertion},
};

std::vector<std::string> names_of_ways() {
    std::vector<std::string> names;
    for (const auto& [name, how] : ways) names.push_back(name);
    return names;
}

constexpr std::uint32_t client_count = 16;
constexpr std::size_t request_bytes = 64;

// What the two shards tell main(), which reads it when both have stopped.
std::atomic<std::uint32_t> deaths{0};
std::atomic<std::uint32_t> clients_at_work{client_count};
std::atomic<std::uint64_t> requests_served{0};
std::atomic<std::uint64_t> requests_failed{0};
std::atomic<std::uint64_t> wrong_answers{0};
std::atomic<std::int64_t> longest_gap_ns{0};

// --- the one that dies ----------------------------------------------------------------------------------------------

[[gnu::noinline]] int recurse(volatile int& depth) {
    volatile char frame[256]{};
    depth = depth + 1;
    frame[0] = 1;
    return depth < 0 ? 0 : recurse(depth) + frame[0];
}

/// Volatile, so that the compiler does not find out what is going to happen.
[[gnu::noinline]] void die(way how) {
    int* volatile nowhere = nullptr;
    const int* volatile somewhere = reinterpret_cast<const int*>(0x5a5a'5a5a'0000);
    volatile int zero = 0;
    volatile int one = 1;
    volatile int depth = 0;
    switch (how) {
    case way::null_write: *nowhere = 1; break;
    case way::wild_read: zero = *somewhere; break;
    case way::stack_overflow: zero = recurse(depth); break;
    case way::endless_loop:
        for (;;) depth = depth + 1;
    case way::divide_by_zero: depth = one / zero; break;
    case way::illegal_instruction: __builtin_trap();
    case way::abort: std::abort();
    case way::exception: throw std::runtime_error("thrown on purpose");
    case way::assertion: assert(zero == 1);
    }
}

/// Dies; its supervisor starts it again, until it has died often enough.
tina::isolate victim(tina::context self, way how, std::uint32_t times) {
    const auto rest = deaths < times ? tina::duration{5ms} : tina::duration{1h};
    if (const auto rested = co_yield tina::sleep(rest); !rested) co_return;  // the system stops
    if (++deaths == times) tina::log(self, tina::info, "the last of {} deaths", times);
    die(how);
}

// --- its neighbours -------------------------------------------------------------------------------------------------

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

// --- who talks to them, from another shard --------------------------------------------------------------------------

void note_gap(tina::duration gap) {
    std::int64_t longest = longest_gap_ns;
    while (gap.count() > longest && !longest_gap_ns.compare_exchange_weak(longest, gap.count())) continue;
}

/// One request after the other until the victim is done dying. Every answer is compared.
tina::isolate client(tina::context self, std::uint16_t port, std::uint32_t times) {
    auto peer = co_yield tina::connect(*tina::parse_ip("127.0.0.1", port)).within(5s).or_crash();
    static_cast<void>(peer.set_option(tina::socket_option::no_delay, 1));
    std::array<std::byte, request_bytes> request{};
    std::array<std::byte, request_bytes> answer{};
    for (std::uint64_t number = 0; deaths < times; ++number) {
        std::memcpy(request.data(), &number, sizeof number);
        const auto asked = std::chrono::steady_clock::now();
        const auto sent = co_yield tina::send_all(peer, request).within(5s);
        bool failed = !sent;
        for (std::size_t got = 0; !failed && got < answer.size();) {
            const auto part = co_yield tina::recv_into(peer, std::span(answer).subspan(got)).within(5s);
            failed = !part;
            if (part) got += *part;
        }
        if (failed) {
            ++requests_failed;
            break;
        }
        ++requests_served;
        if (answer != request) ++wrong_answers;
        note_gap(std::chrono::steady_clock::now() - asked);
        co_yield tina::sleep(100us).or_crash();
    }
    if (--clients_at_work == 0) self.request_stop();
}

struct options {
    way how = way::null_write;
    std::uint32_t times = 0;  ///< 0: as many as take a few seconds
    std::uint16_t port = 9710;
};

tina::system_spec spec_of(const options& wanted) {
    const tina::restart_budget any_number{.restarts = 1'000'000, .within = 1s};
    const tina::listening socket({.address = "127.0.0.1", .port = wanted.port});
    tina::shard_spec serving{
        .tree = tina::one_for_one(any_number, {tina::child<server>(tina::permanent, socket),
                                               tina::child<victim>(tina::permanent, wanted.how, wanted.times)})};
    std::vector<tina::tree_node> clients;
    for (std::uint32_t i = 0; i < client_count; ++i) {
        clients.emplace_back(tina::child<client>(tina::temporary, wanted.port, wanted.times));
    }
    tina::shard_spec asking{.tree = {.budget = any_number, .children = clients}};
    return {
        .types = {tina::type<server>({.slots = 1}), tina::type<victim>({.slots = 1}),
                  tina::type<connection>({.slots = client_count}), tina::type<client>({.slots = client_count})},
        .shards = {serving, asking},
        .memory = tina::memory_mode::development,
        .faults = {.soft_budget = 20ms, .hard_budget = 40ms},
        .log = {.level = tina::log_level::info},
    };
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("An isolate that dies again and again, and neighbours that do not notice.");
    std::string kind;
    app.add_option("--kind", kind, "how it dies")->required()->check(CLI::IsMember(names_of_ways()));
    app.add_option("--times", wanted.times, "how often; by default as often as takes a few seconds")
        ->check(CLI::Range(1, 100'000));
    app.add_option("--port", wanted.port, "the port of the echo server")
        ->capture_default_str()
        ->check(CLI::Range(1, 65535));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    wanted.how = ways.at(kind);
    if (wanted.times == 0) wanted.times = wanted.how == way::endless_loop ? 50 : 500;

    std::puts("one isolate dies, its neighbours serve; watch that none of them is hurt");
    std::uint64_t died = 0;
    std::uint64_t restarted = 0;
    const int status = tina::run(spec_of(wanted), [&](const tina::counter_snapshot& counters) {
        died = counters["isolates_crashed"];
        restarted = counters["isolates_restarted"];
    });
    if (status != 0) return status;
    std::printf(
        "deaths %llu, restarts %llu, requests served %llu, failed %llu, wrong answers %llu, longest gap %.3f ms\n",
        static_cast<unsigned long long>(died), static_cast<unsigned long long>(restarted),
        static_cast<unsigned long long>(requests_served.load()),
        static_cast<unsigned long long>(requests_failed.load()), static_cast<unsigned long long>(wrong_answers.load()),
        static_cast<double>(longest_gap_ns.load()) / 1e6);
    const bool unhurt = requests_failed == 0 && wrong_answers == 0 && requests_served > 0 && died >= wanted.times;
    std::puts(unhurt ? "no neighbour was hurt" : "A NEIGHBOUR WAS HURT");
    return unhurt ? 0 : 1;
}
