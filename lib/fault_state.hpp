// SPDX-License-Identifier: Apache-2.0
// What a thread that may be abandoned by a fault keeps for that case: where execution goes on, what the C++ runtime
// must be given back, and what happened. Owned by the shard whose thread it is; the signal handlers of that thread read
// and write it, nobody else does.
#pragma once

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "lib/guarded_call.hpp"

namespace tina::detail {

struct shard;

/// What the C++ runtime keeps for a thread: __cxa_eh_globals of the Itanium C++ ABI.
struct exception_globals {
    void* caught = nullptr;
    unsigned uncaught = 0;
};

/// A guarded call that is being made. Lives on the stack of who makes it.
struct guarded_region {
    recovery_point point;
    guarded_region* outer = nullptr;
    exception_globals exceptions;
};

/// A range of addresses.
struct address_range {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;

    [[nodiscard]] bool has(std::uintptr_t address) const noexcept { return address >= begin && address < end; }
};

/// What has ended a handler: a fault, or its budget.
struct fault_event {
    int signal = 0;  ///< 0: the budget
    int code = 0;
    std::uintptr_t address = 0;
    std::uintptr_t instruction = 0;
    bool is_write = false;
    bool is_overflow = false;  ///< of the stack
    bool is_stall = false;     ///< no fault: an activation that waits
    std::int64_t cpu_ns = 0;   ///< taken by the activation that was over its budget
};

/// One activation that is being watched because it takes long. Sampled by the watchdog's signal, on the shard's thread.
struct overtime_watch {
    const void* slot = nullptr;
    std::uint64_t activations = 0;
    std::uint32_t share_left = 0;
    std::int64_t begin_cpu_ns = 0;  ///< CPU time of the thread when it was first seen

    [[nodiscard]] bool is_same(const overtime_watch& other) const noexcept {
        return slot == other.slot && activations == other.activations && share_left == other.share_left;
    }
};

/// The return address of a library's function that was replaced, so that its return ends the activation.
struct diverted_return {
    std::uintptr_t* place = nullptr;  ///< null: none is
    std::uintptr_t original = 0;
};

struct fault_state {
    shard* owner = nullptr;
    guarded_region* innermost = nullptr;  ///< null: nothing here can be abandoned
    std::uint8_t* in_runtime = nullptr;   ///< not 0: the runtime's structures are being changed
    bool armed = false;                   ///< faults of this thread are contained where that is sound
    bool contain_anyway = false;
    bool handling = false;           ///< a signal handler decides on a fault
    bool hopeless = false;           ///< an assertion of the library has failed: nothing is contained any more
    guarded_region* walk = nullptr;  ///< while the handler walks the stack, which may fault again
    address_range stack;             ///< of the thread
    address_range stack_guard;       ///< below it
    sigset_t signals{};              ///< that are blocked while the shard runs
    std::int64_t soft_ns = 0;        ///< CPU time of an activation; 0: no limit
    std::int64_t hard_ns = 0;
    overtime_watch watched;
    diverted_return diverted;
    // Relaxed: partner is the watchdog's thread, which looks more often while it is set, and sets the other.
    std::atomic<bool> is_overdue{false};
    std::atomic<bool> is_stalled{false};
    fault_event last;
    const char* last_words = nullptr;  ///< of std::terminate; null: there are none
};

/// The one thread-local pointer of the library: to the state of the shard that this thread runs, null on all others.
extern thread_local fault_state* this_thread_faults;

/// The shard that this thread runs, or null.
[[nodiscard]] inline shard* running_shard() noexcept {
    return this_thread_faults == nullptr ? nullptr : this_thread_faults->owner;
}

/// Calls `function(argument)`, which says itself when it is not in the runtime any more, and may then be abandoned.
/// Returns whether it returned; if not, `state.last` says why, the C++ runtime is as it was before the call, and the
/// runtime is in charge again.
[[nodiscard]] bool call_guarded(fault_state& state, void (*function)(void*), void* argument) noexcept;

/// The same for whatever can be called without arguments.
template <class Function>
[[nodiscard]] bool call_guarded(fault_state& state, Function&& function) noexcept {
    return call_guarded(
        state, [](void* what) { (*static_cast<std::remove_reference_t<Function>*>(what))(); }, &function);
}

}  // namespace tina::detail
