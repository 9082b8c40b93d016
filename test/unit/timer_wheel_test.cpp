// SPDX-License-Identifier: Apache-2.0
// Tests of the timing wheel: against a sorted map as its model with seeded random use, and case by case at
// the edges. Owned by the unit tests. They must never depend on real time.
#include "lib/timer_wheel.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using tina::detail::no_timer;
using tina::detail::timer_node;
using tina::detail::timer_wheel;

constexpr std::int64_t tick_ns = std::int64_t{1} << timer_wheel::tick_bits;
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t day_ns = 86'400 * second_ns;
constexpr std::int64_t turn_ns = tick_ns << (timer_wheel::level_bits * timer_wheel::level_count);
constexpr std::int64_t time_max_ns = std::numeric_limits<std::int64_t>::max();

std::int64_t ticks_up(std::int64_t time_ns) { return time_ns / tick_ns + (time_ns % tick_ns > 0 ? 1 : 0); }

/// A wheel with nodes of its own; what it returns is written down by owner.
struct wheel_fixture {
    explicit wheel_fixture(std::size_t capacity = 1000, std::int64_t now_ns = 0)
        : nodes(timer_wheel::list_count + capacity) {
        wheel->start(nodes, now_ns);
    }

    std::vector<std::uint32_t> take_expired() {
        std::vector<std::uint32_t> owners;
        for (std::uint32_t timer = wheel->next_expired(); timer != no_timer; timer = wheel->next_expired()) {
            owners.push_back(wheel->node(timer).owner);
            wheel->cancel(timer);
        }
        return owners;
    }

    std::vector<std::uint32_t> advance(std::int64_t now_ns) {
        wheel->advance(now_ns);
        return take_expired();
    }

    std::vector<timer_node> nodes;
    std::unique_ptr<timer_wheel> wheel = std::make_unique<timer_wheel>();
};

using owners = std::vector<std::uint32_t>;

/// What the wheel must do, said with a sorted map: timers by tick, within a tick in the order of arming.
class wheel_model {
public:
    struct entry {
        std::uint32_t timer;
        std::uint32_t owner;
        std::int64_t deadline_ns;
    };

    void arm(const entry& armed) { waiting_.emplace(std::max(ticks_up(armed.deadline_ns), now_ns_ / tick_ns), armed); }

    void advance(std::int64_t now_ns) {
        now_ns_ = now_ns;
        while (!waiting_.empty() && waiting_.begin()->first <= now_ns / tick_ns) {
            expired_.push_back(waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
        }
    }

    /// The n-th of all armed timers, taken out.
    entry remove(std::size_t index) {
        entry removed{};
        if (index < expired_.size()) {
            removed = expired_[index];
            expired_.erase(expired_.begin() + static_cast<std::ptrdiff_t>(index));
        } else {
            const auto found = std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(index - expired_.size()));
            removed = found->second;
            waiting_.erase(found);
        }
        return removed;
    }

    std::size_t armed_count() const { return waiting_.size() + expired_.size(); }
    std::deque<entry>& expired() { return expired_; }
    std::int64_t now_ns() const { return now_ns_; }
    std::int64_t next_deadline_ns() const {
        if (!expired_.empty()) { return now_ns_ / tick_ns * tick_ns; }
        return waiting_.empty() ? time_max_ns : waiting_.begin()->first * tick_ns;
    }

private:
    std::multimap<std::int64_t, entry> waiting_;
    std::deque<entry> expired_;
    std::int64_t now_ns_ = 0;
};

/// Random use of a wheel and its model side by side.
class random_use {
public:
    random_use(std::uint64_t seed, std::size_t capacity, std::uint64_t magnitude_count)
        : random_(seed), subject_(capacity), magnitude_count_(magnitude_count) {}

    void step() {
        const std::uint64_t choice = below(100);
        if (choice < 50) {
            arm();
        } else if (choice < 75) {
            cancel();
        } else {
            advance(choice < 80 ? next_jump() : now_ns() + distance() / 4);
        }
    }

    void check() {
        const std::int64_t answered = subject_.wheel->next_deadline_ns();
        BOOST_REQUIRE_EQUAL(subject_.wheel->armed_count(), model_.armed_count());
        BOOST_REQUIRE(subject_.wheel->consistent());
        BOOST_REQUIRE_LE(answered, model_.next_deadline_ns());
        if (model_.armed_count() <= timer_wheel::exact_nodes_max && below(4) == 0) { check_exactly(); }
    }

    void check_exactly() {
        subject_.wheel->settle();
        BOOST_REQUIRE(subject_.wheel->consistent());
        BOOST_REQUIRE_EQUAL(subject_.wheel->next_deadline_ns(), model_.next_deadline_ns());
    }

    /// Lets every timer expire, at the times that the wheel itself asks for.
    void finish() {
        for (int jump = 0; model_.armed_count() > 0; ++jump) {
            BOOST_REQUIRE_LT(jump, 20'000);
            advance(std::max(now_ns(), subject_.wheel->next_deadline_ns()));
            check();
        }
        BOOST_REQUIRE_EQUAL(subject_.wheel->next_deadline_ns(), time_max_ns);
    }

private:
    static std::uint32_t kind_of(std::uint32_t owner) { return owner ^ 0x5555; }
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
    std::int64_t now_ns() const { return model_.now_ns(); }

    /// From nothing to 1.5 * 2^(magnitude_count - 1) ns, each order of magnitude as likely as the next.
    std::int64_t distance() {
        const std::uint64_t magnitude = std::uint64_t{1} << below(magnitude_count_);
        return static_cast<std::int64_t>(below(magnitude) + below(2) * magnitude / 2);
    }

    std::int64_t next_jump() {
        const std::int64_t asked_ns = subject_.wheel->next_deadline_ns();
        return asked_ns == time_max_ns ? now_ns() : std::max(now_ns(), asked_ns - static_cast<std::int64_t>(below(2)));
    }

    std::int64_t some_deadline() {
        switch (below(8)) {
        case 0: return now_ns() - distance();
        case 1: return ((now_ns() + distance()) >> 22) << 22;  // exactly where a slot of level 1 begins
        case 2: return ((now_ns() + distance()) >> 30) << 30;
        case 3: return last_deadline_ns_;
        default: return now_ns() + distance();
        }
    }

    void arm() {
        last_deadline_ns_ = some_deadline();
        const std::uint32_t timer = subject_.wheel->arm(last_deadline_ns_, owner_ + 1, kind_of(owner_ + 1));
        BOOST_REQUIRE_EQUAL(timer == no_timer, model_.armed_count() == subject_.wheel->capacity());
        if (timer != no_timer) { model_.arm({timer, ++owner_, last_deadline_ns_}); }
    }

    void cancel() {
        if (model_.armed_count() > 0) {
            const wheel_model::entry cancelled = model_.remove(below(model_.armed_count()));
            BOOST_REQUIRE_EQUAL(subject_.wheel->node(cancelled.timer).owner, cancelled.owner);
            subject_.wheel->cancel(cancelled.timer);
        }
    }

    /// Some of the expired timers stay untaken, so that later ones queue up behind them.
    void advance(std::int64_t to_ns) {
        subject_.wheel->advance(to_ns);
        model_.advance(to_ns);
        for (std::uint64_t left = below(4) == 0 ? below(3) : model_.expired().size(); left > 0; --left) {
            if (model_.expired().empty()) { return; }
            take_one();
        }
        if (model_.expired().empty()) { BOOST_REQUIRE_EQUAL(subject_.wheel->next_expired(), no_timer); }
    }

    void take_one() {
        const wheel_model::entry expected = model_.expired().front();
        model_.expired().pop_front();
        const std::uint32_t timer = subject_.wheel->next_expired();
        BOOST_REQUIRE_EQUAL(timer, expected.timer);
        BOOST_REQUIRE_EQUAL(subject_.wheel->node(timer).owner, expected.owner);
        BOOST_REQUIRE_EQUAL(subject_.wheel->node(timer).kind, kind_of(expected.owner));
        BOOST_REQUIRE_EQUAL(subject_.wheel->node(timer).deadline_ns, expected.deadline_ns);
        BOOST_REQUIRE_LE(expected.deadline_ns, now_ns());
        subject_.wheel->cancel(timer);
    }

    std::mt19937_64 random_;
    wheel_fixture subject_;
    wheel_model model_;
    std::uint64_t magnitude_count_;
    std::uint32_t owner_ = 0;
    std::int64_t last_deadline_ns_ = 0;
};

/// TINA_SEED replays one seed alone.
std::vector<std::uint64_t> seeds(std::uint64_t count) {
    if (const char* const given = std::getenv("TINA_SEED")) { return {std::strtoull(given, nullptr, 0)}; }
    std::vector<std::uint64_t> all(count);
    for (std::uint64_t index = 0; index < count; ++index) { all[index] = index + 1; }
    return all;
}

std::string replay_of(std::uint64_t seed, const char* test) {
    return "seed " + std::to_string(seed) + "; replay: TINA_SEED=" + std::to_string(seed) + " with --run_test=*/" +
           test;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(timer_wheel_test)

BOOST_AUTO_TEST_CASE(random_use_of_a_small_pool_agrees_with_a_sorted_map) {
    for (const std::uint64_t seed : seeds(60)) {
        BOOST_TEST_CONTEXT(replay_of(seed, "random_use_of_a_small_pool_agrees_with_a_sorted_map")) {
            random_use use(seed, 1 + seed % 40, 56);
            for (int step = 0; step < 400; ++step) {
                use.step();
                use.check();
            }
            use.finish();
        }
    }
}

BOOST_AUTO_TEST_CASE(random_use_of_a_large_pool_agrees_with_a_sorted_map) {
    for (const std::uint64_t seed : seeds(6)) {
        BOOST_TEST_CONTEXT(replay_of(seed, "random_use_of_a_large_pool_agrees_with_a_sorted_map")) {
            random_use use(seed, 3000, 51);
            for (int step = 0; step < 12'000; ++step) {
                use.step();
                if (step % 64 == 0) { use.check(); }
            }
            use.finish();
        }
    }
}

BOOST_AUTO_TEST_CASE(a_timer_is_never_early_and_at_most_one_tick_late) {
    for (int shift = 0; shift < 56; ++shift) {
        for (const std::int64_t offset_ns : {-tick_ns - 1, -tick_ns, -1L, 0L, 1L, tick_ns - 1, tick_ns, tick_ns + 1}) {
            for (const std::int64_t start_ns : {0L, 12'345L, 255 * tick_ns, 256 * tick_ns - 1, turn_ns - 1}) {
                wheel_fixture subject(1, start_ns);
                const std::int64_t deadline_ns = start_ns + (std::int64_t{1} << shift) + offset_ns;
                (void)subject.wheel->arm(deadline_ns, 7, 0);
                const std::int64_t late_ns = std::max(deadline_ns + tick_ns - 1, start_ns);
                if (deadline_ns > start_ns) { BOOST_REQUIRE(subject.advance(deadline_ns - 1).empty()); }
                BOOST_REQUIRE(subject.advance(late_ns) == owners{7});
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(advance_to_the_deadline_itself_suffices_where_it_is_a_whole_tick) {
    wheel_fixture subject;
    (void)subject.wheel->arm(700 * tick_ns, 1, 0);
    (void)subject.wheel->arm(700 * tick_ns + 1, 2, 0);
    BOOST_TEST(subject.wheel->next_deadline_ns() == 700 * tick_ns);
    BOOST_TEST(subject.advance(700 * tick_ns - 1).empty());
    BOOST_TEST(subject.advance(700 * tick_ns) == owners{1}, boost::test_tools::per_element());
    BOOST_TEST(subject.advance(701 * tick_ns - 1).empty());
    BOOST_TEST(subject.advance(701 * tick_ns) == owners{2}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(timers_expire_by_tick_and_within_a_tick_in_the_order_of_arming) {
    wheel_fixture subject;
    (void)subject.wheel->arm(3 * tick_ns, 1, 0);
    (void)subject.wheel->arm(2 * tick_ns, 2, 0);
    (void)subject.wheel->arm(3 * tick_ns - 5, 3, 0);  // rounds up to the same tick as the first
    (void)subject.wheel->arm(900 * tick_ns, 4, 0);
    (void)subject.wheel->arm(2 * tick_ns - 1, 5, 0);
    (void)subject.wheel->arm(1, 6, 0);
    const owners expected{6, 2, 5, 1, 3, 4};
    BOOST_TEST(subject.advance(second_ns) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(timers_of_one_tick_keep_their_order_on_the_way_down_the_levels) {
    const std::vector<std::int64_t> deadlines{300 * tick_ns, (std::int64_t{1} << 17) * tick_ns + 77 * tick_ns,
                                              (std::int64_t{1} << 33) * tick_ns + 12'345 * tick_ns,
                                              turn_ns + (std::int64_t{1} << 33) * tick_ns + 5 * tick_ns,
                                              3 * turn_ns + 99 * tick_ns};
    for (const std::int64_t deadline_ns : deadlines) {
        wheel_fixture subject;
        owners expected;
        // One is armed at each halving of the distance, hence from ever lower levels.
        for (std::int64_t left_ns = deadline_ns; left_ns > tick_ns; left_ns /= 2) {
            BOOST_REQUIRE(subject.advance(deadline_ns - left_ns).empty());
            expected.push_back(static_cast<std::uint32_t>(expected.size()));
            (void)subject.wheel->arm(deadline_ns, expected.back(), 0);
        }
        BOOST_REQUIRE(subject.advance(deadline_ns - 1).empty());
        BOOST_TEST(subject.advance(deadline_ns) == expected, boost::test_tools::per_element());
    }
}

BOOST_AUTO_TEST_CASE(deadlines_exactly_where_a_level_begins_expire_in_time) {
    for (int level = 0; level <= timer_wheel::level_count; ++level) {
        const std::int64_t edge_ns = tick_ns << (level * timer_wheel::level_bits);
        for (const std::int64_t times : {1, 2, 255, 256}) {
            const std::int64_t deadline_ns = edge_ns > turn_ns / 2 ? edge_ns : edge_ns * times;
            wheel_fixture subject;
            (void)subject.wheel->arm(deadline_ns - tick_ns, 1, 0);
            (void)subject.wheel->arm(deadline_ns, 2, 0);
            (void)subject.wheel->arm(deadline_ns + tick_ns, 3, 0);
            BOOST_REQUIRE(subject.advance(deadline_ns - 1) == owners{1});
            BOOST_REQUIRE_EQUAL(subject.wheel->next_deadline_ns(), deadline_ns);
            BOOST_REQUIRE(subject.advance(deadline_ns) == owners{2});
            BOOST_REQUIRE_EQUAL(subject.wheel->next_deadline_ns(), deadline_ns + tick_ns);
            BOOST_REQUIRE(subject.advance(deadline_ns + tick_ns) == owners{3});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fresh_timer_that_was_taken_back_is_asked_for_at_most_once) {
    wheel_fixture subject;
    const std::uint32_t taken_back = subject.wheel->arm(5 * second_ns, 1, 0);
    (void)subject.wheel->arm(60 * second_ns, 2, 0);
    subject.wheel->cancel(taken_back);
    BOOST_TEST(subject.wheel->next_deadline_ns() <= 60 * second_ns);
    BOOST_TEST(subject.advance(subject.wheel->next_deadline_ns()).empty());
    BOOST_TEST(subject.wheel->next_deadline_ns() == ticks_up(60 * second_ns) * tick_ns);
}

BOOST_AUTO_TEST_CASE(thirty_days_are_reached_in_at_most_five_jumps) {
    for (const std::uint32_t count : {1u, 65u, 5000u}) {
        wheel_fixture subject(count, 1'234'567'890'123);
        const std::int64_t deadline_ns = 1'234'567'890'123 + 30 * day_ns;
        for (std::uint32_t owner = 0; owner < count; ++owner) { (void)subject.wheel->arm(deadline_ns, owner, 0); }
        int jumps = 0;
        for (; subject.wheel->next_expired() == no_timer; ++jumps) {
            BOOST_REQUIRE_LT(jumps, 5);
            BOOST_REQUIRE_LE(subject.wheel->next_deadline_ns(), deadline_ns + tick_ns - 1);
            subject.wheel->advance(subject.wheel->next_deadline_ns());
        }
        BOOST_TEST(jumps <= (count == 1 ? 1 : timer_wheel::level_count));
        BOOST_TEST(subject.take_expired().size() == count);
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_of_decades_waits_its_turns_and_the_last_representable_one_never_comes) {
    wheel_fixture subject;
    const std::int64_t deadline_ns = std::int64_t{36'500} * day_ns;
    (void)subject.wheel->arm(deadline_ns, 1, 0);
    (void)subject.wheel->arm(time_max_ns, 2, 0);
    BOOST_TEST(subject.advance(deadline_ns - 1).empty());
    BOOST_TEST(subject.advance(deadline_ns + tick_ns) == owners{1}, boost::test_tools::per_element());
    BOOST_TEST(subject.wheel->next_deadline_ns() == time_max_ns);
    BOOST_TEST(subject.advance(time_max_ns).empty());
    BOOST_TEST(subject.wheel->armed_count() == 1u);
}

BOOST_AUTO_TEST_CASE(the_earliest_of_the_top_level_is_found_behind_timers_of_later_turns) {
    wheel_fixture subject;
    const std::int64_t top_slot_ns = turn_ns / 256;
    (void)subject.wheel->arm(turn_ns + 3 * top_slot_ns, 1,
                             0);  // in an earlier slot than the second, a turn later
    (void)subject.wheel->arm(9 * top_slot_ns + 5 * tick_ns, 2, 0);
    BOOST_TEST(subject.wheel->next_deadline_ns() == 9 * top_slot_ns + 5 * tick_ns);
    BOOST_TEST(subject.advance(subject.wheel->next_deadline_ns()) == owners{2}, boost::test_tools::per_element());
    BOOST_TEST(subject.wheel->next_deadline_ns() == turn_ns + 3 * top_slot_ns);
}

BOOST_AUTO_TEST_CASE(the_next_deadline_is_exact_up_to_64_timers_in_a_slot_and_the_beginning_of_the_slot_beyond) {
    wheel_fixture subject;
    const std::int64_t slot_ns = 256 * tick_ns;
    for (std::uint32_t owner = 0; owner < timer_wheel::exact_nodes_max; ++owner) {
        (void)subject.wheel->arm(slot_ns + (100 - owner) * tick_ns, owner, 0);
    }
    subject.wheel->settle();
    BOOST_TEST(subject.wheel->next_deadline_ns() == slot_ns + 37 * tick_ns);
    (void)subject.wheel->arm(slot_ns + 99 * tick_ns, 64, 0);
    subject.wheel->settle();
    BOOST_TEST(subject.wheel->next_deadline_ns() == slot_ns);
    BOOST_TEST(subject.advance(slot_ns).empty());
    BOOST_TEST(subject.wheel->next_deadline_ns() == slot_ns + 37 * tick_ns);
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_past_expires_at_the_next_advance_even_to_the_same_time) {
    wheel_fixture subject(10, 50 * second_ns);
    (void)subject.wheel->arm(3, 1, 0);
    (void)subject.wheel->arm(std::numeric_limits<std::int64_t>::min(), 2, 0);
    BOOST_TEST(subject.wheel->next_expired() == no_timer);
    BOOST_TEST(subject.wheel->next_deadline_ns() <= 50 * second_ns);
    const owners expected{1, 2};
    BOOST_TEST(subject.advance(50 * second_ns) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_expired_timer_that_is_cancelled_is_not_returned) {
    wheel_fixture subject;
    std::vector<std::uint32_t> timers;
    for (std::uint32_t owner = 0; owner < 5; ++owner) {
        timers.push_back(subject.wheel->arm(tick_ns * (1 + owner / 2), owner, 0));
    }
    subject.wheel->advance(10 * tick_ns);
    BOOST_TEST(subject.wheel->armed_count() == 5u);
    for (const std::size_t gone : {0u, 2u, 4u}) {  // the first, one between, the last
        subject.wheel->cancel(timers[gone]);
    }
    const owners expected{1, 3};
    BOOST_TEST(subject.take_expired() == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(timers_armed_while_expired_ones_are_handled_wait_for_the_next_advance) {
    wheel_fixture subject;
    (void)subject.wheel->arm(tick_ns, 1, 0);
    subject.wheel->advance(5 * tick_ns);
    (void)subject.wheel->arm(2 * tick_ns, 2, 0);
    BOOST_TEST(subject.take_expired() == owners{1}, boost::test_tools::per_element());
    BOOST_TEST(subject.advance(5 * tick_ns) == owners{2}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_full_pool_refuses_and_a_cancelled_node_is_used_again_first) {
    wheel_fixture subject(3);
    const std::uint32_t first = subject.wheel->arm(1, 1, 0);
    const std::uint32_t second = subject.wheel->arm(2, 2, 0);
    BOOST_TEST(subject.wheel->arm(3, 3, 0) != no_timer);
    BOOST_TEST(subject.wheel->arm(4, 4, 0) == no_timer);
    subject.wheel->cancel(first);
    subject.wheel->cancel(second);
    BOOST_TEST(subject.wheel->arm(5, 5, 0) == second);
    BOOST_TEST(subject.wheel->arm(6, 6, 0) == first);
    BOOST_TEST(subject.wheel->armed_count() == 3u);
    BOOST_TEST(subject.wheel->capacity() == 3u);
    BOOST_TEST(subject.wheel->consistent());
}

BOOST_AUTO_TEST_CASE(a_pool_of_no_nodes_refuses_every_timer) {
    wheel_fixture subject(0);
    BOOST_TEST(subject.wheel->arm(1, 1, 0) == no_timer);
    BOOST_TEST(subject.advance(day_ns).empty());
    BOOST_TEST(subject.wheel->next_deadline_ns() == time_max_ns);
}

BOOST_AUTO_TEST_CASE(nodes_beyond_the_peak_are_never_touched) {
    wheel_fixture subject(100);
    const std::vector<unsigned char> pattern(sizeof(timer_node) * 90, 0xab);
    std::memcpy(static_cast<void*>(&subject.nodes[timer_wheel::list_count + 10]), pattern.data(), pattern.size());
    subject.wheel->start(subject.nodes, 0);
    for (std::uint32_t round = 0; round < 50; ++round) {
        for (std::uint32_t owner = 0; owner < 10; ++owner) {
            (void)subject.wheel->arm((round * 300 + owner * owner * owner) * tick_ns, owner, 0);
        }
        BOOST_REQUIRE(subject.wheel->consistent());
        BOOST_REQUIRE_EQUAL(subject.advance((round * 300 + 1000) * tick_ns).size(), 10u);
        subject.wheel->start(subject.nodes, 0);
    }
    BOOST_TEST(std::memcmp(&subject.nodes[timer_wheel::list_count + 10], pattern.data(), pattern.size()) == 0);
}

BOOST_AUTO_TEST_CASE(the_peak_counts_what_was_armed_at_once) {
    wheel_fixture subject;
    for (int round = 0; round < 20; ++round) {
        const std::uint32_t first = subject.wheel->arm(day_ns, 1, 0);
        const std::uint32_t second = subject.wheel->arm(day_ns, 2, 0);
        subject.wheel->cancel(first);
        subject.wheel->cancel(second);
    }
    BOOST_TEST(subject.wheel->armed_count() == 0u);
    BOOST_TEST(subject.wheel->armed_peak() == 2u);
    BOOST_TEST(subject.wheel->next_deadline_ns() == time_max_ns);
}

BOOST_AUTO_TEST_CASE(many_timers_over_a_jump_of_years_come_in_order) {
    constexpr std::uint32_t count = 20'000;
    wheel_fixture subject(count);
    std::mt19937_64 random(2026);
    std::vector<std::pair<std::int64_t, std::uint32_t>> sorted;
    for (std::uint32_t owner = 0; owner < count; ++owner) {
        const auto deadline_ns = static_cast<std::int64_t>(random() >> (2 + random() % 40));
        sorted.emplace_back(ticks_up(deadline_ns), owner);
        (void)subject.wheel->arm(deadline_ns, owner, 0);
    }
    std::sort(sorted.begin(), sorted.end());  // by tick, then by owner, which is the order of arming
    const owners came = subject.advance(time_max_ns);
    BOOST_REQUIRE_EQUAL(came.size(), count);
    BOOST_TEST(std::equal(came.begin(), came.end(), sorted.begin(),
                          [](std::uint32_t owner, const auto& expected) { return owner == expected.second; }));
}

BOOST_AUTO_TEST_SUITE_END()
