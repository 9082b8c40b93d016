// SPDX-License-Identifier: Apache-2.0
// A corpus: known failures in one text, a replay file after the other. Whoever keeps one appends to it, so that a
// program that is killed loses nothing but what it was just writing; a part that cannot be read costs only itself.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/replay_file.hpp"

namespace tina::sim {

struct corpus_entry {
    replay_file file;
    std::string text;      ///< as it stands in the corpus
    std::string reason;    ///< why it cannot be read; empty: `file` is complete
    std::size_t line = 0;  ///< at which it begins
};

[[nodiscard]] std::vector<corpus_entry> parse_corpus(std::string_view text);
/// The corpus without those entries for which `other` stands: same scenario, options and failure.
[[nodiscard]] bool is_same_failure(const replay_file& one, const replay_file& other);

}  // namespace tina::sim
