// SPDX-License-Identifier: Apache-2.0
// The log without formatting: an entry is a level and a text. Entries are kept in the shard's log and written after the
// handlers have run. tina/fmt.hpp adds formatted entries.
#pragma once

#include <string_view>

#include "tina/context.hpp"
#include "tina/log_level.hpp"

namespace tina {

/// Writes `text` to the log; see context::log().
inline void log(context self, log_level level, std::string_view text) noexcept { self.log(level, text); }

}  // namespace tina
