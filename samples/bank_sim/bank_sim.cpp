// SPDX-License-Identifier: Apache-2.0
// The bank in simulation: its tellers crash wherever they can, channels are full and late, and money must be conserved.
// What to watch: `bank_sim explore transfers --seeds 1..1000` finds nothing; with --buggy it finds money that is lost,
// and `bank_sim shrink` says what has to happen for that.
#include <tina/harness.hpp>

#include <cstdint>
#include <string>

#include "bank.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t account_count = 16;

/// Shards as small as the bank allows, so that a run begins at once.
constexpr tina::shard_limits small{.messages = 512,
                                   .messages_reserved = 64,
                                   .message_timers = 16,
                                   .monitors = 16,
                                   .descriptors = 16,
                                   .buffers = 16,
                                   .calls = 64,
                                   .leases = 16,
                                   .log_bytes = 16 * 1024};

/// "99 990.00"
std::string money(std::int64_t cents) {
    const bool is_negative = cents < 0;
    const std::uint64_t amount =
        is_negative ? 0 - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
    std::string digits = std::to_string(amount / 100);
    for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, " ");
    const std::uint64_t rest = amount % 100;
    return (is_negative ? "-" : "") + digits + (rest < 10 ? ".0" : ".") + std::to_string(rest);
}

/// What holds of a bank, whatever happens to its tellers.
void check(tina::sim::world& world, tina::sim::machine& bank) {
    constexpr std::int64_t expected = account_count * bank::opening_cents;
    world.at_rest("money is conserved", [&bank]() -> tina::sim::verdict {
        std::int64_t cents = 0;
        bank.each<bank::account>([&](const bank::account& each) { cents += each.cents; });
        if (cents == expected) return std::nullopt;
        return money(cents) + " instead of " + money(expected);
    });
    world.always("no account is overdrawn", [&bank]() -> tina::sim::verdict {
        tina::sim::verdict overdrawn;
        bank.each<bank::account>([&](const bank::account& each) {
            if (each.cents < 0) overdrawn = "account " + std::to_string(each.number) + " has " + money(each.cents);
        });
        return overdrawn;
    });
    world.eventually("every transfer ends", [&bank] { return bank.count<bank::teller>() == 0; }, 5s);
}

/// Customers who order `count` transfers at the desks of all shards. They come in crowds, one each 50 ms, so that lanes
/// run out.
void order(tina::sim::world& world, tina::sim::machine& bank, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto from = static_cast<std::uint32_t>(world.choose("from", 0, account_count - 1));
        const auto distance = static_cast<std::uint32_t>(world.choose("to", 1, account_count - 1));
        const bank::transfer wanted{from, (from + distance) % account_count,
                                    static_cast<std::int64_t>(world.choose("cents", 1, 60'00))};
        const auto shard = static_cast<std::uint32_t>(world.choose("desk", 0, bank.shard_count() - 1));
        const auto at = 50ms * world.choose("crowd", 0, 9) + 1us * world.choose("in the crowd", 0, 5000);
        if (!world.operation("a transfer is ordered")) continue;
        world.after(at, [&bank, wanted, shard] {
            const auto desk = bank.whereis(bank::desk_role, shard);
            if (desk) static_cast<void>(bank.post(*desk, wanted));
        });
    }
}

}  // namespace

TINA_SCENARIO(transfers, "money is conserved while tellers crash and are started again") {
    auto& bank = world.machine("bank", bank::bank_spec({.accounts = account_count,
                                                        .patience = 2ms,
                                                        .buggy = world.option("buggy"),
                                                        .restarts_tellers = !world.option("no-restart"),
                                                        .limits = small}));
    world.faults({.crash_isolate = {1, 500, tina::types<bank::teller>},
                  .channel_full = {1, 1000},
                  .no_slots = {1, 100, tina::types<bank::desk>},
                  .channel_delay = {0us, 600us}});
    check(world, bank);
    order(world, bank, 200);
    world.run_for(1s);
}

TINA_SCENARIO(rush_hour, "money is conserved where everything is scarce: envelopes, calls, timers, places in queues") {
    tina::shard_limits scarce = small;
    scarce.messages = 64;
    scarce.messages_reserved = 32;
    scarce.calls = 3;
    auto& bank = world.machine("bank", bank::bank_spec({.accounts = account_count,
                                                        .patience = 5ms,
                                                        .buggy = world.option("buggy"),
                                                        .mailbox_capacity = 2,
                                                        .channel_capacity = 2,
                                                        .limits = scarce}));
    const auto tellers = tina::types<bank::teller>;
    world.faults({.pool_exhausted = {1, 200, tellers},
                  .mailbox_full = {1, 200, tellers},
                  .no_timers = {1, 200, tellers},
                  .no_calls = {1, 200, tellers},
                  .slow_shard = {1, 20}});
    check(world, bank);
    order(world, bank, 300);
    world.run_for(1s);
}

int main(int argc, char** argv) {
    return tina::harness_main(
        argc, argv,
        {.flags = {{"buggy", "slips have no numbers: a teller who is started again withdraws anew"},
                   {"no-restart", "tellers who crash are not started again"}}});
}
