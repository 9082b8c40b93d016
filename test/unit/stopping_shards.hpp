// SPDX-License-Identifier: Apache-2.0
// Shards that are moved by hand to the end of their system. Owned by the unit tests.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/drain.hpp"
#include "lib/turns.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace system_test {

/// What a shard's own loop does in one turn, but for sleeping. False: its isolates are to be ended now.
inline bool take_turn(tina::detail::shard& at) {
    if (!tina::detail::may_go_on(at)) return false;
    if (!at.cycle() && !tina::detail::has_ready(at)) static_cast<void>(tina::detail::vote_if_quiet(at));
    return true;
}

class stopping_shards : public hand_moved {
public:
    explicit stopping_shards(tina::system_spec wanted) : hand_moved(std::move(wanted)) {
        shared.drain_max = spec.shutdown.deadline;
    }

    void request_stop(tina::stop_mode how = tina::stop_mode::drain) { shared.request_stop(how); }
    bool turn(std::uint32_t shard) { return take_turn(*shards[shard]); }
    /// Turns of all shards, more than it takes to do what can be done and to agree on the end.
    void turns(int rounds = 20) {
        for (int i = 0; i < rounds; ++i) {
            for (std::uint32_t shard = 0; shard < shards.size(); ++shard) static_cast<void>(turn(shard));
        }
    }
    [[nodiscard]] tina::detail::stop_stage stage() const { return shared.board().stage(); }
    [[nodiscard]] bool drains() const { return stage() == tina::detail::stop_stage::draining; }
    [[nodiscard]] bool has_drained() const { return stage() == tina::detail::stop_stage::drained; }
    [[nodiscard]] bool was_forced() const { return stage() == tina::detail::stop_stage::forced; }
    [[nodiscard]] tina::instant now() const { return tina::instant(tina::duration(now_ns)); }
    void pass(std::chrono::nanoseconds span) {
        advance(span);
        turns();
    }
};

}  // namespace system_test
