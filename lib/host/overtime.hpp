// SPDX-License-Identifier: Apache-2.0
// What the watchdog's signal does on a shard's thread: measure how long the activation in progress has taken, and end
// it when that is too long, as far as that is sound.
#pragma once

#include <string>

namespace tina::detail {

/// Takes a real-time signal that nobody has a handler for. Empty, or why not. Under the lock of who installs signals.
[[nodiscard]] std::string install_overtime_signal();
void restore_overtime_signal() noexcept;
/// The number of that signal.
[[nodiscard]] int overtime_signal() noexcept;

}  // namespace tina::detail
