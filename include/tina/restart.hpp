// SPDX-License-Identifier: Apache-2.0
// When a child is started again. Source: the restart types of Erlang/OTP's supervisor.
#pragma once

#include <cstdint>

namespace tina {

/// What happens when a child ends.
enum class restart : std::uint8_t {
    permanent,  ///< it is started again, however it ended
    transient,  ///< it is started again if it crashed
    temporary,  ///< it is not started again
};

using enum restart;

}  // namespace tina
