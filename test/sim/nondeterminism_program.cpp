// SPDX-License-Identifier: Apache-2.0
// A program of scenarios in which something other than the seed decides, each in another of the usual ways, and of one
// in which nothing does: `run --twice` has to find the former and to let the latter pass. The bugs are meant.
#include <tina/harness.hpp>
#include <tina/tina.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;

namespace office {

constexpr std::uint32_t worker_count = 8;

struct task {
    std::uint64_t number;
};

/// A text that may be shorter than its room.
struct note {
    std::array<char, 24> text;
};

tina::isolate worker(tina::context) {
    for (;;) static_cast<void>(co_yield tina::receive<task, note>());
}

/// Workers, in the order in which they were started.
std::vector<tina::handle> start_workers(tina::context self) {
    std::vector<tina::handle> all;
    for (std::uint32_t i = 0; i < worker_count; ++i) {
        if (const auto one = self.spawn<worker>()) all.push_back(*one);
    }
    return all;
}

/// What is kept of a worker, each on the heap.
struct desk {
    tina::handle who;
    std::uint64_t given = 0;
};

/// Right: goes through the workers in an order that is its own.
tina::isolate by_number(tina::context self) {
    const std::vector<tina::handle> workers = start_workers(self);
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        static_cast<void>(self.send(workers[(self.random() + i) % workers.size()], task{i}));
    }
}

/// Wrong: goes through a hash table whose keys are addresses.
tina::isolate by_address(tina::context self) {
    std::unordered_map<const desk*, tina::handle> desks;
    std::vector<std::unique_ptr<desk>> kept;
    for (const tina::handle& each : start_workers(self)) {
        kept.push_back(std::make_unique<desk>(desk{each}));
        desks.emplace(kept.back().get(), each);
    }
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        for (const auto& [which, who] : desks) static_cast<void>(self.send(who, task{i}));
    }
}

/// Wrong: an ordered set of addresses is no better.
tina::isolate by_sorted_address(tina::context self) {
    std::set<const desk*> desks;
    std::vector<std::unique_ptr<desk>> kept;
    for (const tina::handle& each : start_workers(self)) {
        kept.push_back(std::make_unique<desk>(desk{each}));
        desks.insert(kept.back().get());
    }
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        for (const desk* const which : desks) static_cast<void>(self.send(which->who, task{i}));
    }
}

/// Only as many bytes as there are: what is behind them was never set.
[[gnu::noinline]] void write(note& into, std::string_view text) {
    std::memcpy(into.text.data(), text.data(), text.size());
}

/// Wrong: the rest of the message is what was there before; here, in the frame of the handler.
tina::isolate careless(tina::context self) {
    const std::vector<tina::handle> workers = start_workers(self);
    note made;
    for (std::uint64_t i = 0;; ++i) {
        write(made, "urgent");
        static_cast<void>(co_yield tina::sleep(1ms));
        static_cast<void>(self.send(workers[i % workers.size()], made));
    }
}

[[gnu::noinline]] void send_urgent(tina::context self, const tina::handle& to) {
    note made;
    write(made, "urgent");
    static_cast<void>(self.send(to, made));
}

/// Wrong in the same way, but on the stack.
tina::isolate careless_on_the_stack(tina::context self) {
    const std::vector<tina::handle> workers = start_workers(self);
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        send_urgent(self, workers[i % workers.size()]);
    }
}

/// Wrong: what time it really is decides who gets the task.
tina::isolate by_the_clock(tina::context self) {
    const std::vector<tina::handle> workers = start_workers(self);
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        const auto now_ns = std::chrono::system_clock::now().time_since_epoch() / 1ns;
        static_cast<void>(self.send(workers[static_cast<std::uint64_t>(now_ns) / 64 % workers.size()], task{i}));
    }
}

/// Wrong: the same with a clock of seconds, as seeds are often made.
tina::isolate by_the_second(tina::context self) {
    const std::vector<tina::handle> workers = start_workers(self);
    const auto seed = static_cast<std::uint64_t>(std::time(nullptr));
    for (std::uint64_t i = 0;; ++i) {
        static_cast<void>(co_yield tina::sleep(1ms));
        static_cast<void>(self.send(workers[(seed + i) % workers.size()], task{i}));
    }
}

/// Wrong: goes on where the last run ended.
tina::isolate by_habit(tina::context self) {
    static std::uint64_t next = 0;
    const std::vector<tina::handle> workers = start_workers(self);
    for (;;) {
        static_cast<void>(co_yield tina::sleep(1ms));
        const std::uint64_t number = next++;
        static_cast<void>(self.send(workers[number % workers.size()], task{number}));
    }
}

template <auto Clerk>
void run_with(tina::sim::world& world) {
    constexpr tina::shard_limits small{.messages = 256,
                                       .messages_reserved = 64,
                                       .message_timers = 16,
                                       .monitors = 16,
                                       .descriptors = 16,
                                       .buffers = 16,
                                       .calls = 16,
                                       .leases = 8,
                                       .log_bytes = 8 * 1024};
    world.machine("office",
                  {.types = {tina::type<worker>({.slots = worker_count, .accepts = tina::messages<task, note>{}}),
                             tina::type<Clerk>({.slots = 1})},
                   .shards = {{.tree = tina::one_for_one({}, {tina::child<Clerk>(tina::permanent)}), .limits = small}},
                   .memory = tina::memory_mode::development});
    world.run_for(50ms);
}

}  // namespace office

TINA_SCENARIO(by_number, "nothing but the seed decides") { office::run_with<office::by_number>(world); }
TINA_SCENARIO(by_address, "the order of a hash table of pointers") { office::run_with<office::by_address>(world); }
TINA_SCENARIO(by_sorted_address, "the order of a set of pointers") {
    office::run_with<office::by_sorted_address>(world);
}
TINA_SCENARIO(careless, "bytes of a message that were never set, in a frame") {
    office::run_with<office::careless>(world);
}
TINA_SCENARIO(careless_on_the_stack, "bytes of a message that were never set, on the stack") {
    office::run_with<office::careless_on_the_stack>(world);
}
TINA_SCENARIO(by_the_clock, "the real time") { office::run_with<office::by_the_clock>(world); }
TINA_SCENARIO(by_the_second, "the real time, in seconds") { office::run_with<office::by_the_second>(world); }
TINA_SCENARIO(by_habit, "a static that the last run left behind") { office::run_with<office::by_habit>(world); }

int main(int argc, char** argv) { return tina::harness_main(argc, argv); }
