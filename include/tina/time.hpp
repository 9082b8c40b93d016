// SPDX-License-Identifier: Apache-2.0
// Time as isolates see it: monotonic, and the simulator's in simulation. Nothing here reads a clock; context::now()
// does.
#pragma once

#include <chrono>
#include <cstdint>

namespace tina {

/// A span of time.
using duration = std::chrono::nanoseconds;

/// The monotonic clock of a shard. Its start is arbitrary; it is the same for all shards of a process. It has no
/// now(): ask the context.
struct clock {
    using duration = std::chrono::nanoseconds;                    ///< as tina::duration
    using rep = duration::rep;                                    ///< of its numbers
    using period = duration::period;                              ///< a nanosecond
    using time_point = std::chrono::time_point<clock, duration>;  ///< as tina::instant
};

/// A moment on `tina::clock`.
using instant = clock::time_point;

namespace detail {

/// When a wait ends at the latest, in eight bytes: never, a moment, or a span from when the effect is yielded.
class deadline {
public:
    constexpr deadline() = default;
    constexpr explicit deadline(duration span) noexcept : raw_(span.count() < 0 ? -1 : -1 - span.count()) {}
    constexpr explicit deadline(instant moment) noexcept : raw_(moment == instant::max() ? 0 : positive(moment)) {}

    [[nodiscard]] constexpr bool never() const noexcept { return raw_ == 0; }
    [[nodiscard]] constexpr bool relative() const noexcept { return raw_ < 0; }
    /// The moment in nanoseconds, if there is one and `now_ns` is when the effect was yielded; saturates.
    [[nodiscard]] constexpr std::int64_t at_ns(std::int64_t now_ns) const noexcept {
        if (raw_ >= 0) return raw_;
        std::int64_t moment = 0;
        const bool too_far = __builtin_add_overflow(now_ns, -1 - raw_, &moment);
        return too_far ? latest : moment;
    }

private:
    static constexpr std::int64_t positive(instant moment) noexcept {
        return moment.time_since_epoch().count() < 1 ? 1 : moment.time_since_epoch().count();
    }

    static constexpr std::int64_t latest = INT64_MAX - 1;
    std::int64_t raw_ = 0;  ///< 0: never; above: a moment; below: -1 minus a span
};

}  // namespace detail
}  // namespace tina
