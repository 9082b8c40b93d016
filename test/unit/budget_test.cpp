// SPDX-License-Identifier: Apache-2.0
// Handlers that do not end: those that still wait now and then are ended there, their destructors running; those that
// only compute are ended where they are; and whoever is merely held up, or stopped with its process, is left alone.
// Runs twice: with tina::guard linked, and without.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "fault_stage.hpp"

namespace {

using namespace fault_test;

const std::string over_budget = "CPU budget exceeded: ";

template <class Victim>
tina::system_spec hurried_stage_of(script& of, const tina::type_options& options = {}) {
    tina::system_spec spec = stage_of<Victim>(of, options);
    spec.faults.soft_budget = 5ms;
    spec.faults.hard_budget = 10ms;
    return spec;
}

/// As dies_a_thousand_times(), with a few deaths by the budget.
template <class Victim = victim>
void is_ended(void (*die)(), std::uint32_t deaths = scaled(20, 5), const tina::type_options& options = {}) {
    script played{.die = die, .deaths = deaths};
    const tina::counter_snapshot counters = run_system(hurried_stage_of<Victim>(played, options));
    check_deaths(played, counters);
    script once{.die = die, .deaths = 1};
    const std::string log = log_of(hurried_stage_of<Victim>(once, options), tina::warning);
    BOOST_CHECK_MESSAGE(contains(log, over_budget), "the log says \"" << log << "\"");
}

std::int64_t cpu_time_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void compute_for(std::int64_t span_ns) {
    const std::int64_t begin = cpu_time_ns();
    volatile std::uint64_t sum = 0;
    while (cpu_time_ns() - begin < span_ns) {
        for (int i = 0; i < 1000; ++i) sum = sum + 1;
    }
}
void compute_for_30_ms() { compute_for(30'000'000); }

// --- the soft budget
// ----------------------------------------------------------------------------------------------------

/// Never comes to a wait that does not end at once: only now and then the runtime makes it wait for its next turn.
struct busy_victim {
    using accepts = tina::messages<reminder, tina::down, number>;
    struct counted {
        script* of;
        ~counted() { ++of->destroyed; }
    };

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const counted local{of};
            const belongings held(self, *of);
            for (;;) {
                of->wrong.expect(self.send(self.handle(), number{1}) == tina::send_result::ok, "it cannot send");
                const auto received = co_yield tina::receive<number>();
                compute_for(static_cast<std::int64_t>(received->value) * 1'000'000);
            }
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Computes for longer than the soft budget, then waits.
struct slow_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const busy_victim::counted local{of};
            const belongings held(self, *of);
            co_yield tina::yield();
            of->die();
            static_cast<void>(co_yield tina::sleep(1h));
            ++of->survived;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

// --- the hard budget
// ----------------------------------------------------------------------------------------------------

TINA_DIES void compute_for_ever() {
    volatile std::uint64_t sum = 0;
    for (;;) sum = sum + 1;
}

TINA_DIES void compute_in_catch() {
    try {
        throw std::runtime_error("caught by the dead");
    } catch (const std::exception&) { compute_for_ever(); }
}

struct computes_in_destructor {
    ~computes_in_destructor() { compute_for_ever(); }
};
TINA_DIES void compute_while_unwinding() {
    try {
        const computes_in_destructor unwound;
        throw std::runtime_error("on its way");
    } catch (const std::exception&) {}
}

struct stackful_victim {
    using accepts = tina::messages<reminder, tina::down>;

    void run(tina::stackful self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            self.wait(tina::yield());
            of->die();
            ++of->survived;
        }
        static_cast<void>(self.wait(tina::sleep(1h)));
    }
};

struct nested_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::task<> inner(tina::context, script* of) {
        co_yield tina::yield();
        of->die();
    }
    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            co_await inner(self, of);
            ++of->survived;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

// --- loops inside libraries, which only the guard can end soundly
// ------------------------------------------------------

#ifdef TINA_TEST_GUARD

std::mutex shared_mutex;  // of the victims and the test

void allocate_large() {
    void* (*volatile take)(std::size_t) = &std::malloc;  // what nobody looks at would not be allocated
    for (;;) std::free(take(3000));
}
void allocate_small() {
    std::map<int, std::string> made;
    for (int i = 0;; i = (i + 1) % 100) made[i] = std::string(static_cast<std::size_t>(i), 'x');
}
void print() {
    std::FILE* const nowhere = std::fopen("/dev/null", "w");
    for (int i = 0;; ++i) std::fprintf(nowhere, "%d %s\n", i, "text");
}
void print_to_shared() {
    static std::FILE* const nowhere = std::fopen("/dev/null", "w");
    for (int i = 0;; ++i) std::fprintf(nowhere, "%d %s\n", i, "text");
}
void format_time() {
    std::array<char, 64> text{};
    for (std::time_t when = 0;; when += 86'400) {
        std::tm local{};
        localtime_r(&when, &local);
        static_cast<void>(std::strftime(text.data(), text.size(), "%c", &local));
    }
}
void lock() {
    for (;;) { const std::lock_guard held(shared_mutex); }
}
void compute_while_locked_now_and_then() {
    volatile std::uint64_t sum = 0;
    for (;;) {
        const std::lock_guard held(shared_mutex);
        for (int i = 0; i < 10'000; ++i) sum = sum + 1;
    }
}
void throw_and_catch() {
    for (volatile int caught = 0; caught >= 0;) {
        try {
            throw 1;
        } catch (int value) { caught = value; }
    }
}
void throw_out_of_the_library() {
    const std::vector<int> none;
    volatile std::size_t index = 3;
    volatile int caught = 0;
    for (;;) {
        try {
            caught = none.at(index);
        } catch (const std::out_of_range&) { caught = caught + 1; }
    }
}
void sort() {
    std::array<int, 1000> numbers{};
    for (;;) {
        for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i * 7919 % 1000);
        std::qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* one, const void* other) {
            return *static_cast<const int*>(one) - *static_cast<const int*>(other);
        });
    }
}

/// After all deaths everybody else can still use what the dead have used.
void check_libraries_work() {
    std::atomic<bool> done{false};
    std::thread other([&done] {
        for (int i = 0; i < 1000; ++i) std::string(3000, static_cast<char>(i)).clear();
        std::FILE* const file = std::fopen("/dev/null", "w");
        std::fprintf(file, "%d\n", 1);
        std::fclose(file);
        const std::time_t when = 0;
        std::tm local{};
        localtime_r(&when, &local);
        shared_mutex.lock();
        shared_mutex.unlock();
        done = true;
    });
    for (int i = 0; i < 5000 && !done; ++i) std::this_thread::sleep_for(1ms);
    if (!done) {
        std::fputs("FATAL: a lock was left behind by the dead\n", stderr);
        std::_Exit(1);
    }
    other.join();
}

void is_ended_in_library(void (*die)()) {
    is_ended(die, 20);
    check_libraries_work();
}

#endif

/// Never waits, and asks the runtime for one thing after the other: it is ended between any two of its instructions, or
/// of those that are compiled into it.
struct demanding_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            co_yield tina::yield();
            for (std::uint64_t i = 0; of->survived == 0; ++i) {
                if (self.send(self.handle(), reminder{i}) == tina::send_result::stale_handle) ++of->survived;
                const auto block = self.allocate(64);
                if (const auto timer = self.set_timer(1h, reminder{i})) self.cancel(*timer);
                if (const auto watched = self.monitor(self.handle())) self.demonitor(*watched);
                if (self.random() == 1) self.log(tina::info, "an unlikely number");
                if (i % 100 == 0) static_cast<void>(self.spawn<neighbour>(of));  // there is no slot for it
            }
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Stops this process from another one, for `span`, and lets it go on, `times` times.
void stop_for(std::chrono::milliseconds span, int times) {
    const pid_t parent = getpid();
    const pid_t helper = fork();
    BOOST_REQUIRE(helper >= 0);
    if (helper == 0) {
        for (int i = 0; i < times; ++i) {
            kill(parent, SIGSTOP);
            usleep(static_cast<useconds_t>(span.count()) * 1000);
            kill(parent, SIGCONT);
            usleep(20'000);
        }
        _exit(0);
    }
    int status = 0;
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {}
    BOOST_CHECK_EQUAL(status, 0);
}

std::atomic<bool> may_end{false};

/// Is at work all the time, a little in each activation.
tina::isolate worker(tina::context self, script* of) {
    ++of->begun;
    while (!may_end) {
        volatile std::uint64_t sum = 0;
        for (int i = 0; i < 100'000; ++i) sum = sum + 1;
        co_yield tina::yield();
    }
    self.request_stop();
    static_cast<void>(co_yield tina::sleep(1h));
}

/// Is in one activation all the time, without using the processor.
tina::isolate blocked(tina::context self, script* of) {
    ++of->begun;
    while (!may_end) {
        timespec span{.tv_sec = 0, .tv_nsec = 1'000'000};
        nanosleep(&span, nullptr);
    }
    self.request_stop();
    static_cast<void>(co_yield tina::sleep(1h));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(budgets)

BOOST_AUTO_TEST_CASE(a_handler_whose_effects_all_complete_at_once_is_ended_with_its_destructors_run) {
    script played{.deaths = scaled(20, 5), .is_known_as_crash = false};  // it may have ended when it is looked for
    tina::system_spec spec = hurried_stage_of<busy_victim>(played);
    spec.faults.hard_budget = {};
    const tina::counter_snapshot counters = run_system(spec);
    check_deaths(played, counters);
    BOOST_CHECK_EQUAL(played.destroyed, played.deaths);
}

BOOST_AUTO_TEST_CASE(a_handler_over_its_soft_budget_is_ended_at_its_next_wait_with_its_destructors_run) {
    script played{.die = &compute_for_30_ms, .deaths = scaled(20, 5)};
    tina::system_spec spec = hurried_stage_of<slow_victim>(played);
    spec.faults.hard_budget = 10s;
    const tina::counter_snapshot counters = run_system(spec);
    check_deaths(played, counters);
    BOOST_CHECK_EQUAL(played.destroyed, played.deaths);
}

BOOST_AUTO_TEST_CASE(without_budgets_a_handler_may_compute) {
    script played{.die = &compute_for_30_ms, .deaths = 1};
    tina::system_spec spec = hurried_stage_of<slow_victim>(played);
    spec.faults.soft_budget = {};
    spec.faults.hard_budget = {};
    tina::system system(spec);
    must_start(system);
    BOOST_CHECK(!stopped_within(system, 200ms));
    system.request_stop(tina::stop_mode::now);  // it goes on as long as it may
    stop_and_join(system);
    BOOST_CHECK_EQUAL(system.counters()["isolates_crashed"], 0);
}

BOOST_AUTO_TEST_CASE(a_loop_that_computes_is_ended) { is_ended(&compute_for_ever); }
BOOST_AUTO_TEST_CASE(a_loop_in_catch_is_ended_and_leaves_no_exception_behind) { is_ended(&compute_in_catch); }
BOOST_AUTO_TEST_CASE(a_loop_in_a_destructor_during_unwinding_is_ended) { is_ended(&compute_while_unwinding); }
BOOST_AUTO_TEST_CASE(a_loop_in_a_stackful_handler_is_ended) {
    is_ended<stackful_victim>(&compute_for_ever, scaled(20, 5), {.stack_bytes = 128 * 1024});
}
BOOST_AUTO_TEST_CASE(a_loop_in_a_nested_task_is_ended) {
    is_ended<nested_victim>(&compute_for_ever, scaled(20, 5), {.nested_bytes = 4096});
}

BOOST_AUTO_TEST_CASE(a_loop_that_keeps_the_runtime_busy_is_ended_and_leaves_it_whole) {
    is_ended<demanding_victim>(nullptr, scaled(60, 5));
}

#ifdef TINA_TEST_GUARD
BOOST_AUTO_TEST_CASE(a_loop_that_allocates_3000_bytes_is_ended) { is_ended_in_library(&allocate_large); }
BOOST_AUTO_TEST_CASE(a_loop_that_fills_a_map_is_ended) { is_ended_in_library(&allocate_small); }
BOOST_AUTO_TEST_CASE(a_loop_that_prints_to_a_file_of_its_own_is_ended) { is_ended_in_library(&print); }
BOOST_AUTO_TEST_CASE(a_loop_that_prints_to_a_shared_file_is_ended) { is_ended_in_library(&print_to_shared); }
BOOST_AUTO_TEST_CASE(a_loop_that_formats_time_is_ended) { is_ended_in_library(&format_time); }
BOOST_AUTO_TEST_CASE(a_loop_that_locks_a_mutex_is_ended) { is_ended_in_library(&lock); }
BOOST_AUTO_TEST_CASE(a_loop_that_mostly_holds_a_mutex_is_ended) {
    is_ended_in_library(&compute_while_locked_now_and_then);
}
BOOST_AUTO_TEST_CASE(a_loop_that_throws_and_catches_is_ended) { is_ended_in_library(&throw_and_catch); }
BOOST_AUTO_TEST_CASE(a_loop_that_catches_what_the_library_throws_is_ended) {
    is_ended_in_library(&throw_out_of_the_library);
}
BOOST_AUTO_TEST_CASE(a_loop_that_sorts_with_a_callback_is_ended) { is_ended_in_library(&sort); }
#endif

BOOST_AUTO_TEST_CASE(a_process_that_is_stopped_and_goes_on_loses_nobody) {
    may_end = false;
    script played;
    tina::system_spec spec =
        spec_of({tina::type<worker>({.slots = 4})},
                {shard_of(std::vector<tina::tree_node>(4, tina::child<worker>(tina::permanent, &played)))});
    spec.faults = {.contain = tina::containment::on, .soft_budget = 50ms, .hard_budget = 100ms, .stall_limit = 200ms};
    tina::system system(spec);
    must_start(system);
    stop_for(300ms, 2);
    may_end = true;
    BOOST_CHECK(stopped_within(system, 20s));
    stop_and_join(system);
    BOOST_CHECK_EQUAL(system.counters()["isolates_crashed"], 0);
    BOOST_CHECK_EQUAL(played.begun, 4);
}

BOOST_AUTO_TEST_CASE(time_for_which_the_process_was_stopped_is_no_stall) {
    may_end = false;
    script played;
    tina::system_spec spec =
        spec_of({tina::type<blocked>({.slots = 1})}, {shard_of({tina::child<blocked>(tina::permanent, &played)})});
    spec.faults = {.contain = tina::containment::on, .soft_budget = 50ms, .hard_budget = 100ms, .stall_limit = 1s};
    tina::system system(spec);
    must_start(system);
    stop_for(400ms, 4);
    may_end = true;
    BOOST_CHECK(stopped_within(system, 20s));
    stop_and_join(system);
    BOOST_CHECK_EQUAL(system.counters()["isolates_crashed"], 0);
    BOOST_CHECK_EQUAL(played.begun, 1);
}

BOOST_AUTO_TEST_SUITE_END()
