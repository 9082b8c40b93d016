// SPDX-License-Identifier: Apache-2.0
// How a system ends: the message that tells an isolate of it, how long it may take, and how it came out. What each
// isolate sees of it is in docs/guides/shutdown.md.
#pragma once

#include <chrono>
#include <cstdint>

#include "tina/time.hpp"

namespace tina {

/// The message of a system that ends, to each isolate whose type lists it among the messages it accepts. It needs no
/// room: it comes also where the mailbox is full. Such an isolate is not interrupted.
struct shutdown {
    instant deadline;  ///< what is still there then is ended by force
};

/// How a system is asked to end.
enum class stop_mode : std::uint8_t {
    drain,  ///< what has begun may come to its end, until `shutdown_options::deadline`
    now,    ///< all isolates are ended at once, where they are; also after a `drain`
};

/// How a system has ended.
enum class stop_outcome : std::uint8_t {
    none,     ///< it has not
    drained,  ///< nothing was left to be done
    forced,   ///< the deadline came first, or it was told to end at once
};

/// A word for each outcome, for logs.
[[nodiscard]] constexpr const char* to_string(stop_outcome outcome) noexcept {
    switch (outcome) {
    case stop_outcome::none: return "not stopped";
    case stop_outcome::drained: return "drained";
    case stop_outcome::forced: return "forced";
    }
    return "?";
}

/// How patiently a system ends.
struct shutdown_options {
    duration deadline = std::chrono::seconds{10};  ///< how long it may drain, 0 to 24 h; then it is ended by force
};

}  // namespace tina
