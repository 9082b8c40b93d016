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

}  // namespace tina::detail
