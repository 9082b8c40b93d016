// SPDX-License-Identifier: Apache-2.0
// Splits a corpus into its replay files.
#include "sim/harness/corpus.hpp"

#include <algorithm>

namespace tina::sim {

namespace {

constexpr std::string_view start = "tina replay ";

/// Where the next entry begins, behind `from`.
[[nodiscard]] std::size_t next_start(std::string_view text, std::size_t from) noexcept {
    const std::string_view mark = "\ntina replay ";
    const std::size_t at = text.find(mark, from);
    return at == std::string_view::npos ? text.size() : at + 1;
}

}  // namespace

std::vector<corpus_entry> parse_corpus(std::string_view text) {
    std::vector<corpus_entry> entries;
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = next_start(text, at);
        const std::string_view part = text.substr(at, end - at);
        replay_or_reason read = parse_replay(part);
        if (!part.starts_with(start) && part.find_first_not_of(" \n") == std::string_view::npos) read.reason.clear();
        else entries.push_back({std::move(read.file), std::string(part), std::move(read.reason), line});
        line += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
        at = end;
    }
    return entries;
}

bool is_same_failure(const replay_file& one, const replay_file& other) {
    return one.scenario == other.scenario && one.options == other.options && one.failure == other.failure;
}

}  // namespace tina::sim
