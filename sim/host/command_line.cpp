// SPDX-License-Identifier: Apache-2.0
// The command line of a program of scenarios: what it takes, in which words, and to which command it leads. It decides
// nothing else.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "sim/harness/text.hpp"
#include "sim/host/commands.hpp"
#include "sim/host/explore.hpp"
#include "sim/host/terminal.hpp"
#include "sim/host/usage.hpp"
#include "tina/harness.hpp"

namespace tina::sim::host {

namespace {

constexpr const char* about =
    "Runs the scenarios of this program in simulation: the same seed, the same run, to the last event.";
constexpr const char* statuses =
    "Exit status: 0 passed, 1 a property failed, 2 bad usage or a file that cannot be read or written,\n"
    "130 interrupted before anything failed.";
constexpr const char* corpus_help = "A file of known failures: they are run first, and new ones are added to it";
constexpr const char* hung_help = "Gives a run up that has not gone on for so long; 30s";

constexpr std::uint64_t jobs_max = 1024;

struct number_option {
    const char* name;
    const char* help;
    std::uint64_t low;
    std::uint64_t high;
};

class command_line {
public:
    command_line(std::string program, const harness_options& options);
    [[nodiscard]] int run(int argc, char** argv);

private:
    void add_list();
    void add_run();
    void add_explore();
    void add_replay();
    void add_shrink();
    void add_diff();
    void add_trace();
    CLI::App* add(const char* name, const char* what);
    void add_seed(CLI::App* to);
    void add_faults(CLI::App* to);
    void add_target(CLI::App* to, std::string& into);
    CLI::Option* add_number(CLI::App* to, const number_option& what, std::function<void(std::uint64_t)> take);
    void add_span(CLI::App* to, const char* name, std::int64_t& into, const char* what);

    common_options common_;
    CLI::App app_{about};
    std::deque<bool> given_;
    run_options run_;
    explore_options explore_;
    std::string explored_;
    replay_options replay_;
    shrink_options shrink_;
    trace_options trace_;
    std::string one_, other_;
    std::function<int()> chosen_;
};

command_line::command_line(std::string program, const harness_options& options) {
    common_.program = std::move(program);
    app_.require_subcommand(1);
    app_.footer(statuses);
    for (const harness_flag& each : options.flags) {
        given_.push_back(false);
        common_.known_flags.push_back(each.name);
        app_.add_flag("--" + each.name, given_.back(), each.description);
    }
    add_list();
    add_run();
    add_explore();
    add_replay();
    add_shrink();
    add_diff();
    add_trace();
}

CLI::App* command_line::add(const char* name, const char* what) {
    CLI::App* made = app_.add_subcommand(name, what);
    made->fallthrough();
    std::string flags;
    for (const std::string& each : common_.known_flags) flags += " --" + each;
    made->footer((flags.empty() ? std::string() : "Flags of this program:" + flags + "\n") + statuses);
    return made;
}

void command_line::add_seed(CLI::App* to) {
    add_number(to, {"--seed", "What decides everything; 1 if none is given", 0, UINT64_MAX},
               [this](std::uint64_t value) { common_.seed = value; });
}

void command_line::add_faults(CLI::App* to) {
    to->add_option_function<std::string>(
          "--faults",
          [this](const std::string& name) {
              if (name == "declared") common_.profile = fault_profile::declared;
              if (name == "none") common_.profile = fault_profile::none;
          },
          "swarm: of those declared a part for each seed, the default; declared: all; none")
        ->check(CLI::IsMember({"swarm", "declared", "none"}));
    to->add_option("--edits", common_.edits, "A file with lines `edit` and `reseed`, or a replay file: its edits")
        ->type_name("FILE");
}

void command_line::add_target(CLI::App* to, std::string& into) {
    to->add_option("FILE", into, "A replay file; or a scenario, with --seed; or scenario:seed")
        ->required()
        ->type_name("");
    to->add_flag("--other-build", common_.other_build, "Runs a file of another build all the same");
    add_seed(to);
    add_faults(to);
}

void command_line::add_span(CLI::App* to, const char* name, std::int64_t& into, const char* what) {
    to->add_option_function<std::string>(
          name, [&into](const std::string& text) { into = parse_span(text).value_or(0); }, what)
        ->check([](const std::string& text) {
            return parse_span(text) ? std::string()
                                    : sim::quoted(text) + " is no span of time; give one like 90s, 10m or 1h";
        })
        ->type_name("SPAN");
}

CLI::Option* command_line::add_number(CLI::App* to, const number_option& what,
                                      std::function<void(std::uint64_t)> take) {
    return to
        ->add_option_function<std::string>(
            what.name, [take = std::move(take)](const std::string& text) { take(parse_decimal(text).value_or(0)); },
            what.help)
        ->check([low = what.low, high = what.high](const std::string& text) { return check_number(text, low, high); })
        ->type_name("N");
}

void command_line::add_list() {
    add("list", "Names the scenarios")->callback([this] { chosen_ = [] { return list_command(); }; });
}

void command_line::add_run() {
    CLI::App* made = add("run", "Runs one seed of a scenario");
    made->add_option("SCENARIO", run_.scenario, "One of those that `list` names")->required()->type_name("");
    add_seed(made);
    add_faults(made);
    made->add_option("--trace", run_.trace,
                     "Writes a trace: text, or for a name with .json Perfetto, with .html a page")
        ->type_name("FILE");
    made->add_flag("--twice", run_.twice, "Runs it in two processes, and says where they part if they do");
    made->add_flag("--log", run_.log, "Prints the log of the simulated systems");
    add_span(made, "--hung", common_.hung_ns, hung_help);
    made->add_flag("--every-tick", run_.every_tick, "Does not jump over idle time");
    made->add_flag("--here", run_.here, "In this very process, for debuggers");
    made->add_option("--outcome-to", run_.outcome_to)->group("");
    made->add_option("--memory-fill", run_.memory_fill)->group("");
    made->add_option("--before-it", run_.before_it)->group("");
    made->callback([this] { chosen_ = [this] { return run_command(common_, run_); }; });
}

void command_line::add_explore() {
    CLI::App* made = add("explore", "Runs many seeds in many processes, and saves what fails");
    explore_.workers.jobs = processor_count();
    made->add_option("SCENARIO", explored_, "One of those that `list` names")->required()->type_name("");
    made->add_option_function<std::string>(
            "--seeds",
            [this](const std::string& text) {
                std::string ignored;
                const seed_range range = parse_seeds(text, ignored);
                explore_.first_seed = range.first;
                explore_.last_seed = range.last;
            },
            "From one seed to another, 1..1000 if none are given")
        ->check([](const std::string& text) {
            std::string reason;
            static_cast<void>(parse_seeds(text, reason));
            return reason;
        })
        ->type_name("A..B");
    add_number(made, {"--jobs", "Processes; as many as processors if none is given", 1, jobs_max},
               [this](std::uint64_t value) { explore_.workers.jobs = static_cast<unsigned>(value); });
    add_faults(made);
    add_span(made, "--for", explore_.for_ns, "Begins no run after so long");
    add_span(made, "--hung", explore_.workers.hung_ns, hung_help);
    made->add_option("--corpus", explore_.corpus, corpus_help)->type_name("FILE");
    CLI::Option* guided =
        made->add_flag("--guided", explore_.guided, "Goes on from runs that have shown something new");
    made->add_flag("--canary", explore_.canary, "Makes a tenth of the runs that pass again, and compares their digests")
        ->excludes(guided);
    made->add_flag("--partial", explore_.partial, "Does not ask for marks and faults that have not shown");
    made->callback([this] {
        chosen_ = [this] {
            const target what = resolve_scenario(explored_, common_);
            if (!what.reason.empty()) return refuse(common_, what.reason);
            for (const scenario& each : all_scenarios()) {
                if (&each == what.what) continue;
                explore_.others.push_back([&each](const run_request& wanted) { return run_scenario(each, wanted); });
            }
            return host::explore(runner_of(what), invocation_of(what, common_), what.request, explore_);
        };
    });
}

void command_line::add_replay() {
    CLI::App* made = add("replay", "Runs a replay file, and compares with what it expects");
    add_target(made, replay_.target);
    CLI::Option* to = add_number(made, {"--to", "Shows this event, and what led to it", 1, UINT64_MAX},
                                 [this](std::uint64_t value) { replay_.to = value; });
    CLI::Option* step = made->add_flag("--step", replay_.step, "Goes through it event by event");
    made->add_flag("--back", replay_.back, "Goes through it backwards, from its failure")->excludes(to)->excludes(step);
    step->excludes(to);
    add_span(made, "--hung", common_.hung_ns, hung_help);
    made->add_flag("--here", replay_.here, "In this very process, for debuggers");
    made->add_flag("--log", replay_.log, "Prints the log of the simulated systems");
    made->callback([this] { chosen_ = [this] { return replay_command(common_, replay_); }; });
}

void command_line::add_shrink() {
    CLI::App* made = add("shrink", "Makes a failing run as small as it gets, and says what it comes down to");
    add_target(made, shrink_.target);
    made->add_option("-o", shrink_.output, "Where the small one goes; beside the large one, with .min in its name")
        ->type_name("FILE");
    add_number(made, {"--runs", "How many runs it may take; 20000", 1, UINT64_MAX},
               [this](std::uint64_t value) { shrink_.runs_max = value; });
    add_span(made, "--for", shrink_.for_ns, "How long it may take");
    add_span(made, "--hung", common_.hung_ns, hung_help);
    made->callback([this] { chosen_ = [this] { return shrink_command(common_, shrink_); }; });
}

void command_line::add_diff() {
    CLI::App* made = add("diff", "Says where two runs part");
    made->add_option("A", one_, "A replay file, or scenario:seed")->required()->type_name("");
    made->add_option("B", other_, "Likewise")->required()->type_name("");
    made->add_flag("--other-build", common_.other_build, "Runs a file of another build all the same");
    add_span(made, "--hung", common_.hung_ns, hung_help);
    made->callback([this] { chosen_ = [this] { return diff_command(common_, one_, other_); }; });
}

void command_line::add_trace() {
    CLI::App* made = add("trace", "Shows all events of a run");
    add_target(made, trace_.target);
    made->add_option("--format", trace_.format, "text, perfetto (for ui.perfetto.dev) or html (one page)")
        ->check(CLI::IsMember({"text", "perfetto", "html"}));
    made->add_option("-o", trace_.output, "Where it goes; the standard output if none is given")->type_name("FILE");
    add_span(made, "--hung", common_.hung_ns, hung_help);
    made->callback([this] { chosen_ = [this] { return trace_command(common_, trace_); }; });
}

int command_line::run(int argc, char** argv) {
    if (const std::string reason = check_command(app_, argc, argv); !reason.empty()) return refuse(common_, reason);
    try {
        app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app_.exit(error) == 0 ? passed_status : usage_status;
        return refuse(common_, mistake_text(app_, common_.program, error));
    }
    for (std::size_t i = 0; i < given_.size(); ++i) {
        if (given_[i]) common_.flags.push_back(common_.known_flags[i]);
    }
    const auto& all = all_scenarios();
    for (std::size_t i = 1; i < all.size(); ++i) {
        if (all[i - 1].name != all[i].name) continue;
        return refuse(common_,
                      "scenario " + sim::quoted(all[i].name) + " is declared twice; give one of them another name");
    }
    return chosen_();
}

}  // namespace

}  // namespace tina::sim::host

namespace tina {

namespace {

/// A file that is opened later must not take the place of one of the three that are always there.
void fill_standard_files() noexcept {
    for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) return;
    }
}

/// What was printed has left this process.
[[nodiscard]] int flush_output(const std::string& program, int status) {
    const int error = sim::host::flush_output();
    if (error == 0) return status;
    std::fprintf(stderr, "%s: cannot write all of the output: %s; make room there, or give it another place\n",
                 program.c_str(), std::generic_category().message(error).c_str());
    return status == sim::host::passed_status ? sim::host::usage_status : status;
}

}  // namespace

int harness_main(int argc, char** argv, const harness_options& options) {
    const std::string program = argc > 0 ? argv[0] : "simulation";
    // Who reads the output may go, and so may a worker: both show where something is written to them.
    ::signal(SIGPIPE, SIG_IGN);
    fill_standard_files();
    int status = sim::host::usage_status;
    try {
        status = sim::host::command_line(program, options).run(argc, argv);
    } catch (const std::exception& error) { std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what()); }
    return flush_output(program, status);
}

}  // namespace tina
