// SPDX-License-Identifier: Apache-2.0
// From words on the command line to a request.
#include "sim/host/target.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sim/harness/text.hpp"
#include "sim/host/files.hpp"

namespace tina::sim::host {

namespace {

[[nodiscard]] std::string unknown_scenario(std::string_view name) {
    std::vector<std::string_view> known;
    std::string all;
    for (const scenario& each : all_scenarios()) {
        known.push_back(each.name);
        all += (all.empty() ? "" : ", ") + std::string(each.name);
    }
    std::string text = "there is no scenario " + quoted(name);
    if (known.empty()) return text + ", and no other: declare one with TINA_SCENARIO";
    const std::string_view near = nearest(name, known);
    if (near.empty()) return text + "; this program has: " + all;
    return text + "; did you mean " + std::string(near) + "? This program has: " + all;
}

[[nodiscard]] bool exists(const std::string& path) noexcept { return ::access(path.c_str(), F_OK) == 0; }

[[nodiscard]] target from_file(const std::string& path, const common_options& options) {
    target made;
    replay_or_reason read = read_replay(path);
    made.reason = std::move(read.reason);
    if (!made.reason.empty()) return made;
    made.what = scenario_named(read.file.scenario);
    if (made.what == nullptr) {
        made.reason = path + " is of another program: " + unknown_scenario(read.file.scenario);
        return made;
    }
    for (const std::string& each : read.file.options) {
        if (std::find(options.known_flags.begin(), options.known_flags.end(), each) != options.known_flags.end())
            continue;
        made.reason =
            path + " was made with --" + each + ", and this program has no such flag; use the one that made it";
        return made;
    }
    made.request = request_of(read.file);
    for (const std::string& each : options.flags) {
        auto& all = made.request.options;
        if (std::find(all.begin(), all.end(), each) == all.end()) all.push_back(each);
    }
    made.expected = std::move(read.file);
    made.file = path;
    return made;
}

void add_edits(target& to, const std::string& path) {
    text_or_reason read = read_file(path, replay_bytes_max);
    to.reason = std::move(read.reason);
    if (!to.reason.empty()) return;
    edits_or_reason parsed = parse_edits(read.text);
    if (!parsed.reason.empty()) to.reason = path + ": " + parsed.reason;
    to.request.edits = std::move(parsed.list);
}

}  // namespace

target resolve_scenario(const std::string& name, const common_options& options) {
    target made;
    made.what = scenario_named(name);
    if (made.what == nullptr) {
        made.reason = unknown_scenario(name);
        return made;
    }
    made.request.seed = options.seed.value_or(1);
    made.request.profile = options.profile;
    made.request.options = options.flags;
    if (!options.edits.empty()) add_edits(made, options.edits);
    return made;
}

target resolve(const std::string& text, const common_options& options) {
    const std::size_t colon = text.rfind(':');
    if (colon != std::string::npos && scenario_named(text.substr(0, colon)) != nullptr) {
        common_options with = options;
        with.seed = parse_decimal(std::string_view(text).substr(colon + 1));
        if (with.seed) return resolve_scenario(text.substr(0, colon), with);
        target made;
        made.reason = "behind the colon of " + quoted(text) + " should be a seed, a whole number";
        return made;
    }
    const bool is_scenario = scenario_named(text) != nullptr && (options.seed || !exists(text));
    if (is_scenario || (options.seed && !exists(text))) return resolve_scenario(text, options);
    target made = from_file(text, options);
    if (!exists(text) && text.find('.') == std::string::npos)
        made.reason += "; nor is it a scenario: " + unknown_scenario(text);
    return made;
}

std::string other_build_reason(const target& from, const run_outcome& outcome, const common_options& options) {
    if (!from.expected || options.other_build || from.expected->spec_digest == 0 || outcome.spec_digest == 0 ||
        from.expected->spec_digest == outcome.spec_digest) {
        return {};
    }
    return from.file + " is of another build: the specs of its scenario had the digest " +
           hex16(from.expected->spec_digest) + ", here they have " + hex16(outcome.spec_digest) +
           "; use the build that made it, make it anew, or say --other-build to run it all the same";
}

runner runner_of(const target& from) {
    return [what = from.what](const run_request& wanted) { return run_scenario(*what, wanted); };
}

}  // namespace tina::sim::host
