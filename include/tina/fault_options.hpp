// SPDX-License-Identifier: Apache-2.0
// What becomes of a handler that faults or does not end: part of the spec of a system.
#pragma once

#include <chrono>
#include <cstdint>

#include "tina/time.hpp"

namespace tina {

/// Whether a hardware fault, an abort() or a handler that does not end costs its isolate only.
enum class containment : std::uint8_t {
    automatic,  ///< on, where it works; off in builds with a sanitizer, where a fault should be the sanitizer's report
    on,         ///< on; boot fails where it does not work, under a debugger's emulation for instance
    off,        ///< signals are left alone: a fault does what it does in any program
};

/// The containment of faults. tina installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, a terminate
/// handler, and one for a real-time signal, and puts back what was there when the last system has stopped. What happens
/// on threads that are no shards goes to whatever handler was there before.
struct fault_options {
    /// Whether faults are contained.
    containment contain = containment::automatic;
    /// Contains also what cannot be contained soundly, such as a fault inside a library that may hold a lock. What
    /// follows may be a hang, or worse: for experiments.
    bool contain_anyway = false;
    /// CPU time of one activation after which its isolate is ended at its next `co_yield`, destructors running; 0:
    /// none.
    duration soft_budget = std::chrono::milliseconds{250};
    /// CPU time of one activation after which its isolate is ended where it is, as soon as that is sound; 0: none.
    duration hard_budget = std::chrono::milliseconds{500};
    /// Time of one activation, spent waiting or computing, after which the process is ended with a report; 0: none.
    /// Time for which the process was stopped does not count.
    duration stall_limit = std::chrono::seconds{10};
};

}  // namespace tina
