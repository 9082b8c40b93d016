// SPDX-License-Identifier: Apache-2.0
// The screen, real time, and Ctrl-C.
#include "sim/host/terminal.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tina::sim::host {

namespace {

constexpr std::int64_t on_terminal_ns = 250'000'000;
constexpr std::int64_t elsewhere_ns = 20'000'000'000;

/// Written by the signal handler, read by the loop that it interrupts.
volatile std::sig_atomic_t interrupted = 0;

void note_interrupt(int) noexcept { interrupted = 1; }

[[nodiscard]] bool is_terminal() noexcept {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

[[nodiscard]] std::size_t columns() noexcept {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80u;
}

/// errno of the first print that failed: the stream itself says only that one has.
int output_error = 0;

[[nodiscard]] bool has_reader() noexcept {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    return ::poll(&output, 1, 0) < 0 || (output.revents & POLLERR) == 0;
}

}  // namespace

void say(const std::string& text) {
    if (std::fputs(text.c_str(), stdout) < 0 && output_error == 0) output_error = errno;
}

int flush_output() noexcept {
    errno = 0;
    if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
    if (std::ferror(stdout) != 0 && output_error == 0) output_error = EIO;
    return output_error == EPIPE || (output_error != 0 && !has_reader()) ? 0 : output_error;
}

std::int64_t real_now_ns() noexcept {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

progress_line::progress_line()
    : is_terminal_(is_terminal()), next_ns_(real_now_ns() + (is_terminal_ ? on_terminal_ns : elsewhere_ns)) {}

bool progress_line::is_due() const noexcept { return real_now_ns() >= next_ns_; }

void progress_line::show(const std::string& text) {
    next_ns_ = real_now_ns() + (is_terminal_ ? on_terminal_ns : elsewhere_ns);
    if (is_terminal_) std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(columns() - 1), text.c_str());
    else std::fprintf(stderr, "%s\n", text.c_str());
    std::fflush(stderr);
    is_shown_ = is_terminal_;
}

void progress_line::clear() {
    if (!is_shown_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    is_shown_ = false;
}

interrupt_watch::interrupt_watch() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = note_interrupt;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

interrupt_watch::~interrupt_watch() {
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
}

bool interrupt_watch::has_come() noexcept { return interrupted != 0; }

unsigned processor_count() noexcept {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (::sched_getaffinity(0, sizeof mine, &mine) != 0) return 1;
    const int count = CPU_COUNT(&mine);
    return count < 1 ? 1u : static_cast<unsigned>(count);
}

bool is_input_terminal() noexcept { return ::isatty(STDIN_FILENO) == 1; }

}  // namespace tina::sim::host
