// SPDX-License-Identifier: Apache-2.0
// Tests of offload: each outcome, with helper threads that the test moves by hand so that every order of events is a
// sequence of steps; and real helper threads. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sched.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "lib/offload.hpp"
#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;
using tina::errc;

/// A result whose lives are counted.
struct counted {
    static inline std::atomic<int> alive{0};
    std::unique_ptr<int> value;

    explicit counted(int given) : value(std::make_unique<int>(given)) { ++alive; }
    counted(counted&& other) noexcept : value(std::move(other.value)) { ++alive; }
    counted& operator=(counted&&) = delete;
    ~counted() { --alive; }
};

counted count_up(int value) { return counted(value + 1); }
[[noreturn]] int fail(const char* text) { throw std::runtime_error(text); }
void mark(int* calls) { ++*calls; }
std::uint64_t sum_of(std::array<std::uint64_t, 8> values) noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : values) sum += each;
    return sum;
}

struct outcome {
    int count = 0;
    int value = 0;
    std::string thrown;
    std::error_code error;
};

tina::isolate counting(tina::context, outcome* got) {
    auto made = co_yield tina::offload(count_up, 41);
    ++got->count;
    got->error = made.error();
    if (made) got->value = *made->value;
}
void counting_on_a_stack(tina::stackful self, outcome* got) {
    auto made = self.wait(tina::offload(count_up, 41));
    ++got->count;
    got->error = made.error();
    if (made) got->value = *made->value;
}
tina::isolate throwing(tina::context, outcome* got) {
    try {
        static_cast<void>(co_yield tina::offload(fail, "as told"));
    } catch (const std::runtime_error& error) { got->thrown = error.what(); }
    ++got->count;
}
tina::isolate crashing(tina::context, outcome* got) {
    ++got->count;
    static_cast<void>(co_yield tina::offload(fail, "nobody catches it"));
    ++got->count;
}
tina::isolate marking(tina::context, int* calls, outcome* got) {
    const auto done = co_yield tina::offload(mark, calls);
    ++got->count;
    got->error = done.error();
}
tina::isolate adding(tina::context, outcome* got) {
    constexpr std::array<std::uint64_t, 8> values{1, 2, 3, 4, 5, 6, 7, 8};
    const auto twice = [](std::uint64_t value, int by) { return value * static_cast<std::uint64_t>(by); };
    const std::uint64_t sum = co_yield tina::offload(sum_of, values).or_crash();
    got->value = static_cast<int>(*(co_yield tina::offload(twice, sum, 2)));
    co_yield tina::offload(mark, &got->count).or_crash();
}
tina::isolate hurried(tina::context, outcome* got) {
    const auto made = co_yield tina::offload(count_up, 1).within(50ms);
    ++got->count;
    got->error = made.error();
    static_cast<void>(co_yield tina::sleep(24h));
}
tina::isolate idle(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

/// Helper threads that do what a test tells them, one piece of work at a time.
class hand_moved_helpers final : public tina::detail::offload_queue {
public:
    explicit hand_moved_helpers(std::size_t room) : room_(room) {}
    bool submit(tina::detail::offload_record& record) noexcept override {
        if (waiting.size() == room_) return false;
        waiting.push_back(&record);
        return true;
    }
    /// Does the oldest work, and leaves it for send_home().
    void run() {
        done.push_back(waiting.front());
        waiting.pop_front();
        tina::detail::run_offload(*done.back());
    }

    std::deque<tina::detail::offload_record*> waiting;
    std::deque<tina::detail::offload_record*> done;

private:
    std::size_t room_;
};

struct stage {
    explicit stage(std::size_t room = 8, bool with_helpers = true) : helpers(room), shards(spec()) {
        if (with_helpers) shards.shared.offloads = &helpers;
        shards.settle();
    }
    ~stage() {
        send_home();
        shards.stop();
        BOOST_TEST(counted::alive == 0);
    }
    static tina::system_spec spec() {
        auto wanted = spec_of({tina::type<counting>(), tina::type<counting_on_a_stack>(), tina::type<throwing>(),
                               tina::type<crashing>(), tina::type<marking>(), tina::type<adding>(),
                               tina::type<hurried>(), tina::type<idle>()},
                              {shard_of({tina::child<idle>(tina::temporary)})});
        wanted.offload = {.threads = 1, .queue = 3};
        return wanted;
    }
    template <auto Function>
    tina::handle start(auto... arguments) {
        using handler = tina::detail::function_handler<Function>;
        auto pack = handler::pack(arguments...);
        const auto made = tina::detail::start_dynamic(shards[0], handler::info(), 2, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        shards.settle();
        return made.child;
    }
    tina::handle start_counting(bool on_a_stack) {
        return on_a_stack ? start<counting_on_a_stack>(&got) : start<counting>(&got);
    }
    void send_home() {
        for (; !helpers.done.empty(); helpers.done.pop_front()) {
            tina::detail::send_offload_home(shards.shared, *helpers.done.front());
        }
    }
    void work_all() {
        while (!helpers.waiting.empty()) {
            helpers.run();
            send_home();
            shards.settle();
        }
    }
    void end(tina::handle who) { tina::detail::end_isolate(shards[0], shards[0].slots[who.slot()]); }
    void expect_nothing_left() {
        BOOST_TEST(shards[0].offloads.taken_count() == 0u);
        BOOST_TEST(counted::alive == 0);
        BOOST_TEST(shards[0].wheel.armed_count() <= 2u);  // the idle one's, and a hurried one's
    }

    hand_moved_helpers helpers;
    hand_moved shards;
    outcome got;
};

void expect_outcome(const outcome& got, errc wanted) {
    BOOST_TEST(got.count == 1);
    BOOST_TEST(got.error == make_error_code(wanted), got.error.message());
}

/// A coroutine is destroyed when it ends, a stack is not unwound.
const auto forms = boost::unit_test::data::make({false, true});

}  // namespace

BOOST_AUTO_TEST_SUITE(offloading)

BOOST_DATA_TEST_CASE(a_result_that_can_only_be_moved_comes_back, forms, on_a_stack) {
    stage on;
    on.start_counting(on_a_stack);
    BOOST_TEST(on.got.count == 0);
    on.work_all();
    BOOST_TEST(on.got.count == 1);
    BOOST_TEST(on.got.value == 42);
    on.expect_nothing_left();
    BOOST_TEST(on.shards.counts(0).offloads_finished.get() == 1u);
}

BOOST_AUTO_TEST_CASE(arguments_of_64_bytes_a_lambda_and_nothing_for_a_result_all_work) {
    stage on;
    on.start<adding>(&on.got);
    on.work_all();
    BOOST_TEST(on.got.value == 72);
    BOOST_TEST(on.got.count == 1);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(an_exception_is_thrown_in_the_handler) {
    stage on;
    on.start<throwing>(&on.got);
    on.work_all();
    BOOST_TEST(on.got.count == 1);
    BOOST_TEST(on.got.thrown == "as told");
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(an_exception_that_nobody_catches_crashes_the_isolate) {
    stage on;
    on.start<crashing>(&on.got);
    on.work_all();
    BOOST_TEST(on.got.count == 1);
    BOOST_TEST(on.shards.counts(0).isolates_crashed.get() == 1u);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_an_error_at_once) {
    stage on(2);
    std::array<outcome, 3> got;
    for (outcome& each : got) on.start<counting>(&each);
    BOOST_TEST(got[0].count == 0);
    expect_outcome(got[2], errc::offload_full);
    on.work_all();
    BOOST_TEST(got[0].value == 42);
    BOOST_TEST(got[1].value == 42);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(so_is_a_shard_without_a_free_record) {
    stage on;
    std::array<outcome, 5> got;  // the spec's queue and thread make four records
    for (outcome& each : got) on.start<counting>(&each);
    expect_outcome(got[4], errc::offload_full);
    BOOST_TEST(on.shards.counts(0).offloads_refused.get() == 1u);
    on.work_all();
    BOOST_TEST(got[3].value == 42);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_system_without_helper_threads_says_so) {
    stage on(8, false);
    on.start<counting>(&on.got);
    expect_outcome(on.got, errc::no_offload);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(the_result_of_a_dead_isolate_is_destroyed_wherever_it_was, forms, on_a_stack) {
    enum class when : std::uint8_t { waiting, done, home };
    for (const when died : {when::waiting, when::done, when::home}) {
        stage on;
        const tina::handle dying = on.start_counting(on_a_stack);
        if (died >= when::done) on.helpers.run();
        if (died == when::home) {
            on.send_home();
            static_cast<void>(tina::detail::take_inbound(on.shards[0]));  // ready to go on, but it does not
            BOOST_TEST(counted::alive == 1);
        }
        on.end(dying);
        if (died == when::waiting) on.helpers.run();  // finds that nobody waits
        on.send_home();
        if (died != when::home) on.shards.settle();
        BOOST_TEST(on.got.count == 0);
        on.expect_nothing_left();
        BOOST_TEST(on.shards.counts(0).offloads_dropped.get() == (died == when::home ? 0u : 1u));
    }
}

BOOST_AUTO_TEST_CASE(an_exception_for_a_dead_isolate_is_dropped_too) {
    stage on;
    const tina::handle dying = on.start<throwing>(&on.got);
    on.helpers.run();
    on.end(dying);
    on.send_home();
    on.shards.settle();
    BOOST_TEST(on.got.count == 0);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(work_that_has_not_begun_when_its_isolate_dies_never_does) {
    stage on;
    int calls = 0;
    const tina::handle dying = on.start<marking>(&calls, &on.got);
    on.end(dying);
    on.work_all();
    BOOST_TEST(calls == 0);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_the_wait_and_the_result_is_dropped_when_it_comes) {
    stage on;
    on.start<hurried>(&on.got);
    on.helpers.run();
    on.shards.advance(51ms);
    on.shards.settle();
    expect_outcome(on.got, errc::deadline);
    BOOST_TEST(counted::alive == 1);
    BOOST_TEST(on.shards[0].offloads.taken_count() == 1u);
    on.send_home();
    on.shards.settle();
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(a_stop_waits_for_what_runs_and_drops_it) {
    stage on;
    on.start<counting>(&on.got);
    on.start<counting>(&on.got);
    on.helpers.run();  // the other never runs; the destructor of `on` sends one home, and this the other
    tina::detail::send_offload_home(on.shards.shared, *on.helpers.waiting.front());
    on.helpers.waiting.clear();
    on.shards[0].stop();
    BOOST_TEST(on.got.count == 0);
    BOOST_TEST(counted::alive == 1);
}

// --- real helper threads --------------------------------------------------------------------------------------------

namespace {

const auto threads = boost::unit_test::label("threads");

struct tally {
    std::atomic<std::uint64_t> right{0};
    std::atomic<std::uint64_t> full{0};
    std::atomic<std::uint64_t> expired{0};
    std::atomic<std::uint32_t> done{0};
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<bool> release{false};
    failures wrong;
};

counted slow_count(tally* on, int value) {
    const int now = ++on->running;
    int most = on->most;
    while (now > most && !on->most.compare_exchange_weak(most, now)) continue;
    if (value % 16 == 0) std::this_thread::sleep_for(200us);
    --on->running;
    if (value % 7 == 0) throw std::runtime_error("every seventh");
    return counted(value);
}

tina::isolate busy(tina::context self, tally* on, int count) {
    for (int i = 1; i <= count; ++i) {
        try {
            auto effect = tina::offload(slow_count, on, i);
            auto made = co_yield i % 5 == 0 ? effect.within(30us) : effect;
            if (made) {
                on->wrong.expect(*made->value == i, "a result went to another isolate");
                ++on->right;
            } else {
                ++(made.error() == errc::offload_full ? on->full : on->expired);
            }
        } catch (const std::runtime_error&) {
            on->wrong.expect(i % 7 == 0, "an exception went to another isolate");
            ++on->right;
        }
        if (i % 3 == 0) co_yield tina::yield();
    }
    if (++on->done == 16) self.request_stop();
}

void block_until_released(tally* on) {
    ++on->running;
    while (!on->release) std::this_thread::sleep_for(100us);
    --on->running;
}

tina::isolate blocked(tina::context, tally* on) {
    static_cast<void>(co_yield tina::offload(block_until_released, on));
    ++on->done;
}

}  // namespace

BOOST_AUTO_TEST_CASE(many_offloads_from_several_shards_all_come_home, *threads) {
    tally on;
    const int count = static_cast<int>(scaled(1000, 100));
    const auto child = tina::child<busy>(tina::temporary, &on, count);
    const auto all = shard_of({child, child, child, child, child, child, child, child});
    auto spec = spec_of({tina::type<busy>({.slots = 8})}, {all, all});
    spec.offload = {.threads = 3, .queue = 8};
    const auto counters = run_system(spec);
    on.wrong.check();
    BOOST_TEST(on.right + on.full + on.expired == 16u * static_cast<unsigned>(count));
    BOOST_TEST(on.right > 0u);
    BOOST_TEST(on.most <= 3);
    BOOST_TEST(counted::alive == 0);
    BOOST_TEST(counters["offloads_refused"] == on.full);
}

BOOST_AUTO_TEST_CASE(join_waits_for_what_runs_and_nothing_else_does, *threads) {
    tally on;
    auto spec =
        spec_of({tina::type<blocked>()},
                {shard_of({tina::child<blocked>(tina::temporary, &on), tina::child<blocked>(tina::temporary, &on),
                           tina::child<blocked>(tina::temporary, &on)})});
    spec.offload = {.threads = 1, .queue = 3};
    tina::system system(spec);
    must_start(system);
    while (on.running == 0) std::this_thread::sleep_for(100us);
    system.request_stop(tina::stop_mode::now);  // a system that drains waits for its isolates, and they for the work
    while (system.counters()["isolates_ended"] < 3) std::this_thread::sleep_for(100us);
    BOOST_TEST(!stopped_within(system, 20ms));
    on.release = true;
    stop_and_join(system);
    check_at_rest(system.counters());
    BOOST_TEST(on.done == 0u);
    BOOST_TEST(on.running == 0);
    BOOST_TEST(system.counters()["offloads_dropped"] == 3u);
}

namespace {

/// How a helper thread finds itself.
struct self_view {
    std::array<char, 16> name;
    bool blocks_interrupt;
    bool blocks_fault;
    int cpu_count;
};

self_view look_around() {
    self_view seen{};
    pthread_getname_np(pthread_self(), seen.name.data(), seen.name.size());
    sigset_t blocked_set;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked_set);
    seen.blocks_interrupt = sigismember(&blocked_set, SIGINT) == 1 && sigismember(&blocked_set, SIGCHLD) == 1;
    seen.blocks_fault = sigismember(&blocked_set, SIGSEGV) == 1;
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof cpus, &cpus);
    seen.cpu_count = CPU_COUNT(&cpus);
    return seen;
}

tina::isolate looking(tina::context self, self_view* seen) {
    *seen = co_yield tina::offload(look_around).or_crash();
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_helper_thread_has_a_name_no_signals_and_all_processors) {
    self_view seen{};
    auto spec = spec_of({tina::type<looking>()}, {shard_of({tina::child<looking>(tina::temporary, &seen)})});
    spec.process.pin_threads = true;
    static_cast<void>(run_system(spec));
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof cpus, &cpus);
    BOOST_TEST(std::string(seen.name.data()).starts_with("tina-work-"));
    BOOST_TEST(seen.blocks_interrupt);
    BOOST_TEST(!seen.blocks_fault);
    BOOST_TEST(seen.cpu_count == CPU_COUNT(&cpus));
}

BOOST_AUTO_TEST_SUITE_END()
