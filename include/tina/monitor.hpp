// SPDX-License-Identifier: Apache-2.0
// How an isolate learns that another has ended: a monitor, and the one message that it brings.
#pragma once

#include <cstdint>

#include "tina/handle.hpp"

namespace tina {

/// How an isolate ended.
enum class exit_reason : std::uint8_t {
    done,     ///< its handler returned
    crashed,  ///< an exception left it, or one it was linked to crashed
    stopped,  ///< context::stop(), a link, or the end of the system
    gone,     ///< it had ended before it was asked about, or never was
};

/// A word for each reason, for logs.
[[nodiscard]] constexpr const char* to_string(exit_reason reason) noexcept {
    switch (reason) {
    case exit_reason::done: return "done";
    case exit_reason::crashed: return "crashed";
    case exit_reason::stopped: return "stopped";
    case exit_reason::gone: return "gone";
    }
    return "?";
}

/// The message of a monitor: `who` has ended. A type that monitors lists it among the messages it accepts.
struct down {
    handle who;
    exit_reason reason;
};

/// The name of a monitor of context::monitor(). The default names none; once its `down` has been received, so does it.
class monitor {
public:
    constexpr monitor() = default;
    friend constexpr bool operator==(monitor, monitor) = default;

    /// For the runtime.
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    constexpr explicit monitor(std::uint64_t bits) noexcept : bits_(bits) {}

private:
    std::uint64_t bits_ = 0;
};

static_assert(sizeof(monitor) == 8);

}  // namespace tina
