// SPDX-License-Identifier: Apache-2.0
// The one numbered stream of events of a world: gives each its number, folds it into the digest, and hands it on. Owned
// by the world.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/event.hpp"
#include "sim/timeline.hpp"

namespace tina::sim {

class event_log {
public:
    event_log(const timeline& time, decisions& choices)
        : time_(&time), choices_(&choices), next_looked_at_(choices.next_reseed()), next_unusual_run_(next_looked_at_) {
        choices.follow(now_);
    }
    event_log(const event_log&) = delete;
    event_log& operator=(const event_log&) = delete;

    /// Enters an event: its number and time are set here, and its cause, where it has none, is `context()`. Returns its
    /// number. Where nobody looks at events, none is ever written down.
    std::uint64_t record(const event_record& what) {
        return enter({.kind = what.kind,
                      .place = place_of(what.machine, what.shard, what.detail),
                      .who = what.who,
                      .value = what.value,
                      .payload = what.payload},
                     what.cause != 0 ? what.cause : context_);
    }
    /// record(), of an event whose cause is known.
    std::uint64_t enter(const event_facts& what, std::uint64_t cause) {
        const std::uint64_t number = enter_unseen(what, cause, time_->now_ns());
        if (number >= next_looked_at_) [[unlikely]]
            show(what, cause);
        return number;
    }
    /// Whether nobody is to see the next `count` events: enter_unseen() does for them then. Who asks once, for all of
    /// what it is to enter, need keep nothing for the case that somebody is called.
    [[nodiscard, gnu::always_inline]] bool is_unseen(std::uint64_t count) const noexcept {
        return now_.event + count < next_looked_at_;
    }
    /// `at_ns`: now.
    [[gnu::always_inline]] std::uint64_t enter_unseen(const event_facts& what, std::uint64_t cause,
                                                      std::int64_t at_ns) noexcept {
        now_ = {now_.event + 1, at_ns};
        digest_ = fold(digest_, what, at_ns, cause);
        return now_.event;
    }
    /// is_unseen(), and nothing else is to be done where an isolate is about to run.
    [[nodiscard, gnu::always_inline]] bool is_plain_run(std::uint64_t count) const noexcept {
        return now_.event + count < next_unusual_run_;
    }
    /// From now on there is something to be done whenever an isolate is about to run.
    void mark_runs_unusual() noexcept { next_unusual_run_ = 0; }

    /// The event that what happens now follows from; 0: none.
    [[nodiscard]] std::uint64_t context() const noexcept { return context_; }
    void set_context(std::uint64_t event) noexcept { context_ = event; }

    /// What the next event will be.
    [[nodiscard]] std::uint64_t next_number() const noexcept { return now_.event + 1; }
    [[nodiscard]] std::uint64_t count() const noexcept { return now_.event; }
    [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
    void keep_all() noexcept {
        keep_ = true;
        look_at(0);
    }
    [[nodiscard]] std::vector<event_record>& kept() noexcept { return kept_; }
    /// Called for each event from number `from` on, after it has been entered. It may throw to end the run, but only
    /// where the world calls.
    void set_listener(std::function<void(const event_record&)> listener, std::uint64_t from = 0) {
        listener_ = std::move(listener);
        look_at(from);
    }

private:
    void look_at(std::uint64_t from) noexcept {
        next_looked_at_ = std::min(next_looked_at_, from);
        next_unusual_run_ = std::min(next_unusual_run_, from);
    }
    [[gnu::cold, gnu::noinline]] void show(const event_facts& facts, std::uint64_t cause) {
        const event_record what{.number = now_.event,
                                .cause = cause,
                                .at_ns = now_.at_ns,
                                .who = facts.who,
                                .payload = facts.payload,
                                .value = facts.value,
                                .detail = static_cast<std::uint32_t>(facts.place),
                                .machine = static_cast<std::uint16_t>(facts.place >> 48),
                                .shard = static_cast<std::uint16_t>(facts.place >> 32),
                                .kind = facts.kind};
        choices_->came_to();
        if (keep_) keep(what);
        if (listener_) listener_(what);
    }
    /// What does not end within one instant would take all memory before anybody notices.
    void keep(const event_record& what) {
        constexpr std::uint64_t at_once_max = 4'000'000;
        if (what.at_ns != kept_at_ns_) kept_at_once_ = 0;
        kept_at_ns_ = what.at_ns;
        if (++kept_at_once_ <= at_once_max) kept_.push_back(what);
    }

    const timeline* time_;
    decisions* choices_;
    event_moment now_;
    std::uint64_t digest_ = 0x7469'6e61;
    std::uint64_t context_ = 0;
    std::uint64_t next_looked_at_;    ///< by whoever keeps events, listens to them, or takes another seed from one on
    std::uint64_t next_unusual_run_;  ///< no later than that
    bool keep_ = false;
    std::int64_t kept_at_ns_ = 0;
    std::uint64_t kept_at_once_ = 0;
    std::vector<event_record> kept_;
    std::function<void(const event_record&)> listener_;
};

}  // namespace tina::sim
