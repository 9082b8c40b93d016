// SPDX-License-Identifier: Apache-2.0
// The name of a timer that an isolate has set: a plain value. The timer itself is the isolate's and ends with it.
#pragma once

#include <cstdint>

namespace tina {

/// The name of a timer of context::set_timer() or context::set_periodic_timer(). The default names none; a timer that
/// is over is named by nothing any more.
class timer {
public:
    constexpr timer() = default;
    friend constexpr bool operator==(timer, timer) = default;

    /// For the runtime.
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    constexpr explicit timer(std::uint64_t bits) noexcept : bits_(bits) {}

private:
    std::uint64_t bits_ = 0;
};

static_assert(sizeof(timer) == 8);

}  // namespace tina
