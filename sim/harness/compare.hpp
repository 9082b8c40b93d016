// SPDX-License-Identifier: Apache-2.0
// Two runs beside each other: the first event that differs, what led to each, and in what they differ as a whole. Pure;
// both runs must have been made with `recording::all`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sim/run.hpp"

namespace tina::sim {

/// Index of the first event that is not the same, or that only one of them has; nothing: there is none.
[[nodiscard]] std::optional<std::size_t> first_difference(const run_outcome& one, const run_outcome& other);
/// In what two events differ: "time", "order", "payload" …, with both values.
[[nodiscard]] std::string difference_text(const run_outcome& one, const run_outcome& other, std::size_t index);
/// The first difference with both chains of causes; says so if there is none.
[[nodiscard]] std::string comparison_text(const run_outcome& one, const run_outcome& other, std::string_view one_name,
                                          std::string_view other_name);
/// Verdicts, length, and how often each kind of event was there, where that differs.
[[nodiscard]] std::string summary_text(const run_outcome& one, const run_outcome& other, std::string_view one_name,
                                       std::string_view other_name);

}  // namespace tina::sim
