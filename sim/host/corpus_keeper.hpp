// SPDX-License-Identifier: Apache-2.0
// Keeps what a campaign finds: a replay file for each failure, and the corpus. Everything is on the disk before the
// next run is looked at, so that no end of the program loses it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/harness/campaign.hpp"
#include "sim/harness/corpus.hpp"
#include "sim/harness/verdict.hpp"

namespace tina::sim::host {

class corpus_keeper {
public:
    corpus_keeper(std::string scenario, std::string corpus)
        : scenario_(std::move(scenario)), corpus_(std::move(corpus)) {}

    /// Reads the corpus, if there is one, and makes sure that it can be written. Empty, or why not.
    [[nodiscard]] std::string open();
    [[nodiscard]] const std::vector<corpus_entry>& known() const noexcept { return known_; }
    /// Saves a failure; what was saved for the same signature before, of a later run, goes. Empty, or why it cannot be.
    [[nodiscard]] std::string save(const campaign_run& run, const run_outcome& outcome);
    /// The name of the replay file for a signature; empty: there is none.
    [[nodiscard]] std::string file_of(const std::string& signature) const;
    /// Takes out of the corpus what was superseded, and puts what is new in the order of the runs. Empty, or why not.
    [[nodiscard]] std::string close();

private:
    struct saved {
        std::uint64_t index = 0;
        std::string file;
        std::string text;  ///< in the corpus; empty: it was there before
    };
    std::string scenario_;
    std::string corpus_;
    std::vector<corpus_entry> known_;
    std::map<std::string, saved> saved_;
    std::vector<std::string> superseded_;
};

}  // namespace tina::sim::host
