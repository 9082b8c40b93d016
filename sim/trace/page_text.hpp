// SPDX-License-Identifier: Apache-2.0
// The page of an HTML trace, as text in two halves, made from the files in page/ when the build is configured.
#pragma once

#include <string_view>

namespace tina::sim {

[[nodiscard]] std::string_view page_before_data() noexcept;
[[nodiscard]] std::string_view page_after_data() noexcept;

}  // namespace tina::sim
