// SPDX-License-Identifier: Apache-2.0
// Text in a signal handler: put together without the C library, written without waiting for a reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/code_map.hpp"

namespace tina::detail {

/// A line of text of limited length. What does not fit is cut off.
class report_line {
public:
    report_line& add(std::string_view text) noexcept;
    report_line& add_number(std::uint64_t value) noexcept;
    report_line& add_address(std::uintptr_t value) noexcept;
    /// An address in code, as `name+0x123`, which addr2line(1) takes; the mere address where it is unknown.
    report_line& add_code(const code_map& map, std::uintptr_t at) noexcept;

    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), bytes_}; }

private:
    std::array<char, 480> text_;
    std::size_t bytes_ = 0;
};

/// Writes a line to stderr. A reader who has stopped reading costs a tenth of a second, and the line.
void write_to_stderr(const report_line& line) noexcept;

/// "SIGSEGV", or "signal 42".
void add_signal_name(report_line& line, int signal) noexcept;
/// What happened, as "SIGSEGV: write to address 0x0".
void add_event(report_line& line, const fault_event& event) noexcept;

}  // namespace tina::detail
