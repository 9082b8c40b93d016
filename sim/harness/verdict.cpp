// SPDX-License-Identifier: Apache-2.0
// What a run came to, in words, in commands to copy and as a replay file.
#include "sim/harness/verdict.hpp"

#include "sim/harness/text.hpp"

namespace tina::sim {

namespace {

/// What of a request is not said by its seed; 0: nothing.
[[nodiscard]] std::uint64_t edits_hash(const run_request& request) {
    if (request.edits.edits.empty() && request.edits.reseeds.empty() && request.from == base::seed) return 0;
    std::uint64_t hash = static_cast<std::uint64_t>(request.from) + 1;
    for (const edit& each : request.edits.edits) {
        hash = combine(combine(hash, hash_of(each.entity)), static_cast<std::uint64_t>(each.what));
        hash = combine(combine(hash, each.ordinal), each.value);
    }
    for (const reseed& each : request.edits.reseeds) hash = combine(combine(hash, each.event), each.seed);
    return hash;
}

}  // namespace

std::string_view signature_of(const run_outcome& outcome) noexcept {
    return outcome.failed ? std::string_view(outcome.failed->property) : std::string_view();
}

bool is_of_the_process(std::string_view signature) noexcept {
    return signature.starts_with(ended_signature) || signature.starts_with(hung_signature);
}

replay_file replay_of(std::string_view scenario, const run_request& request, const run_outcome& outcome) {
    replay_file file;
    file.scenario = scenario;
    file.spec_digest = outcome.spec_digest;
    file.seed = request.seed;
    file.from = request.from;
    file.profile = request.profile;
    file.edits = request.edits;
    file.options = request.options;
    file.failure = signature_of(outcome);
    file.digest = outcome.digest;
    file.event = outcome.failed ? outcome.failed->event : 0;
    return file;
}

run_request request_of(const replay_file& file) {
    run_request request;
    request.seed = file.seed;
    request.from = file.from;
    request.profile = file.profile;
    request.edits = file.edits;
    request.options = file.options;
    return request;
}

std::string_view name_of(fault_profile profile) noexcept {
    switch (profile) {
    case fault_profile::swarm: return "swarm";
    case fault_profile::declared: return "declared";
    case fault_profile::none: return "none";
    }
    return {};
}

std::string reproducing_command(const invocation& by, const run_request& request, std::string_view file) {
    if (edits_hash(request) != 0) return shell_word(by.program) + " replay " + shell_word(file);
    std::string text = shell_word(by.program) + " run " + shell_word(by.scenario) + " --seed ";
    text += std::to_string(request.seed);
    if (request.profile != fault_profile::swarm) text += " --faults " + std::string(name_of(request.profile));
    for (const std::string& each : request.options) text += " --" + shell_word(each);
    return text;
}

std::string replay_name(std::string_view scenario, const run_request& request) {
    std::string name = std::string(scenario) + "-" + std::to_string(request.seed);
    if (const std::uint64_t hash = edits_hash(request); hash != 0) name += "-" + hex16(hash).substr(0, 8);
    return name + ".replay";
}

std::string place_text(std::uint64_t event, std::int64_t at_ns) {
    return "event " + grouped(event) + ", at " + seconds_text(at_ns);
}

std::string failure_text(const invocation& by, const run_request& request, const run_outcome& outcome,
                         std::string_view file) {
    const failure& failed = *outcome.failed;
    std::string text = "FAILED  " + failed.property + "   seed " + std::to_string(request.seed);
    if (failed.event != 0) text += ", " + place_text(failed.event, failed.at_ns);
    if (!failed.detail.empty()) text += ": " + failed.detail;
    text += "\n        reproduce:  " + reproducing_command(by, request, file) + "\n";
    if (!file.empty()) text += "        shrink:     " + shell_word(by.program) + " shrink " + shell_word(file) + "\n";
    return text;
}

std::string passed_text(std::string_view scenario, const run_request& request, const run_outcome& outcome) {
    return "passed  " + std::string(scenario) + "   seed " + std::to_string(request.seed) + ", " +
           counted(outcome.events, "event", "events") + ", " + seconds_text(outcome.virtual_ns) +
           " simulated, digest " + hex16(outcome.digest) + "\n";
}

}  // namespace tina::sim
