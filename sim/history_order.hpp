// SPDX-License-Identifier: Apache-2.0
// The search for an order of operations on one key that explains what each of them found. It knows nothing of clients
// and of words; whoever asks owns the operations and says how long it may search.
#pragma once

#include <cstdint>
#include <vector>

#include "tina/history.hpp"

namespace tina::sim::detail {

/// What a key may hold: a value, none, or anything at all.
struct key_state {
    enum class form : std::uint8_t { absent, value, anything };
    form is = form::absent;
    std::uint64_t value = 0;

    friend bool operator==(const key_state&, const key_state&) = default;
};

enum class ordering : std::uint8_t {
    found,      ///< there is an order
    none,       ///< there is none
    undecided,  ///< the states that may be looked at were not enough
};

struct ordering_answer {
    ordering is = ordering::undecided;
    std::uint64_t states = 0;  ///< looked at
};

/// Looks for an order. All operations are on one key and begin in the order given; those of unknown outcome may be left
/// out of it, and none is a read of unknown outcome or one that failed.
[[nodiscard]] ordering_answer find_order(const std::vector<history_operation>& operations, key_state initial,
                                         std::uint64_t states_max);

}  // namespace tina::sim::detail
