// SPDX-License-Identifier: Apache-2.0
// Starting a process and reading what the kernel knows of it. What it writes goes to memory files, so that a program
// that says much is never slowed down by a test that does not listen.
#include "process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace tina::test {

namespace {

constexpr int status_of_failed_start = 126;

void need(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

descriptor memory_file(const char* name, const std::string& content = {}) {
    descriptor made(memfd_create(name, MFD_CLOEXEC));
    need(made.get() >= 0, "memfd_create");
    const auto written = pwrite(made.get(), content.data(), content.size(), 0);
    need(written == static_cast<ssize_t>(content.size()), "writing a memory file");
    // Appending: the offset of a memory file is under no lock, and threads that write at once would meet there.
    need(fcntl(made.get(), F_SETFL, O_APPEND) == 0, "fcntl");
    return made;
}

// The process may go on writing with the offset that it shares with this descriptor: read by position only.
std::string content_of(const descriptor& file) {
    struct stat status{};
    need(fstat(file.get(), &status) == 0, "fstat");
    std::string content(static_cast<std::size_t>(status.st_size), '\0');
    const auto bytes = pread(file.get(), content.data(), content.size(), 0);
    content.resize(static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)));
    return content;
}

bool refuse(long call, int error) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Prepares the new process as `options` say. The filter comes last: it may refuse what is needed before.
bool prepare(const process_options& options, pid_t parent) {
    // A test that is killed takes its children with it; one that has gone already can no longer tell.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) return false;
    if (options.descriptors_max) {
        const rlimit limit{.rlim_cur = *options.descriptors_max, .rlim_max = *options.descriptors_max};
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    }
    return !options.refused_call || refuse(*options.refused_call, options.refused_with);
}

[[noreturn]] void become(const process_options& options, const std::array<int, 3>& standard, pid_t parent) {
    for (int number = 0; number < 3; ++number) dup2(standard[static_cast<std::size_t>(number)], number);
    // What whoever runs the tests has left open is not the program's: its descriptors are counted.
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    std::vector<char*> arguments;
    arguments.reserve(options.command.size() + 1);
    for (const std::string& argument : options.command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (prepare(options, parent)) execvp(arguments.front(), arguments.data());
    std::perror(arguments.front());
    _exit(status_of_failed_start);
}

std::string path_of(pid_t id, const char* name) { return "/proc/" + std::to_string(id) + "/" + name; }

// The numbers that are the names in a folder of /proc, ascending.
std::vector<int> numbers_in(const std::string& folder) {
    std::vector<int> numbers;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        numbers.push_back(std::stoi(entry.path().filename()));
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

}  // namespace

int deadline::remaining_ms() const {
    const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(at_ - clock::now());
    return static_cast<int>(std::max<std::int64_t>(remaining.count(), 0));
}

void descriptor::close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
}

process::process(const process_options& options)
    : input_(memory_file("input", options.input)), output_(memory_file("output")), errors_(memory_file("errors")) {
    const pid_t parent = getpid();
    id_ = fork();
    need(id_ >= 0, "fork");
    if (id_ == 0) become(options, {input_.get(), output_.get(), errors_.get()}, parent);
    // By number: glibc 2.36 declares pidfd_open for C alone.
    watch_ = descriptor(static_cast<int>(syscall(SYS_pidfd_open, id_, 0)));
    if (watch_.get() >= 0) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
    need(false, "pidfd_open");
}

process::~process() {
    // One that was moved from watches nothing.
    if (watch_.get() < 0 || status_) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
}

std::string process::output() const { return content_of(output_); }

std::string process::errors() const { return content_of(errors_); }

void process::signal(int number) const { need(kill(id_, number) == 0, "kill"); }

std::optional<int> process::wait(std::chrono::milliseconds patience) {
    if (status_) return status_;
    pollfd ended{.fd = watch_.get(), .events = POLLIN, .revents = 0};
    const deadline end(patience);
    int count = 0;
    do count = poll(&ended, 1, end.remaining_ms());
    while (count < 0 && errno == EINTR && !end.is_over());
    if (count <= 0) return std::nullopt;
    int status = 0;
    need(waitpid(id_, &status, 0) == id_, "waitpid");
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
}

std::size_t process::resident_bytes() const {
    std::ifstream file(path_of(id_, "statm"));
    std::size_t pages = 0;
    std::size_t resident_pages = 0;
    if (!(file >> pages >> resident_pages)) throw std::runtime_error("no statm of the process");
    return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t process::thread_count() const { return numbers_in(path_of(id_, "task")).size(); }

std::chrono::nanoseconds process::cpu_time() const {
    clockid_t clock{};
    timespec used{};
    errno = clock_getcpuclockid(id_, &clock);
    need(errno == 0, "clock_getcpuclockid");
    need(clock_gettime(clock, &used) == 0, "clock_gettime");
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::vector<std::chrono::nanoseconds> process::thread_cpu_times() const {
    std::vector<std::chrono::nanoseconds> times;
    for (const int thread : numbers_in(path_of(id_, "task"))) {
        std::ifstream file(path_of(id_, "task/") + std::to_string(thread) + "/schedstat");
        std::int64_t running_ns = 0;
        file >> running_ns;
        times.emplace_back(running_ns);
    }
    return times;
}

std::vector<int> process::open_descriptors() const { return numbers_in(path_of(id_, "fd")); }

void process::limit_descriptors(rlim_t count) const {
    rlimit limit{};
    need(prlimit(id_, RLIMIT_NOFILE, nullptr, &limit) == 0, "prlimit");
    limit.rlim_cur = std::min(count, limit.rlim_max);
    need(prlimit(id_, RLIMIT_NOFILE, &limit, nullptr) == 0, "prlimit");
}

}  // namespace tina::test
