// SPDX-License-Identifier: Apache-2.0
// list, run, replay, diff and trace.
#include "sim/host/commands.hpp"

#include <cstdio>
#include <sstream>
#include <utility>

#include "sim/harness/compare.hpp"
#include "sim/harness/text.hpp"
#include "sim/harness/wire.hpp"
#include "sim/host/files.hpp"
#include "sim/host/stir.hpp"
#include "sim/host/terminal.hpp"
#include "sim/host/worker.hpp"
#include "sim/trace/trace.hpp"

namespace tina::sim::host {

namespace {

[[nodiscard]] std::string trace_text(const target& of, const run_outcome& outcome, const common_options& options,
                                     trace_format format) {
    const std::string file = of.file.empty() ? replay_name(of.what->name, of.request) : of.file;
    std::ostringstream out;
    write_trace(out, outcome, format,
                {.scenario = std::string(of.what->name),
                 .seed = of.request.seed,
                 .reproduce = reproducing_command(invocation_of(of, options), of.request, file)});
    return std::move(out).str();
}

[[nodiscard]] trace_format format_for(const std::string& path) {
    if (path.ends_with(".json")) return trace_format::perfetto;
    if (path.ends_with(".html")) return trace_format::html;
    return trace_format::text;
}

/// Prints what a run came to; of one that failed, a replay file is written, unless it came from one.
int tell(const target& of, const run_outcome& outcome, const common_options& options) {
    if (!outcome.failed) {
        say(passed_text(of.what->name, of.request, outcome));
        return passed_status;
    }
    std::string file = of.file;
    std::string reason;
    if (file.empty()) {
        file = replay_name(of.what->name, of.request);
        reason = write_replay(file, replay_of(of.what->name, of.request, outcome));
        if (!reason.empty()) file.clear();
    }
    say(failure_text(invocation_of(of, options), of.request, outcome, file));
    if (!reason.empty()) static_cast<void>(refuse(options, reason));
    return failed_status;
}

void say_log(const run_outcome& outcome) {
    for (const std::string& each : outcome.log) say(each + (each.ends_with('\n') ? "" : "\n"));
}

/// What a replay file said would come, and whether it did.
void compare_with(const replay_file& expected, const run_outcome& outcome) {
    const std::string_view came = signature_of(outcome);
    const auto shown = [](std::string_view failure) {
        return failure.empty() ? std::string("that it passes") : quoted(failure);
    };
    if (came != expected.failure) {
        say("        differs:    the file expects " + shown(expected.failure) + ", and what came is " + shown(came) +
            "\n");
    }
    if (expected.digest != outcome.digest && !is_of_the_process(came)) {
        say("        differs:    the file expects the digest " + hex16(expected.digest) + ", and what came is " +
            hex16(outcome.digest) + "\n");
    }
    if (came == expected.failure && expected.digest == outcome.digest) {
        say("        the same as the file expects, digest " + hex16(outcome.digest) + "\n");
    }
}

/// In a process of its own, so that a run that ends its process is told like any other failure.
[[nodiscard]] run_outcome run_apart(const target& what, const common_options& options, const run_request& request) {
    return remote_runner(runner_of(what), options.hung_ns, run_output::shown)(request);
}

[[nodiscard]] run_outcome run_whole(const target& what, const common_options& options) {
    run_request request = what.request;
    request.keep = recording::all;
    return run_apart(what, options, request);
}

}  // namespace

int refuse(const common_options& options, const std::string& reason) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", options.program.c_str(), reason.c_str());
    return usage_status;
}

int list_command() {
    std::size_t width = 0;
    for (const scenario& each : all_scenarios()) width = std::max(width, each.name.size());
    for (const scenario& each : all_scenarios()) {
        say(std::string(each.name) + std::string(width - each.name.size() + 2, ' ') + std::string(each.description) +
            "\n");
    }
    if (all_scenarios().empty()) say("no scenario is declared; TINA_SCENARIO(name, description) declares one\n");
    return passed_status;
}

std::string save_trace(const target& of, const run_outcome& outcome, const common_options& options,
                       const std::string& path) {
    return write_file(path, trace_text(of, outcome, options, format_for(path)));
}

int run_command(const common_options& options, const run_options& wanted) {
    target what = resolve_scenario(wanted.scenario, options);
    if (!what.reason.empty()) return refuse(options, what.reason);
    if (wanted.twice) return run_twice(what, options);
    const bool shows = !wanted.trace.empty() || wanted.log || !wanted.outcome_to.empty();
    run_request request = what.request;
    request.every_tick = wanted.every_tick;
    request.memory_fill = wanted.memory_fill;
    if (shows) request.keep = recording::all;
    if (wanted.before_it != 0) {
        run_request before = request;
        before.seed = wanted.before_it;
        static_cast<void>(run_scenario(*what.what, before));
        stir_heap();
    }
    const bool is_here = wanted.here || !wanted.outcome_to.empty();
    const run_outcome outcome = is_here ? run_scenario(*what.what, request) : run_apart(what, options, request);
    if (!wanted.outcome_to.empty()) {
        wire_writer to;
        encode(to, outcome);
        const std::string reason = write_file(wanted.outcome_to, to.bytes());
        if (reason.empty()) return passed_status;
        static_cast<void>(refuse(options, reason + "; TMPDIR may name another folder"));
        return outcome_lost_status;
    }
    if (!outcome.unusable.empty()) return refuse(options, outcome.unusable);
    if (wanted.log) say_log(outcome);
    const int status = tell(what, outcome, options);
    if (wanted.trace.empty()) return status;
    if (const std::string reason = save_trace(what, outcome, options, wanted.trace); !reason.empty()) {
        return refuse(options, reason);
    }
    say("        trace:      " + wanted.trace + "\n");
    return status;
}

int replay_command(const common_options& options, const replay_options& wanted) {
    const target what = resolve(wanted.target, options);
    if (!what.reason.empty()) return refuse(options, what.reason);
    if (wanted.to != 0 || wanted.step || wanted.back) {
        const bool commands = wanted.step || wanted.back;
        return step_through(*what.what, what.request,
                            {.to = wanted.to, .backwards = wanted.back, .prompt = commands && is_input_terminal()});
    }
    run_request request = what.request;
    if (wanted.log) request.keep = recording::all;
    const run_outcome outcome = wanted.here ? run_scenario(*what.what, request) : run_apart(what, options, request);
    if (!outcome.unusable.empty()) return refuse(options, outcome.unusable);
    if (const std::string reason = other_build_reason(what, outcome, options); !reason.empty()) {
        return refuse(options, reason);
    }
    if (wanted.log) say_log(outcome);
    const int status = tell(what, outcome, options);
    if (what.expected) compare_with(*what.expected, outcome);
    return status;
}

int diff_command(const common_options& options, const std::string& one, const std::string& other) {
    const target first = resolve(one, options);
    if (!first.reason.empty()) return refuse(options, first.reason);
    const target second = resolve(other, options);
    if (!second.reason.empty()) return refuse(options, second.reason);
    const run_outcome a = run_whole(first, options);
    if (!a.unusable.empty()) return refuse(options, one + ": " + a.unusable);
    const run_outcome b = run_whole(second, options);
    if (!b.unusable.empty()) return refuse(options, other + ": " + b.unusable);
    for (const auto& [from, outcome] : {std::pair{&first, &a}, std::pair{&second, &b}}) {
        const std::string reason = other_build_reason(*from, *outcome, options);
        if (!reason.empty()) return refuse(options, reason);
    }
    say(comparison_text(a, b, one, other) + "\n" + summary_text(a, b, one, other));
    return first_difference(a, b) ? failed_status : passed_status;
}

int trace_command(const common_options& options, const trace_options& wanted) {
    const target what = resolve(wanted.target, options);
    if (!what.reason.empty()) return refuse(options, what.reason);
    const run_outcome outcome = run_whole(what, options);
    if (!outcome.unusable.empty()) return refuse(options, outcome.unusable);
    if (const std::string reason = other_build_reason(what, outcome, options); !reason.empty()) {
        return refuse(options, reason);
    }
    trace_format format = trace_format::text;
    if (wanted.format == "perfetto") format = trace_format::perfetto;
    if (wanted.format == "html") format = trace_format::html;
    const std::string text = trace_text(what, outcome, options, format);
    if (wanted.output.empty()) {
        say(text);
        return passed_status;
    }
    if (const std::string reason = write_file(wanted.output, text); !reason.empty()) return refuse(options, reason);
    say("        trace:      " + wanted.output + "\n");
    return passed_status;
}

}  // namespace tina::sim::host
