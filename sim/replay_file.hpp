// SPDX-License-Identifier: Apache-2.0
// Replay files: small text that says how a run goes, and what it must show. A reader that meets anything it does not
// know says what, on which line, and what to do; it never crashes, whatever it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/decisions.hpp"
#include "sim/run.hpp"

namespace tina::sim {

struct replay_file {
    std::string scenario;
    std::uint64_t spec_digest = 0;
    std::uint64_t seed = 0;
    base from = base::seed;
    fault_profile profile = fault_profile::swarm;
    edit_list edits;
    std::vector<std::string> options;
    std::string failure;       ///< the expected signature; empty: it is expected to pass
    std::uint64_t digest = 0;  ///< expected
    std::uint64_t event = 0;   ///< at which it fails; 0: it passes
};

/// A file, or why there is none: "line 7: unknown site \"net_lost\": …".
struct replay_or_reason {
    replay_file file;
    std::string reason;  ///< empty: `file` is complete
};

/// Edits, or why there are none.
struct edits_or_reason {
    edit_list list;
    std::string reason;
};

inline constexpr std::size_t replay_bytes_max = 16 * 1024 * 1024;

[[nodiscard]] std::string to_text(const replay_file& what);
[[nodiscard]] replay_or_reason parse_replay(std::string_view text);
/// The edits of a replay file, or of a list that has lines `edit` and `reseed` only.
[[nodiscard]] edits_or_reason parse_edits(std::string_view text);
/// Reads from disk; refuses what is larger than 16 MiB.
[[nodiscard]] replay_or_reason read_replay(const std::string& path);
/// Writes in one go, so that who is killed meanwhile leaves the old file or the new one. Empty, or why it failed.
[[nodiscard]] std::string write_replay(const std::string& path, const replay_file& what);

}  // namespace tina::sim
