// SPDX-License-Identifier: Apache-2.0
// A waiter sends questions one after another, each with an alarm of its own, an isolate that it stops once the answer
// is there. The bug: an alarm that went off before it was stopped is taken for that of the next question. The cure: an
// alarm says which question it belongs to.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::late_alarm {

struct plan {
    bool is_fixed = false;
    std::uint64_t too_early = 0;  ///< questions given up before their time
};
struct question {
    std::uint64_t number;
};
struct answer {
    std::uint64_t number;
};
struct expired {
    std::uint64_t number;
};

constexpr tina::role oracle_role{"oracle"};
constexpr auto patience = 4ms;

tina::isolate alarm(tina::context self, tina::handle whom, std::uint64_t number) {
    static_cast<void>(co_yield tina::sleep(patience));
    static_cast<void>(self.send(whom, expired{number}));
}
struct oracle {
    using accepts = tina::messages<question>;

    tina::isolate run(tina::context self) {
        for (;;) {
            const auto asked = co_yield tina::receive<question>();
            static_cast<void>(self.send(asked.sender(), answer{asked->number}));
        }
    }
};
struct waiter {
    using accepts = tina::messages<answer, expired>;

    tina::isolate run(tina::context self, plan* known) {
        for (std::uint64_t number = 1; number <= 20; ++number) {
            static_cast<void>(co_yield tina::sleep(500us));
            const auto began = self.now();
            const auto guard = self.spawn<alarm>(self.handle(), number);
            static_cast<void>(self.send(oracle_role, question{number}));
            for (bool is_over = false; !is_over;) {
                const auto came = co_yield tina::receive<answer, expired>();
                const auto* const given = came.get<answer>();
                const auto* const late = came.get<expired>();
                if (given != nullptr && given->number == number) {
                    static_cast<void>(co_yield tina::sleep(1ms));  // it is looked at
                    if (guard) static_cast<void>(self.stop(*guard));
                    is_over = true;
                } else if (late != nullptr && (!known->is_fixed || late->number == number)) {
                    if (self.now() < began + patience) ++known->too_early;
                    is_over = true;
                }
            }
        }
    }
};

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.machine("host", system({tina::type<alarm>({.slots = 8}), tina::type<oracle>({.slots = 1}),
                                  tina::type<waiter>({.slots = 1})},
                                 {shard({tina::child<waiter>(tina::transient, told)}),
                                  shard({tina::child<oracle>(tina::permanent).role(oracle_role)})}));
    world.faults({.channel_delay = {0us, 4ms}});
    world.always("nothing is given up before its time", [&] { return known.too_early == 0; });
    world.run_for(200ms);
}

ZOO_ANIMAL(late_alarm, "an alarm is heard after its cancel was thought to have won")

}  // namespace zoo::late_alarm
