// SPDX-License-Identifier: Apache-2.0
// Replay files and the corpus, as a campaign writes them.
#include "sim/host/corpus_keeper.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sim/host/files.hpp"

namespace tina::sim::host {

namespace {

constexpr std::size_t corpus_bytes_max = 256 * 1024 * 1024;

}  // namespace

std::string corpus_keeper::open() {
    if (corpus_.empty()) return {};
    text_or_reason read = read_file(corpus_, corpus_bytes_max);
    if (!read.reason.empty() && !read.is_missing) return read.reason;
    known_ = parse_corpus(read.text);
    // A part at the end that was cut off gets a line end, so that the next entry begins a line.
    const bool is_cut = !read.text.empty() && read.text.back() != '\n';
    return append_file(corpus_, is_cut ? "\n" : "");
}

std::string corpus_keeper::save(const campaign_run& run, const run_outcome& outcome) {
    const replay_file file = replay_of(scenario_, run.request, outcome);
    const std::string text = to_text(file);
    saved& kept = saved_[file.failure];
    const saved before = std::exchange(kept, {run.index, replay_name(scenario_, run.request), {}});
    std::string reason = write_file(kept.file, text);
    // What is there already goes when there is something better, and not before.
    if (!reason.empty()) kept.file = before.file;
    else if (!before.file.empty() && before.file != kept.file) ::unlink(before.file.c_str());
    const bool is_known = std::any_of(known_.begin(), known_.end(), [&](const corpus_entry& each) {
        return each.reason.empty() && each.file.spec_digest == file.spec_digest && is_same_failure(each.file, file);
    });
    if (corpus_.empty() || is_known) return reason;
    if (!before.text.empty()) superseded_.push_back(before.text);
    kept.text = text;
    std::string second = append_file(corpus_, text);
    return reason.empty() ? second : reason;
}

std::string corpus_keeper::file_of(const std::string& signature) const {
    const auto found = saved_.find(signature);
    return found == saved_.end() ? std::string() : found->second.file;
}

std::string corpus_keeper::close() {
    std::vector<const saved*> made;
    for (const auto& [signature, each] : saved_) {
        if (!each.text.empty()) made.push_back(&each);
    }
    if (made.empty() || (made.size() == 1 && superseded_.empty())) return {};
    text_or_reason read = read_file(corpus_, corpus_bytes_max);
    if (!read.reason.empty()) return read.reason;
    std::string text = std::move(read.text);
    // Only what this campaign has written: another one may have appended to the same file.
    for (const saved* each : made) superseded_.push_back(each->text);
    for (const std::string& each : superseded_) {
        if (const std::size_t at = text.find(each); at != std::string::npos) text.erase(at, each.size());
    }
    superseded_.clear();
    std::sort(made.begin(), made.end(), [](const saved* one, const saved* two) { return one->index < two->index; });
    for (const saved* each : made) text += each->text;
    return write_file(corpus_, text);
}

}  // namespace tina::sim::host
