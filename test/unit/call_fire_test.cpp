// SPDX-License-Identifier: Apache-2.0
// Calls under fire: callers on two shards ask servers that answer, keep, pass on, drop, come late or die in the middle,
// and each call must end in exactly one way; afterwards nothing of them may be left. Owned by the unit tests.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>

#include "test_system.hpp"

namespace call_fire_test {

struct ask {
    std::uint64_t value;
};
struct told {
    std::uint64_t value;
};
struct handed_on {
    std::uint64_t value;
};

}  // namespace call_fire_test

namespace {

using namespace system_test;
using call_fire_test::ask;
using call_fire_test::handed_on;
using call_fire_test::told;
using tina::errc;

constexpr std::uint32_t servers_per_shard = 8;
constexpr std::uint32_t servers = servers_per_shard * 2;
constexpr std::uint32_t callers_per_shard = 100;

struct arena_of_fire {
    std::array<std::atomic<std::uint64_t>, servers> where{};
    std::array<std::atomic<std::uint64_t>, 64> outcomes{};  ///< by errc; 0: answered
    std::atomic<std::uint32_t> callers_done{0};
    std::atomic<bool> calm{false};
    std::uint32_t calls_each = 0;
    failures wrong;

    [[nodiscard]] tina::handle server(std::uint64_t which) const noexcept {
        return tina::handle::from_bits(where[which % servers].load());
    }
};

/// What chance has a server do with a request, out of 64.
enum class fate : std::uint8_t { answer, keep, pass_on, drop, die_holding, end_holding };

fate fate_of(std::uint64_t dice) noexcept {
    if (dice < 44) return fate::answer;
    if (dice < 50) return fate::keep;
    if (dice < 57) return fate::pass_on;
    if (dice < 61) return fate::drop;
    return dice < 63 ? fate::die_holding : fate::end_holding;
}

struct server {
    using accepts = tina::messages<ask, handed_on>;

    tina::isolate run(tina::context self, arena_of_fire* on, std::uint32_t number) {
        on->where[number] = self.handle().bits();
        tina::reply_token kept;
        std::uint64_t kept_value = 0;
        for (;;) {
            // What was kept is answered at the next request, or after a while, too late for some.
            auto received = co_yield tina::receive<ask, handed_on>().within(2ms);
            if (kept) kept.reply(told{kept_value + 1});
            if (!received) continue;
            auto& message = *received;
            if (const auto* passed = message.get<handed_on>()) {
                if (auto token = message.take<tina::reply_token>()) token.reply(told{passed->value + 1});
                continue;
            }
            const std::uint64_t value = message.get<ask>()->value;
            switch (on->calm ? fate::answer : fate_of(self.random() % 64)) {
            case fate::answer: message.reply(told{value + 1}); break;
            case fate::keep:
                kept = message.take<tina::reply_token>();
                kept_value = value;
                break;
            case fate::pass_on: {
                auto token = message.take<tina::reply_token>();
                // Where the other does not take it, it is answered here after all.
                if (self.send(on->server(self.random()), handed_on{value}, std::move(token)) != tina::send_result::ok) {
                    token.reply(told{value + 1});
                }
                break;
            }
            case fate::drop: break;
            case fate::die_holding: co_yield tina::crash("by chance");
            case fate::end_holding: co_return;
            }
        }
    }
};

tina::isolate caller(tina::context self, arena_of_fire* on) {
    for (std::uint32_t i = 0; i < on->calls_each; ++i) {
        const std::uint64_t value = self.random() >> 8;
        const auto span = std::chrono::microseconds(self.random() % 16 == 0 ? 1 : 5000);
        const auto reply = co_yield tina::call<told>(on->server(self.random()), ask{value}).within(span);
        ++on->outcomes[reply ? 0 : static_cast<std::size_t>(reply.error().value())];
        if (reply) on->wrong.expect(reply->value == value + 1, "a reply came to another call");
        if (!reply) on->wrong.expect(reply.error().category() == tina::tina_category(), "an error of another category");
        if (i % 64 == 63) co_yield tina::yield();
    }
    ++on->callers_done;
}

/// Waits, with a bound, until a condition of the running system holds.
template <class Condition>
bool comes_true(Condition&& condition) {
    for (int i = 0; i < 6000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

tina::shard_spec shard_under_fire(arena_of_fire& on, std::uint32_t first_server) {
    tina::shard_spec shard = shard_of({});
    shard.limits.messages = 4096;
    shard.tree.budget = {.restarts = tina::unlimited};
    for (std::uint32_t i = 0; i < servers_per_shard; ++i) {
        shard.tree.children.emplace_back(tina::child<server>(tina::permanent, &on, first_server + i));
    }
    for (std::uint32_t i = 0; i < callers_per_shard; ++i) {
        shard.tree.children.emplace_back(tina::child<caller>(tina::temporary, &on));
    }
    return shard;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(calls_under_fire)

BOOST_AUTO_TEST_CASE(each_call_ends_in_exactly_one_way_and_nothing_is_left, *boost::unit_test::label("threads")) {
    arena_of_fire on;
    on.calls_each = scaled(5000, 500);
    const std::uint64_t calls = std::uint64_t{on.calls_each} * callers_per_shard * 2;
    auto spec = spec_of({tina::type<server>({.slots = 16, .mailbox_capacity = 32}), tina::type<caller>({.slots = 128})},
                        {shard_under_fire(on, 0), shard_under_fire(on, servers_per_shard)});
    spec.channels.capacity = 256;  // small enough that it is full at times
    spec.log.level = tina::log_level::error;
    tina::system system(std::move(spec));
    must_start(system);
    BOOST_TEST(comes_true([&] { return on.callers_done == callers_per_shard * 2; }));
    on.calm = true;

    // All callers are done; what servers still hold of calls that nobody waits for comes home within milliseconds.
    const bool at_rest = comes_true([&] {
        const auto now = system.counters();
        return now["calls_outstanding"] == 0 && now["messages_queued"] == 0 && now["messages_held"] == 0;
    });
    const auto counters = system.counters();
    BOOST_CHECK_MESSAGE(at_rest, "something is left over:\n" << counters.to_string());
    BOOST_TEST(counters["timers_armed"] <= servers);  // the servers' own
    BOOST_TEST(counters["leases_in_use"] == 0u);

    std::uint64_t sum = 0;
    for (std::size_t error = 0; error < on.outcomes.size(); ++error) {
        sum += on.outcomes[error];
        if (on.outcomes[error] == 0) continue;
        BOOST_TEST_MESSAGE((error == 0 ? "answered" : make_error_code(static_cast<errc>(error)).message())
                           << ": " << on.outcomes[error]);
    }
    BOOST_TEST(sum == calls);
    BOOST_TEST(counters["calls_started"] + counters["calls_refused"] == calls);
    BOOST_TEST(counters["calls_answered"] == on.outcomes[0]);
    BOOST_TEST(counters["calls_expired"] == on.outcomes[static_cast<std::size_t>(errc::deadline)]);
    for (const errc seen : {errc::deadline, errc::target_gone, errc::unanswered}) {
        BOOST_TEST(on.outcomes[static_cast<std::size_t>(seen)] > 0u);
    }
    on.wrong.check();
    stop_and_join(system);
    check_at_rest(system.counters());
}

BOOST_AUTO_TEST_SUITE_END()
