// SPDX-License-Identifier: Apache-2.0
// What the dead may have changed of their thread, who else has handlers of signals, and what signals from elsewhere do:
// nothing of it may reach a neighbour, and all of it is as before when the last system has stopped.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <thread>

#include "fault_stage.hpp"

namespace {

using namespace fault_test;

TINA_DIES void fault() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}

const std::string null_write = "SIGSEGV: write to address 0x0";

// --- the thread
// ---------------------------------------------------------------------------------------------------------

TINA_DIES void fault_with_other_rounding() {
    std::uint32_t sse = 0;
    std::uint16_t x87 = 0;
    asm volatile("stmxcsr %0" : "=m"(sse));
    asm volatile("fnstcw %0" : "=m"(x87));
    sse |= 0x8040u | 0x6000u;  // flush to zero, denormals are zero, towards zero
    x87 = static_cast<std::uint16_t>(x87 | 0xc00u);
    asm volatile("ldmxcsr %0" : : "m"(sse));
    asm volatile("fldcw %0" : : "m"(x87));
    fault();
}

TINA_DIES void fault_with_a_full_floating_point_stack() {
    asm volatile("fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1");
    fault();
}

TINA_DIES void fault_with_signals_blocked() {
    sigset_t some;
    sigfillset(&some);
    for (const int kept : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&some, kept);
    pthread_sigmask(SIG_SETMASK, &some, nullptr);
    fault();
}

TINA_DIES void fault_with_the_direction_reversed() { asm volatile("std; movl $1, 0" ::: "memory"); }

TINA_DIES void fault_with_alignment_checked() {
    asm volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl $1, 0" ::: "memory", "cc");
}

TINA_DIES void access_what_is_misaligned() {
    static std::array<std::uint64_t, 2> words{};
    asm volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl $1, 1(%0)" : : "r"(words.data()) : "memory", "cc");
}

TINA_DIES void fault_with_an_error_number() {
    errno = 77;
    fault();
}

/// Looks at errno at the beginning of an activation, which is of no meaning but must not be another's.
struct errno_victim {
    tina::isolate run(tina::context self, script* of) {
        of->wrong.expect(errno != 77, "an error number of the dead was found");
        if (begin_life(self, *of)) of->die();
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

// --- handlers of others
// -------------------------------------------------------------------------------------------------

sigjmp_buf after_own_fault;  // one thread of the test
volatile std::sig_atomic_t own_handler_calls = 0;

void own_handler(int) {
    own_handler_calls = own_handler_calls + 1;
    siglongjmp(after_own_fault, 1);
}

/// The user's handlers while it lives.
class own_handlers {
public:
    own_handlers() {
        own_handler_calls = 0;
        struct sigaction action{};
        action.sa_handler = &own_handler;
        for (std::size_t i = 0; i < numbers.size(); ++i) sigaction(numbers[i], &action, &before_[i]);
    }
    own_handlers(const own_handlers&) = delete;
    own_handlers& operator=(const own_handlers&) = delete;
    ~own_handlers() {
        for (std::size_t i = 0; i < numbers.size(); ++i) sigaction(numbers[i], &before_[i], nullptr);
    }
    [[nodiscard]] static bool are_there() {
        return std::all_of(numbers.begin(), numbers.end(), [](int number) {
            struct sigaction now{};
            sigaction(number, nullptr, &now);
            return now.sa_handler == &own_handler;
        });
    }

private:
    static constexpr std::array numbers{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    std::array<struct sigaction, numbers.size()> before_{};
};

TINA_DIES void fault_here_and_come_back() {
    if (sigsetjmp(after_own_fault, 1) == 0) fault();
}

/// Every disposition of the process, to be compared.
std::array<void*, 65> dispositions() {
    std::array<void*, 65> all{};
    for (int number = 1; number < 65; ++number) {
        struct sigaction now{};
        if (sigaction(number, nullptr, &now) == 0) {
            all[static_cast<std::size_t>(number)] = reinterpret_cast<void*>(now.sa_handler);
        }
    }
    return all;
}

tina::isolate sleeper(tina::context) { static_cast<void>(co_yield tina::sleep(1h)); }

tina::system_spec sleeping(tina::containment contain) {
    tina::system_spec spec =
        spec_of({tina::type<sleeper>({.slots = 1})}, {shard_of({tina::child<sleeper>(tina::temporary)})});
    spec.faults = {.contain = contain};
    return spec;
}

/// A helper process that sends signals to this one, and is waited for.
template <class Send>
void from_another_process(Send send) {
    const pid_t parent = getpid();
    const pid_t helper = fork();
    BOOST_REQUIRE(helper >= 0);
    if (helper == 0) {
        send(parent);
        _exit(0);
    }
    int status = 0;
    while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {}
    BOOST_CHECK_EQUAL(status, 0);
}

void ignore_signal(int) {}

}  // namespace

BOOST_AUTO_TEST_SUITE(what_faults_leave)

BOOST_AUTO_TEST_CASE(the_rounding_of_the_dead_is_not_the_neighbours) {
    dies_a_thousand_times(&fault_with_other_rounding, null_write);
}
BOOST_AUTO_TEST_CASE(a_floating_point_stack_left_full_is_emptied) {
    dies_a_thousand_times(&fault_with_a_full_floating_point_stack, null_write);
}
BOOST_AUTO_TEST_CASE(signals_that_the_dead_had_blocked_are_not_blocked_for_the_neighbour) {
    dies_a_thousand_times(&fault_with_signals_blocked, null_write);
}
BOOST_AUTO_TEST_CASE(the_direction_of_string_instructions_is_put_right) {
    dies_a_thousand_times(&fault_with_the_direction_reversed, null_write);
}
BOOST_AUTO_TEST_CASE(checks_of_alignment_that_the_dead_had_asked_for_are_over) {
    dies_a_thousand_times(&fault_with_alignment_checked, null_write);
}
BOOST_AUTO_TEST_CASE(a_misaligned_access_where_alignment_is_checked_costs_its_isolate_only) {
    dies_a_thousand_times(&access_what_is_misaligned, "SIGBUS: misaligned access");
}
BOOST_AUTO_TEST_CASE(the_error_number_of_the_dead_is_nobody_elses) {
    script played{.die = &fault_with_an_error_number, .deaths = scaled(1000, 100)};
    tina::system_spec spec = spec_of({tina::type<errno_victim>({.slots = 1})},
                                     {shard_of({tina::child<errno_victim>(tina::permanent, &played)})});
    spec.shards.each[0].tree.budget = {.restarts = 1'000'000, .within = 1s};
    spec.faults = {.contain = tina::containment::on};
    static_cast<void>(run_system(spec));
    played.wrong.check();
    BOOST_CHECK_EQUAL(played.begun, played.deaths + 1);
}

BOOST_AUTO_TEST_CASE(faults_on_other_threads_go_to_the_handler_that_was_there) {
    const own_handlers installed;
    tina::system system(sleeping(tina::containment::on));
    must_start(system);
    for (int i = 1; i <= 10; ++i) {
        fault_here_and_come_back();
        BOOST_CHECK_EQUAL(own_handler_calls, i);
    }
    stop_and_join(system);
}

BOOST_AUTO_TEST_CASE(a_system_puts_back_all_handlers_when_it_is_gone) {
    const own_handlers installed;
    const auto before = dispositions();
    {
        tina::system system(sleeping(tina::containment::on));
        must_start(system);
        BOOST_CHECK(!own_handlers::are_there());
        stop_and_join(system);
    }
    BOOST_CHECK(own_handlers::are_there());
    BOOST_CHECK(dispositions() == before);
}

BOOST_AUTO_TEST_CASE(the_last_of_two_systems_puts_back_all_handlers) {
    const own_handlers installed;
    const auto before = dispositions();
    script played{.die = &fault, .deaths = 100};
    {
        tina::system first(sleeping(tina::containment::on));
        must_start(first);
        {
            tina::system second(sleeping(tina::containment::on));
            must_start(second);
            stop_and_join(second);
        }
        BOOST_CHECK(!own_handlers::are_there());
        now_played = &played;
        check_deaths(played, run_system(stage_of<victim>(played)));
        now_played = nullptr;
        stop_and_join(first);
    }
    BOOST_CHECK(own_handlers::are_there());
    BOOST_CHECK(dispositions() == before);
}

BOOST_AUTO_TEST_CASE(without_containment_no_handler_is_installed) {
    const auto before = dispositions();
    tina::system system(sleeping(tina::containment::off));
    must_start(system);
    BOOST_CHECK(dispositions() == before);
    stop_and_join(system);
}

BOOST_AUTO_TEST_CASE(a_handler_that_was_installed_later_stays) {
    struct sigaction before{};
    struct sigaction later{};
    later.sa_handler = &ignore_signal;
    {
        tina::system system(sleeping(tina::containment::on));
        must_start(system);
        sigaction(SIGFPE, &later, &before);
        stop_and_join(system);
    }
    struct sigaction now{};
    sigaction(SIGFPE, nullptr, &now);
    BOOST_CHECK(now.sa_handler == &ignore_signal);
    later.sa_handler = SIG_DFL;
    sigaction(SIGFPE, &later, nullptr);
}

BOOST_AUTO_TEST_CASE(two_systems_at_once_contain_faults_each) {
    script first{.die = &fault, .deaths = scaled(1000, 100)};
    script second{.die = &fault, .deaths = scaled(1000, 100)};
    tina::system one(stage_of<victim>(first));
    tina::system other(stage_of<victim>(second));
    must_start(one);
    must_start(other);
    BOOST_CHECK(stopped_within(one, 20s));
    BOOST_CHECK(stopped_within(other, 20s));
    stop_and_join(one);
    stop_and_join(other);
    check_at_rest(one.counters());
    check_at_rest(other.counters());
    check_deaths(first, one.counters());
    check_deaths(second, other.counters());
}

BOOST_AUTO_TEST_CASE(faults_on_two_shards_at_once_are_contained) {
    script first{.die = &fault, .deaths = scaled(1000, 100)};
    script second{.die = &fault, .deaths = scaled(1000, 100)};
    tina::system_spec spec = stage_of<victim>(first);
    spec.shards.each.push_back(stage_of<victim>(second).shards.each[0]);
    tina::system system(spec);
    must_start(system);
    BOOST_CHECK(stopped_within(system, 20s));
    stop_and_join(system);
    first.wrong.check();
    second.wrong.check();
    BOOST_CHECK_EQUAL(first.survived + second.survived, 0);
}

BOOST_AUTO_TEST_CASE(a_storm_of_signals_of_the_user_and_of_the_runtime_harms_nobody) {
    struct sigaction before{};
    struct sigaction own{};
    own.sa_handler = &ignore_signal;
    own.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &own, &before);
    script played{.die = &fault, .deaths = scaled(1000, 100)};
    tina::system system(stage_of<victim>(played));
    must_start(system);
    from_another_process([](pid_t parent) {
        for (int i = 0; i < 2000; ++i) {
            kill(parent, SIGUSR1);
            kill(parent, SIGRTMIN);  // the first one that is free is the watchdog's
        }
    });
    BOOST_CHECK(stopped_within(system, 20s));
    stop_and_join(system);
    check_at_rest(system.counters());
    check_deaths(played, system.counters());
    sigaction(SIGUSR1, &before, nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
