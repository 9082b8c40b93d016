// SPDX-License-Identifier: Apache-2.0
// What the harness shows while it works, and the real time that it takes: one line that is overwritten on a terminal, a
// line now and then elsewhere. On the error stream, so that what a program prints stays clean. And Ctrl-C.
#pragma once

#include <cstdint>
#include <string>

namespace tina::sim::host {

/// Units: nanoseconds of real time since some moment.
[[nodiscard]] std::int64_t real_now_ns() noexcept;

/// Prints to the standard output.
void say(const std::string& text);
/// Hands on all that was printed. 0, or why some of it is lost, as errno; that nobody reads it is no reason.
[[nodiscard]] int flush_output() noexcept;

class progress_line {
public:
    progress_line();
    ~progress_line() { clear(); }
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;
    /// Whether it is time to show something again: four times a second on a terminal, else every twenty seconds.
    [[nodiscard]] bool is_due() const noexcept;
    void show(const std::string& text);
    /// Takes the line away, before something else is printed.
    void clear();

private:
    bool is_terminal_;
    bool is_shown_ = false;
    std::int64_t next_ns_;
};

/// While it lives, Ctrl-C and a polite end are noted instead of ending the process.
class interrupt_watch {
public:
    interrupt_watch();
    ~interrupt_watch();
    interrupt_watch(const interrupt_watch&) = delete;
    interrupt_watch& operator=(const interrupt_watch&) = delete;
    [[nodiscard]] static bool has_come() noexcept;
};

/// How many processors this process may use.
[[nodiscard]] unsigned processor_count() noexcept;
[[nodiscard]] bool is_input_terminal() noexcept;

}  // namespace tina::sim::host
