// SPDX-License-Identifier: Apache-2.0
// Many deaths beside much work: isolates that die in every way that can be contained, again and again, on the shard of
// an echo server under load. No request may fail or be answered wrongly, nothing may be lost, and memory must not grow.
// It prints a summary, and ends with 0 only if all of that is so.
#include <tina/tina.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "../bench/load_generator.hpp"
#include "soak_ways.hpp"

using namespace std::chrono_literals;

namespace soak_messages {
struct reminder {
    std::uint64_t number;
};
}  // namespace soak_messages

namespace {

using soak_messages::reminder;

constexpr std::uint32_t victim_count = 20;
constexpr std::uint32_t loops_apart = 50;  ///< one death in so many is in a loop that allocates
constexpr std::uint32_t slow_apart = 20;   ///< and one in so many in another loop
constexpr std::size_t growth_max = std::size_t{8} << 20;

struct options {
    std::uint32_t deaths = 10'000;
    std::uint32_t connections = 1'000;
};
options wanted;

// Written by the shard, read by main() and by the thread that makes the load.
std::atomic<std::uint32_t> deaths{0};
std::atomic<std::uint32_t> survived{0};
std::atomic<std::uint32_t> losses{0};
std::atomic<std::uint16_t> port{0};

[[nodiscard]] std::size_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::size_t pages = 0;
    std::size_t resident = 0;
    file >> pages >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// --- those that live
// ----------------------------------------------------------------------------------------------------

tina::isolate connection(tina::context, tina::socket peer) {
    while (auto received = co_yield tina::recv(peer, 4096)) {
        if (auto sent = co_yield tina::send_all(peer, *received); !sent) break;
    }
}

tina::isolate server(tina::context self, tina::listener listener) {
    port = listener.local_address()->port;
    while (auto peer = co_yield tina::accept(listener)) {
        if (!self.spawn<connection>(std::move(*peer))) ++losses;
    }
}

// --- those that die
// -----------------------------------------------------------------------------------------------------

/// Of the death of this number.
[[nodiscard]] soak::way_to_die way_of(std::uint32_t number) {
    if (number % loops_apart == 0) return &soak::allocate_for_ever;
    if (number % slow_apart == 1) return soak::slow_ways()[number / slow_apart % soak::slow_ways().size()];
    return soak::quick_ways()[number % soak::quick_ways().size()];
}

/// Holds one of everything when it dies.
struct victim {
    using accepts = tina::messages<reminder>;

    tina::isolate run(tina::context self) {
        while (deaths >= wanted.deaths || port == 0) {
            const auto rested = co_yield tina::sleep(port == 0 ? 1ms : 1h);
            if (!rested) co_return;  // the system stops
        }
        auto peer = co_yield tina::connect(*tina::parse_ip("127.0.0.1", port)).within(30s);
        const auto block = self.allocate(512);
        const bool has_all = peer && block && self.set_timer(1h, reminder{1}) &&
                             self.send(self.handle(), reminder{2}) == tina::send_result::ok;
        if (!has_all) ++losses;
        const auto rested = co_yield tina::sleep(std::chrono::microseconds(self.random() % 2000));
        if (!rested) co_return;
        if (deaths >= wanted.deaths) co_return;
        const auto die = way_of(++deaths);
        die();
        ++survived;
    }
};

tina::system_spec spec_of_soak() {
    const tina::listening socket({.address = "127.0.0.1"});
    tina::shard_spec shard{.tree = {.budget = {.restarts = 1'000'000, .within = 1s},
                                    .children = {tina::child<&server>(tina::permanent, socket)}},
                           .limits = {.descriptors = wanted.connections * 2 + 256, .leases = 2 * victim_count}};
    for (std::uint32_t i = 0; i < victim_count; ++i) {
        shard.tree.children.emplace_back(tina::child<victim>(tina::permanent));
    }
    return {
        .types = {tina::type<&server>({.slots = 1}),
                  tina::type<&connection>({.slots = wanted.connections + 64, .slots_draining = 64}),
                  tina::type<victim>({.slots = victim_count, .slots_draining = victim_count, .mailbox_capacity = 4})},
        .shards = {shard},
        .memory = tina::memory_mode::development,
        .faults = {.contain = tina::containment::on, .soft_budget = 4ms, .hard_budget = 8ms},
        .log = {.level = tina::log_level::error},
        .process = {.handle_signals = false, .pin_threads = false},
    };
}

// --- the load
// -----------------------------------------------------------------------------------------------------------

struct load_sums {
    std::uint64_t requests = 0;
    std::uint64_t wrong = 0;
    std::uint64_t failed = 0;
    double longest_ms = 0;
};

/// Round after round until the last death. Each round has connections of its own.
void make_load(load_sums& sums) {
    while (deaths < wanted.deaths) {
        tina::bench::load_generator load(
            {.port = port, .connections = wanted.connections, .seconds = 2, .warmup_seconds = 0, .stall_ms = 60'000});
        if (const auto problem = load.connect_all()) {
            std::fprintf(stderr, "%s\n", problem->c_str());
            ++sums.failed;
            return;
        }
        const tina::bench::load_result result = load.run();
        sums.requests += result.requests_total;
        sums.wrong += result.mismatches;
        sums.failed += result.stalls + result.closed_by_server;
        sums.longest_ms = std::max(sums.longest_ms, static_cast<double>(result.latencies.max_ns()) / 1e6);
        if (sums.failed > 0) return;
    }
}

// --- the judgement
// ------------------------------------------------------------------------------------------------------

[[nodiscard]] bool expect(bool condition, const char* text) {
    if (!condition) std::printf("FAILED: %s\n", text);
    return condition;
}

[[nodiscard]] bool is_at_rest(const tina::counter_snapshot& counters) {
    bool rests = true;
    for (const char* const name :
         {"messages_queued", "messages_held", "calls_outstanding", "leases_in_use", "message_timers_in_use",
          "monitors_in_use", "isolates_live", "timers_armed", "descriptors_open", "buffers_in_use",
          "operations_in_flight", "slots_draining", "restarts_pending"}) {
        if (counters[name] == 0) continue;
        std::printf("FAILED: %s is %llu at the end\n", name, static_cast<unsigned long long>(counters[name]));
        rests = false;
    }
    return rests && expect(counters["isolates_spawned"] == counters["isolates_ended"], "isolates were lost");
}

struct memory_use {
    std::size_t before = 0;
    std::size_t after = 0;
};

/// Lets the system run to the last death, and takes the measure of memory when a tenth of them are over.
memory_use watch() {
    memory_use use;
    std::uint32_t seen = 0;
    auto seen_at = std::chrono::steady_clock::now();
    while (deaths < wanted.deaths) {
        std::this_thread::sleep_for(20ms);
        if (use.before == 0 && deaths >= wanted.deaths / 10) use.before = resident_bytes();
        const auto now = std::chrono::steady_clock::now();
        if (deaths != seen) seen_at = now;
        seen = deaths;
        if (now - seen_at < 60s) continue;
        std::fprintf(stderr, "FATAL: nobody has died for a minute; %u deaths so far\n", seen);
        std::_Exit(1);
    }
    return use;
}

int run_soak() {
    tina::system system(spec_of_soak());
    if (const tina::boot_result booted = system.start(); !booted) {
        for (const std::string& error : booted.errors) std::fprintf(stderr, "%s\n", error.c_str());
        return 1;
    }
    while (port == 0) std::this_thread::sleep_for(1ms);
    load_sums sums;
    std::thread load(&make_load, std::ref(sums));
    memory_use use = watch();
    load.join();
    use.after = resident_bytes();
    system.request_stop();
    system.join();
    const tina::counter_snapshot counters = system.counters();
    std::printf("deaths %u, contained %llu, restarts %llu, requests %llu, wrong %llu, failed %llu, longest %.1f ms, "
                "memory %zu KiB after a tenth, %zu KiB at the end\n",
                deaths.load(), static_cast<unsigned long long>(counters["faults_contained"]),
                static_cast<unsigned long long>(counters["isolates_restarted"]),
                static_cast<unsigned long long>(sums.requests), static_cast<unsigned long long>(sums.wrong),
                static_cast<unsigned long long>(sums.failed), sums.longest_ms, use.before / 1024, use.after / 1024);
    bool holds = expect(sums.failed == 0 && sums.wrong == 0 && sums.requests > 0, "a neighbour was hurt");
    holds &= expect(survived == 0, "somebody has survived");
    holds &= expect(losses == 0, "something was lost");
    holds &= expect(counters["isolates_crashed"] == wanted.deaths, "not every death was a crash");
    holds &= expect(use.after <= use.before + growth_max, "memory has grown");
    holds &= is_at_rest(counters);
    std::puts(holds ? "nobody was hurt, nothing was lost" : "SOMEBODY WAS HURT");
    return holds ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Isolates that die in every way, beside an echo server under load.");
    app.add_option("--deaths", wanted.deaths, "in all")->capture_default_str()->check(CLI::Range(100, 10'000'000));
    app.add_option("--connections", wanted.connections, "under load")
        ->capture_default_str()
        ->check(CLI::Range(1, 20'000));
    CLI11_PARSE(app, argc, argv);
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    soak::prepare_ways();
    return run_soak();
}
