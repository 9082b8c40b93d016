// SPDX-License-Identifier: Apache-2.0
// Tests of the end of whole systems, on threads: the exit status of tina::run, signals and what is restored of them,
// calls under way between shards, a system with nothing to do.
#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <thread>
#include <vector>

#include "test_system.hpp"

namespace {

using namespace system_test;
using tina::errc;

const auto threads = boost::unit_test::label("threads");

tina::isolate refuses(tina::context) {
    for (;;) static_cast<void>(co_yield tina::sleep(1h));
}

tina::isolate asks_to_stop(tina::context self) {
    self.request_stop();
    co_return;
}

tina::isolate receives(tina::context) {
    for (;;) static_cast<void>(co_yield tina::receive<word>());
}

const tina::type_options takes_words{.accepts = tina::messages<word>{}};

/// Sends its own process a signal, and one more when it is interrupted by the first.
tina::isolate signals_twice(tina::context, int signal) {
    kill(getpid(), signal);
    const auto slept = co_yield tina::sleep(1h);
    if (!slept) kill(getpid(), signal);
    static_cast<void>(co_yield tina::sleep(1h));
}

tina::isolate signals_once(tina::context, int signal) {
    kill(getpid(), signal);
    static_cast<void>(co_yield tina::sleep(1h));
}

std::atomic<int> taken_by_handler{0};
void count_signal(int) { ++taken_by_handler; }

/// How this process treats the signals that tina::run takes, and one that it never does.
struct treatment {
    std::array<struct sigaction, 3> handlers{};
    sigset_t mask{};

    treatment() {
        std::size_t i = 0;
        for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, nullptr, &handlers[i++]);
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    }
    [[nodiscard]] bool is_as(const treatment& other) const {
        for (std::size_t i = 0; i < handlers.size(); ++i) {
            if (handlers[i].sa_handler != other.handlers[i].sa_handler) return false;
        }
        for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
            if (sigismember(&mask, signal) != sigismember(&other.mask, signal)) return false;
        }
        return true;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(shutdown_runs)

BOOST_AUTO_TEST_CASE(the_exit_status_tells_drained_from_forced_and_from_not_booted, *threads) {
    const auto stops = tina::child<asks_to_stop>(tina::temporary);
    BOOST_TEST(tina::run(spec_of({tina::type<asks_to_stop>()}, {shard_of({stops})})) == 0);

    auto stubborn = spec_of({tina::type<refuses>(), tina::type<asks_to_stop>()},
                            {shard_of({tina::child<refuses>(tina::permanent), stops})});
    stubborn.shutdown.deadline = 20ms;
    BOOST_TEST(tina::run(stubborn) == 3);

    stubborn.shutdown.deadline = -1ns;
    BOOST_TEST(tina::run(stubborn) == 1);
}

BOOST_AUTO_TEST_CASE(a_system_says_how_it_ended, *threads) {
    auto spec = spec_of({tina::type<refuses>()}, {shard_of({tina::child<refuses>(tina::permanent)})});
    spec.shutdown.deadline = 1h;
    tina::system system(spec);
    BOOST_TEST((system.outcome() == tina::stop_outcome::none));
    must_start(system);
    system.request_stop();
    BOOST_TEST((system.status() == tina::system_status::stopping));
    BOOST_TEST((system.outcome() == tina::stop_outcome::none));
    stop_and_join(system, tina::stop_mode::now);
    BOOST_TEST((system.outcome() == tina::stop_outcome::forced));
    check_at_rest(system.counters());
}

BOOST_AUTO_TEST_CASE(with_nothing_to_do_it_ends_at_once_whatever_the_deadline, *threads) {
    for (const std::uint32_t shards : {1u, 2u, 5u}) {
        auto spec = spec_of({tina::type<receives>(takes_words)},
                            std::vector<tina::shard_spec>(shards, shard_of({tina::child<receives>(tina::permanent)})));
        spec.shutdown.deadline = 1h;
        tina::system system(spec);
        must_start(system);
        stop_and_join(system);  // which gives up after 20 s
        BOOST_TEST((system.outcome() == tina::stop_outcome::drained));
        BOOST_TEST(system.counters()["isolates_stopped"] == shards);
        check_at_rest(system.counters());
    }
}

BOOST_AUTO_TEST_CASE(the_first_signal_drains_and_what_was_there_is_restored, *threads) {
    struct sigaction own{};
    struct sigaction before{};
    own.sa_handler = count_signal;
    sigaction(SIGUSR1, &own, &before);
    const treatment at_first;
    for (const int signal : {SIGINT, SIGTERM}) {
        auto spec =
            spec_of({tina::type<signals_once>()}, {shard_of({tina::child<signals_once>(tina::permanent, signal)})});
        spec.shutdown.deadline = 1h;
        spec.process.handle_signals = true;
        BOOST_TEST(tina::run(spec) == 0);
        BOOST_TEST(treatment().is_as(at_first));
    }
    taken_by_handler = 0;
    raise(SIGUSR1);
    BOOST_TEST(taken_by_handler == 1);
    sigaction(SIGUSR1, &before, nullptr);
}

BOOST_AUTO_TEST_CASE(the_second_signal_forces, *threads) {
    const treatment at_first;
    auto spec =
        spec_of({tina::type<signals_twice>()}, {shard_of({tina::child<signals_twice>(tina::permanent, SIGTERM)})});
    spec.shutdown.deadline = 1h;
    spec.process.handle_signals = true;
    BOOST_TEST(tina::run(spec) == 3);
    BOOST_TEST(treatment().is_as(at_first));
}

namespace {

/// What all shards share: how often there were calls under way, and how they came out.
struct book {
    std::atomic<std::uint64_t> begun{0};
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> told{0};
};

/// Answers when its shard has been elsewhere for a while.
struct answers_slowly {
    using accepts = tina::messages<word, tina::shutdown>;
    tina::isolate run(tina::context) {
        for (;;) {
            const auto asked = co_yield tina::receive<word>();
            static_cast<void>(co_yield tina::sleep(std::chrono::microseconds{asked->value}));
            asked.reply(number{asked->value});
        }
    }
};

/// Calls one shard after the other until it is told to stop.
struct calls_on {
    using accepts = tina::messages<tina::shutdown>;
    tina::isolate run(tina::context self, book* all) {
        for (std::uint64_t i = 0;; ++i) {
            const tina::handle target{static_cast<std::uint32_t>(i % self.shard_count()), 0, 1};
            ++all->begun;
            const auto answer = co_yield tina::call<number>(target, word{i % 50}).within(30s);
            if (answer && answer->value == i % 50) ++all->answered;
            const auto is_told = co_yield tina::receive<tina::shutdown>().within(0s);
            if (is_told) break;
        }
        ++all->told;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(calls_under_way_between_shards_are_all_answered, *threads) {
    for (int round = 0; round < (sanitized ? 3 : 10); ++round) {
        book all;
        std::vector<tina::tree_node> children{tina::child<answers_slowly>(tina::permanent)};
        for (int i = 0; i < 8; ++i) children.emplace_back(tina::child<calls_on>(tina::permanent, &all));
        tina::system system(spec_of({tina::type<answers_slowly>(), tina::type<calls_on>()},
                                    std::vector<tina::shard_spec>(2, shard_of(children))));
        must_start(system);
        while (all.answered < 200) std::this_thread::sleep_for(100us);
        stop_and_join(system);
        BOOST_TEST((system.outcome() == tina::stop_outcome::drained));
        BOOST_TEST(all.begun == all.answered);
        BOOST_TEST(all.told == 16u);
        check_at_rest(system.counters());
    }
}

BOOST_AUTO_TEST_CASE(the_last_lines_of_the_log_are_out_when_it_has_ended_by_force, *threads) {
    const log_pipe log;
    auto spec = spec_of({tina::type<refuses>()},
                        std::vector<tina::shard_spec>(2, shard_of({tina::child<refuses>(tina::permanent)})));
    spec.shutdown.deadline = 0s;
    spec.log = {.level = tina::log_level::info, .descriptor = log.writing_end()};
    {
        tina::system system(spec);
        must_start(system);
        stop_and_join(system);
        BOOST_TEST((system.outcome() == tina::stop_outcome::forced));
    }
    const std::string text = log.text();
    BOOST_TEST(contains(text, "ended by force"), text);
    BOOST_TEST(contains(text, "the system was stopped by force"), text);
}

BOOST_AUTO_TEST_SUITE_END()
