// SPDX-License-Identifier: Apache-2.0
// The watchdog's rounds.
#include "lib/host/watchdog.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "lib/fault_text.hpp"
#include "lib/host/overtime.hpp"

namespace tina::detail {

namespace {

constexpr std::int64_t period_longest_ns = 50'000'000;
constexpr std::int64_t period_shortest_ns = 1'000'000;
constexpr std::int64_t answer_ns = 1'000'000'000;  ///< in which a stalled shard must end the process itself

[[nodiscard]] std::int64_t now_ns() noexcept { return std::chrono::steady_clock::now().time_since_epoch().count(); }

[[noreturn]] void end_unanswered(const shard& who) noexcept {
    report_line line;
    line.add("tina: FATAL: shard ").add_number(who.index);
    line.add(" makes no progress, longer than faults.stall_limit allows, and does not answer signals");
    write_to_stderr(line);
    signal(SIGABRT, SIG_DFL);
    std::abort();
}

}  // namespace

void watchdog::start(const fault_options& limits, std::vector<charge> charges) {
    std::int64_t shortest = period_longest_ns * 4;
    for (const duration limit : {limits.soft_budget, limits.hard_budget, limits.stall_limit}) {
        if (limit.count() > 0) shortest = std::min<std::int64_t>(shortest, limit.count());
    }
    period_ns_ = std::clamp(shortest / 4, period_shortest_ns, period_longest_ns);
    stall_ns_ = limits.stall_limit.count();
    const std::lock_guard lock(changing_);
    for (const charge& each : charges) {
        // A system may have stopped before it was watched.
        const bool is_gone = std::find(forgotten_.begin(), forgotten_.end(), each.who) != forgotten_.end();
        if (!is_gone) all_.push_back({.of = each});
    }
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "tina-watchdog");
        run();
    });
}

void watchdog::forget(const shard& who) noexcept {
    const std::lock_guard lock(changing_);
    std::erase_if(all_, [&who](const watched& each) { return each.of.who == &who; });
    forgotten_.push_back(&who);
}

void watchdog::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(changing_);
        stop_ = true;
    }
    stop_asked_.notify_one();
    thread_.join();
}

void watchdog::run() noexcept {
    std::int64_t last = now_ns();
    std::int64_t wait_ns = period_ns_;
    std::unique_lock lock(changing_);
    while (!stop_asked_.wait_for(lock, std::chrono::nanoseconds(wait_ns), [this] { return stop_; })) {
        const std::int64_t now = now_ns();
        // A process that was stopped finds that much more has passed; for its shards nothing has.
        const std::int64_t passed = std::min(now - last, 2 * wait_ns);
        last = now;
        bool soon = false;
        for (watched& each : all_) soon |= look_at(each, passed);
        wait_ns = soon ? std::min(period_ns_, 2 * period_shortest_ns) : period_ns_;
    }
}

bool watchdog::look_at(watched& one, std::int64_t passed_ns) noexcept {
    shard& who = *one.of.who;
    const std::uint64_t cycles = who.counts.cycles.get();
    const std::uint64_t activations = who.counts.activations.get();
    // Relaxed: partner is shard::sleep(); a look at the wrong moment costs a signal.
    const bool sleeps = who.port.sleeping.load(std::memory_order_relaxed) != 0;
    if (sleeps || cycles != one.cycles || activations != one.activations) {
        one.cycles = cycles;
        one.activations = activations;
        one.still_ns = 0;
        return false;
    }
    one.still_ns += passed_ns;
    if (stall_ns_ > 0 && one.still_ns >= stall_ns_) {
        if (one.still_ns >= stall_ns_ + answer_ns) end_unanswered(who);
        who.faults.is_stalled.store(true, std::memory_order_relaxed);
    }
    pthread_kill(one.of.thread, overtime_signal());
    // Relaxed: partner is the signal handler.
    return who.faults.is_overdue.load(std::memory_order_relaxed);
}

}  // namespace tina::detail
