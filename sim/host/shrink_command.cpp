// SPDX-License-Identifier: Apache-2.0
// shrink: from a failing run to the smallest file that fails alike, and what it means.
#include <cstdio>
#include <utility>

#include "sim/harness/shrink.hpp"
#include "sim/harness/text.hpp"
#include "sim/host/commands.hpp"
#include "sim/host/terminal.hpp"
#include "sim/host/worker.hpp"

namespace tina::sim::host {

namespace {

[[nodiscard]] std::string output_name(const target& what, const shrink_options& wanted) {
    if (!wanted.output.empty()) return wanted.output;
    std::string name = what.file.empty() ? replay_name(what.what->name, what.request) : what.file;
    for (const std::string_view end : {std::string_view(".replay"), std::string_view(".min")}) {
        if (name.ends_with(end)) name.resize(name.size() - end.size());
    }
    return name + ".min.replay";
}

[[nodiscard]] std::string progress_text(const shrink_progress& at) {
    return counted(at.runs, "run", "runs") + ", left: " + counted(at.left.faults, "fault", "faults") + ", " +
           counted(at.left.orders, "unusual order or delay", "unusual orders and delays") + ", " +
           counted(at.left.operations, "operation", "operations");
}

[[nodiscard]] shrink_limits limits_for(const shrink_options& wanted, progress_line& progress) {
    const std::int64_t until_ns = wanted.for_ns == 0 ? INT64_MAX : real_now_ns() + wanted.for_ns;
    return {.runs_max = wanted.runs_max,
            .stops = [until_ns] { return interrupt_watch::has_come() || real_now_ns() >= until_ns; },
            .on_progress =
                [&progress](const shrink_progress& at) {
                    if (progress.is_due()) progress.show(progress_text(at));
                }};
}

/// A file that fails only after other runs in the same process would be of no use.
void check_afresh(const target& what, const shrink_result& result, const common_options& options) {
    const run_outcome outcome = remote_runner(runner_of(what), options.hung_ns)(result.request);
    if (signature_of(outcome) == signature_of(result.outcome)) return;
    say("In a fresh process it does not fail like this: the program remembers something from run to run.\n"
        "        look:       " +
        reproducing_command(invocation_of(what, options), what.request, what.file) + " --twice\n");
}

}  // namespace

int shrink_command(const common_options& options, const shrink_options& wanted) {
    const target what = resolve(wanted.target, options);
    if (!what.reason.empty()) return refuse(options, what.reason);
    const interrupt_watch watch;
    progress_line progress;
    remote_runner run(runner_of(what), options.hung_ns);
    const run_outcome first = run(what.request);
    if (!first.unusable.empty()) return refuse(options, first.unusable);
    if (const std::string reason = other_build_reason(what, first, options); !reason.empty()) {
        return refuse(options, reason);
    }
    shrink_result result = shrink(std::ref(run), what.request, limits_for(wanted, progress));
    progress.clear();
    if (!result.reason.empty()) return refuse(options, wanted.target + ": " + result.reason);
    if (!result.outcome.failed) return refuse(options, "interrupted before the last run; nothing was written");
    const std::string name = output_name(what, wanted);
    const replay_file made = replay_of(what.what->name, result.request, result.outcome);
    const std::string reason = write_replay(name, made);
    say(story_of(result));
    if (!reason.empty()) {
        // It has taken its time: what was found is not to be lost with the file.
        say("The file would be:\n" + to_text(made));
        return refuse(options, reason);
    }
    say("        \u2192  " + name + "   (" + counted(result.runs, "run", "runs") + ")\n");
    say("        replay:     " + shell_word(options.program) + " replay " + shell_word(name) + "\n");
    if (interrupt_watch::has_come()) return interrupted_status;
    check_afresh(what, result, options);
    return passed_status;
}

}  // namespace tina::sim::host
