// SPDX-License-Identifier: Apache-2.0
// Virtual time and what is due in it: one queue for a whole world, from which the world jumps straight to the next.
// What is due at the same moment comes in the order in which it was scheduled. Owned by the world.
#pragma once

#include <cstdint>
#include <limits>
#include <queue>
#include <vector>

namespace tina::sim {

inline constexpr std::int64_t never_ns = std::numeric_limits<std::int64_t>::max();

/// Something that is called when a moment has come.
class due_target {
public:
    virtual void on_due(std::uint64_t argument) = 0;

protected:
    ~due_target() = default;
};

class timeline {
public:
    /// Units: nanoseconds since the world began.
    [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }
    /// Has `target` called at `at_ns`, now at the earliest. It cannot be taken back: a target that has lost interest
    /// must see so from its own state, and must outlive what it has scheduled.
    void schedule(std::int64_t at_ns, due_target& target, std::uint64_t argument) {
        queue_.push({at_ns > now_ns_ ? at_ns : now_ns_, ++scheduled_, &target, argument});
    }
    /// When the next is due; never_ns: nothing is.
    [[nodiscard]] std::int64_t next_ns() const noexcept { return queue_.empty() ? never_ns : queue_.top().at_ns; }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }
    /// Goes to a moment that is not behind the next.
    void advance_to(std::int64_t at_ns) noexcept { now_ns_ = at_ns > now_ns_ ? at_ns : now_ns_; }
    /// Calls the next one, at its time.
    void run_next() {
        const item next = queue_.top();
        queue_.pop();
        advance_to(next.at_ns);
        next.target->on_due(next.argument);
    }

private:
    struct item {
        std::int64_t at_ns;
        std::uint64_t order;
        due_target* target;
        std::uint64_t argument;
        friend bool operator<(const item& one, const item& other) noexcept {
            return one.at_ns != other.at_ns ? one.at_ns > other.at_ns : one.order > other.order;
        }
    };
    std::int64_t now_ns_ = 0;
    std::uint64_t scheduled_ = 0;
    std::priority_queue<item> queue_;
};

}  // namespace tina::sim
