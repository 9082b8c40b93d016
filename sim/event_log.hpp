// SPDX-License-Identifier: Apache-2.0
// The one numbered stream of events of a world: gives each its number, folds it into the digest, and hands it on. Owned
// by the world.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/event.hpp"
#include "sim/timeline.hpp"

namespace tina::sim {

class event_log {
public:
    event_log(const timeline& time, decisions& choices) : time_(&time), choices_(&choices) {}

    /// Enters an event: its number and time are set here, and its cause, where it has none, is `context()`. Returns its
    /// number.
    std::uint64_t record(event_record what) {
        what.number = ++count_;
        what.at_ns = time_->now_ns();
        if (what.cause == 0) what.cause = context_;
        digest_ = fold(digest_, what);
        choices_->now_at(what.number, what.at_ns);
        if (keep_) kept_.push_back(what);
        if (listener_) listener_(what);
        return what.number;
    }

    /// The event that what happens now follows from; 0: none.
    [[nodiscard]] std::uint64_t context() const noexcept { return context_; }
    void set_context(std::uint64_t event) noexcept { context_ = event; }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
    void keep_all() noexcept { keep_ = true; }
    [[nodiscard]] std::vector<event_record>& kept() noexcept { return kept_; }
    /// Called for each event, after it has been entered. It may throw to end the run, but only where the world calls.
    void set_listener(std::function<void(const event_record&)> listener) { listener_ = std::move(listener); }

private:
    const timeline* time_;
    decisions* choices_;
    std::uint64_t count_ = 0;
    std::uint64_t digest_ = 0x7469'6e61;
    std::uint64_t context_ = 0;
    bool keep_ = false;
    std::vector<event_record> kept_;
    std::function<void(const event_record&)> listener_;
};

}  // namespace tina::sim
