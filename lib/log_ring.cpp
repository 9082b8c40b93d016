// SPDX-License-Identifier: Apache-2.0
// Keeping log entries in a ring of bytes and writing them out as lines. An entry never wraps around: where it does not
// fit before the end of the memory, the rest is skipped.
#include "lib/log_ring.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include "lib/log_format.hpp"
#include "tina/assert.hpp"

namespace tina::detail {

struct alignas(16) log_ring::entry {
    std::uint32_t bytes = 0;  ///< of the whole entry, to the next
    std::uint32_t text_bytes = 0;
    std::int64_t wall_ns = 0;
    std::string_view type;
    std::uint32_t slot = 0;
    log_level level{};
    bool skip = false;  ///< no entry, but the rest of the memory

    [[nodiscard]] char* text() noexcept { return reinterpret_cast<char*>(this + 1); }
    [[nodiscard]] const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
};

namespace {

constexpr std::size_t text_bytes_least = 64;  ///< with less room an entry is dropped rather than cut off

constexpr std::size_t round_up(std::size_t value) noexcept { return (value + 15) / 16 * 16; }

}  // namespace

void log_ring::start(char* memory, std::size_t bytes, std::uint32_t shard, const log_options& options, log_sink& sink,
                     counters& counts) noexcept {
    memory_ = memory;
    capacity_ = bytes / 16 * 16;
    shard_ = shard;
    options_ = options;
    sink_ = &sink;
    counts_ = &counts;
}

std::span<char> log_ring::reserve(log_level level, std::string_view type, std::uint32_t slot) noexcept {
    static_assert(sizeof(entry) % 16 == 0);
    std::size_t at = tail_ % capacity_;
    std::size_t in_a_row = std::min(capacity_ - at, capacity_ - (tail_ - head_));
    const std::size_t least = sizeof(entry) + text_bytes_least;
    if (in_a_row < least && capacity_ - at == in_a_row && in_a_row < capacity_ - (tail_ - head_)) {
        if (in_a_row >= sizeof(entry)) {
            auto* const rest = new (memory_ + at) entry;
            rest->bytes = static_cast<std::uint32_t>(in_a_row);
            rest->skip = true;
        }
        tail_ += in_a_row;
        at = 0;
        in_a_row = capacity_ - (tail_ - head_);
    }
    if (in_a_row < least) return {};
    auto* const made = new (memory_ + at) entry;
    made->wall_ns = sink_->wall_ns();
    made->type = type;
    made->slot = slot;
    made->level = level;
    return {made->text(), std::min(in_a_row - sizeof(entry), log_text_bytes_max)};
}

std::span<char> log_ring::begin(log_level level, std::string_view type, std::uint32_t slot) noexcept {
    if (!wants(level)) return {};
    if (dropped_ > 0) report_dropped();
    const std::span<char> place = dropped_ > 0 ? std::span<char>{} : reserve(level, type, slot);
    if (place.empty()) {
        ++dropped_;
        counts_->log_entries_dropped.add();
    }
    return place;
}

void log_ring::end(std::size_t text_bytes) noexcept {
    auto* const made = std::launder(reinterpret_cast<entry*>(memory_ + tail_ % capacity_));
    made->text_bytes = static_cast<std::uint32_t>(text_bytes);
    made->bytes = static_cast<std::uint32_t>(round_up(sizeof(entry) + text_bytes));
    tail_ += made->bytes;
    counts_->log_entries.add();
}

void log_ring::write(log_level level, std::string_view type, std::uint32_t slot, std::string_view text) noexcept {
    const std::span<char> place = begin(level, type, slot);
    if (place.empty()) return;
    const std::size_t bytes = std::min(text.size(), place.size());
    std::memcpy(place.data(), text.data(), bytes);
    end(bytes);
}

void log_ring::report_dropped() noexcept {
    const std::span<char> place = reserve(log_level::warning, {}, 0);
    if (place.empty()) return;
    constexpr std::string_view before = "log full: ";
    constexpr std::string_view after = " entries dropped; raise log_bytes or log less";
    char* at = std::copy(before.begin(), before.end(), place.data());
    at = std::to_chars(at, place.data() + place.size(), dropped_).ptr;
    at = std::copy(after.begin(), after.end(), at);
    dropped_ = 0;
    end(static_cast<std::size_t>(at - place.data()));
}

bool log_ring::write_staged() noexcept {
    while (staged_begin_ < staged_end_) {
        const std::size_t took = sink_->write({staged_.data() + staged_begin_, staged_end_ - staged_begin_});
        if (took == 0) return false;
        staged_begin_ += took;
    }
    staged_begin_ = 0;
    staged_end_ = 0;
    return true;
}

void log_ring::stage(const entry& from) noexcept {
    const log_entry_view view{.wall_ns = from.wall_ns,
                              .level = static_cast<std::uint8_t>(from.level),
                              .shard = shard_,
                              .isolate_type = from.type,
                              .isolate_slot = from.slot,
                              .text = {from.text(), from.text_bytes}};
    const std::span<char> room{staged_.data() + staged_end_, staged_.size() - staged_end_ - 1};
    staged_end_ += options_.format == log_format::text ? format_log_text(room, view) : format_logfmt(room, view);
    staged_[staged_end_++] = '\n';
}

void log_ring::flush() noexcept {
    constexpr std::size_t line_bytes_max = 2048;
    if (!write_staged()) return;
    while (head_ != tail_) {
        const std::size_t at = head_ % capacity_;
        if (capacity_ - at < sizeof(entry)) {
            head_ += capacity_ - at;
            continue;
        }
        const entry& oldest = *std::launder(reinterpret_cast<const entry*>(memory_ + at));
        if (!oldest.skip) {
            if (staged_.size() - staged_end_ < line_bytes_max && !write_staged()) return;
            stage(oldest);
        }
        head_ += oldest.bytes;
    }
    if (!write_staged() || dropped_ == 0) return;
    report_dropped();
    if (dropped_ == 0) flush();
}

}  // namespace tina::detail
