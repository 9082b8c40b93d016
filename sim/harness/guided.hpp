// SPDX-License-Identifier: Apache-2.0
// Search guided by novelty: runs that showed something new become parents, and their children go another way from an
// event on. In generations of fixed size, decided from numbers alone, so that neither time nor the number of processes
// changes what is tried. Pure: it says what to run next, and is told what came of it.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "sim/harness/campaign.hpp"
#include "sim/run.hpp"

namespace tina::sim {

/// How much of an outcome travels from the process that made it.
enum class answer_size : std::uint8_t {
    verdict,  ///< without what fired, and without novelty
    novelty,  ///< with novelty
    whole,    ///< all of it
};

/// Runs that share a parent: they go as it goes until their own reseed. Without reseed it is the parent itself.
struct family {
    run_request parent;
    struct child {
        std::uint64_t index = 0;
        bool is_parent = false;
        reseed from{};
    };
    std::vector<child> children;  ///< by rising event
    answer_size answers = answer_size::whole;
};

/// The request of one run of a family, complete.
[[nodiscard]] run_request request_of(const family& of, const family::child& which);

class guided_search {
public:
    static constexpr std::uint64_t generation_size = 64;
    static constexpr std::size_t parents_max = 4096;

    /// `runs` runs, the fresh ones among them with seeds from `first_seed` on.
    guided_search(run_request first, std::uint64_t first_seed, std::uint64_t runs)
        : model_(std::move(first)), next_seed_(first_seed), root_(first_seed), runs_(runs) {
        model_.wants_novelty = true;
    }

    [[nodiscard]] bool is_over() const noexcept { return started_ >= runs_; }
    /// The next generation; all of the last must have been added.
    [[nodiscard]] std::vector<family> next_generation();
    /// What a run of the generation came to; in the order of their indices.
    void add(const campaign_run& run, const run_outcome& outcome);
    /// How many different things have been seen.
    [[nodiscard]] std::size_t seen_count() const noexcept { return seen_.size(); }

private:
    struct parent {
        run_request request;
        std::uint64_t events = 0;
    };
    [[nodiscard]] std::uint64_t draw(std::uint64_t slot, std::uint64_t what, std::uint64_t limit) const noexcept;
    void add_child(std::vector<family>& generation, std::vector<std::size_t>& family_of, std::uint64_t slot) const;

    run_request model_;
    std::uint64_t next_seed_;
    std::uint64_t root_;
    std::uint64_t runs_;
    std::uint64_t started_ = 0;
    std::uint64_t generation_ = 0;
    std::vector<parent> parents_;
    std::set<std::uint64_t> seen_;
};

}  // namespace tina::sim
