// SPDX-License-Identifier: Apache-2.0
// The regions for frames of nested tasks, as the runtime sees them: set up with an isolate, empty again at its end.
#pragma once

#include "lib/shard.hpp"
#include "tina/detail/nested.hpp"

namespace tina::detail {

/// Sets up the region of a new isolate of a type that has one.
void start_nested_region(shard& at, const slot_header& slot) noexcept;
/// Asserts that an isolate of such a type, whose frame is gone, has left its region empty.
void check_nested_region(shard& at, const slot_header& slot) noexcept;

}  // namespace tina::detail
