// SPDX-License-Identifier: Apache-2.0
// Starting isolates on other shards: the request is a record that travels there and comes back as its own answer. Works
// on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// A record brings a request of another shard: starts the child, and sends the record home.
void take_spawn_request(shard& at, call_record& record) noexcept;
/// A record of this shard is home, with the answer.
void finish_spawn(shard& at, call_record& record) noexcept;

}  // namespace tina::detail
