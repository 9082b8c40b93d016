// SPDX-License-Identifier: Apache-2.0
//
// Which cores a measuring thread may use, and pinning it to one of them. Owned by the benchmarks; it must
// never assume that cores are numbered from 0: containers and taskset hand out any subset of the machine.
#pragma once

#include <sched.h>

#include <cstddef>
#include <vector>

namespace tina::bench {

/// The cores in the calling thread's affinity mask, in ascending order.
inline std::vector<int> allowed_cores() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    std::vector<int> cores;
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (CPU_ISSET(static_cast<std::size_t>(core), &mask)) cores.push_back(core);
    }
    return cores;
}

/// Pins the calling thread to `core`; false when the kernel refuses.
inline bool pin_this_thread(int core) noexcept {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(static_cast<std::size_t>(core), &mask);
    return sched_setaffinity(0, sizeof mask, &mask) == 0;
}

/// Pins the calling thread while it lives, then gives the former mask back.
///
/// Benchmarks share one thread: one that left its pin behind would decide what the next ones measure.
class scoped_pin {
public:
    explicit scoped_pin(int core) noexcept {
        CPU_ZERO(&former_);
        is_saved_ = sched_getaffinity(0, sizeof former_, &former_) == 0;
        pin_this_thread(core);
    }
    ~scoped_pin() {
        if (is_saved_) sched_setaffinity(0, sizeof former_, &former_);
    }
    scoped_pin(const scoped_pin&) = delete;
    scoped_pin& operator=(const scoped_pin&) = delete;

private:
    cpu_set_t former_;
    bool is_saved_ = false;
};

}  // namespace tina::bench
