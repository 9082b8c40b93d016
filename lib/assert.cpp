// SPDX-License-Identifier: Apache-2.0
// The report of a failed assertion, and the end of the process. It writes with write(2) only: anything else may be what
// is broken.
#include "tina/assert.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lib/fault_state.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

void assertion_failed(const char* condition, const char* text, const char* file, int line) noexcept {
    if (this_thread_faults != nullptr) this_thread_faults->hopeless = true;
    char report[1024];
    int bytes =
        std::snprintf(report, sizeof report, "tina: assertion failed: %s (%s) at %s:%d", text, condition, file, line);
    if (const shard* at = running_shard();
        at != nullptr && bytes > 0 && static_cast<std::size_t>(bytes) < sizeof report) {
        const auto used = static_cast<std::size_t>(bytes);
        const slot_header* const slot = at->current;
        const std::string_view type = slot == nullptr ? "the runtime" : at->types[slot->type].plan->what->name;
        bytes += std::snprintf(report + used, sizeof report - used, ", shard %u, running %.*s#%u, at %lld ns",
                               at->index, static_cast<int>(type.size()), type.data(),
                               slot == nullptr ? 0 : at->index_of_slot(*slot), static_cast<long long>(at->time_ns));
    }
    if (bytes > 0) {
        auto length =
            static_cast<std::size_t>(bytes) < sizeof report - 1 ? static_cast<std::size_t>(bytes) : sizeof report - 1;
        report[length++] = '\n';
        [[maybe_unused]] const auto wrote = write(STDERR_FILENO, report, length);
    }
    std::abort();
}

}  // namespace tina::detail
