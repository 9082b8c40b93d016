// SPDX-License-Identifier: Apache-2.0
// A program of scenarios that misbehave in ways that a harness must survive: they throw, abort, never end, dereference
// null or take all the memory there is. The bugs are meant.
#include <tina/harness.hpp>
#include <tina/tina.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;

namespace hostile {

struct stone {
    std::uint64_t weight;
};

/// Where a loop ends up that must not be left out by the compiler.
volatile std::uint64_t sink = 0;

tina::isolate loops(tina::context) {
    static_cast<void>(co_yield tina::sleep(5ms));
    for (;;) sink = sink + 1;
}

tina::isolate sends(tina::context self) {
    static_cast<void>(co_yield tina::sleep(5ms));
    for (;;) static_cast<void>(self.send(self.handle(), stone{1}));
}

tina::isolate yields(tina::context) {
    for (;;) static_cast<void>(co_yield tina::yield());
}

/// Dies alone, and is started again, for ever.
tina::isolate dereferences_null(tina::context) {
    static_cast<void>(co_yield tina::sleep(5ms));
    volatile std::uint64_t* volatile nowhere = nullptr;
    *nowhere = 1;
}

tina::isolate throws(tina::context) {
    static_cast<void>(co_yield tina::sleep(5ms));
    throw std::runtime_error("a handler throws");
}

tina::isolate aborts(tina::context) {
    static_cast<void>(co_yield tina::sleep(5ms));
    std::abort();
}

template <auto Handler>
tina::sim::machine& begin(tina::sim::world& world) {
    constexpr tina::shard_limits small{.messages = 128,
                                       .messages_reserved = 64,
                                       .message_timers = 16,
                                       .monitors = 16,
                                       .descriptors = 16,
                                       .buffers = 16,
                                       .calls = 16,
                                       .leases = 8,
                                       .log_bytes = 8 * 1024};
    return world.machine(
        "victim",
        {.types = {tina::type<Handler>({.slots = 1, .accepts = tina::messages<stone>{}})},
         .shards = {{.tree = tina::one_for_one({.restarts = tina::unlimited}, {tina::child<Handler>(tina::permanent)}),
                     .limits = small}},
         .memory = tina::memory_mode::development});
}

template <auto Handler>
void run_with(tina::sim::world& world) {
    begin<Handler>(world);
    world.run_for(100ms);
}

}  // namespace hostile

TINA_SCENARIO(handler_loops, "a handler never comes back") { hostile::run_with<hostile::loops>(world); }
TINA_SCENARIO(handler_sends, "a handler sends without end") { hostile::run_with<hostile::sends>(world); }
TINA_SCENARIO(handler_yields, "a handler yields without end") { hostile::run_with<hostile::yields>(world); }
TINA_SCENARIO(handler_faults, "a handler dereferences null") { hostile::run_with<hostile::dereferences_null>(world); }
TINA_SCENARIO(handler_throws, "a handler throws") { hostile::run_with<hostile::throws>(world); }
TINA_SCENARIO(handler_aborts, "a handler calls abort") { hostile::run_with<hostile::aborts>(world); }

TINA_SCENARIO(body_throws, "the scenario throws") {
    hostile::begin<hostile::yields>(world);
    world.advance(1ms);
    throw std::runtime_error("what a library may throw");
}
TINA_SCENARIO(body_throws_a_number, "the scenario throws what is no exception") {
    hostile::begin<hostile::yields>(world);
    world.advance(1ms);
    throw 42;
}
TINA_SCENARIO(body_aborts, "the scenario calls abort") {
    hostile::begin<hostile::yields>(world);
    world.advance(1ms);
    std::abort();
}
TINA_SCENARIO(body_loops, "the scenario never comes back") {
    hostile::begin<hostile::yields>(world);
    world.advance(1ms);
    for (;;) hostile::sink = hostile::sink + 1;
}
TINA_SCENARIO(body_does_not_run, "the scenario forgets to run its world") { hostile::begin<hostile::yields>(world); }
TINA_SCENARIO(body_has_no_machine, "the scenario has no machine") { world.run_for(1s); }
TINA_SCENARIO(body_takes_memory, "the scenario wants two gigabytes and more") {
    hostile::begin<hostile::yields>(world);
    world.advance(1ms);
    std::vector<std::vector<std::uint64_t>> all;
    for (int i = 0; i < 24; ++i) all.emplace_back(16 * 1024 * 1024, 1);
    hostile::sink = all.size();
    world.run_for(10ms);
}
TINA_SCENARIO(refused_spec, "the spec is refused") {
    world.machine("nothing", {.types = {}, .shards = {}});
    world.run_for(1ms);
}

int main(int argc, char** argv) { return tina::harness_main(argc, argv); }
