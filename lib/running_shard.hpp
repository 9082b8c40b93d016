// SPDX-License-Identifier: Apache-2.0
// The one thread-local pointer of the library: to the shard that this thread runs, null on all other threads. For
// reports of failed assertions only.
#pragma once

namespace tina::detail {

struct shard;
extern thread_local shard* running_shard;

}  // namespace tina::detail
