// SPDX-License-Identifier: Apache-2.0
// What a shard knows of the end of its system while it drains. A part of the shard.
#pragma once

#include <cstdint>
#include <vector>

namespace tina::detail {

/// A bit for each slot of a shard.
class slot_bits {
public:
    void start(std::uint32_t slots) { words_.assign(slots / 64 + 1, 0); }
    [[nodiscard]] bool test(std::uint32_t slot) const noexcept { return (words_[slot / 64] >> (slot % 64) & 1) != 0; }
    void set(std::uint32_t slot) noexcept { words_[slot / 64] |= std::uint64_t{1} << (slot % 64); }
    void clear(std::uint32_t slot) noexcept { words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64)); }

private:
    std::vector<std::uint64_t> words_;
};

struct drain_state {
    bool begun = false;
    bool still = false;                    ///< nothing has happened on this shard since its last vote
    std::uint64_t seen = 0;                ///< the board's word as it was last followed
    std::uint64_t voted = 0;               ///< the word of the round of its last vote
    std::int64_t deadline_ns = INT64_MAX;  ///< when it ends by force
    std::uint64_t notice_arrival = 0;      ///< when the message `tina::shutdown` came, among all messages
    slot_bits owed;                        ///< isolates that are still to be told: by the message, or an interruption
    slot_bits waited_out;                  ///< those in whose receive a deadline has come since
    std::uint32_t witness_type = 0;        ///< where an isolate was last found that keeps the system from its end
    std::uint32_t witness_slot = 0;        ///< of that type
};

}  // namespace tina::detail
