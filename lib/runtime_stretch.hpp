// SPDX-License-Identifier: Apache-2.0
// The mark that says: the runtime is at work, nothing may be abandoned now. Every function that a handler calls in the
// runtime begins with one, since a handler can be abandoned at any instruction of its own; but those that change
// nothing, and those that are called within a handler_stretch only.
#pragma once

#include <atomic>
#include <cstdint>

#include "tina/detail/core.hpp"

namespace tina::detail {

class runtime_stretch {
public:
    explicit runtime_stretch(shard_core& at) noexcept : runtime_stretch(at, at.in_runtime) {}
    /// `outer`: the mark from then on.
    runtime_stretch(shard_core& at, std::uint8_t outer) noexcept : at_(&at), outer_(outer) {
        at.in_runtime = 1;
        // For the compiler only: what reads the mark is a signal handler of this thread.
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    runtime_stretch(const runtime_stretch&) = delete;
    runtime_stretch& operator=(const runtime_stretch&) = delete;
    ~runtime_stretch() {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        at_->in_runtime = outer_;
    }

private:
    shard_core* at_;
    std::uint8_t outer_;
};

// The same by hand, for the functions of which every instruction counts, and which nothing but a handler calls. Who
// suspends leaves the mark where it is: it is taken away when the isolate runs again.

[[gnu::always_inline]] inline void enter_runtime(shard_core& at) noexcept {
    *const_cast<volatile std::uint8_t*>(&at.in_runtime) = 1;
}
[[gnu::always_inline]] inline void leave_runtime(shard_core& at) noexcept {
    std::atomic_signal_fence(std::memory_order_release);
    *const_cast<volatile std::uint8_t*>(&at.in_runtime) = 0;
}

}  // namespace tina::detail
