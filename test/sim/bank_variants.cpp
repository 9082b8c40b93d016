// SPDX-License-Identifier: Apache-2.0
// The bank of the samples as it is, without one of its recovery paths, and without the faults that lead there: a
// campaign of the latter two has to turn red by their marks alone. No property is checked here.
#include <tina/harness.hpp>

#include <chrono>
#include <cstdint>

#include "samples/bank_sim/bank.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t account_count = 16;
constexpr tina::shard_limits small{.messages = 512,
                                   .messages_reserved = 64,
                                   .message_timers = 16,
                                   .monitors = 16,
                                   .descriptors = 16,
                                   .buffers = 16,
                                   .calls = 64,
                                   .leases = 16,
                                   .log_bytes = 16 * 1024};

struct variant {
    bool has_numbers = true;
    bool has_crashes = true;
};

void play(tina::sim::world& world, const variant& which) {
    auto& bank = world.machine(
        "bank", bank::bank_spec({.accounts = account_count, .buggy = !which.has_numbers, .limits = small}));
    tina::sim::faults faults{.no_slots = {1, 100, tina::types<bank::desk>}};
    if (which.has_crashes) faults.crash_isolate = {1, 100, tina::types<bank::teller>};
    world.faults(faults);
    for (std::uint32_t i = 0; i < 100; ++i) {
        const auto from = static_cast<std::uint32_t>(world.choose("from", 0, account_count - 1));
        const bank::transfer wanted{from, (from + 1) % account_count,
                                    static_cast<std::int64_t>(world.choose("cents", 1, 90'00))};
        const auto shard = static_cast<std::uint32_t>(world.choose("desk", 0, bank.shard_count() - 1));
        world.after(1us * world.choose("when", 0, 5000), [&bank, wanted, shard] {
            const auto desk = bank.whereis(bank::desk_role, shard);
            if (desk) static_cast<void>(bank.post(*desk, wanted));
        });
    }
    world.run_for(100ms);
}

}  // namespace

TINA_SCENARIO(whole, "the bank as it is") { play(world, {}); }
TINA_SCENARIO(without_numbers, "accounts do not know a teller who comes again") { play(world, {.has_numbers = false}); }
TINA_SCENARIO(without_crashes, "no teller crashes") { play(world, {.has_crashes = false}); }

int main(int argc, char** argv) { return tina::harness_main(argc, argv); }
