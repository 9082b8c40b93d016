// SPDX-License-Identifier: Apache-2.0
// Sharing out runs, and what is done about workers that die or hang.
#include "sim/host/pool.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "sim/host/terminal.hpp"

namespace tina::sim::host {

namespace {

constexpr std::size_t asked_max = 2;  ///< one that runs, one that waits, so that no worker is idle for want of an order
constexpr int poll_ms = 100;

}  // namespace

pool::pool(runner run, const pool_options& options) : run_(std::move(run)), options_(options) {
    seats_.resize(std::max(1u, options.jobs));
}

bool pool::is_idle() const {
    return again_.empty() &&
           std::all_of(seats_.begin(), seats_.end(), [](const seat& one) { return one.asked.empty(); });
}

/// Gives one worker what it has room for. Empty, or why it cannot be started.
std::string pool::fill(seat& one, const pool_hooks& hooks) {
    while (one.asked.size() < asked_max) {
        std::optional<family> what;
        if (!again_.empty()) {
            what = std::move(again_.front());
            again_.pop_front();
        } else {
            what = hooks.next();
        }
        if (!what || what->children.empty()) return {};
        if (!one.at) one.at = std::make_unique<worker>(run_);
        if (!one.at->reason().empty()) return one.at->reason();
        if (one.asked.empty()) {
            one.left = patience(options_.hung_ns);
            one.left.begin(one.at->beat());
        }
        const std::size_t count = what->children.size();
        one.asked.push_back({std::move(*what), std::vector<bool>(count), count});
        // Whether it is gone shows when its answers are read.
        static_cast<void>(one.at->ask(one.asked.back().what));
    }
    return {};
}

/// False: the worker is gone.
bool pool::take_from(seat& one, const pool_hooks& hooks) {
    std::vector<answer> answers;
    const bool is_there = one.at->take(answers);
    for (answer& each : answers) {
        one.left.begin(one.at->beat());
        if (one.asked.empty()) break;
        assignment& present = one.asked.front();
        const auto& children = present.what.children;
        const auto found = std::find_if(children.begin(), children.end(),
                                        [&](const family::child& child) { return child.index == each.index; });
        if (found == children.end()) continue;
        present.answered[static_cast<std::size_t>(found - children.begin())] = true;
        const campaign_run made{each.index, request_of(present.what, *found)};
        if (--present.left == 0) one.asked.pop_front();
        hooks.done(made, std::move(each.outcome));
    }
    return is_there;
}

/// A single run has ended its worker: that is its outcome. Of a family each run shows by itself which one it was.
void pool::replace(seat& one, run_outcome how, const pool_hooks& hooks) {
    std::deque<assignment> asked = std::move(one.asked);
    one.asked.clear();
    one.at.reset();
    bool is_first = true;
    for (assignment& each : asked) {
        for (std::size_t i = 0; i < each.what.children.size(); ++i) {
            if (each.answered[i]) continue;
            family alone{each.what.parent, {each.what.children[i]}, each.what.answers};
            if (is_first && each.what.children.size() == 1) {
                hooks.done({alone.children[0].index, request_of(alone, alone.children[0])}, std::move(how));
            } else {
                again_.push_back(std::move(alone));
            }
        }
        is_first = false;
    }
}

void pool::wait_and_take(const pool_hooks& hooks) {
    std::vector<pollfd> waits;
    std::vector<seat*> who;
    for (seat& each : seats_) {
        if (each.asked.empty()) continue;
        waits.push_back({each.at->answers_fd(), POLLIN, 0});
        who.push_back(&each);
    }
    static_cast<void>(::poll(waits.data(), waits.size(), poll_ms));
    for (std::size_t i = 0; i < who.size(); ++i) {
        seat& one = *who[i];
        if (waits[i].revents != 0) {
            if (!take_from(one, hooks)) replace(one, one.at->last_words(), hooks);
        } else if (one.left.is_over(one.at->beat())) {
            one.at->kill();
            replace(one, hung_outcome(options_.hung_ns), hooks);
        }
    }
}

std::string pool::run(const pool_hooks& hooks) {
    for (;;) {
        if (hooks.stops()) {
            for (seat& each : seats_) {
                each.asked.clear();
                each.at.reset();
            }
            again_.clear();
            return {};
        }
        for (seat& each : seats_) {
            if (std::string reason = fill(each, hooks); !reason.empty()) return reason;
        }
        if (is_idle()) return {};
        wait_and_take(hooks);
        hooks.tick();
    }
}

}  // namespace tina::sim::host
