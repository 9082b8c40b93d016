// SPDX-License-Identifier: Apache-2.0
// Sums over the runs of a campaign, and what is missing in them.
#include "sim/harness/campaign.hpp"

#include <algorithm>

#include "sim/harness/text.hpp"
#include "sim/harness/verdict.hpp"

namespace tina::sim {

namespace {

constexpr std::uint64_t asked_enough = 1000;  ///< from so many questions on, a fault kind must have fired
constexpr std::uint64_t runs_enough = 20;     ///< from so many runs on, a declared fault kind must have been asked for

/// A site's name, and that of the field of `faults` that declares it where that is another.
[[nodiscard]] std::string declared_name(site which) {
    const std::string name(info_of(which).name);
    switch (which) {
    case site::crash_before:
    case site::crash_after_effect:
    case site::crash_between_effects:
    case site::crash_at_start:
    case site::crash_in_restart: return name + " (of crash_isolate)";
    default: return name;
    }
}

}  // namespace

bool campaign::add(const campaign_run& run, const run_outcome& outcome) {
    ++runs_;
    events_ += outcome.events;
    virtual_ns_ += outcome.virtual_ns;
    for (const mark_outcome& each : outcome.marks) {
        mark_sum& sum = marks_[{each.kind, each.name}];
        sum.met += each.met;
        sum.held += each.held;
    }
    for (const fault_outcome& each : outcome.faults) {
        fault_sum& sum = faults_[static_cast<std::size_t>(each.what)];
        sum.is_declared = true;
        sum.asked += each.asked;
        sum.fired += each.fired;
    }
    if (!outcome.failed) return false;
    ++failed_runs_;
    found_failure& found = failures_[std::string(signature_of(outcome))];
    if (++found.count > 1 && found.first.index <= run.index) return false;
    found.first = run;
    found.outcome = outcome;
    return true;
}

bool campaign::must_hold(const mark_entry& which) noexcept {
    const char kind = which.first.first;
    return (kind == 's' || kind == 'r') && !which.second.is_elsewhere;
}

std::uint64_t campaign::marks_wanted() const noexcept {
    return static_cast<std::uint64_t>(std::count_if(marks_.begin(), marks_.end(), must_hold));
}

std::uint64_t campaign::marks_held() const noexcept {
    const auto holds = [](const mark_entry& each) { return must_hold(each) && each.second.held != 0; };
    return static_cast<std::uint64_t>(std::count_if(marks_.begin(), marks_.end(), holds));
}

bool campaign::misses_marks() const noexcept {
    const auto is_missed = [](const mark_entry& each) { return must_hold(each) && each.second.met == 0; };
    return std::any_of(marks_.begin(), marks_.end(), is_missed);
}

void campaign::leave_marks_to(const run_outcome& other, const std::set<std::string>& types) {
    const auto is_known = [&](const std::string& type) { return types.contains(type); };
    for (const mark_outcome& each : other.marks) {
        if (each.met == 0 || std::any_of(each.types.begin(), each.types.end(), is_known)) continue;
        mark_sum& sum = marks_[{each.kind, each.name}];
        sum.is_elsewhere = sum.is_elsewhere || sum.met == 0;
    }
}

std::string campaign::mark_text(const mark_key& which, const mark_sum& sum) const {
    const auto& [kind, name] = which;
    std::string text = kind == 's' ? "TINA_SOMETIMES" : "TINA_REACHABLE";
    text += "(" + quoted(name) + ") never held in " + counted(runs_, "run", "runs");
    if (kind == 's' && sum.met != 0) {
        return text + ", though it was passed " + counted(sum.met, "time", "times") +
               ": make its condition possible, declare the fault that leads to it, or run more seeds";
    }
    return text + " and was never reached: bring the workload or the faults there, run more seeds, or take it away";
}

std::vector<std::string> campaign::not_shown() const {
    std::vector<std::string> lines;
    for (const mark_entry& each : marks_) {
        if (must_hold(each) && each.second.held == 0) lines.push_back(mark_text(each.first, each.second));
    }
    for (std::size_t i = 0; i < site_count; ++i) {
        const fault_sum& sum = faults_[i];
        if (!sum.is_declared || sum.fired != 0) continue;
        const std::string name = "the fault " + declared_name(static_cast<site>(i));
        if (sum.asked >= asked_enough) {
            lines.push_back(name + " never fired, though it could have " + counted(sum.asked, "time", "times") +
                            ": make it likelier, or do not declare it");
        } else if (sum.asked == 0 && runs_ >= runs_enough) {
            lines.push_back(name + " is declared, and there was never an occasion for it in " +
                            counted(runs_, "run", "runs") + ": widen its scope, bring the workload there, or do not " +
                            "declare it");
        }
    }
    return lines;
}

}  // namespace tina::sim
