// SPDX-License-Identifier: Apache-2.0
// A shop has a bank charge its customers. The bug: where no answer comes in time it tells the customer that nothing was
// charged. The cure: it asks the bank until it knows.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::deadline_as_failure {

struct plan {
    bool is_fixed = false;
    std::uint64_t told_refused = 0;  ///< orders, a bit each
};
struct charge {
    std::uint64_t order;
};
struct ask {
    std::uint64_t order;
};
struct state {
    std::uint64_t is_charged;
};

constexpr tina::role bank_role{"bank"};

struct bank {
    using accepts = tina::messages<charge, ask>;
    std::uint64_t charged = 0;

    tina::isolate run(tina::context) {
        for (;;) {
            const auto request = co_yield tina::receive<charge, ask>();
            if (const charge* wanted = request.get<charge>()) {
                charged |= std::uint64_t{1} << wanted->order;
                request.reply(done{});
            } else {
                request.reply(state{charged >> request.get<ask>()->order & 1});
            }
        }
    }
};
tina::isolate shop(tina::context, plan* known) {
    for (std::uint64_t order = 0; order < 20; ++order) {
        static_cast<void>(co_yield tina::sleep(1ms));
        const auto answer = co_yield tina::call<done>(bank_role, charge{order}).within(1ms);
        bool is_charged = answer.has_value();
        for (bool is_known = is_charged || !known->is_fixed; !is_known;) {
            static_cast<void>(co_yield tina::sleep(100us));
            const auto found = co_yield tina::call<state>(bank_role, ask{order}).within(5ms);
            is_known = found.has_value();
            is_charged = found && found->is_charged == 1;
        }
        if (!is_charged) known->told_refused |= std::uint64_t{1} << order;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& machine = world.machine("host", system({tina::type<bank>({.slots = 1}), tina::type<shop>({.slots = 1})},
                                                 {shard({tina::child<shop>(tina::transient, told)}),
                                                  shard({tina::child<bank>(tina::permanent).role(bank_role)})}));
    world.faults({.channel_delay = {0us, 2ms}});
    world.always("who was told of no charge was not charged", [&] {
        bool holds = true;
        machine.each<bank>([&](const bank& each) { holds = (each.charged & known.told_refused) == 0; });
        return holds;
    });
    world.run_for(100ms);
}

ZOO_ANIMAL(deadline_as_failure, "a deadline is taken for a failure")

}  // namespace zoo::deadline_as_failure
