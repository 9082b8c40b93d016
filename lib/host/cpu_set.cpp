// SPDX-License-Identifier: Apache-2.0
// Reads the affinity mask, the control groups' CPU quota and the NUMA node from the kernel. Owned by boot. It
// must never fail because of what such a file contains.
#include "lib/host/cpu_set.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace tina::detail {

namespace {

constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

/// A place where a hierarchy of control groups is mounted.
struct cgroup_mount {
    std::string point;  ///< the folder
    std::string root;   ///< the control group that is seen there
    bool version_2;
};

/// The smallest quota that was found, and the file that says so.
struct cpu_quota {
    std::int64_t milli_cores = no_limit;
    std::string source;
};

/// The file's content, empty if it cannot be read; what lies beyond the limit is left out.
std::string read_file(const std::string& path) {
    constexpr std::size_t bytes_max = std::size_t{4} << 20;
    std::string content;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) { return content; }
    std::array<char, 4096> part{};
    while (content.size() < bytes_max) {
        const ssize_t count = ::read(fd, part.data(), part.size());
        if (count <= 0 && !(count < 0 && errno == EINTR)) { break; }
        content.append(part.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    ::close(fd);
    return content;
}

/// Takes what is before the next `separator` off the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view taken = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return taken;
}

bool list_contains(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        if (take_until(list, ',') == wanted) { return true; }
    }
    return false;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t value = 0;
    const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || result.ec != std::errc{} || result.ptr != text.data() + text.size()) { return std::nullopt; }
    return value;
}

std::optional<std::int64_t> milli_cores(std::optional<std::int64_t> quota_us, std::optional<std::int64_t> period_us) {
    if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0 || *quota_us > no_limit / 1000 ||
        *period_us > no_limit / 1000) {
        return std::nullopt;
    }
    return (*quota_us * 1000 + *period_us - 1) / *period_us;
}

/// A path as mountinfo writes it: blank, tab, newline and backslash are three octal digits after a backslash.
std::string unescaped(std::string_view path) {
    std::string plain;
    for (std::size_t index = 0; index < path.size(); ++index) {
        unsigned value = 0;
        const char* const digits = path.data() + index + 1;
        if (path[index] == '\\' && index + 3 < path.size() &&
            std::from_chars(digits, digits + 3, value, 8).ptr == digits + 3) {
            plain += static_cast<char>(value);
            index += 3;
        } else {
            plain += path[index];
        }
    }
    return plain;
}

/// Source: proc_pid_mountinfo(5).
std::optional<cgroup_mount> parse_mount(std::string_view line) {
    constexpr std::string_view separator = " - ";
    const std::size_t middle = line.find(separator);
    if (middle == std::string_view::npos) { return std::nullopt; }
    std::string_view type_source_options = line.substr(middle + separator.size());
    const std::string_view type = take_until(type_source_options, ' ');
    take_until(type_source_options, ' ');
    const bool version_1 = type == "cgroup" && list_contains(type_source_options, "cpu");
    if (type != "cgroup2" && !version_1) { return std::nullopt; }
    std::string_view fields = line.substr(0, middle);
    for (int before_root = 0; before_root < 3; ++before_root) { take_until(fields, ' '); }
    const std::string_view root = take_until(fields, ' ');
    return cgroup_mount{unescaped(take_until(fields, ' ')), unescaped(root), !version_1};
}

std::vector<cgroup_mount> cgroup_mounts(std::string_view mountinfo) {
    std::vector<cgroup_mount> mounts;
    while (!mountinfo.empty()) {
        if (std::optional<cgroup_mount> mount = parse_mount(take_until(mountinfo, '\n'))) {
            mounts.push_back(std::move(*mount));
        }
    }
    if (mounts.empty()) {  // where distributions put them
        mounts.push_back({"/sys/fs/cgroup", "/", true});
        mounts.push_back({"/sys/fs/cgroup/cpu", "/", false});
    }
    return mounts;
}

/// The process's own control group in the hierarchy that decides about CPU time; "/" if it is not listed.
///
/// Source: cgroups(7), /proc/pid/cgroup: "hierarchy:controllers:path", version 2 without controllers.
std::string own_cgroup(std::string_view proc_cgroup, bool version_2) {
    while (!proc_cgroup.empty()) {
        std::string_view path = take_until(proc_cgroup, '\n');
        const std::string_view hierarchy = take_until(path, ':');
        const std::string_view controllers = take_until(path, ':');
        if (version_2 ? hierarchy == "0" && controllers.empty() : list_contains(controllers, "cpu")) {
            return std::string(path);
        }
    }
    return "/";
}

/// Where `cgroup` is seen below the mount's folder. A group outside of what is mounted (another namespace's
/// view) is taken for the mounted one.
std::string path_below(const cgroup_mount& mount, std::string_view cgroup) {
    const std::string root = mount.root == "/" ? std::string() : mount.root;
    const bool inside = cgroup.starts_with(root) && (cgroup.size() == root.size() || cgroup[root.size()] == '/');
    if (!inside || cgroup.find("/..") != std::string_view::npos) { return {}; }
    std::string path(cgroup.substr(root.size()));
    while (path.ends_with('/')) { path.pop_back(); }
    return path;
}

void note_quota(cpu_quota& smallest, std::optional<std::int64_t> milli, const std::string& source) {
    if (milli && *milli < smallest.milli_cores) { smallest = {*milli, source}; }
}

void look_in_group(cpu_quota& smallest, std::string_view root, const std::string& folder, bool version_2) {
    const std::string file = folder + (version_2 ? "/cpu.max" : "/cpu.cfs_quota_us");
    const std::string content = read_file(std::string(root) + file);
    if (version_2) {
        note_quota(smallest, parse_cpu_max(content), file);
    } else {
        const std::string period_us = read_file(std::string(root) + folder + "/cpu.cfs_period_us");
        note_quota(smallest, parse_cfs_quota(content, period_us), file);
    }
}

cpu_quota smallest_quota(std::string_view root) {
    const std::string proc_cgroup = read_file(std::string(root) + "/proc/self/cgroup");
    cpu_quota smallest;
    for (const cgroup_mount& mount : cgroup_mounts(read_file(std::string(root) + "/proc/self/mountinfo"))) {
        std::string below = path_below(mount, own_cgroup(proc_cgroup, mount.version_2));
        while (!below.empty()) {
            look_in_group(smallest, root, mount.point + below, mount.version_2);
            below.resize(below.rfind('/') == std::string::npos ? 0 : below.rfind('/'));
        }
        look_in_group(smallest, root, mount.point, mount.version_2);
    }
    return smallest;
}

/// 1500 as "1.5 cores".
std::string cores_text(std::int64_t milli) {
    std::string text = std::to_string(milli / 1000);
    if (milli % 1000 != 0) {
        text += "." + std::to_string(1000 + milli % 1000).substr(1);
        text.resize(text.find_last_not_of('0') + 1);
    }
    return text + (milli == 1000 ? " core" : " cores");
}

/// Words of the kernel's CPU masks, with room for `cpu_count`.
constexpr std::size_t mask_word_bits = sizeof(unsigned long) * CHAR_BIT;
std::vector<unsigned long> mask_for(std::size_t cpu_count) {
    return std::vector<unsigned long>((cpu_count + mask_word_bits - 1) / mask_word_bits);
}

constexpr std::size_t cpu_count_max = std::size_t{1} << 20;  // far beyond what Linux can be configured for

std::vector<int> cpus_in(std::span<const unsigned long> mask) {
    std::vector<int> cpus;
    for (std::size_t cpu = 0; cpu < mask.size() * mask_word_bits; ++cpu) {
        if ((mask[cpu / mask_word_bits] >> (cpu % mask_word_bits) & 1) != 0) { cpus.push_back(static_cast<int>(cpu)); }
    }
    return cpus;
}

}  // namespace

std::optional<std::int64_t> parse_cpu_max(std::string_view content) {
    content = trimmed(content);
    const std::optional<std::int64_t> quota_us = parse_number(take_until(content, ' '));
    return milli_cores(quota_us, parse_number(content));
}

std::optional<std::int64_t> parse_cfs_quota(std::string_view quota_us, std::string_view period_us) {
    return milli_cores(parse_number(trimmed(quota_us)), parse_number(trimmed(period_us)));
}

std::string cpu_ranges(const std::vector<int>& cpus) {
    std::string text;
    for (std::size_t first = 0; first < cpus.size();) {
        std::size_t last = first;
        while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) { ++last; }
        text += (text.empty() ? "" : ",") + std::to_string(cpus[first]);
        if (last > first) { text += "-" + std::to_string(cpus[last]); }
        first = last + 1;
    }
    return text;
}

std::vector<int> affinity_cpus() {
    // The kernel refuses a mask smaller than its own with EINVAL and does not say how large that is.
    for (std::size_t cpu_count = 1024; cpu_count <= cpu_count_max; cpu_count *= 2) {
        std::vector<unsigned long> mask = mask_for(cpu_count);
        auto* const bits = reinterpret_cast<cpu_set_t*>(mask.data());
        if (::sched_getaffinity(0, mask.size() * sizeof(unsigned long), bits) == 0) {
            std::vector<int> cpus = cpus_in(mask);
            return cpus.empty() ? std::vector<int>{0} : cpus;
        }
        if (errno != EINVAL) { break; }
    }
    return {0};
}

cpu_choice limit_cpus(std::vector<int> cpus, std::string_view root) {
    const std::string all = std::to_string(cpus.size());
    const cpu_quota quota = smallest_quota(root);
    if (quota.milli_cores == no_limit) {
        std::string note = "CPUs " + cpu_ranges(cpus) + ": the affinity mask; no CPU quota";
        return {std::move(cpus), std::move(note)};
    }
    const std::string source = "a CPU quota of " + cores_text(quota.milli_cores) + " in " + quota.source;
    const auto paid_for = static_cast<std::uint64_t>((quota.milli_cores - 1) / 1000 + 1);
    if (paid_for >= cpus.size()) {
        std::string note = "CPUs " + cpu_ranges(cpus) + ": the affinity mask; " + source + " allows as many";
        return {std::move(cpus), std::move(note)};
    }
    cpus.resize(static_cast<std::size_t>(paid_for));
    std::string note = "CPUs " + cpu_ranges(cpus) + ": of " + all + " in the affinity mask, limited by " + source;
    return {std::move(cpus), std::move(note)};
}

cpu_choice usable_cpus(std::string_view root) { return limit_cpus(affinity_cpus(), root); }

cpu_choice usable_cpus() { return usable_cpus({}); }

int pin_this_thread(int cpu) {
    if (cpu < 0 || static_cast<std::size_t>(cpu) >= cpu_count_max) { return -EINVAL; }
    const auto index = static_cast<std::size_t>(cpu);
    std::vector<unsigned long> mask = mask_for(index + 1);
    mask[index / mask_word_bits] = 1ul << (index % mask_word_bits);
    auto* const bits = reinterpret_cast<cpu_set_t*>(mask.data());
    return ::sched_setaffinity(0, mask.size() * sizeof(unsigned long), bits) == 0 ? 0 : -errno;
}

int numa_node_of(int cpu, std::string_view root) {
    const std::string folder = std::string(root) + "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
    const auto close = [](DIR* open) { ::closedir(open); };
    const std::unique_ptr<DIR, decltype(close)> entries(::opendir(folder.c_str()), close);
    if (!entries) { return -1; }
    constexpr std::string_view prefix = "node";
    while (const dirent* const entry = ::readdir(entries.get())) {
        const std::string_view name = entry->d_name;
        const std::optional<std::int64_t> node =
            name.starts_with(prefix) ? parse_number(name.substr(prefix.size())) : std::nullopt;
        if (node && *node >= 0 && *node <= INT_MAX) { return static_cast<int>(*node); }
    }
    return -1;
}

}  // namespace tina::detail
