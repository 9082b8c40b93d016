// SPDX-License-Identifier: Apache-2.0
// An isolate that does what a test says, in its own activations, and writes down what comes to it. Owned by the unit
// tests.
#pragma once

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace system_test {

/// Something to be done by the isolate that receives it.
struct act {
    void (*what)(tina::context, void*);
    void* with;
};
struct tick {
    std::uint64_t value;
};

/// What an actor has seen, and how it is to go on. It outlives the actor.
struct actor_notes {
    std::vector<std::uint64_t> ticks;
    std::vector<tina::down> downs;
    int begun = 0;
    int destroyed = 0;  ///< frames of actors with these notes whose destructors ran
    bool only_acts = false;
    bool crash = false;
    bool leave = false;
    bool yield = false;
    std::function<void(tina::context)> while_reading;  ///< with a tick or a down in hand
};

/// Counts a frame that is destroyed.
class frame_guard {
public:
    explicit frame_guard(int& count) : count_(&count) {}
    frame_guard(const frame_guard&) = delete;
    frame_guard& operator=(const frame_guard&) = delete;
    ~frame_guard() { ++*count_; }

private:
    int* count_;
};

struct actor {
    using accepts = tina::messages<act, tick, tina::down>;

    tina::isolate run(tina::context self, actor_notes* notes) {
        const frame_guard guard(notes->destroyed);
        ++notes->begun;
        for (;;) {
            if (notes->crash) co_yield tina::crash("as told");
            if (notes->leave) co_return;
            if (notes->yield) co_yield tina::yield();
            if (notes->only_acts) {
                auto only = co_yield tina::receive<act>();
                only->what(self, only->with);
                continue;
            }
            auto message = co_yield tina::receive<act, tick, tina::down>();
            if (const auto* told = message.get<act>()) told->what(self, told->with);
            if (const auto* came = message.get<tick>()) notes->ticks.push_back(came->value);
            if (const auto* ended = message.get<tina::down>()) notes->downs.push_back(*ended);
            if (message.get<act>() == nullptr && notes->while_reading) notes->while_reading(self);
        }
    }
};

/// The same, of a type that accepts nothing but acts.
struct deaf_actor {
    using accepts = tina::messages<act>;
    tina::isolate run(tina::context self, actor_notes* notes) {
        const frame_guard guard(notes->destroyed);
        ++notes->begun;
        for (;;) {
            auto only = co_yield tina::receive<act>();
            only->what(self, only->with);
            if (notes->crash) co_yield tina::crash("as told");
            if (notes->leave) co_return;
        }
    }
};

inline tina::isolate idle_actor(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

/// Shards with nothing but actors, moved by hand.
class actor_stage {
public:
    explicit actor_stage(std::uint32_t shard_count = 2, tina::shard_limits limits = small_limits(),
                         std::uint16_t mailbox = 4, std::uint32_t slots = 64)
        : shards(spec_of({tina::type<actor>({.slots = slots, .mailbox_capacity = mailbox}),
                          tina::type<deaf_actor>({.slots = 4}), tina::type<idle_actor>({.slots = 1})},
                         std::vector<tina::shard_spec>(shard_count,
                                                       shard_of({tina::child<idle_actor>(tina::temporary)}, limits)))) {
    }

    /// Notes for actors of this stage, which outlive them.
    [[nodiscard]] std::span<actor_notes> make_notes(std::size_t count) { return notes_.emplace_back(count); }
    template <class Actor = actor>
    tina::handle start(std::uint32_t shard, actor_notes& notes, tina::restart mode = tina::temporary) {
        using handler = tina::detail::struct_handler<Actor>;
        auto& at = shards[shard];
        auto pack = handler::pack(&notes);
        const auto made =
            tina::detail::start_isolate(at, tina::detail::find_type(at, handler::info()),
                                        (static_cast<std::uint32_t>(mode) << 30) | tina::detail::dynamic_child, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        return made.child;
    }
    /// Puts an act into an actor's mailbox; it is done when its shard is moved.
    template <class What>
    void post(tina::handle who, What& what) {
        auto& at = shards[who.shard()];
        const auto placed = tina::detail::place_message(at, who, tina::detail::message_key_of<act>, {});
        BOOST_REQUIRE(placed.payload != nullptr);
        const act content{[](tina::context self, void* with) { (*static_cast<What*>(with))(self); }, &what};
        std::memcpy(placed.payload, &content, sizeof content);
        at.messages_sent.add();
    }
    /// Has an actor do something, and moves all shards until nothing is left to do.
    template <class What>
    void in(tina::handle who, What what) {
        post(who, what);
        shards.settle();
    }
    /// The same, but only the actor's own shard is moved, and once.
    template <class What>
    void only_in(tina::handle who, What what) {
        post(who, what);
        shards.cycle(who.shard());
    }
    void advance(std::chrono::nanoseconds span) {
        shards.advance(span);
        shards.settle();
    }
    [[nodiscard]] bool alive(tina::handle who) { return shards[who.shard()].live(who) != nullptr; }
    void end(tina::handle who) {
        auto& at = shards[who.shard()];
        tina::detail::end_isolate(at, at.slots[who.slot()]);
    }
    void expect_nothing_left() {
        for (const auto& each : shards.shards) {
            BOOST_TEST(each->message_timers.taken_count() == 0u);
            BOOST_TEST(each->monitors.taken_count() == 0u);
            BOOST_TEST(each->standing_messages == 0u);
            BOOST_TEST(each->envelopes.taken_count() == 0u);
            BOOST_TEST(each->timers_max == each->plan.spec.limits.timers);
            BOOST_TEST(each->wheel.armed_count() <= 1u);  // the idle one's
            BOOST_TEST(each->wheel.consistent());
        }
    }

private:
    std::deque<std::vector<actor_notes>> notes_;

public:
    hand_moved shards;
};

}  // namespace system_test
