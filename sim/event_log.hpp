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
        if (keep_) keep(what);
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
    /// What does not end within one instant would take all memory before anybody notices.
    void keep(const event_record& what) {
        constexpr std::uint64_t at_once_max = 4'000'000;
        if (what.at_ns != kept_at_ns_) kept_at_once_ = 0;
        kept_at_ns_ = what.at_ns;
        if (++kept_at_once_ <= at_once_max) kept_.push_back(what);
    }

    const timeline* time_;
    decisions* choices_;
    std::uint64_t count_ = 0;
    std::uint64_t digest_ = 0x7469'6e61;
    std::uint64_t context_ = 0;
    bool keep_ = false;
    std::int64_t kept_at_ns_ = 0;
    std::uint64_t kept_at_once_ = 0;
    std::vector<event_record> kept_;
    std::function<void(const event_record&)> listener_;
};

}  // namespace tina::sim
