// SPDX-License-Identifier: Apache-2.0
// Mistakes on a command line, and what was probably meant.
#include "sim/host/usage.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/harness/text.hpp"

namespace tina::sim::host {

namespace {

/// The command that was given, or none.
[[nodiscard]] const CLI::App* command_of(const CLI::App& app) {
    const auto given = app.get_subcommands();
    return given.empty() ? nullptr : given.front();
}

void add_options_of(const CLI::App& app, std::vector<std::string>& names) {
    for (const CLI::Option* const each : app.get_options()) {
        if (each->get_group().empty()) continue;
        for (const std::string& name : each->get_lnames()) names.push_back("--" + name);
        for (const std::string& name : each->get_snames()) names.push_back("-" + name);
    }
}

/// What is left over: an option that does not exist, or a word too many.
[[nodiscard]] std::string extra_text(const CLI::App& app) {
    const CLI::App* const command = command_of(app);
    std::vector<std::string> known;
    add_options_of(app, known);
    if (command != nullptr) add_options_of(*command, known);
    const std::vector<std::string> left = app.remaining(true);
    for (const std::string& each : left) {
        if (!each.starts_with('-')) continue;
        const std::string name = each.substr(0, each.find('='));
        std::string text = "there is no option " + sim::quoted(name);
        if (command != nullptr) text += " of " + command->get_name();
        const std::string_view near = nearest(name, known);
        return text + (near.empty() ? std::string() : "; did you mean " + std::string(near) + "?");
    }
    if (left.empty()) return "there is more on the command line than belongs there";
    return sim::quoted(left.front()) + " is one word too many; what goes with an option stands behind it";
}

}  // namespace

std::optional<std::int64_t> parse_span(std::string_view text) {
    constexpr std::pair<std::string_view, std::int64_t> units[] = {
        {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
    std::int64_t unit = 1'000'000'000;
    for (const auto& [name, ns] : units) {
        if (!text.ends_with(name)) continue;
        text.remove_suffix(name.size());
        unit = ns;
        break;
    }
    const auto number = parse_decimal(text);
    if (!number || *number == 0 || *number > 1'000'000) return std::nullopt;
    return static_cast<std::int64_t>(*number) * unit;
}

seed_range parse_seeds(std::string_view text, std::string& reason) {
    const std::size_t dots = text.find("..");
    const auto first = parse_decimal(text.substr(0, dots));
    const auto last = dots == std::string_view::npos ? first : parse_decimal(text.substr(dots + 2));
    if (!first || !last) {
        reason = sim::quoted(text) + " is no range of seeds; give two whole numbers below 2^64 - 1, like 1..1000";
    } else if (*first > *last) {
        reason = sim::quoted(text) + " is empty; the lower seed comes first: " + std::to_string(*last) + ".." +
                 std::to_string(*first);
    } else if (*last == UINT64_MAX) {
        // The end of all numbers would never be passed.
        reason = sim::quoted(text) + " goes too far; the last seed of a range is below 2^64 - 1";
    }
    if (!reason.empty()) return {};
    return {*first, *last};
}

std::string check_number(const std::string& text, std::uint64_t low, std::uint64_t high) {
    const auto value = parse_decimal(text);
    if (value && *value >= low && *value <= high) return {};
    const std::string most = high == UINT64_MAX ? std::string("2^64 - 1") : std::to_string(high);
    return sim::quoted(text) + " is no whole number from " + std::to_string(low) + " to " + most;
}

std::string check_command(const CLI::App& app, int argc, char** argv) {
    std::vector<std::string> known;
    std::string all;
    for (const CLI::App* const each : app.get_subcommands({})) {
        known.push_back(each->get_name());
        all += (all.empty() ? "" : ", ") + each->get_name();
    }
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "-h" || word == "--help") return {};
        if (word.starts_with('-')) continue;
        if (std::find(known.begin(), known.end(), word) != known.end()) return {};
        const std::string_view near = nearest(word, known);
        return "there is no command " + sim::quoted(word) +
               (near.empty() ? std::string("; ") : "; did you mean " + std::string(near) + "? ") +
               "The commands are: " + all;
    }
    return "a command is missing; it is one of: " + all;
}

std::string mistake_text(const CLI::App& app, const std::string& program, const CLI::ParseError& error) {
    const bool is_extra = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    const CLI::App* const command = command_of(app);
    std::string text = is_extra ? extra_text(app) : std::string(error.what());
    return text + "\n(" + shell_word(program) + (command == nullptr ? std::string() : " " + command->get_name()) +
           " --help says what there is)";
}

}  // namespace tina::sim::host
