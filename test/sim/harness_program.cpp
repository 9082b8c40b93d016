// SPDX-License-Identifier: Apache-2.0
// A program of small scenarios that pass, fail, die, or are not deterministic: what the tests of the command line call.
#include <tina/harness.hpp>
#include <tina/tina.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>

using namespace std::chrono_literals;

namespace weather {

struct drop {
    std::uint64_t size;
};

/// What a run leaves behind for the next one in the same process: the bug of `forgetful`.
std::uint64_t runs_before = 0;

tina::isolate ground(tina::context) {
    for (;;) static_cast<void>(co_yield tina::receive<drop>());
}

tina::isolate cloud(tina::context self, tina::handle below) {
    for (;;) {
        if (const auto slept = co_yield tina::sleep(10ms); !slept) co_return;
        static_cast<void>(self.send(below, drop{self.random() % 100}));
    }
}

/// Nobody else has marks.
tina::isolate sea(tina::context) {
    for (int waves = 0;; ++waves) {
        if (const auto slept = co_yield tina::sleep(10ms); !slept) co_return;
        TINA_SOMETIMES("a wave breaks", waves == 3);
        TINA_SOMETIMES("a flood", waves == 1000);
    }
}

inline constexpr tina::role ground_role{"ground"};

tina::isolate sky(tina::context self) {
    static_cast<void>(co_yield tina::sleep(1ms));
    if (const auto below = self.whereis(ground_role)) static_cast<void>(self.spawn<cloud>(*below));
    static_cast<void>(co_yield tina::sleep(24h));
}

[[nodiscard]] tina::system_spec spec() {
    constexpr tina::shard_limits small{.messages = 128,
                                       .messages_reserved = 64,
                                       .message_timers = 16,
                                       .monitors = 16,
                                       .descriptors = 16,
                                       .buffers = 16,
                                       .calls = 16,
                                       .leases = 8,
                                       .log_bytes = 8 * 1024};
    return {.types = {tina::type<ground>({.slots = 1, .accepts = tina::messages<drop>{}}),
                      tina::type<cloud>({.slots = 4}), tina::type<sky>({.slots = 1})},
            .shards = {{.tree = tina::one_for_one({.restarts = tina::unlimited},
                                                  {tina::child<ground>(tina::permanent).role(ground_role),
                                                   tina::child<sky>(tina::permanent)}),
                        .limits = small}},
            .memory = tina::memory_mode::development};
}

tina::sim::machine& begin(tina::sim::world& world) {
    auto& machine = world.machine("weather", spec());
    world.faults({.crash_isolate = {1, 50}});
    return machine;
}

}  // namespace weather

TINA_SCENARIO(sunshine, "passes, but with --wet") {
    weather::begin(world);
    if (world.option("wet")) world.after(50ms, [&] { world.fail("it stays dry", "the flag"); });
    world.run_for(200ms);
}

TINA_SCENARIO(rain, "fails at every seed, at a time that the seed says") {
    weather::begin(world);
    world.after(1ms * world.choose("when", 20, 100), [&] { world.fail("it stays dry"); });
    world.run_for(200ms);
}

TINA_SCENARIO(storm, "passes, fails, or takes its process down") {
    weather::begin(world);
    const std::uint64_t kind = world.choose("kind", 0, 19);
    world.after(50ms, [&world, kind] {
        if (kind == 7) std::_Exit(7);
        if (kind == 8) world.fail("the roof holds");
        if (kind == 9) world.fail("it stays dry");
    });
    world.run_for(100ms);
}

TINA_SCENARIO(forgetful, "depends on how many runs there were before in its process") {
    auto& machine = weather::begin(world);
    const std::uint64_t before = weather::runs_before++;
    world.after(20ms, [&machine, before] {
        if (const auto below = machine.whereis(weather::ground_role)) {
            static_cast<void>(machine.post(*below, weather::drop{before}));
        }
    });
    world.run_for(100ms);
}

TINA_SCENARIO(astray, "depends on an address") {
    auto& machine = weather::begin(world);
    world.after(20ms, [&machine, &world] {
        if (const auto below = machine.whereis(weather::ground_role)) {
            static_cast<void>(machine.post(*below, weather::drop{reinterpret_cast<std::uintptr_t>(&world)}));
        }
    });
    world.run_for(100ms);
}

TINA_SCENARIO(sea, "passes, with a mark that holds and one that does not") {
    tina::system_spec spec = weather::spec();
    spec.types.push_back(tina::type<weather::sea>({.slots = 1}));
    spec.shards.each[0].tree.children.push_back(tina::child<weather::sea>(tina::permanent));
    static_cast<void>(world.machine("coast", spec));
    world.run_for(200ms);
}

int main(int argc, char** argv) {
    return tina::harness_main(argc, argv, {.flags = {{"wet", "it rains in sunshine too"}}});
}
