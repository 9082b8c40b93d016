// SPDX-License-Identifier: Apache-2.0
// Sessions ask a desk that answers later; it keeps a table of who asks, by slot. The bug: a slot has another tenant
// after a crash, who gets the answer that was meant for the one before. The cure: the key is the whole handle.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::slot_as_key {

struct plan {
    bool is_fixed = false;
    std::uint64_t lives = 0;
    std::uint64_t betrayed = 0;  ///< secrets that a session got which were not its own
};
struct question {
    std::uint64_t secret;
};
struct secret {
    std::uint64_t content;
};
struct ready {
    tina::handle asker;
    std::uint64_t content;
};

constexpr tina::role desk_role{"desk"};

struct desk {
    using accepts = tina::messages<question, ready>;
    std::array<tina::handle, 16> by_slot{};

    tina::isolate run(tina::context self, const plan* known) {
        for (;;) {
            const auto came = co_yield tina::receive<question, ready>();
            if (const question* asked = came.get<question>()) {
                by_slot[came.sender().slot() % by_slot.size()] = came.sender();
                const ready later{came.sender(), asked->secret};
                if (!self.set_timer(2ms, later)) co_yield tina::crash("no timer");
            } else if (const ready* due = came.get<ready>()) {
                const tina::handle now_there = by_slot[due->asker.slot() % by_slot.size()];
                const tina::handle whom = known->is_fixed ? due->asker : now_there;
                static_cast<void>(self.send(whom, secret{due->content}));
            }
        }
    }
};
struct session {
    using accepts = tina::messages<secret>;

    tina::isolate run(tina::context self, plan* known) {
        const std::uint64_t mine = ++known->lives;
        for (int i = 0; i < 10; ++i) {
            static_cast<void>(co_yield tina::sleep(500us));
            static_cast<void>(self.send(desk_role, question{mine}));
            const auto answer = co_yield tina::receive<secret>().within(10ms);
            if (answer && (*answer)->content != mine) ++known->betrayed;
        }
    }
};

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    const auto types = {tina::type<desk>({.slots = 1}), tina::type<session>({.slots = 1, .slots_draining = 0})};
    world.machine("host", system(types, {shard({tina::child<session>(tina::permanent, told)}),
                                         shard({tina::child<desk>(tina::permanent, told).role(desk_role)})}));
    world.faults({.crash_isolate = {1, 50, tina::types<session>}});
    world.always("no session gets another's secret", [&] { return known.betrayed == 0; });
    world.run_for(60ms);
}

ZOO_ANIMAL(slot_as_key, "the slot of an isolate is taken for its name")

}  // namespace zoo::slot_as_key
