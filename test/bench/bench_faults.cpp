// SPDX-License-Identifier: Apache-2.0
// What containment of faults costs: one death, from the instruction that faults to the first one of the isolate that is
// started again, and each message that is delivered while faults could be contained. It uses the public interface only.
// Instructions are counted by single steps, since neither does every machine have counters nor can faults be contained
// under callgrind. `bench_faults --messages N on|off` delivers N messages and nothing else.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <tina/tina.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace std::chrono_literals;

namespace bench_faults {

struct partner {
    tina::handle who;
};
struct token {
    std::uint64_t hops_left;
};

}  // namespace bench_faults

namespace {

using bench_faults::partner;
using bench_faults::token;
using wall = std::chrono::steady_clock;

/// What is to be done, and how long it took. One at a time: benchmarks run one after the other.
struct measurement {
    std::uint64_t operations = 0;
    std::uint64_t done = 0;
    double ns = 0;
    wall::time_point begin{};
};
measurement now_measured;

constexpr double activations_per_batch = 64;  // where handlers are short: shard cycles look at the clock so often

volatile bool counts_steps = false;
volatile std::uint64_t steps_taken = 0;
constexpr unsigned long long single_step = 0x100;

void on_step(int) { steps_taken = steps_taken + 1; }

/// From here on every instruction of this thread is a signal.
void begin_counting_steps() {
    struct sigaction action{};
    action.sa_handler = &on_step;
    sigaction(SIGTRAP, &action, nullptr);
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | single_step);
}
void end_counting_steps() { __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~single_step); }

void check(tina::send_result answer) {
    if (answer != tina::send_result::ok) std::fprintf(stderr, "a send was refused: %s\n", tina::to_string(answer));
}

void run_one_shard(std::vector<tina::type_spec> types, tina::child_spec child, tina::containment contain) {
    tina::shard_spec shard{.tree = tina::one_for_one({.restarts = tina::unlimited, .within = 1s}, {std::move(child)}),
                           .limits = {.descriptors = 64}};
    const int status = tina::run({
        .types = std::move(types),
        .shards = {shard},
        .memory = tina::memory_mode::development,
        .faults = {.contain = contain},
        .log = {.level = tina::log_level::error},
    });
    if (status != 0) std::exit(1);
}

// --- deaths
// -------------------------------------------------------------------------------------------------------------

[[gnu::noinline]] void fault() {
    int* volatile nowhere = nullptr;
    now_measured.begin = wall::now();
    *nowhere = 1;
}

tina::isolate victim(tina::context self) {
    if (now_measured.begin != wall::time_point{}) {
        now_measured.ns += std::chrono::duration<double, std::nano>(wall::now() - now_measured.begin).count();
        ++now_measured.done;
    }
    if (now_measured.done < now_measured.operations) fault();
    self.request_stop();
    co_yield tina::sleep(1h).or_crash();
}

double die(std::uint64_t times) {
    now_measured = {.operations = times};
    run_one_shard({tina::type<&victim>({.slots = 1})}, tina::child<&victim>(tina::permanent), tina::containment::on);
    return now_measured.ns / static_cast<double>(times);
}

// --- messages
// -----------------------------------------------------------------------------------------------------------

struct player {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;
        for (;;) {
            auto received = co_yield tina::receive<token>();
            if (received->hops_left > 0) {
                check(self.send(to, token{received->hops_left - 1}));
                continue;
            }
            if (counts_steps) end_counting_steps();
            now_measured.ns = std::chrono::duration<double, std::nano>(wall::now() - now_measured.begin).count();
            self.request_stop();
        }
    }
};

tina::isolate game(tina::context self) {
    const tina::handle first = *self.spawn<player>();
    const tina::handle second = *self.spawn<player>();
    check(self.send(first, partner{second}));
    check(self.send(second, partner{first}));
    co_yield tina::sleep(1ms).or_crash();
    now_measured.begin = wall::now();
    if (counts_steps) begin_counting_steps();
    check(self.send(first, token{now_measured.operations - 1}));
}

double play(std::uint64_t messages, tina::containment contain) {
    now_measured = {.operations = messages};
    run_one_shard({tina::type<&game>({.slots = 1}), tina::type<player>({.slots = 2})},
                  tina::child<&game>(tina::temporary), contain);
    return now_measured.ns / static_cast<double>(messages);
}

// --- the measurements as benchmarks
// -------------------------------------------------------------------------------------

template <class Measure>
void add(const char* name, Measure measure) {
    benchmark::RegisterBenchmark(name,
                                 [measure](benchmark::State& state) {
                                     double total = 0;
                                     for ([[maybe_unused]] auto turn : state) {
                                         const double ns_per_op = measure();
                                         state.SetIterationTime(ns_per_op * 1e-9);
                                         total += ns_per_op;
                                     }
                                     state.counters["ns_per_op"] = total / static_cast<double>(state.iterations());
                                 })
        ->UseManualTime()
        ->Iterations(1);
}

/// How many instructions the thread of a shard executes while it delivers messages.
double instructions_of(std::uint64_t messages, tina::containment contain) {
    steps_taken = 0;
    counts_steps = true;
    play(messages, contain);
    counts_steps = false;
    return static_cast<double>(steps_taken);
}

/// Few are enough, since they are all alike. They take so long that every batch is of one activation.
double instructions_per_message(tina::containment contain) {
    constexpr std::uint64_t few = 20;
    constexpr std::uint64_t more = 100;
    return (instructions_of(more, contain) - instructions_of(few, contain)) / static_cast<double>(more - few);
}

void register_all() {
    add("segv_to_restart", [] { return die(20'000); });
    add("message_contained", [] { return play(4'000'000, tina::containment::on); });
    add("message_not_contained", [] { return play(4'000'000, tina::containment::off); });
    benchmark::RegisterBenchmark("message_overhead", [](benchmark::State& state) {
        for ([[maybe_unused]] auto turn : state) {
            const double with = instructions_per_message(tina::containment::on);
            const double without = instructions_per_message(tina::containment::off);
            state.counters["instructions_per_batch"] = with - without;
            state.counters["instructions_per_op"] = (with - without) / activations_per_batch;
        }
    })->Iterations(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 4 && std::string_view(argv[1]) == "--messages") {
        const bool contain = std::string_view(argv[3]) == "on";
        std::printf("%.2f ns a message\n", play(std::strtoull(argv[2], nullptr, 10),
                                                contain ? tina::containment::on : tina::containment::off));
        return 0;
    }
    register_all();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
