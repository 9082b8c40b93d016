// SPDX-License-Identifier: Apache-2.0
// Leases on transfer buffers: allocated on one shard, attached to messages, shared, and given back at home, from
// wherever the last of them is dropped. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

[[nodiscard]] lease_block& block_at(shard& at, std::uint32_t place) noexcept;
/// One reference to a block less; the last one sends it home.
void drop_reference(shard& at, std::uint32_t place) noexcept;
/// A block is home and unused.
void free_block(shard& at, lease_block& block) noexcept;
/// A block of this shard, referred to once; null if none is free.
[[nodiscard]] lease_block* take_block(shard& at) noexcept;

}  // namespace tina::detail
