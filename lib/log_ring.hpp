// SPDX-License-Identifier: Apache-2.0
// The log of a shard: entries are kept in a ring of bytes as handlers make them, and written out after the handlers
// have run. Owned by one shard. It must never block, never allocate, and never lose an entry without counting it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lib/counters.hpp"
#include "tina/log_level.hpp"
#include "tina/spec.hpp"

namespace tina::detail {

/// Where entries go, and what time it is there.
class log_sink {
public:
    log_sink() = default;
    log_sink(const log_sink&) = delete;
    log_sink& operator=(const log_sink&) = delete;
    virtual ~log_sink() = default;
    /// Takes whole lines, without waiting. Returns how many bytes it took; 0: none now.
    [[nodiscard]] virtual std::size_t write(std::span<const char> lines) noexcept = 0;
    /// Wall-clock time in nanoseconds since 1970.
    [[nodiscard]] virtual std::int64_t wall_ns() noexcept = 0;
};

inline constexpr std::size_t log_text_bytes_max = 1024;

class log_ring {
public:
    /// `memory`, `sink` and `counts` outlive the log.
    void start(char* memory, std::size_t bytes, std::uint32_t shard, const log_options& options, log_sink& sink,
               counters& counts) noexcept;

    [[nodiscard]] bool wants(log_level level) const noexcept { return level >= options_.level; }
    /// Room for the text of an entry; empty if it is filtered or dropped. `type` must live as long as the program;
    /// empty: the runtime itself.
    [[nodiscard]] std::span<char> begin(log_level level, std::string_view type, std::uint32_t slot) noexcept;
    /// Ends the entry begun last.
    void end(std::size_t text_bytes) noexcept;
    /// An entry in one call.
    void write(log_level level, std::string_view type, std::uint32_t slot, std::string_view text) noexcept;

    [[nodiscard]] bool empty() const noexcept { return head_ == tail_ && staged_end_ == staged_begin_; }
    /// What the wall clock says where the entries go.
    [[nodiscard]] std::int64_t wall_ns() const noexcept { return sink_->wall_ns(); }
    /// Writes out what the sink takes without waiting.
    void flush() noexcept;

private:
    struct entry;
    [[nodiscard]] std::span<char> reserve(log_level level, std::string_view type, std::uint32_t slot) noexcept;
    [[nodiscard]] bool write_staged() noexcept;
    void stage(const entry& from) noexcept;
    void report_dropped() noexcept;

    char* memory_ = nullptr;
    std::size_t capacity_ = 0;
    std::size_t head_ = 0;  ///< of the oldest entry; both count bytes since the start
    std::size_t tail_ = 0;
    std::uint64_t dropped_ = 0;  ///< since it was last reported
    std::uint32_t shard_ = 0;
    log_options options_;
    log_sink* sink_ = nullptr;
    counters* counts_ = nullptr;
    // Lines on their way to the sink: as many as a pipe takes in one piece.
    std::array<char, 4096> staged_;
    std::size_t staged_begin_ = 0;
    std::size_t staged_end_ = 0;
};

}  // namespace tina::detail
