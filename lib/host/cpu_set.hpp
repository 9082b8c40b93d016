// SPDX-License-Identifier: Apache-2.0
// Which CPUs this process may use, and how to stay on one: the affinity mask, limited by the control groups'
// CPU quota. Read once at boot. A file that is missing or that it cannot make sense of is no limit, never a
// failure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tina::detail {

/// The CPUs to use, in ascending order and at least one, and in one line why these.
struct cpu_choice {
    std::vector<int> cpus;
    std::string note;
};

/// The calling thread's affinity mask, but no more CPUs than the CPU quota pays for: 1.5 cores are 2, the
/// first two.
[[nodiscard]] cpu_choice usable_cpus();

/// The same with /proc and /sys looked for under `root`; empty: the system's own.
[[nodiscard]] cpu_choice usable_cpus(std::string_view root);

/// As many of `cpus` as the CPU quota pays for: the smallest among the process's control group and all above
/// it, of version 1 and version 2 alike.
[[nodiscard]] cpu_choice limit_cpus(std::vector<int> cpus, std::string_view root);

/// The CPUs in the calling thread's affinity mask, however many the machine has; CPU 0 if the kernel does not
/// tell.
[[nodiscard]] std::vector<int> affinity_cpus();

/// A quota in thousandths of a core, rounded up; nothing where there is no limit.
///
/// Source: cgroups(7); cpu.max, "150000 100000" or "max 100000", of version 2.
[[nodiscard]] std::optional<std::int64_t> parse_cpu_max(std::string_view content);

/// The same of version 1, where quota and period are files of their own and a quota of -1 is no limit.
///
/// Source: cgroups(7); cpu.cfs_quota_us and cpu.cfs_period_us.
[[nodiscard]] std::optional<std::int64_t> parse_cfs_quota(std::string_view quota_us, std::string_view period_us);

/// Writes "0-3,8" for 0, 1, 2, 3, 8.
[[nodiscard]] std::string cpu_ranges(const std::vector<int>& cpus);

/// Binds the calling thread to one CPU.
///
/// Yields: 0, or -errno: -EINVAL for a CPU that is not there or not allowed.
[[nodiscard]] int pin_this_thread(int cpu);

/// The NUMA node that a CPU belongs to; -1 if the system does not say.
[[nodiscard]] int numa_node_of(int cpu, std::string_view root = {});

}  // namespace tina::detail
