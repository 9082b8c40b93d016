// SPDX-License-Identifier: Apache-2.0
// A register with a primary and a replica, and clients that note what they do. The bug: reads go to the replica, which
// learns of a write when it learns of it. The cure: they go to the primary. What shows it is that no order explains
// what the clients saw.
#include "zoo.hpp"

#include <tina/history.hpp>

using namespace std::chrono_literals;

namespace zoo::stale_replica {

struct plan {
    bool is_fixed = false;
    tina::sim::history notes{};
};
struct get {};
struct put {
    std::uint64_t value;
};
struct held {
    std::uint64_t value;
};

constexpr tina::role primary_role{"primary"};
constexpr tina::role replica_role{"replica"};

struct copy_of_register {
    using accepts = tina::messages<get, put>;

    tina::isolate run(tina::context self, bool is_primary) {
        for (std::uint64_t value = 0;;) {
            const auto request = co_yield tina::receive<get, put>();
            if (const put* wanted = request.get<put>()) {
                value = wanted->value;
                if (is_primary) static_cast<void>(self.send(replica_role, *wanted));
                if (is_primary) request.reply(done{});
            } else {
                request.reply(held{value});
            }
        }
    }
};
tina::isolate client(tina::context self, plan* known, std::uint64_t me) {
    const tina::role& reads_go_to = known->is_fixed ? primary_role : replica_role;
    for (std::uint64_t i = 1; i <= 10; ++i) {
        static_cast<void>(co_yield tina::sleep(std::chrono::microseconds{100 + self.random() % 400}));
        const auto write = known->notes.begin_write(me, 1, me * 100 + i);
        const auto written = co_yield tina::call<done>(primary_role, put{me * 100 + i}).within(10ms);
        if (written) known->notes.ok(write);
        else known->notes.unknown(write);
        const auto read = known->notes.begin_read(me, 1);
        const auto found = co_yield tina::call<held>(reads_go_to, get{}).within(10ms);
        if (found) known->notes.ok(read, found->value);
        else known->notes.unknown(read);
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.machine(
        "host",
        system({tina::type<copy_of_register>({.slots = 2}), tina::type<client>({.slots = 2})},
               {shard({tina::child<client>(tina::transient, told, 1u), tina::child<client>(tina::transient, told, 2u)}),
                shard({tina::child<copy_of_register>(tina::permanent, true).role(primary_role)}),
                shard({tina::child<copy_of_register>(tina::permanent, false).role(replica_role)})}));
    world.faults({.channel_delay = {0us, 500us}});
    world.run_for(100ms);
    if (const auto wrong = linearizable(known.notes, {.initial = 0})) world.fail("the register is one", *wrong);
}

ZOO_ANIMAL(stale_replica, "a replica answers what is no longer so")

}  // namespace zoo::stale_replica
