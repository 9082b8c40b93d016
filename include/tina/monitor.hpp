// SPDX-License-Identifier: Apache-2.0
// How an isolate learns that another has ended: a monitor, and the one message that it brings.
#pragma once

#include <cstdint>
#include <string_view>

#include "tina/exit_reason.hpp"
#include "tina/handle.hpp"

namespace tina {

/// The message of a monitor: `who` has ended. A type that monitors lists it among the messages it accepts.
///
/// Source: the 'DOWN' message of Erlang/OTP.
struct down {
    handle who;                   ///< the isolate that was monitored
    std::uint64_t address = 0;    ///< of a signal: what was touched
    std::int32_t signal = 0;      ///< its number; 0: it was none
    std::uint32_t line = 0;       ///< of a crash: the source line of its last co_yield or wait(); 0: not known
    exit_reason reason{};         ///< how it ended
    std::uint8_t text_bytes = 0;  ///< of `text`; see why()
    char text[70]{};              ///< of a crash: the beginning of what its log entry says

    /// Why it crashed. Lifetime: that of the message.
    [[nodiscard]] std::string_view why() const noexcept { return {text, text_bytes}; }
};
static_assert(sizeof(down) == 96);

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
