// SPDX-License-Identifier: Apache-2.0
// Tests of what threads that are not shards do: posting and calling, on shards that are moved by hand, and on systems
// that start and stop around them. Owned by the unit tests. Other threads than the test's check through `failures`.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lib/calls.hpp"
#include "lib/outside.hpp"
#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace outside_test {

struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};
struct other_answer {
    std::uint64_t value;
};
struct numbered {
    std::uint32_t from;
    std::uint32_t value;
};
struct release {};

}  // namespace outside_test

namespace {

using namespace system_test;
using namespace outside_test;
using tina::errc;
using tina::send_result;
using tina::detail::outside_call;

const auto threads = boost::unit_test::label("threads");

struct seen {
    std::vector<std::uint64_t> values;
    std::vector<tina::handle> senders;
};

struct listener_of_numbers {
    using accepts = tina::messages<number>;
    tina::isolate run(tina::context, seen* into) {
        for (;;) {
            const auto got = co_yield tina::receive<number>();
            into->values.push_back(got->value);
            into->senders.push_back(got.sender());
        }
    }
};

/// Answers even questions, drops those divisible by 3, keeps those divisible by 5 until it is released, ends at 7, and
/// passes 11 on.
struct oracle {
    using accepts = tina::messages<question, release>;
    tina::isolate run(tina::context self, const tina::handle* other) {
        tina::reply_token kept;
        for (;;) {
            auto got = co_yield tina::receive<question, release>();
            if (got.get<release>() != nullptr) {
                if (kept) kept.reply(answer{1000});
                continue;
            }
            const std::uint64_t value = got.get<question>()->value;
            if (value == 7) co_return;
            if (value == 11) {
                expect(self.send(*other, question{2}, got.take<tina::reply_token>()), send_result::ok);
            } else if (value % 5 == 0) {
                kept = got.take<tina::reply_token>();
            } else if (value == 13) {
                BOOST_TEST(got.reply(other_answer{1}));
            } else if (value % 3 != 0) {
                if (got.awaits_reply()) BOOST_TEST(got.reply(answer{value + 1}));
                if (auto token = got.take<tina::reply_token>()) token.reply(answer{value + 2});
            }
        }
    }
};

template <class Message>
send_result post(hand_moved& shards, tina::handle target, const Message& content) {
    return tina::detail::post_from_outside(shards.shared, target, tina::detail::message_key_of<Message>,
                                           reinterpret_cast<const std::byte*>(&content));
}

struct stage {
    explicit stage(tina::outside_options outside = {.queue = 4, .calls = 2}, std::uint16_t mailbox = 64)
        : shards(spec(outside, mailbox)) {}
    ~stage() {
        shards.stop();
        BOOST_TEST(shards.shared.callers().taken_count() == 0u);
    }
    static tina::system_spec spec(tina::outside_options outside, std::uint16_t mailbox) {
        auto wanted = spec_of(
            {tina::type<listener_of_numbers>({.mailbox_capacity = mailbox}), tina::type<oracle>(), tina::type<idle>()},
            {shard_of({tina::child<idle>(tina::temporary)}), shard_of({tina::child<idle>(tina::temporary)})});
        wanted.outside = outside;
        return wanted;
    }
    static tina::isolate idle(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

    template <class Object>
    tina::handle start(std::uint32_t shard, auto... arguments) {
        using handler = tina::detail::struct_handler<Object>;
        auto pack = handler::pack(arguments...);
        const auto made = tina::detail::start_dynamic(shards[shard], handler::info(), 2, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        return made.child;
    }
    /// A call of another thread, while this one moves the shards.
    tina::result<answer> call(tina::handle target, std::uint64_t value, std::chrono::milliseconds within = 10s) {
        const question asked{value};
        answer reply{};
        std::atomic<bool> done{false};
        std::int32_t error = 0;
        std::thread caller([&] {
            error = tina::detail::call_from_outside(shards.shared, {.target = target,
                                                                    .bytes = reinterpret_cast<const std::byte*>(&asked),
                                                                    .key = tina::detail::message_key_of<question>,
                                                                    .reply = reinterpret_cast<std::byte*>(&reply),
                                                                    .reply_key = tina::detail::message_key_of<answer>,
                                                                    .within = within})
                        .value;
            done = true;
        });
        while (!done) shards.settle();
        caller.join();
        if (error != 0) return tina::result<answer>(tina::detail::packed_error{error});
        return reply;
    }
    std::uint64_t sum(auto counter) { return (shards.counts(0).*counter).get() + (shards.counts(1).*counter).get(); }

    tina::handle other;
    seen got;
    hand_moved shards;
};

using counts = tina::detail::counters;
const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(outside)

BOOST_DATA_TEST_CASE(a_message_from_outside_arrives_from_nobody, places, place) {
    stage on;
    const tina::handle target = on.start<listener_of_numbers>(place, &on.got);
    expect(post(on.shards, target, number{1}), send_result::ok);  // before it has run
    on.shards.settle();
    expect(post(on.shards, target, number{2}), send_result::ok);
    expect(post(on.shards, target, number{3}), send_result::ok);
    on.shards.settle();
    BOOST_TEST(on.got.values == (std::vector<std::uint64_t>{1, 2, 3}));
    for (const tina::handle sender : on.got.senders) BOOST_TEST(!sender);
    BOOST_TEST(on.shards[place].messages_sent.get() == 3u);
    BOOST_TEST(on.shards.counts(place).messages_posted.get() == 3u);
}

BOOST_AUTO_TEST_CASE(a_full_ring_refuses_the_next_post_and_has_room_again_when_it_was_emptied) {
    stage on;
    const tina::handle target = on.start<listener_of_numbers>(1, &on.got);
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t i = 0; i < 4; ++i) expect(post(on.shards, target, number{i}), send_result::ok);
        expect(post(on.shards, target, number{9}), send_result::channel_full);
        on.shards.settle();
    }
    BOOST_TEST(on.got.values.size() == 12u);
}

BOOST_AUTO_TEST_CASE(a_handle_that_names_nobody_is_stale_and_one_that_has_ended_is_counted) {
    stage on;
    expect(post(on.shards, {}, number{1}), send_result::stale_handle);
    expect(post(on.shards, {2, 0, 1}, number{1}), send_result::stale_handle);
    expect(post(on.shards, {1023, 0, 1}, number{1}), send_result::stale_handle);
    expect(post(on.shards, {0, 5, 77}, number{1}), send_result::ok);
    const tina::handle target = on.start<oracle>(0, &on.other);
    expect(post(on.shards, target, number{1}), send_result::ok);
    on.shards.settle();
    BOOST_TEST(on.shards.counts(0).messages_dropped_stale_handle.get() == 1u);
    BOOST_TEST(on.shards.counts(0).messages_dropped_not_accepted.get() == 1u);
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_drops_a_message_from_outside_and_counts_it) {
    stage on({.queue = 8, .calls = 2}, 2);
    const tina::handle target = on.start<listener_of_numbers>(0, &on.got);
    for (std::uint64_t i = 0; i < 4; ++i) expect(post(on.shards, target, number{i}), send_result::ok);
    on.shards.settle();  // the ring is emptied before the handler first runs
    BOOST_TEST(on.got.values.size() == 2u);
    BOOST_TEST(on.shards.counts(0).messages_dropped_mailbox_full.get() == 2u);
}

BOOST_AUTO_TEST_CASE(without_a_ring_nobody_may_post) {
    stage on({.queue = 0, .calls = 2});
    const tina::handle target = on.start<listener_of_numbers>(0, &on.got);
    expect(post(on.shards, target, number{1}), send_result::stale_handle);
    on.shards.settle();
}

BOOST_AUTO_TEST_CASE(what_is_on_its_way_at_a_stop_is_counted_and_nothing_comes_after_it) {
    stage on;
    const tina::handle target = on.start<listener_of_numbers>(1, &on.got);
    on.shards.settle();
    for (std::uint64_t i = 0; i < 3; ++i) expect(post(on.shards, target, number{i}), send_result::ok);
    on.shards.stop();
    expect(post(on.shards, target, number{4}), send_result::stale_handle);
    BOOST_TEST(on.shards.counts(1).messages_dropped_stopped.get() == 3u);
    BOOST_TEST(on.shards[1].messages_sent.get() == 3u);
    BOOST_TEST(on.sum(&counts::messages_to_channels) == on.sum(&counts::messages_from_channels));
}

BOOST_DATA_TEST_CASE(a_call_from_outside_gets_its_answer, places, place) {
    stage on;
    on.other = on.start<oracle>(1 - place, &on.other);
    const tina::handle target = on.start<oracle>(place, &on.other);
    BOOST_TEST(on.call(target, 4)->value == 5u);
    BOOST_TEST(on.call(target, 11)->value == 3u);  // answered by the other, whom the token was passed to
    BOOST_TEST(on.sum(&counts::calls_started) == 0u);
}

BOOST_DATA_TEST_CASE(a_call_from_outside_fails_as_one_from_inside_does, places, place) {
    stage on;
    const tina::handle target = on.start<oracle>(place, &on.other);
    const tina::handle deaf = on.start<listener_of_numbers>(place, &on.got);
    expect_error(on.call(target, 3), errc::unanswered);
    expect_error(on.call(target, 13), errc::unexpected_reply);
    expect_error(on.call(deaf, 2), errc::not_accepted);
    expect_error(on.call(target, 7), errc::target_gone);
    expect_error(on.call(target, 2), errc::target_gone);
    expect_error(on.call({}, 2), errc::target_gone);
}

BOOST_AUTO_TEST_CASE(the_deadline_ends_a_call_and_its_record_is_free_when_the_token_is_home) {
    stage on({.queue = 4, .calls = 1});
    const tina::handle target = on.start<oracle>(1, &on.other);
    expect_error(on.call(target, 5, 5ms), errc::deadline);
    expect_error(on.call(target, 2), errc::no_calls);
    expect(post(on.shards, target, release{}), send_result::ok);
    on.shards.settle();
    BOOST_TEST(on.shards.counts(1).replies_late.get() == 1u);
    BOOST_TEST(on.call(target, 2)->value == 3u);
}

BOOST_AUTO_TEST_CASE(a_deadline_in_the_past_is_none_the_worse) {
    stage on;
    const tina::handle target = on.start<oracle>(0, &on.other);
    // Either is right: an answer that is there is taken, whatever the deadline was.
    if (const auto reply = on.call(target, 2, -5ms); !reply) expect_error(reply, errc::deadline);
    on.shards.settle();
    BOOST_TEST(on.call(target, 2, std::chrono::hours{24 * 365 * 200})->value == 3u);
}

// --- systems --------------------------------------------------------------------------------------------------------

namespace {

/// Where the isolates of a system are.
struct directory {
    std::array<std::atomic<std::uint64_t>, 4> entries{};
    failures wrong;

    void enter(tina::context self) noexcept { entries[self.shard_index()] = self.handle().bits(); }
    [[nodiscard]] tina::handle find(std::size_t shard) const noexcept {
        while (entries[shard] == 0) std::this_thread::sleep_for(50us);
        return tina::handle::from_bits(entries[shard]);
    }
};

/// Takes in what threads send it; each thread's messages must come in order, without a gap.
struct clerk {
    using accepts = tina::messages<numbered, question>;
    std::array<std::uint32_t, 8> next{};

    tina::isolate run(tina::context self, directory* on) {
        on->enter(self);
        for (;;) {
            auto got = co_yield tina::receive<numbered, question>();
            if (const auto* asked = got.get<question>()) {
                if (asked->value % 64 != 63) got.reply(answer{asked->value + 1});
            } else {
                const auto* sent = got.get<numbered>();
                on->wrong.expect(next[sent->from] == sent->value, "a message was lost, or overtook another");
                ++next[sent->from];
            }
        }
    }
};

tina::system_spec clerks(directory& on, std::uint32_t shards = 2) {
    auto spec = spec_of({tina::type<clerk>({.mailbox_capacity = 1000})},
                        std::vector<tina::shard_spec>(shards, shard_of({tina::child<clerk>(tina::temporary, &on)})));
    spec.outside = {.queue = 64, .calls = 16};
    return spec;
}

/// Posts in order, and again where there was no room.
void post_many(tina::system& system, directory& on, std::uint32_t from, std::uint32_t count) {
    const std::array<tina::handle, 2> targets{on.find(0), on.find(1)};
    for (std::uint32_t i = 0; i < count * 2;) {
        const send_result sent = system.post(targets[i % 2], numbered{from, i / 2});
        on.wrong.expect(sent == send_result::ok || sent == send_result::channel_full, "a post was refused");
        if (sent == send_result::ok) ++i;
        if (sent != send_result::ok) std::this_thread::yield();
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_threads_post_and_nothing_is_lost_or_out_of_order, *threads) {
    directory on;
    tina::system system(clerks(on));
    must_start(system);
    const std::uint32_t count = scaled(5000, 500);
    std::vector<std::thread> posting;
    for (std::uint32_t from = 0; from < 3; ++from) {
        posting.emplace_back([&, from] { post_many(system, on, from, count); });
    }
    for (std::thread& each : posting) each.join();
    while (system.counters()["messages_delivered"] < 6u * count) std::this_thread::sleep_for(100us);
    stop_and_join(system);
    on.wrong.check();
    const auto counters = system.counters();
    check_at_rest(counters);
    BOOST_TEST(counters["messages_posted"] == 6u * count);
    BOOST_TEST(dropped(counters) == 0u);
}

BOOST_AUTO_TEST_CASE(a_sleeping_shard_is_woken_by_a_post_and_by_a_call, *threads) {
    directory on;
    auto spec = clerks(on, 1);
    spec.shards.each[0].limits.spin = 0ns;
    tina::system system(spec);
    must_start(system);
    const tina::handle target = on.find(0);
    for (std::uint64_t i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(1ms);
        const auto got = system.call<answer>(target, question{i}, 20s);
        BOOST_TEST((got && got->value == i + 1));
    }
    stop_and_join(system);
    check_at_rest(system.counters());
}

BOOST_AUTO_TEST_CASE(many_threads_call_and_each_call_has_one_outcome, *threads) {
    directory on;
    tina::system system(clerks(on));
    must_start(system);
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> failed{0};
    std::vector<std::thread> calling;
    const std::uint64_t count = scaled(1000, 200);
    for (std::uint64_t from = 0; from < 4; ++from) {
        calling.emplace_back([&, from] {
            for (std::uint64_t i = 0; i < count; ++i) {
                const auto within = i % 10 == 0 ? std::chrono::nanoseconds{1us} : std::chrono::nanoseconds{20s};
                const std::uint64_t value = from * 1'000'000 + i;
                const auto got = system.call<answer>(on.find(i % 2), question{value}, within);
                on.wrong.expect(!got || got->value == value + 1, "a reply went to another caller");
                const bool known = got || got.error() == errc::unanswered || got.error() == errc::deadline;
                on.wrong.expect(known, "a call failed for another reason than by intent");
                ++(got ? answered : failed);
            }
        });
    }
    for (std::thread& each : calling) each.join();
    stop_and_join(system);
    on.wrong.check();
    BOOST_TEST(answered + failed == 4 * count);
    BOOST_TEST(answered >= 3 * count);
    check_at_rest(system.counters());
}

BOOST_AUTO_TEST_CASE(threads_that_post_and_call_see_a_stop_as_an_error, *threads) {
    for (int round = 0; round < (sanitized ? 5 : 20); ++round) {
        directory on;
        tina::system system(clerks(on));
        must_start(system);
        const std::array<tina::handle, 2> targets{on.find(0), on.find(1)};
        std::vector<std::thread> using_it;
        using_it.emplace_back([&] {
            for (std::uint64_t i = 0; system.post(targets[i % 2], question{1}) != send_result::stale_handle; ++i)
                continue;
        });
        using_it.emplace_back([&] {
            for (std::uint64_t i = 0;; ++i) {
                const auto got = system.call<answer>(targets[i % 2], question{2}, 20s);
                if (got || got.error() == errc::channel_full || got.error() == errc::mailbox_full) continue;
                on.wrong.expect(got.error() == errc::interrupted, "a call did not say that the system stops");
                break;
            }
        });
        std::this_thread::sleep_for(std::chrono::microseconds{round * 200});
        std::thread stopping([&] { system.request_stop(); });
        for (std::thread& each : using_it) each.join();
        stopping.join();
        stop_and_join(system);
        on.wrong.check();
        BOOST_TEST((system.status() == tina::system_status::stopped));
        expect(system.post(targets[0], question{1}), send_result::stale_handle);
        expect_error(system.call<answer>(targets[0], question{1}, 1s), errc::interrupted);
        check_at_rest(system.counters());
    }
}

namespace {

tina::isolate deaf(tina::context self, directory* on) {
    on->enter(self);
    static_cast<void>(co_yield tina::sleep(1h));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stop_ends_a_call_whose_request_nobody_has_read, *threads) {
    directory on;
    tina::system system(spec_of({tina::type<deaf>({.accepts = tina::messages<question>{}})},
                                {shard_of({tina::child<deaf>(tina::temporary, &on)})}));
    must_start(system);
    const tina::handle target = on.find(0);
    std::optional<std::error_code> ended;
    std::thread calling([&] { ended = system.call<answer>(target, question{1}, 1h).error(); });
    while (system.counters()["messages_posted"] == 0) std::this_thread::sleep_for(100us);
    stop_and_join(system);
    calling.join();
    BOOST_TEST((ended == make_error_code(errc::interrupted)));
    check_at_rest(system.counters());
}

BOOST_AUTO_TEST_CASE(a_status_says_where_a_system_is_in_its_life, *threads) {
    using tina::system_status;
    directory on;
    tina::system system(clerks(on));
    BOOST_TEST((system.status() == system_status::not_started));
    expect(system.post({0, 0, 1}, question{1}), send_result::stale_handle);
    expect_error(system.call<answer>({0, 0, 1}, question{1}, 1s), errc::interrupted);
    must_start(system);
    BOOST_TEST((system.status() == system_status::running));
    system.request_stop();
    BOOST_TEST((system.status() == system_status::stopping || system.status() == system_status::stopped));
    BOOST_TEST(stopped_within(system, 20s));
    BOOST_TEST((system.status() == system_status::stopped));
    system.join();
    BOOST_TEST((system.status() == system_status::stopped));
}

BOOST_AUTO_TEST_CASE(a_system_that_did_not_boot_was_not_started_and_may_try_again) {
    directory on;
    auto spec = clerks(on);
    spec.outside.queue = 3;
    spec.offload.queue = 0;
    tina::system system(spec);
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto booted = system.start();
        BOOST_REQUIRE_EQUAL(booted.errors.size(), 2u);
        BOOST_TEST(booted.errors[0] == "outside: queue is 3; must be a power of two, 2..65536");
        BOOST_TEST(booted.errors[1] == "offload: queue is 0; must be 1..65536");
        BOOST_TEST((system.status() == tina::system_status::not_started));
    }
}

BOOST_AUTO_TEST_CASE(fifty_systems_start_and_stop_in_one_process_two_at_a_time, *threads) {
    for (int i = 0; i < (sanitized ? 10 : 25); ++i) {
        directory on_first;
        directory on_second;
        tina::system first(clerks(on_first));
        auto second = std::make_unique<tina::system>(clerks(on_second, 1));
        must_start(first);
        must_start(*second);
        const auto got = second->call<answer>(on_second.find(0), question{1}, 20s);
        BOOST_TEST((got && got->value == 2u));
        expect(first.post(on_first.find(1), question{1}), send_result::ok);
        second.reset();  // while it runs
        const auto still = first.call<answer>(on_first.find(0), question{5}, 20s);
        BOOST_TEST((still && still->value == 6u));
        stop_and_join(first);
        check_at_rest(first.counters());
    }
}

BOOST_AUTO_TEST_SUITE_END()
