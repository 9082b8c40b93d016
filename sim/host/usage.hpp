// SPDX-License-Identifier: Apache-2.0
// Words on a command line: numbers, spans and ranges as they are typed, and what to say of those that are wrong. It
// decides nothing.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tina::sim::host {

/// "500ms", "90s", "10m", "1h"; a number alone is seconds.
[[nodiscard]] std::optional<std::int64_t> parse_span(std::string_view text);

struct seed_range {
    std::uint64_t first = 1;
    std::uint64_t last = 1;
};
/// "1..1000", or one seed; sets `reason` if it is neither.
[[nodiscard]] seed_range parse_seeds(std::string_view text, std::string& reason);

/// What to say of a whole number from `low` to `high`; empty: it is one.
[[nodiscard]] std::string check_number(const std::string& text, std::uint64_t low, std::uint64_t high);

/// What is wrong with the command of a command line, before all else; empty: there is one, or help is asked for.
[[nodiscard]] std::string check_command(const CLI::App& app, int argc, char** argv);

/// What to say of a command line that cannot be parsed, and where to read more.
[[nodiscard]] std::string mistake_text(const CLI::App& app, const std::string& program, const CLI::ParseError& error);

}  // namespace tina::sim::host
