// SPDX-License-Identifier: Apache-2.0
// Digits, names of signals, and write(2).
#include "lib/fault_text.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace tina::detail {

namespace {

constexpr int patience_ms = 100;

[[nodiscard]] std::string_view cause_of(const fault_event& event) noexcept {
    switch (event.signal) {
    case SIGFPE:
        if (event.code == FPE_INTDIV) return "division of an integer by zero";
        if (event.code == FPE_INTOVF) return "integer overflow";
        return "arithmetic error";
    case SIGILL: return "illegal instruction";
    case SIGABRT: return "abort()";
    case SIGBUS: return event.code == BUS_ADRALN ? "misaligned access" : "access to what is not there";
    default: return {};
    }
}

}  // namespace

report_line& report_line::add(std::string_view text) noexcept {
    const std::size_t bytes = std::min(text.size(), text_.size() - bytes_ - 1);  // room for the newline
    std::memcpy(text_.data() + bytes_, text.data(), bytes);
    bytes_ += bytes;
    return *this;
}

report_line& report_line::add_number(std::uint64_t value) noexcept {
    char digits[20];
    std::size_t at = sizeof digits;
    do {
        digits[--at] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return add({digits + at, sizeof digits - at});
}

report_line& report_line::add_address(std::uintptr_t value) noexcept {
    char digits[16];
    std::size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % 16];
        value /= 16;
    } while (value != 0);
    return add("0x").add({digits + at, sizeof digits - at});
}

report_line& report_line::add_code(const code_map& map, std::uintptr_t at) noexcept {
    const code_range* const code = map.find(at);
    if (code == nullptr) return add_address(at);
    return add(code->name.data()).add("+").add_address(at - code->base);
}

void write_to_stderr(const report_line& line) noexcept {
    std::array<char, 481> text;
    const std::size_t bytes = line.text().size();
    std::memcpy(text.data(), line.text().data(), bytes);
    text[bytes] = '\n';
    pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (poll(&ready, 1, patience_ms) != 1) return;
    [[maybe_unused]] const auto wrote = write(STDERR_FILENO, text.data(), bytes + 1);
}

void add_signal_name(report_line& line, int signal) noexcept {
    switch (signal) {
    case SIGSEGV: line.add("SIGSEGV"); return;
    case SIGBUS: line.add("SIGBUS"); return;
    case SIGFPE: line.add("SIGFPE"); return;
    case SIGILL: line.add("SIGILL"); return;
    case SIGABRT: line.add("SIGABRT"); return;
    default: line.add("signal ").add_number(static_cast<std::uint64_t>(signal)); return;
    }
}

void add_event(report_line& line, const fault_event& event) noexcept {
    if (event.is_stall) {
        line.add("a handler blocks its shard");
        return;
    }
    if (event.signal == 0) {
        line.add("CPU budget exceeded: ").add_number(static_cast<std::uint64_t>(event.cpu_ns / 1'000'000));
        line.add(" ms in one activation");
        return;
    }
    add_signal_name(line, event.signal);
    line.add(": ");
    if (event.is_overflow) {
        line.add("stack overflow");
    } else if (const std::string_view cause = cause_of(event); !cause.empty()) {
        line.add(cause);
    } else if (event.code == SI_KERNEL) {
        line.add("access to an address that cannot be one");  // the processor does not tell which
    } else if (event.signal == SIGSEGV) {
        line.add(event.is_write ? "write to address " : "read of address ").add_address(event.address);
    } else {
        line.add("code ").add_number(static_cast<std::uint64_t>(event.code));
    }
}

}  // namespace tina::detail
