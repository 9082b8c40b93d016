// SPDX-License-Identifier: Apache-2.0
// A boss makes a job at each tick of a timer and hands it to a worker that has checked in. Each Nth job crashes its
// worker, which is started again, finds the boss by role and checks in anew. What to watch: each crash is followed by
// the job being handed out again, and in the end each job was done exactly once.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

using namespace std::chrono_literals;

namespace dispatcher {

/// Timer messages of the boss.
struct tick {};
struct second {};

/// A worker's first word.
struct check_in {};
/// What a worker is to do: jobs are numbered from 1, and so are the attempts at each.
struct job {
    std::uint64_t number;
    std::uint64_t attempt;
};
struct finished {
    std::uint64_t number;
};

}  // namespace dispatcher

namespace {

using namespace dispatcher;

constexpr tina::role boss_role{"boss"};

/// What the command line asks for.
struct options {
    std::uint32_t jobs = 1000;
    std::uint32_t workers = 4;
    std::uint32_t crash_each = 100;
    std::uint32_t period_ms = 2;
    std::uint32_t work_ms = 1;
    std::uint32_t shards = 1;
};

/// What came of it. The boss's while the system runs, main's otherwise.
struct outcome {
    std::vector<std::uint32_t> times_done;  ///< each job, by its number
    std::uint64_t finished = 0;
    std::uint64_t check_ins = 0;
    std::uint64_t lost = 0;  ///< workers that ended with a job in hand
};

struct worker {
    using accepts = tina::messages<job>;

    tina::isolate run(tina::context self, const options* wanted) {
        while (self.send(boss_role, check_in{}) != tina::send_result::ok) {
            const auto slept = co_yield tina::sleep(5ms);  // no boss yet: shards start one after the other
            if (!slept) co_return;                         // and none any more
        }
        for (;;) {
            const auto given = co_yield tina::receive<job>();
            static_cast<void>(co_yield tina::sleep(std::chrono::milliseconds{wanted->work_ms}));
            const bool is_bad = given->number % wanted->crash_each == 0 && given->attempt == 1;
            if (is_bad) co_yield tina::crash("a bad job");
            co_yield tina::deliver(given.sender(), finished{given->number}).within(10s).or_crash();
        }
    }
};

struct boss {
    using accepts = tina::messages<tick, second, check_in, finished, tina::down, tina::shutdown>;
    struct member {
        tina::handle who;
        job in_hand{};  ///< number 0: none
    };
    std::vector<member> members;
    std::uint64_t made = 0;     ///< jobs so far, at a tick each
    std::uint64_t started = 0;  ///< of these, handed out once at least
    std::vector<job> again;     ///< lost with their workers
    bool is_closing = false;    ///< what is in hand is still waited for

    tina::isolate run(tina::context self, const options* wanted, outcome* all) {
        const auto ticks = self.set_periodic_timer(std::chrono::milliseconds{wanted->period_ms}, tick{});
        const auto seconds = self.set_periodic_timer(1s, second{});
        if (!ticks || !seconds) co_yield tina::crash("no timers");
        while (all->finished < wanted->jobs && !(is_closing && is_idle())) {
            const auto received =
                co_yield tina::receive<tick, second, check_in, finished, tina::down, tina::shutdown>();
            if (received.get<tina::shutdown>() != nullptr) is_closing = true;
            if (received.get<tick>() != nullptr && made < wanted->jobs) ++made;
            if (received.get<second>() != nullptr) {
                tina::log(self, tina::info, "{} of {} jobs are done, {} wait; {} workers are here", all->finished,
                          wanted->jobs, made - started + again.size(), members.size());
            }
            if (received.get<check_in>() != nullptr) welcome(self, received.sender(), *all);
            if (const auto* what = received.get<finished>()) note(received.sender(), what->number, *all);
            if (const auto* ended = received.get<tina::down>()) replace(self, *ended, *all);
            if (!is_closing) hand_out(self);
        }
        self.request_stop();
    }

    [[nodiscard]] bool is_idle() const {
        return std::ranges::all_of(members, [](const member& each) { return each.in_hand.number == 0; });
    }

    void welcome(tina::context self, tina::handle who, outcome& all) {
        ++all.check_ins;
        if (const auto watched = self.monitor(who)) {
            members.push_back({.who = who});
        } else {
            tina::log(self, tina::warning, "{} gets no jobs: {}", who, watched.error());
        }
    }

    void note(tina::handle who, std::uint64_t number, outcome& all) {
        ++all.finished;
        ++all.times_done[number];
        for (member& each : members) {
            if (each.who == who) each.in_hand = {};
        }
    }

    /// A worker is gone: what it had in hand comes first when the next one is idle.
    void replace(tina::context self, const tina::down& ended, outcome& all) {
        const auto gone = std::ranges::find(members, ended.who, &member::who);
        if (gone == members.end()) return;
        if (const job lost = gone->in_hand; lost.number != 0) {
            ++all.lost;
            tina::log(self, tina::info, "job {}: {} has {}, so it is handed out again", lost.number, ended.who,
                      tina::to_string(ended.reason));
            again.push_back({lost.number, lost.attempt + 1});
        }
        members.erase(gone);
    }

    void hand_out(tina::context self) {
        for (member& each : members) {
            if (again.empty() && started == made) return;
            if (each.in_hand.number != 0) continue;
            const job next = again.empty() ? job{started + 1, 1} : again.back();
            // Refused: it has ended, and its `down` is on the way.
            if (self.send(each.who, next) != tina::send_result::ok) continue;
            each.in_hand = next;
            if (next.attempt == 1) ++started;
            else again.pop_back();
        }
    }
};

tina::system_spec spec_of(const options& wanted, outcome& all) {
    const options* const asked = &wanted;
    outcome* const told = &all;
    const std::uint32_t crashes = wanted.jobs / wanted.crash_each;
    std::vector<tina::shard_spec> shards(wanted.shards);
    for (std::uint32_t i = 0; i < wanted.workers; ++i) {
        auto& tree = shards[i % wanted.shards].tree;
        tree.budget = {.restarts = crashes + 1, .within = 1s};
        tree.children.push_back(tina::child<worker>(tina::permanent, asked));
    }
    shards.front().tree.children.push_back(tina::child<boss>(tina::temporary, asked, told).role(boss_role));
    return {
        .types = {tina::type<boss>({.slots = 1, .mailbox_capacity = 2 * wanted.workers + 16}),
                  tina::type<worker>({.slots = wanted.workers})},
        .shards = shards,
        .memory = tina::memory_mode::development,
    };
}

/// Says how it ended; whether each job was done exactly once.
bool summarise(const options& wanted, const outcome& all, const tina::counter_snapshot& counters) {
    const auto once = std::ranges::count(all.times_done, 1u);
    std::printf("summary: %lld of %u jobs done exactly once, %llu handed out again\n", static_cast<long long>(once),
                wanted.jobs, static_cast<unsigned long long>(all.lost));
    std::printf("%llu crashes, %llu restarts, %llu check-ins\n",
                static_cast<unsigned long long>(counters["isolates_crashed"]),
                static_cast<unsigned long long>(counters["isolates_restarted"]),
                static_cast<unsigned long long>(all.check_ins));
    return once == wanted.jobs && all.finished == wanted.jobs;
}

void add_options(CLI::App& app, options& wanted) {
    const auto add = [&](const char* name, std::uint32_t& value, const char* what, std::uint32_t most) {
        app.add_option(name, value, what)->capture_default_str()->check(CLI::Range(1u, most));
    };
    add("--jobs", wanted.jobs, "to be done before it ends", 10'000'000);
    add("--workers", wanted.workers, "on all shards together", 1000);
    add("--crash-each", wanted.crash_each, "the job whose number is a multiple of it crashes its worker", 10'000'000);
    add("--period-ms", wanted.period_ms, "between one job and the next", 10'000);
    add("--work-ms", wanted.work_ms, "that a job takes", 10'000);
    add("--shards", wanted.shards, "threads; the boss is on the first", 64);
    app.callback([&] {
        if (wanted.shards <= wanted.workers) return;
        throw CLI::ValidationError("--workers", "must be one for each shard at least");
    });
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app(
        "A boss, workers, and jobs that crash them. Exit status 0: each job was done exactly once, 1: not, 3: forced.");
    add_options(app, wanted);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    std::printf("%u jobs, and each %uth crashes its worker; watch it being handed out again, and done once\n",
                wanted.jobs, wanted.crash_each);
    std::fflush(stdout);  // the log comes by another way
    outcome all{.times_done = std::vector<std::uint32_t>(wanted.jobs + std::size_t{1})};
    bool is_complete = false;
    const int status = tina::run(spec_of(wanted, all), [&](const tina::counter_snapshot& counters) {
        is_complete = summarise(wanted, all, counters);
    });
    if (status != 0) return status;
    return is_complete ? 0 : 1;
}
