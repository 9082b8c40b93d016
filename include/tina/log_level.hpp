// SPDX-License-Identifier: Apache-2.0
// The levels of the log, in rising order.
#pragma once

#include <cstdint>

namespace tina {

/// How much an entry of the log matters.
enum class log_level : std::uint8_t {
    trace,    ///< every step; for hunting one bug
    debug,    ///< for whoever develops the program
    info,     ///< what an operator wants to know
    warning,  ///< something was refused or lost; the service goes on
    error,    ///< something is broken
};

using enum log_level;

}  // namespace tina
