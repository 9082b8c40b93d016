// SPDX-License-Identifier: Apache-2.0
// Where the shards of a system agree how it ends: one word that says how far the end has come, and the votes of shards
// that have nothing to do. Owned by the fabric. Nobody waits here for anybody; who changes the word wakes all.
#pragma once

#include <atomic>
#include <cstdint>

namespace tina::detail {

enum class stop_stage : std::uint8_t {
    running,
    draining,  ///< in rounds of votes
    drained,   ///< nothing is left to be done on any shard
    forced,    ///< whatever is left
};

class stop_board {
public:
    /// How far the end has come: a stage, and the round of votes. Whoever has seen a word has seen all that led to it.
    // Acquire: partner is the release of whoever changed it.
    [[nodiscard]] std::uint64_t word() const noexcept { return word_.load(std::memory_order_acquire); }
    [[nodiscard]] static stop_stage stage_of(std::uint64_t word) noexcept { return static_cast<stop_stage>(word & 3); }
    [[nodiscard]] stop_stage stage() const noexcept { return stage_of(word()); }

    /// From running to draining. False if that has been.
    bool begin() noexcept { return change(word_of(stop_stage::running, 0), word_of(stop_stage::draining, 1)); }
    /// Ends it by force. False if it has ended.
    bool force() noexcept {
        for (std::uint64_t seen = word(); stage_of(seen) < stop_stage::drained;) {
            if (change(seen, word_of(stop_stage::forced, 0))) return true;
            seen = word();
        }
        return false;
    }
    /// A shard has nothing to do, in the round that `seen` tells; at most one vote of each shard in each. `still`:
    /// nothing has happened there since its vote in the round before. True if the word has changed with it: all have
    /// voted.
    [[nodiscard]] bool vote(std::uint64_t seen, bool still, std::uint32_t shard_count) noexcept {
        // Acquire and release: the last one to vote has seen all that the others had seen before theirs.
        const std::uint32_t mine = still ? still_vote + 1 : 1;
        const std::uint32_t votes = votes_.fetch_add(mine, std::memory_order_acq_rel) + mine;
        if (votes % still_vote != shard_count) return false;
        // Nobody votes before the word has changed.
        votes_.store(0, std::memory_order_relaxed);
        const bool all_still = votes / still_vote == shard_count;
        const auto next = all_still ? word_of(stop_stage::drained, 0) : seen + (std::uint64_t{1} << round_shift);
        return change(seen, next);
    }

    /// The moment at which draining ends by force: the first one that a shard names is that of all.
    [[nodiscard]] std::int64_t agree_on_deadline(std::int64_t proposed_ns) noexcept {
        std::int64_t agreed = 0;
        // Relaxed: the number alone counts.
        return deadline_ns_.compare_exchange_strong(agreed, proposed_ns, std::memory_order_relaxed) ? proposed_ns
                                                                                                    : agreed;
    }
    /// Whether one more line may be logged about those that were ended by force.
    [[nodiscard]] bool may_report() noexcept {
        return reports_.fetch_add(1, std::memory_order_relaxed) < reports_max;  // a count, with nothing behind it
    }

private:
    static constexpr std::uint32_t round_shift = 2;
    static constexpr std::uint32_t still_vote = 1u << 16;  ///< votes of shards that were still count above this
    static constexpr std::uint32_t reports_max = 10;

    [[nodiscard]] static constexpr std::uint64_t word_of(stop_stage stage, std::uint64_t round) noexcept {
        return (round << round_shift) | static_cast<std::uint64_t>(stage);
    }
    bool change(std::uint64_t from, std::uint64_t to) noexcept {
        // Release: partner is the acquire in word(). Acquire: a chain of changes is one.
        return word_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }

    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::uint32_t> votes_{0};
    std::atomic<std::int64_t> deadline_ns_{0};
    std::atomic<std::uint32_t> reports_{0};
};

}  // namespace tina::detail
