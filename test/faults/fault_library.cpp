// SPDX-License-Identifier: Apache-2.0
// The lock is none of the C library's, so that tina::guard does not see it either.
#include "fault_library.hpp"

#include <atomic>

namespace {

std::atomic_flag busy;
std::atomic<unsigned long> rounds{0};

}  // namespace

extern "C" [[gnu::visibility("default")]] void fault_library_call_back(void (*callback)()) {
    while (busy.test_and_set()) {}
    callback();
    busy.clear();
}

extern "C" [[gnu::visibility("default")]] void fault_library_loop() {
    for (;;) rounds.fetch_add(1);
}
