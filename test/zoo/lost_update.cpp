// SPDX-License-Identifier: Apache-2.0
// Clients read a record, add to it and write it back; the store refuses what was made from an old version. A client
// whose write gets no answer in time writes again. The bug: the second time the version is not asked for, since it was
// asked for the first time; what others wrote meanwhile is lost. The cure: the store knows each client's last write.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::lost_update {

struct plan {
    bool is_fixed = false;
    std::uint64_t additions = 0;  ///< that were answered as done
};
struct get {};
struct record {
    std::uint64_t value = 0;
    std::uint64_t version = 0;
};
struct put {
    record wanted;  ///< with the version that it was made from
    std::uint32_t client;
    std::uint32_t number;
    std::uint64_t attempt;
};
struct put_answer {
    std::uint64_t is_done;
};

constexpr tina::role store_role{"store"};

struct store {
    using accepts = tina::messages<get, put>;
    record held{};
    std::array<std::uint32_t, 2> last_number{};

    tina::isolate run(tina::context, const plan* known) {
        for (;;) {
            const auto request = co_yield tina::receive<get, put>();
            if (const put* wanted = request.get<put>()) request.reply(put_answer{take(*wanted, known->is_fixed)});
            else request.reply(held);
        }
    }
    bool take(const put& what, bool is_fixed) {
        if (is_fixed && last_number[what.client] == what.number) return true;  // its answer was lost
        const bool is_asked_for = is_fixed || what.attempt == 1;
        if (is_asked_for && what.wanted.version != held.version) return false;
        held = {what.wanted.value, held.version + 1};
        last_number[what.client] = what.number;
        return true;
    }
};

tina::isolate client(tina::context, plan* known, std::uint32_t me) {
    for (std::uint32_t number = 1; number <= 5;) {
        static_cast<void>(co_yield tina::sleep(2ms));
        const auto seen = co_yield tina::call<record>(store_role, get{}).within(1ms);
        if (!seen) continue;
        put wanted{{seen->value + 1, seen->version}, me, number, 1};
        auto answer = co_yield tina::call<put_answer>(store_role, wanted).within(1ms);
        while (!answer) {
            ++wanted.attempt;
            static_cast<void>(co_yield tina::sleep(100us));
            answer = co_yield tina::call<put_answer>(store_role, wanted).within(1ms);
        }
        if (answer->is_done == 0) continue;
        ++number;
        ++known->additions;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& machine = world.machine("store", system({tina::type<store>({.slots = 1}), tina::type<client>({.slots = 1})},
                                                  {shard({tina::child<client>(tina::transient, told, 0u)}),
                                                   shard({tina::child<store>(tina::permanent, told).role(store_role)}),
                                                   shard({tina::child<client>(tina::transient, told, 1u)})}));
    world.faults({.channel_delay = {0us, 3ms}});
    world.always("what was added stays", [&] {
        bool holds = true;
        machine.each<store>([&](const store& each) { holds = each.held.value >= known.additions; });
        return holds;
    });
    world.run_for(100ms);
}

ZOO_ANIMAL(lost_update, "an update is lost across the time-out of a call")

}  // namespace zoo::lost_update
