// SPDX-License-Identifier: Apache-2.0
// A producer puts an item into a store on one shard and then tells a reader on another, which fetches it. The bug: it
// takes for granted that the item is there before the reader's request, though they come by different channels. The
// cure: it waits until the store says so.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::order_across_channels {

struct plan {
    bool is_fixed = false;
    std::uint64_t missing = 0;
};
struct item {
    std::uint64_t number;
};
struct look {
    std::uint64_t number;
};
struct found {
    std::uint64_t is_there;
};

constexpr tina::role store_role{"store"};
constexpr tina::role reader_role{"reader"};

struct store {
    using accepts = tina::messages<item, look>;
    std::uint64_t last = 0;

    tina::isolate run(tina::context) {
        for (;;) {
            const auto request = co_yield tina::receive<item, look>();
            if (const look* wanted = request.get<look>()) request.reply(found{wanted->number <= last ? 1u : 0u});
            if (const item* given = request.get<item>()) last = given->number;
            if (request.awaits_reply()) request.reply(done{});
        }
    }
};
struct reader {
    using accepts = tina::messages<look>;

    tina::isolate run(tina::context, plan* known) {
        for (;;) {
            const auto told = co_yield tina::receive<look>();
            const auto answer = co_yield tina::call<found>(store_role, *told).within(10ms);
            if (answer && answer->is_there == 0) ++known->missing;
        }
    }
};
tina::isolate producer(tina::context self, const plan* known) {
    for (std::uint64_t number = 1; number <= 20; ++number) {
        static_cast<void>(co_yield tina::sleep(1ms));
        bool is_stored = true;
        if (known->is_fixed) {
            const auto answer = co_yield tina::call<done>(store_role, item{number}).within(10ms);
            is_stored = answer.has_value();
        } else {
            is_stored = self.send(store_role, item{number}) == tina::send_result::ok;
        }
        if (is_stored) static_cast<void>(self.send(reader_role, look{number}));
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    const auto types = {tina::type<store>({.slots = 1}), tina::type<reader>({.slots = 1}),
                        tina::type<producer>({.slots = 1})};
    world.machine("host", system(types, {shard({tina::child<producer>(tina::transient, told)}),
                                         shard({tina::child<store>(tina::permanent).role(store_role)}),
                                         shard({tina::child<reader>(tina::permanent, told).role(reader_role)})}));
    world.faults({.channel_delay = {0us, 500us}});
    world.always("what a reader is told of is there", [&] { return known.missing == 0; });
    world.run_for(100ms);
}

ZOO_ANIMAL(order_across_channels, "messages by two channels are taken to keep their order")

}  // namespace zoo::order_across_channels
