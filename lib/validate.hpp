// SPDX-License-Identifier: Apache-2.0
// Checking a spec before anything is made of it: all mistakes at once, each on one line with the field, its value and
// what is allowed; and advice on sizes that are allowed but risky.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tina/spec.hpp"

namespace tina::detail {

struct validation {
    std::vector<std::string> errors;
    std::vector<std::string> advice;
};

/// Checks a spec whose shards are listed one by one.
[[nodiscard]] validation validate(const system_spec& spec);

/// How many stacks the stackful types of a spec need, on all shards together.
[[nodiscard]] std::uint64_t count_stacks(const system_spec& spec);
/// Whether the system has enough mappings of memory for them: empty, or why not.
[[nodiscard]] std::string check_mappings(const system_spec& spec, std::uint64_t mappings_max,
                                         std::uint64_t mappings_used);

}  // namespace tina::detail
