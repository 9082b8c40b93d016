// SPDX-License-Identifier: Apache-2.0
// A program under test as a process of its own: started with limits and filters, watched from outside through the
// kernel's books, never through the program's own. Owned by each test; it must never outlive the test, nor wait without
// a bound.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tina::test {

/// A moment by which something must have happened.
class deadline {
public:
    explicit deadline(std::chrono::milliseconds from_now) : at_(clock::now() + from_now) {}

    [[nodiscard]] bool is_over() const { return clock::now() >= at_; }
    /// For poll: rounded up, so that who waits so long finds it over.
    [[nodiscard]] int remaining_ms() const;

private:
    using clock = std::chrono::steady_clock;
    clock::time_point at_;
};

/// Whether `holds` becomes true in time.
template <class Condition>
[[nodiscard]] bool eventually(Condition holds, std::chrono::milliseconds patience) {
    const deadline end(patience);
    while (!holds()) {
        if (end.is_over()) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// A descriptor of this process, closed at the end.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) : number_(number) {}
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() { close(); }

    [[nodiscard]] int get() const { return number_; }
    void close();

private:
    int number_ = -1;
};

/// What a process gets before its program runs.
struct process_options {
    std::vector<std::string> command{};       ///< the program, then its arguments
    std::string input{};                      ///< what it finds on its standard input
    std::optional<rlim_t> descriptors_max{};  ///< RLIMIT_NOFILE, soft and hard; else as in this process
    std::optional<long> refused_call{};       ///< a system call that a seccomp filter answers with `refused_with`
    int refused_with = EPERM;
};

/// A process, killed at the end unless it has ended before.
class process {
public:
    explicit process(const process_options& options);
    process(process&&) noexcept = default;
    process& operator=(process&&) = delete;
    ~process();

    [[nodiscard]] pid_t id() const { return id_; }
    /// What it has written so far. It never waits for a reader.
    [[nodiscard]] std::string output() const;
    [[nodiscard]] std::string errors() const;

    void signal(int number) const;
    /// Its exit status, or 128 and the signal that ended it; nothing if it is still there after `patience`.
    [[nodiscard]] std::optional<int> wait(std::chrono::milliseconds patience);

    [[nodiscard]] std::size_t resident_bytes() const;
    [[nodiscard]] std::size_t thread_count() const;
    [[nodiscard]] std::chrono::nanoseconds cpu_time() const;
    /// Of each thread, by number.
    [[nodiscard]] std::vector<std::chrono::nanoseconds> thread_cpu_times() const;
    /// The numbers of its open descriptors, ascending.
    [[nodiscard]] std::vector<int> open_descriptors() const;
    /// Changes the soft RLIMIT_NOFILE of the running process.
    void limit_descriptors(rlim_t count) const;

private:
    descriptor input_;
    descriptor output_;
    descriptor errors_;
    descriptor watch_;
    pid_t id_ = -1;
    std::optional<int> status_;
};

}  // namespace tina::test
