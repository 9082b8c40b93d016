// SPDX-License-Identifier: Apache-2.0
// A tree of children that write down when they begin and end, and end as a test says; its shard is moved by hand. Owned
// by the unit tests.
#pragma once

#include <boost/test/unit_test.hpp>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/supervision.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace system_test {

struct tree_world;

/// What a member is told: how to end, or whom to spawn into its group.
struct member_order {
    enum what_to_do { crash, exception, leave, stop_self, yield, spawn } what;
    char name = 0;
    tina::restart mode{};
};

/// What all members of a tree know. It outlives them.
struct tree_world {
    std::string begun;    ///< names, in the order in which they ran first
    std::string ended;    ///< names, in the order in which their frames went
    std::string cursed;   ///< those that crash before they wait for the first time
    std::string pardons;  ///< of the cursed: each name here lifts its curse once
    std::map<char, tina::handle> who;
    std::vector<tina::down> downs;
    int spawns_refused = 0;
    bool spawn_at_end = false;  ///< members spawn one more while they are taken apart

    /// Both journals since the last time, as "begun/ended".
    [[nodiscard]] std::string news() { return std::exchange(begun, {}) + "/" + std::exchange(ended, {}); }
};

struct tree_member {
    using accepts = tina::messages<member_order, tina::down>;
    tina::isolate run(tina::context self, tree_world* world, char name);
};

class member_end {
public:
    member_end(tina::context self, tree_world& world, char name) : self_(self), world_(&world), name_(name) {}
    member_end(const member_end&) = delete;
    member_end& operator=(const member_end&) = delete;
    ~member_end() {
        world_->ended += name_;
        if (world_->spawn_at_end && !self_.spawn<tree_member>(tina::permanent, world_, '!')) ++world_->spawns_refused;
    }

private:
    tina::context self_;
    tree_world* world_;
    char name_;
};

inline tina::isolate tree_member::run(tina::context self, tree_world* world, char name) {
    world->begun += name;
    world->who[name] = self.handle();
    const member_end at_end(self, *world, name);
    if (world->cursed.find(name) != std::string::npos) co_yield tina::crash("cursed");
    for (;;) {
        auto message = co_yield tina::receive<member_order, tina::down>();
        if (const auto* ended = message.get<tina::down>()) world->downs.push_back(*ended);
        const auto* order = message.get<member_order>();
        if (order == nullptr) continue;
        if (order->what == member_order::crash) co_yield tina::crash("as told");
        if (order->what == member_order::exception) throw std::runtime_error("thrown as told");
        if (order->what == member_order::leave) co_return;
        if (order->what == member_order::stop_self) static_cast<void>(self.stop(self.handle()));
        if (order->what == member_order::yield) co_yield tina::yield();
        if (order->what == member_order::spawn && !self.spawn<tree_member>(order->mode, world, order->name)) {
            ++world->spawns_refused;
        }
    }
}

inline tina::child_spec member(tree_world& world, char name, tina::restart mode = tina::permanent) {
    return tina::child<tree_member>(mode, &world, name);
}

/// One shard with such a tree.
class supervised_tree {
public:
    explicit supervised_tree(const tina::group_spec& root, tina::type_options options = {.slots = 32},
                             tina::shard_limits limits = small_limits())
        : shards(spec(root, options, limits)) {}

    /// A root that fails starts anew as often as it takes.
    [[nodiscard]] static tina::system_spec spec(const tina::group_spec& root, const tina::type_options& options,
                                                const tina::shard_limits& limits) {
        auto made = with_warnings(spec_of({tina::type<tree_member>(options)}, {{.tree = root, .limits = limits}}));
        made.recovery.restarts = tina::unlimited;
        return made;
    }

    /// Tells a member something, without moving the shard.
    void post(tina::handle who, const member_order& order) {
        auto& at = shards[0];
        const auto placed = tina::detail::place_message(at, who, tina::detail::message_key_of<member_order>, {});
        BOOST_REQUIRE(placed.payload != nullptr);
        std::memcpy(placed.payload, &order, sizeof order);
        at.messages_sent.add();
    }
    /// Tells it, and moves the shard until nothing is left to do.
    void tell(tina::handle who, const member_order& order) {
        post(who, order);
        shards.settle();
    }
    void settle() { shards.settle(); }
    void advance(std::chrono::nanoseconds span) {
        shards.advance(span);
        shards.settle();
    }
    [[nodiscard]] const tina::detail::counters& counts() const { return shards.counts(0); }
    [[nodiscard]] bool alive(tina::handle who) { return shards[0].live(who) != nullptr; }
    [[nodiscard]] std::uint64_t live() { return shards[0].types[0].live.get(); }

    hand_moved shards;
};

}  // namespace system_test
