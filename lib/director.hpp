// SPDX-License-Identifier: Apache-2.0
// Who decides, in a simulation, what is left to chance in production: who runs next, who crashes where, what is found
// missing, when another shard sees a message. A director is an observer that is also asked. Without one nothing is
// asked, at the cost of a branch on ways that are not the shortest.
#pragma once

#include <cstdint>
#include <span>

#include "lib/observer.hpp"
#include "tina/detail/slot.hpp"

namespace tina::detail {

struct lane_entry;

/// What may be found missing.
enum class scarce : std::uint8_t { envelope, mailbox, channel, slot, timer, call, lease };

class director : public observer {
public:
    /// The one of `ready` that runs next, by its place in it; they are slots, the oldest first, at least two.
    virtual std::uint32_t choose_next(std::span<const std::uint32_t> ready) noexcept = 0;
    /// Whether choose_next() is to be asked at all.
    [[nodiscard]] bool chooses() const noexcept { return chooses_; }
    /// Whether anybody can crash or find something missing, so that it must be asked.
    [[nodiscard]] bool strikes() const noexcept { return strikes_; }

    /// Whether entries of the system lane are held back.
    [[nodiscard]] bool holds() const noexcept { return holds_; }

    // Whether an isolate crashes: now that it is to run; after it has yielded an effect that waits; after `burst`
    // effects that complete at once, and then with the next.
    virtual bool crashes_before(const slot_header& slot) noexcept = 0;
    virtual bool crashes_after_effect(const slot_header& slot) noexcept = 0;
    virtual bool crashes_between_effects(const slot_header& slot) noexcept = 0;
    virtual std::uint32_t effects_at_once(const slot_header& slot, std::uint32_t usual) noexcept = 0;

    /// Whether `who` finds something missing. `key` is of the message that it would send, or 0.
    virtual bool finds_none(scarce what, const slot_header& who, std::uint64_t key) noexcept = 0;

    /// An entry was put into the channel to another shard, as number `produced` of it.
    virtual void entered_channel(std::uint32_t to, std::uint32_t produced, std::uint32_t tag) noexcept = 0;
    /// How many entries may be taken out of a channel now, of which `consumed` have been taken.
    virtual std::uint32_t visible(std::uint32_t from, std::uint32_t consumed) noexcept = 0;
    /// Entry number `consumed` of a channel is taken now.
    virtual void takes_from_channel(std::uint32_t from, std::uint32_t consumed) noexcept = 0;
    /// takes_from_channel() and on_arrival() in one.
    virtual void hands_over(std::uint32_t from, std::uint32_t consumed, std::uint32_t slot, message_key what,
                            std::uint32_t envelope) noexcept = 0;
    /// An entry of the system lane is sent to another shard.
    virtual void entered_lane(std::uint32_t to, const lane_entry& entry) noexcept = 0;
    /// Whether an entry that has come is to be seen later; then the director has it.
    virtual bool holds_back(lane_entry& entry) noexcept = 0;
    /// The next of those whose time has come; null if there is none.
    virtual lane_entry* next_held() noexcept = 0;
    /// An entry is taken now.
    virtual void takes_from_lane(const lane_entry& entry) noexcept = 0;

    /// What now starts is asked for by an isolate of another shard; `nothing`: it was.
    virtual void spawns_for(std::uint32_t shard, std::uint32_t slot) noexcept = 0;
    /// The isolate in slot `successor` is the one that was in `dead`, started again.
    virtual void succeeds(std::uint32_t dead, std::uint32_t successor) noexcept = 0;
    /// A reply comes to a caller: where its bytes will be when the caller runs.
    virtual void answered(std::uint32_t caller, std::uint64_t key, const std::byte* reply) noexcept = 0;

    /// 64 random bits for an isolate; for the shard itself where there is none.
    virtual std::uint64_t random_bits(const slot_header* who) noexcept = 0;

protected:
    bool chooses_ = false;
    bool strikes_ = true;
    bool holds_ = false;
};

}  // namespace tina::detail
