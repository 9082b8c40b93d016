// SPDX-License-Identifier: Apache-2.0
// A client withdraws from an account and asks again where no answer comes in time. The bug: a request that was carried
// out, and whose answer came late, is carried out again. The cure: the account knows the number of the last one.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::double_apply {

struct plan {
    bool is_fixed = false;
    std::uint64_t wanted = 0;  ///< withdrawals begun
};
struct withdraw {
    std::uint64_t number;
};

constexpr tina::role account_role{"account"};

struct account {
    using accepts = tina::messages<withdraw>;
    std::uint64_t last_number = 0;
    std::uint64_t withdrawn = 0;

    tina::isolate run(tina::context, const plan* known) {
        for (;;) {
            const auto request = co_yield tina::receive<withdraw>();
            const bool is_again = request->number == last_number;
            if (!is_again || !known->is_fixed) ++withdrawn;
            last_number = request->number;
            request.reply(done{});
        }
    }
};

tina::isolate client(tina::context, plan* known) {
    while (known->wanted < 10) {
        ++known->wanted;
        for (bool is_done = false; !is_done;) {
            const auto answer = co_yield tina::call<done>(account_role, withdraw{known->wanted}).within(1ms);
            is_done = answer.has_value();
            static_cast<void>(co_yield tina::sleep(200us));
        }
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& machine =
        world.machine("bank", system({tina::type<account>({.slots = 1}), tina::type<client>({.slots = 1})},
                                     {shard({tina::child<client>(tina::transient, told)}),
                                      shard({tina::child<account>(tina::permanent, told).role(account_role)})}));
    world.faults({.channel_delay = {0us, 2ms}});
    world.always("each withdrawal takes money once", [&] {
        bool holds = true;
        machine.each<account>([&](const account& each) { holds = each.withdrawn <= known.wanted; });
        return holds;
    });
    world.run_for(100ms);
}

ZOO_ANIMAL(double_apply, "a request that was carried out is carried out again")

}  // namespace zoo::double_apply
