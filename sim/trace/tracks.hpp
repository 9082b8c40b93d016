// SPDX-License-Identifier: Apache-2.0
// The tracks of a run, as a timeline shows them: for each machine its shards, and on each what lives there. Owned by
// the writer of a trace. Tracks are numbered in the order of machine, shard and first appearance.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sim/run.hpp"

namespace tina::sim {

struct track {
    std::uint32_t machine = 0;
    std::uint32_t shard = 0;
    std::uint64_t who = 0;
    std::string name;       ///< whom it shows, without the name of its machine
    std::string full_name;  ///< whom it shows
    std::string place;      ///< machine and shard
    bool of_world = false;
    bool of_shard = false;  ///< the shard itself
};

class track_table {
public:
    explicit track_table(const run_outcome& run);

    [[nodiscard]] const std::vector<track>& tracks() const noexcept { return tracks_; }
    /// The track of an event of this run.
    [[nodiscard]] std::uint32_t of(const event_record& what) const { return index_.at(key_of(what)); }

private:
    using key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;  ///< machine + 1, 0: the world; shard; who
    [[nodiscard]] static key key_of(const event_record& what) noexcept;

    std::vector<track> tracks_;
    std::map<key, std::uint32_t> index_;
};

}  // namespace tina::sim
