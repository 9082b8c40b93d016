// SPDX-License-Identifier: Apache-2.0
// Writes one log entry as one line of text into memory that the caller gives. Owned by nobody, plain
// functions. They must never allocate, never write beyond the given memory, and never let a message look like
// two entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tina::detail {

/// One log entry, as it is about to be written.
struct log_entry_view {
    std::int64_t wall_ns;  ///< since 1970-01-01T00:00:00Z
    std::uint8_t level;    ///< 0..4: trace, debug, info, warning, error
    std::uint32_t shard;
    std::string_view isolate_type;  ///< empty: the runtime itself, written as "tina"
    std::uint32_t isolate_slot;
    std::string_view text;
};

/// Writes `2026-11-20T12:34:56.789012Z warning shard 0 connection#17: message`, without a newline at the end.
/// In type and message newline, carriage return and tab become `\n`, `\r` and `\t`; each byte of any other
/// control character, and each that is not UTF-8, becomes `\xNN`. Backslashes stay as they are: this form is
/// for people. What does not fit is left out, never part of a character, and `...` ends the line.
///
/// Yields: how many bytes were written.
/// Cost:   no allocation, no locale.
std::size_t format_log_text(std::span<char> out, const log_entry_view& entry) noexcept;

/// Writes `ts=2026-11-20T12:34:56.789012Z level=warning shard=0 isolate=connection#17 msg="message"`, without
/// a newline at the end. In quotes `"` and `\` have a backslash before them and the rest is escaped as in the
/// other form, so that each message can be read back byte by byte. The isolate is in quotes only where it
/// must be. What does not fit is left out, never part of a character; `...` ends the line, before a last `"`
/// if one was open.
///
/// Yields: how many bytes were written.
/// Cost:   no allocation, no locale.
std::size_t format_logfmt(std::span<char> out, const log_entry_view& entry) noexcept;

}  // namespace tina::detail
