// SPDX-License-Identifier: Apache-2.0
//
// The limits: bare loops without any framework that the benchmarks of the library are divided by. Owned by
// the benchmarks; nothing here may include a header of the library, or the limit would measure what it
// limits.
#pragma once

namespace tina::bench {

/// Registers `limit/local`, `limit/ring/1000`, `limit/cross_rtt` and `limit/cross_stream` with Google
/// Benchmark, and puts `compiler` and `kernel` into the context of its report.
///
/// Each reports the counter `ns_per_op`: wall nanoseconds per message or per round trip.
/// Call it once, before `benchmark::RunSpecifiedBenchmarks()`, while the thread still has its full affinity
/// mask.
void register_limits();

}  // namespace tina::bench
