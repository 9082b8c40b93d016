// SPDX-License-Identifier: Apache-2.0
// Feeds the readers of replay files, of lists of edits and of corpora whatever libFuzzer makes up. A reader must come
// back with a reason, or with something that is written and read again as the same; it must never crash or hang.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sim/harness/corpus.hpp"
#include "sim/replay_file.hpp"

namespace {

void check(std::string_view text) {
    using namespace tina::sim;
    const replay_or_reason read = parse_replay(text);
    if (!read.reason.empty()) return;
    const std::string written = to_text(read.file);
    const replay_or_reason again = parse_replay(written);
    if (!again.reason.empty() || to_text(again.file) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(text);
    // Past the checksum, which no luck gets right.
    check(std::string(text) + "\nend by-hand\n");
    static_cast<void>(tina::sim::parse_edits(text));
    static_cast<void>(tina::sim::parse_corpus(text));
    return 0;
}
