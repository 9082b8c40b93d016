// SPDX-License-Identifier: Apache-2.0
// Strings in JSON. What is not UTF-8 is replaced, and `<` is escaped, so that the text may stand in a page.
#pragma once

#include <string>
#include <string_view>

namespace tina::sim {

/// In quotes.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace tina::sim
