// SPDX-License-Identifier: Apache-2.0
// Tests of the choice of CPUs: quotas of both versions of control groups in made-up /proc and /sys trees, and
// the real affinity mask. Owned by the unit tests. They must never depend on how many CPUs the machine has.
#include "lib/host/cpu_set.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <sched.h>

namespace {

using tina::detail::cpu_choice;
using tina::detail::limit_cpus;
using tina::detail::parse_cfs_quota;
using tina::detail::parse_cpu_max;

/// A folder that stands for the root of the file system.
class made_up_root {
public:
    made_up_root() {
        std::string name = (std::filesystem::temp_directory_path() / "tina-cpu-set-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) { throw std::runtime_error("no temporary folder"); }
        path_ = name;
    }
    ~made_up_root() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    made_up_root(const made_up_root&) = delete;
    made_up_root& operator=(const made_up_root&) = delete;

    made_up_root& with(const std::string& file, std::string_view content) {
        const std::filesystem::path path = path_ + file;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << content;
        return *this;
    }

    made_up_root& version_2(std::string_view own_cgroup) {
        with("/proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n"
                                     "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
        return with("/proc/self/cgroup", "0::" + std::string(own_cgroup) + "\n");
    }

    cpu_choice limit(int cpu_count) const {
        std::vector<int> cpus;
        for (int cpu = 0; cpu < cpu_count; ++cpu) { cpus.push_back(cpu); }
        return limit_cpus(cpus, path_);
    }

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::vector<int> mask_of_this_thread() {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    std::vector<int> cpus;
    if (::sched_getaffinity(0, sizeof mask, &mask) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &mask)) { cpus.push_back(cpu); }
        }
    }
    return cpus;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cpu_set_test)

BOOST_AUTO_TEST_CASE(a_quota_is_read_in_thousandths_of_a_core_rounded_up) {
    BOOST_TEST(parse_cpu_max("150000 100000\n").value_or(-1) == 1500);
    BOOST_TEST(parse_cpu_max("1 3").value_or(-1) == 334);
    BOOST_TEST(parse_cpu_max("1000 1000000").value_or(-1) == 1);
    BOOST_TEST(parse_cfs_quota("400000\n", "100000\n").value_or(-1) == 4000);
}

BOOST_AUTO_TEST_CASE(what_is_no_quota_is_no_limit) {
    for (const std::string_view content :
         {"max 100000\n", "", "\n", "max", "150000", "150000 ", "0 100000", "-1 100000", "150000 0", "150000 -5",
          "1.5 100000", "150000 100000 7", "x y", "99999999999999999999 1", "9223372036854775807 1"}) {
        BOOST_TEST(!parse_cpu_max(content).has_value(), content);
    }
    BOOST_TEST(!parse_cfs_quota("-1\n", "100000\n").has_value());
    BOOST_TEST(!parse_cfs_quota("", "").has_value());
    BOOST_TEST(!parse_cfs_quota("50000", "").has_value());
}

BOOST_AUTO_TEST_CASE(one_and_a_half_cores_are_two_cpus_and_the_note_says_why) {
    made_up_root root;
    root.version_2("/service").with("/sys/fs/cgroup/service/cpu.max", "150000 100000\n");
    const cpu_choice choice = root.limit(4);
    BOOST_TEST(choice.cpus == (std::vector<int>{0, 1}), boost::test_tools::per_element());
    BOOST_TEST(choice.note == "CPUs 0-1: of 4 in the affinity mask, limited by a CPU quota of 1.5 cores in "
                              "/sys/fs/cgroup/service/cpu.max");
}

BOOST_AUTO_TEST_CASE(every_quota_leaves_at_least_one_cpu_and_none_adds_one) {
    struct quota_case {
        const char* cpu_max;
        std::size_t expected;
    };
    for (const quota_case& tried : {quota_case{"1000 1000000", 1},
                                    {"99999 100000", 1},
                                    {"100000 100000", 1},
                                    {"100001 100000", 2},
                                    {"300000 100000", 3},
                                    {"400000 100000", 4},
                                    {"6400000 100000", 4},
                                    {"9223372036854775 1", 4},
                                    {"max 100000", 4}}) {
        made_up_root root;
        root.version_2("/").with("/sys/fs/cgroup/cpu.max", tried.cpu_max);
        BOOST_TEST(root.limit(4).cpus.size() == tried.expected, tried.cpu_max);
    }
}

BOOST_AUTO_TEST_CASE(the_smallest_quota_among_the_ancestors_counts) {
    made_up_root root;
    root.version_2("/a/b/c");
    root.with("/sys/fs/cgroup/a/b/c/cpu.max", "700000 100000");
    root.with("/sys/fs/cgroup/a/b/cpu.max", "max 100000");
    root.with("/sys/fs/cgroup/a/cpu.max", "100000 50000");
    root.with("/sys/fs/cgroup/other/cpu.max", "1000 100000");
    const cpu_choice choice = root.limit(8);
    BOOST_TEST(choice.cpus.size() == 2u);
    BOOST_TEST(choice.note.find("2 cores in /sys/fs/cgroup/a/cpu.max") != std::string::npos, choice.note);
}

BOOST_AUTO_TEST_CASE(a_quota_of_version_1_counts_wherever_its_hierarchy_is_mounted) {
    made_up_root root;
    root.with("/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
                                      "33 31 0:30 / /sys/fs/cgroup/set rw - cgroup cgroup rw,cpuset\n"
                                      "32 31 0:29 / /odd\\040place rw - cgroup cgroup rw,cpu,cpuacct\n");
    root.with("/proc/self/cgroup", "3:cpuset:/elsewhere\n2:cpuacct,cpu:/box\n0::/\n");
    root.with("/odd place/box/cpu.cfs_quota_us", "50000\n").with("/odd place/box/cpu.cfs_period_us", "100000\n");
    root.with("/odd place/cpu.cfs_quota_us", "-1\n").with("/odd place/cpu.cfs_period_us", "100000\n");
    const cpu_choice choice = root.limit(3);
    BOOST_TEST(choice.cpus == std::vector<int>{0}, boost::test_tools::per_element());
    BOOST_TEST(choice.note.find("0.5 cores in /odd place/box/cpu.cfs_quota_us") != std::string::npos, choice.note);
}

BOOST_AUTO_TEST_CASE(a_container_sees_its_own_group_at_the_mount) {
    made_up_root root;
    root.with("/proc/self/mountinfo", "30 23 0:26 /docker/4711 /sys/fs/cgroup ro master:4 - cgroup2 cgroup rw\n");
    root.with("/proc/self/cgroup", "0::/docker/4711/inner\n");
    root.with("/sys/fs/cgroup/inner/cpu.max", "200000 100000\n");
    BOOST_TEST(root.limit(4).cpus.size() == 2u);
    root.with("/proc/self/cgroup", "0::/docker/47111/inner\n");  // another group, whose name begins alike
    root.with("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    BOOST_TEST(root.limit(4).cpus.size() == 3u);
    root.with("/proc/self/cgroup", "0::/../outside\n");
    BOOST_TEST(root.limit(4).cpus.size() == 3u);
}

BOOST_AUTO_TEST_CASE(without_a_list_of_mounts_the_usual_places_are_looked_at) {
    made_up_root root;
    root.with("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    const cpu_choice choice = root.limit(4);
    BOOST_TEST(choice.cpus.size() == 1u);
    BOOST_TEST(choice.note.find("1 core in") != std::string::npos, choice.note);
    made_up_root older;
    older.with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    older.with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    BOOST_TEST(older.limit(4).cpus.size() == 3u);
}

BOOST_AUTO_TEST_CASE(missing_and_senseless_files_are_no_limit) {
    BOOST_TEST(limit_cpus({0, 1, 5}, "/nonexistent/root").note == "CPUs 0-1,5: the affinity mask; no CPU quota");
    for (const std::string_view senseless :
         {" - ", "- cgroup2", " - cgroup2 ", "1 2 3 - cgroup2 x rw\n\n - \n", "\n\n",
          "1 2 0:1 / /sys/fs/cgroup\\ rw - cgroup2 x rw\n", "\\04 - cgroup rw cpu"}) {
        made_up_root root;
        root.with("/proc/self/mountinfo", senseless).with("/proc/self/cgroup", senseless);
        BOOST_TEST(root.limit(3).cpus.size() == 3u, senseless);
    }
    made_up_root folders;  // each file is a folder
    folders.with("/proc/self/cgroup/x", "").with("/proc/self/mountinfo/x", "").with("/sys/fs/cgroup/cpu.max/x", "");
    BOOST_TEST(folders.limit(3).cpus.size() == 3u);
}

BOOST_AUTO_TEST_CASE(cpus_are_written_as_ranges) {
    BOOST_TEST(tina::detail::cpu_ranges({}) == "");
    BOOST_TEST(tina::detail::cpu_ranges({3}) == "3");
    BOOST_TEST(tina::detail::cpu_ranges({0, 1}) == "0-1");
    BOOST_TEST(tina::detail::cpu_ranges({0, 2, 3, 4, 9, 1500, 1501}) == "0,2-4,9,1500-1501");
}

BOOST_AUTO_TEST_CASE(the_affinity_mask_is_that_of_the_thread) {
    const std::vector<int> mask = mask_of_this_thread();
    if (!mask.empty()) {  // empty: more CPUs than this test's own fixed mask has
        BOOST_TEST(tina::detail::affinity_cpus() == mask, boost::test_tools::per_element());
    }
    const cpu_choice choice = tina::detail::usable_cpus();
    BOOST_TEST(!choice.cpus.empty());
    BOOST_TEST(!choice.note.empty());
    BOOST_TEST(tina::detail::usable_cpus("/nonexistent/root").cpus == tina::detail::affinity_cpus(),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_pinned_thread_has_one_cpu_and_a_cpu_that_is_not_there_is_refused) {
    const std::vector<int> before = tina::detail::affinity_cpus();
    std::vector<int> pinned;
    std::vector<int> answers;
    std::thread([&] {
        answers.push_back(tina::detail::pin_this_thread(before.back()));
        pinned = tina::detail::affinity_cpus();
        for (const int absent : {-1, 1 << 19, 1 << 20, 2'000'000'000}) {
            answers.push_back(tina::detail::pin_this_thread(absent));
        }
    }).join();
    BOOST_TEST(answers == (std::vector<int>{0, -EINVAL, -EINVAL, -EINVAL, -EINVAL}), boost::test_tools::per_element());
    BOOST_TEST(pinned == std::vector<int>{before.back()}, boost::test_tools::per_element());
    BOOST_TEST(tina::detail::affinity_cpus() == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_numa_node_is_the_folder_of_that_name) {
    made_up_root root;
    root.with("/sys/devices/system/cpu/cpu5/node3/x", "").with("/sys/devices/system/cpu/cpu5/topology/x", "");
    root.with("/sys/devices/system/cpu/cpu6/node/x", "").with("/sys/devices/system/cpu/cpu6/nodex1/x", "");
    root.with("/sys/devices/system/cpu/cpu6/node99999999999/x", "");
    BOOST_TEST(tina::detail::numa_node_of(5, root.path()) == 3);
    BOOST_TEST(tina::detail::numa_node_of(6, root.path()) == -1);
    BOOST_TEST(tina::detail::numa_node_of(7, root.path()) == -1);
    BOOST_TEST(tina::detail::numa_node_of(tina::detail::affinity_cpus().front()) >= -1);
}

BOOST_AUTO_TEST_SUITE_END()
