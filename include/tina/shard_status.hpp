// SPDX-License-Identifier: Apache-2.0
// Whether a shard runs its tree, as its peers and the owner of the system see it.
#pragma once

#include <cstdint>

namespace tina {

/// What a shard does at present.
enum class shard_status : std::uint8_t {
    running,      ///< its tree runs, or is being started
    quarantined,  ///< it has failed too often: it runs nothing, and answers its peers that nobody is there
};

}  // namespace tina
