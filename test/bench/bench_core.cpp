// SPDX-License-Identifier: Apache-2.0
// What the core costs: messages, spawns and timers of a whole system, beside the bare loops that they are divided by.
// Each measurement boots a system, lets isolates do a known number of operations, and takes the time between the first
// and the last from inside. It uses the public interface only.
#include <benchmark/benchmark.h>
#include <tina/tina.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "limits.hpp"

using namespace std::chrono_literals;

namespace bench_core {

struct partner {
    tina::handle who;
};
struct token {
    std::uint64_t hops_left;
    std::uint64_t sum;
};
struct block {
    std::array<std::uint64_t, 12> words;
};
struct park {};
struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};

}  // namespace bench_core

namespace {

using bench_core::answer;
using bench_core::block;
using bench_core::park;
using bench_core::partner;
using bench_core::question;
using bench_core::token;
using wall = std::chrono::steady_clock;

/// What is to be done, and how long it took. One at a time: benchmarks run one after the other.
struct measurement {
    std::uint64_t operations = 0;
    std::uint32_t tokens_left = 0;
    std::uint32_t parked_count = 0;  // of those that have run as far as their receive
    wall::time_point begin{};
    double ns = 0;

    void finish(tina::context self) {
        ns = std::chrono::duration<double, std::nano>(wall::now() - begin).count();
        self.request_stop();
    }
};
measurement now_measured;

void check(tina::send_result answer) {
    if (answer != tina::send_result::ok) std::fprintf(stderr, "a send was refused: %s\n", tina::to_string(answer));
}

// --- messages on one shard
// --------------------------------------------------------------------------------------------

struct player {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;
        for (;;) {
            auto received = co_yield tina::receive<token>();
            if (received->hops_left > 0) {
                check(self.send(to, token{received->hops_left - 1, received->sum + 1}));
            } else if (--now_measured.tokens_left == 0) {
                now_measured.finish(self);
            }
        }
    }
};

struct hurried_player {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;
        while (auto received = co_yield tina::receive<token>().within(5s)) {
            if ((*received)->hops_left > 0) {
                check(self.send(to, token{(*received)->hops_left - 1, (*received)->sum + 1}));
            } else if (--now_measured.tokens_left == 0) {
                now_measured.finish(self);
            }
        }
    }
};

/// A player whose token comes with 4 KiB, which it passes on.
struct carrier {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        tina::handle to = (co_yield tina::receive<partner>())->who;
        for (;;) {
            auto received = co_yield tina::receive<token>();
            auto bytes = received->sum == 0 ? *self.allocate(4096) : received.take<tina::lease>();
            benchmark::DoNotOptimize(bytes.data()[received->sum % 4096] = std::byte{1});
            if (received->hops_left > 0) {
                check(self.send(to, token{received->hops_left - 1, received->sum + 1}, std::move(bytes)));
            } else if (--now_measured.tokens_left == 0) {
                now_measured.finish(self);
            }
        }
    }
};

/// A player that takes messages of either type.
struct open_player {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        tina::handle to;
        for (;;) {
            auto received = co_yield tina::receive<partner, token>();
            if (const auto* known = received.template get<partner>()) {
                to = known->who;
                continue;
            }
            const auto& ball = *received.template get<token>();
            if (ball.hops_left > 0) {
                check(self.send(to, token{ball.hops_left - 1, ball.sum + 1}));
            } else if (--now_measured.tokens_left == 0) {
                now_measured.finish(self);
            }
        }
    }
};

/// A player that receives in a nested task.
struct nested_player {
    using accepts = tina::messages<partner, token>;

    tina::task<token> next(tina::context) { co_return *(co_yield tina::receive<token>()); }
    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;
        for (;;) {
            const token received = co_await next(self);
            if (received.hops_left > 0) {
                check(self.send(to, token{received.hops_left - 1, received.sum + 1}));
            } else if (--now_measured.tokens_left == 0) {
                now_measured.finish(self);
            }
        }
    }
};

struct parked {
    using accepts = tina::messages<park>;
    std::array<std::uint64_t, 8> state{};

    tina::isolate run(tina::context) {
        ++now_measured.parked_count;
        static_cast<void>(co_yield tina::receive<park>());
    }
};

/// Waits for its token, for bytes that never come, and for a moment that is never reached.
tina::isolate watchful_player(tina::context self, tina::socket peer) {
    const tina::handle to = (co_yield tina::receive<partner>())->who;
    for (;;) {
        auto event =
            co_yield tina::any_of(tina::recv(peer, 4096), tina::receive<token>(), tina::sleep_until(self.now() + 5s));
        auto* const received = event.get<1>();
        if (received == nullptr) co_yield tina::crash("the connection is not silent");
        if ((*received)->hops_left > 0) {
            check(self.send(to, token{(*received)->hops_left - 1, (*received)->sum + 1}));
        } else {
            now_measured.finish(self);
        }
    }
}

/// Two of them at the two ends of a connection.
tina::isolate watchful_game(tina::context self, tina::listener server) {
    auto first_end = co_yield tina::connect(*server.local_address()).or_crash();
    auto second_end = co_yield tina::accept(server).or_crash();
    const tina::handle first = *self.spawn<watchful_player>(std::move(first_end));
    const tina::handle second = *self.spawn<watchful_player>(std::move(second_end));
    check(self.send(first, partner{second}));
    check(self.send(second, partner{first}));
    co_yield tina::sleep(1ms).or_crash();
    now_measured.begin = wall::now();
    check(self.send(first, token{now_measured.operations - 1, 0}));
}

/// Starts `rings` rings of `size` players each, with a token in each, beside `parked_count` isolates that do nothing.
template <class Player>
tina::isolate local_game(tina::context self, std::uint32_t rings, std::uint32_t size, std::uint32_t parked_count) {
    for (std::uint32_t i = 0; i < parked_count; ++i) {
        if (!self.spawn<parked>()) co_yield tina::crash("too few slots");
    }
    // Their first activations are not what is measured.
    do co_yield tina::sleep(10ms).or_crash();
    while (now_measured.parked_count < parked_count);
    now_measured.tokens_left = rings;
    tina::handle first_of_all[1000];
    for (std::uint32_t ring = 0; ring < rings; ++ring) {
        const tina::handle first = *self.spawn<Player>();
        tina::handle last = first;
        for (std::uint32_t i = 1; i < size; ++i) {
            const tina::handle next = *self.spawn<Player>();
            check(self.send(last, partner{next}));
            last = next;
        }
        check(self.send(last, partner{first}));
        first_of_all[ring] = first;
    }
    co_yield tina::sleep(1ms).or_crash();
    now_measured.begin = wall::now();
    for (std::uint32_t ring = 0; ring < rings; ++ring) {
        check(self.send(first_of_all[ring], token{now_measured.operations / rings - 1, 0}));
    }
}

void run_one_shard(std::vector<tina::type_spec> types, tina::child_spec child, std::uint32_t descriptors = 64) {
    const int status = tina::run({
        .types = std::move(types),
        .shards = {{.tree = tina::one_for_one({}, {std::move(child)}), .limits = {.descriptors = descriptors}}},
        .memory = tina::memory_mode::development,
        .log = {.level = tina::warning},
    });
    if (status != 0) std::exit(1);
}

template <class Player>
double play_locally(std::uint64_t operations, std::uint32_t rings, std::uint32_t size, std::uint32_t parked_count,
                    std::uint32_t nested_bytes = 0) {
    now_measured = {.operations = operations};
    run_one_shard({tina::type<local_game<Player>>({.slots = 1}),
                   tina::type<Player>({.slots = rings * size, .nested_bytes = nested_bytes}),
                   tina::type<parked>({.slots = parked_count + 1})},
                  tina::child<local_game<Player>>(tina::temporary, rings, size, parked_count));
    return now_measured.ns / static_cast<double>(operations);
}

double play_watchfully(std::uint64_t operations) {
    now_measured = {.operations = operations};
    run_one_shard({tina::type<watchful_game>({.slots = 1}),
                   tina::type<watchful_player>({.slots = 2, .accepts = tina::messages<partner, token>{}})},
                  tina::child<watchful_game>(tina::temporary, tina::listening({.address = "127.0.0.1"})));
    return now_measured.ns / static_cast<double>(operations);
}

// --- messages between shards
// ------------------------------------------------------------------------------------------

struct remote_player {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;
        if (self.shard_index() == 1) {
            check(self.send(to, partner{self.handle()}));
        } else {
            now_measured.begin = wall::now();
            check(self.send(to, token{now_measured.operations * 2 - 1, 0}));
        }
        for (;;) {
            auto received = co_yield tina::receive<token>();
            if (received->hops_left > 0) {
                check(self.send(to, token{received->hops_left - 1, received->sum + 1}));
            } else {
                now_measured.finish(self);
            }
        }
    }
};

/// A remote_player whose token comes with 4 KiB, which it passes on.
struct remote_carrier {
    using accepts = tina::messages<partner, token>;

    tina::isolate run(tina::context self) {
        const tina::handle to = (co_yield tina::receive<partner>())->who;  // held no longer than others hold it
        if (self.shard_index() == 1) {
            check(self.send(to, partner{self.handle()}));
        } else {
            now_measured.begin = wall::now();
            check(self.send(to, token{now_measured.operations * 2 - 1, 0}, *self.allocate(4096)));
        }
        for (;;) {
            auto received = co_yield tina::receive<token>();
            auto bytes = received.take<tina::lease>();
            benchmark::DoNotOptimize(bytes.data());
            if (received->hops_left > 0) {
                check(self.send(to, token{received->hops_left - 1, received->sum + 1}, std::move(bytes)));
            } else {
                now_measured.finish(self);
            }
        }
    }
};

// --- calls
// ------------------------------------------------------------------------------------------------------------

struct answerer {
    using accepts = tina::messages<question>;

    tina::isolate run(tina::context) {
        for (;;) {
            auto asked = co_yield tina::receive<question>();
            asked.reply(answer{asked->value + 1});
        }
    }
};

tina::isolate asker(tina::context self, tina::handle target) {
    co_yield tina::sleep(20ms).or_crash();
    const tina::handle to = target ? target : *self.spawn<answerer>();
    now_measured.begin = wall::now();
    std::uint64_t value = 0;
    while (value < now_measured.operations) {
        value = (co_yield tina::call<answer>(to, question{value}).within(5s).or_crash()).value;
    }
    now_measured.finish(self);
}

struct sink {
    using accepts = tina::messages<block>;

    tina::isolate run(tina::context self) {
        std::uint64_t sum = 0;
        for (std::uint64_t left = now_measured.operations; left > 0; --left) {
            auto received = co_yield tina::receive<block>();
            for (const std::uint64_t word : received->words) sum += word;
        }
        benchmark::DoNotOptimize(sum);
        now_measured.finish(self);
    }
};

tina::isolate source(tina::context self) {
    co_yield tina::sleep(20ms).or_crash();
    const tina::handle to(1, 2, 1);  // the only child of the other shard: its types' slots begin there
    now_measured.begin = wall::now();
    for (std::uint64_t i = 0; i < now_measured.operations; ++i) {
        block content;
        content.words.fill(i);
        while (self.send(to, content) != tina::send_result::ok) co_yield tina::yield();
    }
}

void run_two_shards(std::vector<tina::type_spec> types, tina::child_spec on_first, tina::child_spec on_second) {
    const tina::shard_limits limits{.descriptors = 64, .spin = 1s};
    const int status = tina::run({
        .types = std::move(types),
        .shards = {{.tree = tina::one_for_one({}, {std::move(on_first)}), .limits = limits},
                   {.tree = tina::one_for_one({}, {std::move(on_second)}), .limits = limits}},
        .channels = {.capacity = 1024},
        .memory = tina::memory_mode::development,
        .log = {.level = tina::warning},
    });
    if (status != 0) std::exit(1);
}

template <class Player>
tina::isolate serve_first(tina::context self) {
    co_yield tina::sleep(20ms).or_crash();
    const tina::handle own = *self.spawn<Player>();
    check(self.send(tina::handle(1, 1, 1), partner{own}));
}

template <class Player>
double play_across() {
    now_measured = {.operations = 500'000};
    run_two_shards(
        {tina::type<serve_first<Player>>({.slots = 1, .slots_draining = 0}), tina::type<Player>({.slots = 1})},
        tina::child<serve_first<Player>>(tina::temporary), tina::child<Player>(tina::temporary));
    return now_measured.ns / static_cast<double>(now_measured.operations);
}

// --- spawns
// -----------------------------------------------------------------------------------------------------------

tina::isolate short_lived(tina::context) { co_return; }

tina::isolate parent(tina::context self) {
    now_measured.begin = wall::now();
    for (std::uint64_t i = 0; i < now_measured.operations; ++i) {
        while (!self.spawn<short_lived>()) co_yield tina::yield();
    }
    co_yield tina::yield();
    now_measured.finish(self);
}

// --- the measurements as benchmarks
// -----------------------------------------------------------------------------------

template <class Measure>
void report(benchmark::State& state, Measure measure) {
    double total = 0;
    for ([[maybe_unused]] auto turn : state) {
        const double ns_per_op = measure();
        state.SetIterationTime(ns_per_op * static_cast<double>(now_measured.operations) * 1e-9);
        total += ns_per_op;
    }
    state.counters["ns_per_op"] = total / static_cast<double>(state.iterations());
}

void add(const char* name, double (*measure)()) {
    benchmark::RegisterBenchmark(name, [measure](benchmark::State& state) { report(state, measure); })
        ->UseManualTime()
        ->Iterations(1);
}

void register_core() {
    add("local/ping_pong", [] { return play_locally<player>(4'000'000, 1, 2, 0); });
    add("local/ring/1000", [] { return play_locally<player>(4'000'000, 1, 1000, 0); });
    add("local/pairs/1000", [] { return play_locally<player>(4'000'000, 1000, 2, 0); });
    add("local/ping_pong_parked/1000000", [] { return play_locally<player>(4'000'000, 1, 2, 1'000'000); });
    add("timer_arm_cancel", [] {
        const double plain = play_locally<player>(2'000'000, 1, 2, 0);
        return play_locally<hurried_player>(2'000'000, 1, 2, 0) - plain;
    });
    add("local/several_types", [] { return play_locally<open_player>(2'000'000, 1, 2, 0); });
    add("local/task", [] { return play_locally<nested_player>(2'000'000, 1, 2, 0, 256); });
    add("local/any_of", [] { return play_watchfully(2'000'000); });
    add("cross/ping_pong", [] { return play_across<remote_player>(); });
    add("cross/stream", [] {
        now_measured = {.operations = 4'000'000};
        run_two_shards({tina::type<source>({.slots = 1, .slots_draining = 1}),
                        tina::type<sink>({.slots = 1, .mailbox_capacity = 2048})},
                       tina::child<source>(tina::temporary), tina::child<sink>(tina::temporary));
        return now_measured.ns / static_cast<double>(now_measured.operations);
    });
    add("local/call", [] {
        now_measured = {.operations = 2'000'000};
        run_one_shard({tina::type<asker>({.slots = 1}), tina::type<answerer>({.slots = 1})},
                      tina::child<asker>(tina::temporary, tina::handle{}));
        return now_measured.ns / static_cast<double>(now_measured.operations);
    });
    add("cross/call", [] {
        now_measured = {.operations = 500'000};
        run_two_shards({tina::type<asker>({.slots = 1, .slots_draining = 0}), tina::type<answerer>({.slots = 1})},
                       tina::child<asker>(tina::temporary, tina::handle(1, 1, 1)),
                       tina::child<answerer>(tina::temporary));
        return now_measured.ns / static_cast<double>(now_measured.operations);
    });
    add("local/lease", [] { return play_locally<carrier>(2'000'000, 1, 2, 0); });
    add("cross/lease", [] { return play_across<remote_carrier>(); });
    add("spawn_exit", [] {
        now_measured = {.operations = 2'000'000};
        // The children of all turns that the parent has in a cycle: it would ask in vain once theirs were used up.
        constexpr std::uint32_t slots = 64;
        run_one_shard({tina::type<parent>({.slots = 1}), tina::type<short_lived>({.slots = slots, .weight = slots})},
                      tina::child<parent>(tina::temporary), 4096);
        return now_measured.ns / static_cast<double>(now_measured.operations);
    });
}

}  // namespace

int main(int argc, char** argv) {
    tina::bench::register_limits();
    register_core();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
