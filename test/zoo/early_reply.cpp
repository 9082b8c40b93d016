// SPDX-License-Identifier: Apache-2.0
// A front takes keys for a storage and writes together what came within a moment. The bug: it answers before it has
// written, and loses what it answered where it crashes within that moment. The cure: it answers when it is written.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::early_reply {

struct plan {
    bool is_fixed = false;
    std::uint64_t acknowledged = 0;  ///< a bit for each key
};
struct put {
    std::uint64_t key;
};
struct store {
    std::uint64_t key;
};

constexpr tina::role front_role{"front"};
constexpr tina::role storage_role{"storage"};

struct storage {
    using accepts = tina::messages<store>;
    std::uint64_t stored = 0;

    tina::isolate run(tina::context) {
        for (;;) {
            const auto request = co_yield tina::receive<store>();
            stored |= std::uint64_t{1} << request->key;
            if (request.awaits_reply()) request.reply(done{});
        }
    }
};
struct front {
    using accepts = tina::messages<put>;

    tina::isolate run(tina::context self, const plan* known) {
        for (;;) {
            const auto request = co_yield tina::receive<put>();
            if (!known->is_fixed) request.reply(done{});
            static_cast<void>(co_yield tina::sleep(500us));  // more may come
            if (known->is_fixed) {
                const auto written = co_yield tina::call<done>(storage_role, store{request->key}).within(5ms);
                if (written) request.reply(done{});
            } else {
                static_cast<void>(self.send(storage_role, store{request->key}));
            }
        }
    }
};
tina::isolate client(tina::context, plan* known) {
    for (std::uint64_t key = 0; key < 20;) {
        static_cast<void>(co_yield tina::sleep(1ms));
        const auto answer = co_yield tina::call<done>(front_role, put{key}).within(20ms);
        if (!answer) continue;
        known->acknowledged |= std::uint64_t{1} << key;
        ++key;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    const auto types = {tina::type<storage>({.slots = 1}), tina::type<front>({.slots = 1}),
                        tina::type<client>({.slots = 1})};
    auto& machine =
        world.machine("host", system(types, {shard({tina::child<client>(tina::transient, told)}),
                                             shard({tina::child<front>(tina::permanent, told).role(front_role)}),
                                             shard({tina::child<storage>(tina::permanent).role(storage_role)})}));
    world.faults({.crash_isolate = {1, 100, tina::types<front>}});
    world.eventually(
        "what was acknowledged is stored",
        [&] {
            std::uint64_t stored = 0;
            machine.each<storage>([&](const storage& each) { stored = each.stored; });
            return (known.acknowledged & ~stored) == 0 && machine.count<client>() == 0;
        },
        1s);
    world.run_for(50ms);
}

ZOO_ANIMAL(early_reply, "a reply leaves before the write that it acknowledges")

}  // namespace zoo::early_reply
