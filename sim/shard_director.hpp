// SPDX-License-Identifier: Apache-2.0
// The director of one simulated shard: gives its isolates the names by which choices are made on them, makes those
// choices, and turns what the runtime tells into events with causes. Owned by its machine; it lives as long as the
// shard, and changes nothing of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/director.hpp"
#include "lib/lane.hpp"
#include "lib/shard.hpp"
#include "sim/entities.hpp"
#include "sim/event_log.hpp"
#include "sim/fault_settings.hpp"

namespace tina::sim {

class sim_machine;
class sim_world;

/// In which order isolates that are ready run.
enum class run_order : std::uint8_t { fifo, uniform, by_priority };

/// What is known of the isolate in a slot: one cache line.
struct alignas(64) slot_note {
    entity* who = nullptr;
    std::uint64_t id = 0;                  ///< of `who`, or else of the shard
    std::uint64_t woken_by = 0;            ///< the event that made it ready
    std::uint64_t waits_since = 0;         ///< the event of its last effect
    std::uint32_t turns = 0;               ///< times that it was dispatched
    std::uint32_t waited = 0;              ///< times that another was chosen while it was ready
    std::uint32_t demoted = 0;             ///< by which change of priorities; 0: not
    std::uint32_t taken = detail_nothing;  ///< the envelope that it is to get when it runs
    std::uint32_t kind = 0;                ///< of the last thing it was told: the kind of its next dispatch
    bool fresh = false;                    ///< has not run yet
    bool answered = false;                 ///< there is a reply that it has not seen yet
    bool successor = false;                ///< fresh, and one that was started again
    bool may_end = false;                  ///< its name will not be asked for again

    static constexpr std::uint32_t detail_nothing = 0xffff'ffff;
};
static_assert(sizeof(slot_note) == 64);

/// A reply that has come to a caller, where `slot_note::answered` says so.
struct reply_note {
    const std::byte* bytes = nullptr;
    std::uint64_t key = 0;  ///< message_key
};

class shard_director final : public tina::detail::director {
public:
    shard_director(sim_world& world, sim_machine& machine, tina::detail::shard& shard);
    ~shard_director();

    /// The last of it: what happens from now on is neither told nor decided.
    void mute() noexcept { muted_ = true; }
    void set_order(run_order order, std::uint64_t change_every) noexcept;
    /// The machine's faults are others now.
    void refresh_faults();
    [[nodiscard]] entity& self() noexcept { return *self_; }
    [[nodiscard]] const entity* name_of(std::uint32_t slot) const noexcept {
        return slot < notes_.size() ? notes_[slot].who : nullptr;
    }
    /// The event that the next completion follows from.
    void completion_cause(std::uint64_t event) noexcept;
    /// When the next message that is on its way here can be seen; never_ns: none is.
    [[nodiscard]] std::int64_t next_visible_ns() const noexcept;

    void on_event(tina::detail::event_kind kind, std::uint32_t slot, std::uint32_t detail,
                  std::int64_t value) noexcept override;
    void on_dispatch(std::uint32_t slot, std::uint32_t type) noexcept override;
    void on_effect(std::uint32_t slot, std::uint32_t kind) noexcept override;
    void on_arrival(std::uint32_t slot, std::uint64_t what, std::uint32_t envelope) noexcept override;
    std::uint32_t choose_next(std::span<const std::uint32_t> ready) noexcept override;
    bool crashes_before(const tina::detail::slot_header& slot) noexcept override;
    bool crashes_after_effect(const tina::detail::slot_header& slot) noexcept override;
    bool crashes_between_effects(const tina::detail::slot_header& slot) noexcept override;
    std::uint32_t effects_at_once(const tina::detail::slot_header& slot, std::uint32_t usual) noexcept override;
    bool finds_none(tina::detail::scarce what, const tina::detail::slot_header& who,
                    std::uint64_t key) noexcept override;
    void entered_channel(std::uint32_t to, std::uint32_t produced, std::uint32_t tag) noexcept override;
    std::uint32_t visible(std::uint32_t from, std::uint32_t consumed) noexcept override;
    void takes_from_channel(std::uint32_t from, std::uint32_t consumed) noexcept override;
    void hands_over(std::uint32_t from, std::uint32_t consumed, std::uint32_t slot, std::uint64_t what,
                    std::uint32_t envelope) noexcept override;
    void entered_lane(std::uint32_t to, const tina::detail::lane_entry& entry) noexcept override;
    bool holds_back(tina::detail::lane_entry& entry) noexcept override;
    tina::detail::lane_entry* next_held() noexcept override;
    void takes_from_lane(const tina::detail::lane_entry& entry) noexcept override;
    /// Whether entries of the system lane are held back.
    [[nodiscard]] bool holds_any() const noexcept { return holds(); }
    void spawns_for(std::uint32_t shard, std::uint32_t slot) noexcept override;
    void succeeds(std::uint32_t dead, std::uint32_t successor) noexcept override;
    void answered(std::uint32_t caller, std::uint64_t key, const std::byte* reply) noexcept override;
    std::uint64_t random_bits(const tina::detail::slot_header* who) noexcept override;

    /// Whether an arena of the isolate that runs is to be found full.
    [[nodiscard]] bool exhausts_arena() noexcept;

private:
    /// Which choices are made on isolates of a type: a bit for each site.
    struct questions {
        std::uint64_t asked = 0;
        std::uint64_t in_scope = 0;  ///< of those that the faults are for; others are asked because edits are
    };
    static_assert(site_count <= 64);
    /// A message on its way here: when it can be seen, and what it follows from.
    struct arrival {
        std::int64_t at_ns;
        std::uint64_t cause;
    };
    /// What is on its way from one shard: entries by their number in the channel, from `first` to before `end`. They
    /// are a power of two, in which numbers go round.
    struct inbound {
        std::uint32_t mask = 15;  ///< how many there are, less one
        std::unique_ptr<arrival[]> entries = std::make_unique<arrival[]>(std::size_t{mask} + 1);
        std::uint32_t first = 0;
        std::uint32_t end = 0;
        std::int64_t last_ns = 0;

        [[nodiscard]] bool has_room_for(std::uint32_t number) const noexcept { return number - first <= mask; }
        [[nodiscard]] arrival& at(std::uint32_t number) noexcept { return entries[number & mask]; }
        [[nodiscard]] const arrival& at(std::uint32_t number) const noexcept { return entries[number & mask]; }
        void put(std::uint32_t number, const arrival& what) noexcept {
            at(number) = what;
            end = number + 1;
        }
        void grow();
    };

    [[nodiscard]] slot_note& note(std::uint32_t slot) {
        if (slot >= note_count_) [[unlikely]]
            add_notes(slot);
        return notes_[slot];
    }
    void add_notes(std::uint32_t slot);
    void set_name(slot_note& of, entity* who) const noexcept {
        of.who = who;
        of.id = who != nullptr ? who->id : self_->id;
    }
    /// What an event says besides whom it concerns.
    struct told {
        event_kind kind{};
        std::uint32_t detail = 0;
        std::int64_t value = 0;
        std::uint64_t cause = 0;
        std::uint64_t payload = 0;
    };
    std::uint64_t enter(std::uint64_t who, const told& what);
    template <bool IsUnseen>
    std::uint64_t enter_as(std::uint64_t who, const told& what);
    std::uint64_t record(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value,
                         std::uint64_t cause = 0);
    void tell_receipt(std::uint64_t who, std::uint32_t envelope) noexcept;
    [[gnu::noinline]] void tell_taken(std::uint32_t slot, std::uint32_t envelope) noexcept;
    [[gnu::noinline]] void tell_reply(std::uint32_t slot) noexcept;
    [[gnu::noinline]] void tell_timer(std::uint32_t slot, std::uint32_t kind) noexcept;
    void tell_delivery(std::uint32_t slot, std::uint32_t tag, std::int64_t bytes) noexcept;
    // What happens with every message: once where nobody sees it and nothing else is unusual, and once for all cases.
    template <bool IsUnseen>
    void tell_effect(std::uint32_t slot, std::uint32_t kind) noexcept;
    template <bool IsUnseen>
    void tell_arrival(std::uint32_t slot, std::uint64_t what, std::uint32_t envelope, std::uint64_t cause) noexcept;
    template <bool IsUnseen>
    void tell_send(std::uint32_t to, std::uint32_t tag, std::uint64_t cause) noexcept;
    [[gnu::noinline]] void effect_with_all(std::uint32_t slot, std::uint32_t kind) noexcept;
    [[gnu::noinline]] void arrival_with_all(std::uint32_t slot, std::uint64_t what, std::uint32_t envelope) noexcept;
    [[gnu::noinline]] void dispatch_with_all(std::uint32_t slot, std::uint32_t type) noexcept;
    [[gnu::noinline]] void send_with_all(std::uint32_t to, std::uint32_t produced, std::uint32_t tag) noexcept;
    [[nodiscard]] inbound& outbound(std::uint32_t to) noexcept;
    [[gnu::noinline]] void tell_completion(std::uint32_t slot, std::uint32_t descriptor, std::int64_t result) noexcept;
    [[gnu::noinline]] void tell_drop(std::uint32_t slot, std::uint32_t tag, std::int64_t reason) noexcept;
    [[nodiscard]] std::int64_t decide_delay(std::uint32_t to, std::uint32_t tag);
    [[gnu::noinline]] void tell_spawn(std::uint32_t slot, std::uint32_t type) noexcept;
    [[gnu::noinline]] void tell_exit(std::uint32_t slot, std::uint32_t crashed) noexcept;
    [[nodiscard]] entity& name_spawned(const tina::detail::slot_header& slot);
    [[nodiscard]] std::string child_name(std::uint32_t child) const;
    [[nodiscard]] bool strikes(site what, const tina::detail::slot_header& slot, std::uint32_t kind);
    [[nodiscard]] std::uint64_t priority_of(std::uint32_t slot) noexcept;
    [[nodiscard]] bool asks(site what, const tina::detail::slot_header& slot) const noexcept {
        return (questions_[slot.type].asked >> static_cast<unsigned>(what) & 1) != 0;
    }

    sim_world& world_;
    sim_machine& machine_;
    tina::detail::shard& shard_;
    const std::uint16_t shard_index_;
    const std::uint64_t place_;  ///< place_of() what happens here
    entity* self_;
    timeline& time_;
    event_log& events_;
    bool muted_ = false;
    bool begins_ = false;  ///< who runs does so for the first time
    bool delays_ = false;  ///< messages to other shards may be delayed
    run_order order_ = run_order::fifo;
    std::uint64_t change_every_ = 0;  ///< events from one change of priorities to the next
    std::uint32_t changes_ = 0;
    std::uint64_t next_change_ = 0;
    std::vector<slot_note> notes_;
    std::vector<reply_note> replies_;  ///< by slot
    std::uint32_t note_count_ = 0;
    std::vector<questions> questions_;  ///< by type
    std::vector<inbound> inbound_;      ///< by the shard that it comes from
    std::vector<inbound*> outbound_;    ///< the same of other directors, by shard; null: not looked up yet
    /// Entries of the lane on their way here; looked up only, never gone through.
    std::unordered_map<const tina::detail::lane_entry*, arrival> lane_;
    std::vector<std::int64_t> lane_last_ns_;  ///< by the shard that they come from
    /// Those that have come and are to be seen later, the next one first.
    std::deque<std::pair<std::int64_t, tina::detail::lane_entry*>> held_;
    const entity* remote_parent_ = nullptr;
    std::vector<std::string> child_names_;
};

}  // namespace tina::sim
