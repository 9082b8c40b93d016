// SPDX-License-Identifier: Apache-2.0
// A teller moves money from one account to another by two requests, and is started again with the same transfer where
// it crashes. The bug: between the two it has withdrawn already, and withdraws again. The cure: the accounts know the
// number of the transfer.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::half_transfer {

struct plan {
    bool is_fixed = false;
};
struct change {
    std::uint64_t transfer;
    std::int64_t cents;
};

constexpr tina::role from_role{"from"};
constexpr tina::role to_role{"to"};

struct account {
    using accepts = tina::messages<change>;
    std::int64_t cents = 100'00;
    std::uint64_t seen = 0;  ///< transfers, a bit each

    tina::isolate run(tina::context, const plan* known) {
        for (;;) {
            const auto request = co_yield tina::receive<change>();
            const std::uint64_t bit = std::uint64_t{1} << request->transfer;
            if ((seen & bit) == 0 || !known->is_fixed) cents += request->cents;
            seen |= bit;
            request.reply(done{});
        }
    }
};
tina::isolate teller(tina::context, std::uint64_t transfer) {
    static_cast<void>(co_yield tina::sleep(std::chrono::milliseconds{transfer + 1}));
    co_yield tina::call<done>(from_role, change{transfer, -10}).within(20ms).or_crash();
    co_yield tina::call<done>(to_role, change{transfer, 10}).within(20ms).or_crash();
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    const auto transfer = [](std::uint64_t number) { return tina::child<teller>(tina::transient, number); };
    auto& machine = world.machine(
        "bank", system({tina::type<account>({.slots = 1}), tina::type<teller>({.slots = 8})},
                       {shard({transfer(0), transfer(1), transfer(2), transfer(3), transfer(4), transfer(5)}),
                        shard({tina::child<account>(tina::permanent, told).role(from_role)}),
                        shard({tina::child<account>(tina::permanent, told).role(to_role)})}));
    world.faults({.crash_isolate = {1, 50, tina::types<teller>}});
    world.eventually(
        "money is conserved",
        [&] {
            std::int64_t cents = 0;
            machine.each<account>([&](const account& each) { cents += each.cents; });
            return cents == 2 * 100'00 && machine.count<teller>() == 0;
        },
        1s);
    world.run_for(30ms);
}

ZOO_ANIMAL(half_transfer, "a crash between two requests leaves half a transfer")

}  // namespace zoo::half_transfer
