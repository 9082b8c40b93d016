// SPDX-License-Identifier: Apache-2.0
// What many runs have come to, taken together: failures by signature, the marks that held, the faults that fired. The
// order in which runs are added is of no meaning, so that it does not matter how many processes made them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/run.hpp"

namespace tina::sim {

/// A run of a campaign. `index` orders runs: the seed where every run is a seed, else the place in the search.
struct campaign_run {
    std::uint64_t index = 0;
    run_request request;
};

/// Runs that failed alike: the first of them, and how many there were.
struct found_failure {
    campaign_run first;
    run_outcome outcome;
    std::uint64_t count = 0;
};

class campaign {
public:
    /// Says whether this is the first, or now the lowest, run with its signature.
    bool add(const campaign_run& run, const run_outcome& outcome);

    [[nodiscard]] std::uint64_t runs() const noexcept { return runs_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    [[nodiscard]] std::int64_t virtual_ns() const noexcept { return virtual_ns_; }
    /// By signature.
    [[nodiscard]] const std::map<std::string, found_failure>& failures() const noexcept { return failures_; }
    [[nodiscard]] std::uint64_t failed_runs() const noexcept { return failed_runs_; }
    /// Marks that a campaign must see: those that held, and all.
    [[nodiscard]] std::uint64_t marks_held() const noexcept;
    [[nodiscard]] std::uint64_t marks_wanted() const noexcept;
    /// Whether there are marks that no run has passed.
    [[nodiscard]] bool misses_marks() const noexcept;
    /// A run of another scenario of the program: marks that no run of this campaign has passed, and that one has in
    /// isolates of types which this scenario has not, are the other one's matter. `types`: those that this one has.
    void leave_marks_to(const run_outcome& other, const std::set<std::string>& types);
    /// What a campaign that ran to its end must have shown and has not: a line each, with its cure.
    [[nodiscard]] std::vector<std::string> not_shown() const;

private:
    struct mark_sum {
        std::uint64_t met = 0;
        std::uint64_t held = 0;
        bool is_elsewhere = false;  ///< in handlers of another scenario
    };
    struct fault_sum {
        bool is_declared = false;
        std::uint64_t asked = 0;
        std::uint64_t fired = 0;
    };
    using mark_key = std::pair<char, std::string>;
    using mark_entry = std::pair<const mark_key, mark_sum>;
    [[nodiscard]] static bool must_hold(const mark_entry& which) noexcept;
    [[nodiscard]] std::string mark_text(const mark_key& which, const mark_sum& sum) const;

    std::uint64_t runs_ = 0;
    std::uint64_t events_ = 0;
    std::int64_t virtual_ns_ = 0;
    std::uint64_t failed_runs_ = 0;
    std::map<std::string, found_failure> failures_;
    std::map<mark_key, mark_sum> marks_;
    std::array<fault_sum, site_count> faults_{};
};

}  // namespace tina::sim
