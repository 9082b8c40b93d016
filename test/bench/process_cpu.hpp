// SPDX-License-Identifier: Apache-2.0
//
// The processor time of another process, as exactly as /proc tells it. Owned by the load generator; it must
// never stop or slow down the process it looks at.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace tina::bench {

/// Processor time since a process started, or between two readings.
struct cpu_time {
    double total_ns = 0;  ///< exact where the kernel keeps schedstat, else in clock ticks
    double user_ns = 0;   ///< in clock ticks (10 ms), sampled by the kernel: only long runs say anything
};

namespace proc {

// Sums the run time of all threads. A kernel without scheduler statistics reports zero.
inline double schedstat_ns(int pid) {
    double sum_ns = 0;
    std::error_code error;
    const std::string folder = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& thread : std::filesystem::directory_iterator(folder, error)) {
        std::ifstream file(thread.path() / "schedstat");
        double running_ns = 0;
        if (file >> running_ns) sum_ns += running_ns;
    }
    return sum_ns;
}

struct ticks {
    double user = 0;
    double system = 0;
};

// Fields 14 and 15 of /proc/PID/stat; the name before them may contain blanks and brackets, so count from its
// end.
inline std::optional<ticks> stat_ticks(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    ticks found;
    if (!(fields >> found.user >> found.system)) return std::nullopt;
    return found;
}

}  // namespace proc

/// What process `pid` has used so far; nothing when there is no such process.
inline std::optional<cpu_time> cpu_time_of(int pid) {
    const auto ticks = proc::stat_ticks(pid);
    if (!ticks) return std::nullopt;
    const double ns_per_tick = 1e9 / static_cast<double>(sysconf(_SC_CLK_TCK));
    const double exact_ns = proc::schedstat_ns(pid);
    const double ticks_ns = (ticks->user + ticks->system) * ns_per_tick;
    return cpu_time{.total_ns = exact_ns > 0 ? exact_ns : ticks_ns, .user_ns = ticks->user * ns_per_tick};
}

}  // namespace tina::bench
