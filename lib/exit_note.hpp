// SPDX-License-Identifier: Apache-2.0
// How the isolate that is ending ends: noted when it happens, read when it is taken apart, in the log, the counters and
// by those that watch it. One note for each shard, since one isolate ends at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tina/detail/slot.hpp"
#include "tina/exit_reason.hpp"
#include "tina/monitor.hpp"

namespace tina::detail {

struct shard;

struct exit_note {
    handle of;  ///< whose end this is; a note of another is none
    exit_reason reason{};
    std::int32_t signal = 0;
    std::uint64_t address = 0;
    std::uint32_t line = 0;  ///< 0: not known
    std::size_t text_bytes = 0;
    char text[120]{};
};

// Besides note_crash() and note_exception() of tina/detail/runtime.hpp:

/// Notes that a signal ended the isolate whose turn it is: it counts as crashed.
void note_fault(slot_header& self, int signal, std::uintptr_t address, std::string_view text) noexcept;
/// Notes that the isolate whose turn it is has been running for too long: it counts as crashed.
void note_budget(slot_header& self, std::string_view text) noexcept;
/// Notes that its supervisor ends an isolate: it counts as stopped.
void note_shutdown(slot_header& self) noexcept;

/// How an isolate that is ending ends.
[[nodiscard]] exit_reason reason_of(const slot_header& slot) noexcept;
/// What its watchers are told.
[[nodiscard]] down describe_end(const slot_header& slot) noexcept;
/// Counts its end by reason.
void count_end(shard& at, const slot_header& slot) noexcept;
/// Writes the log entry of a crash.
void log_crash(shard& at, const slot_header& slot) noexcept;

}  // namespace tina::detail
