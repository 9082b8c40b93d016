// SPDX-License-Identifier: Apache-2.0
// --twice: the same run in two processes started anew, with other addresses, other contents of fresh memory, another
// environment, another second of the wall clock and another past. Where they part, something other than the seed has
// decided.
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "sim/harness/compare.hpp"
#include "sim/harness/text.hpp"
#include "sim/harness/wire.hpp"
#include "sim/host/commands.hpp"
#include "sim/host/files.hpp"
#include "sim/host/stir.hpp"
#include "sim/host/terminal.hpp"
#include "sim/host/worker.hpp"

namespace tina::sim::host {

namespace {

constexpr std::size_t outcome_bytes_max = std::size_t{8} * 1024 * 1024 * 1024;
constexpr std::size_t padding_bytes = 5003;  ///< of the environment: the stack begins elsewhere

using words = std::vector<std::string>;

[[nodiscard]] words arguments_of(const target& what, const std::string& to, const std::string& edits, bool is_second) {
    words all{"tina-twice",
              "run",
              std::string(what.what->name),
              "--seed",
              std::to_string(what.request.seed),
              "--faults",
              std::string(name_of(what.request.profile)),
              "--outcome-to",
              to};
    if (!edits.empty()) all.insert(all.end(), {"--edits", edits});
    if (is_second) {
        const std::uint64_t other = what.request.seed == 1 ? 2 : what.request.seed - 1;
        all.insert(all.end(),
                   {"--memory-fill", "165", "--before-it", std::to_string(std::max<std::uint64_t>(other, 1))});
    }
    for (const std::string& each : what.request.options) all.push_back("--" + each);
    return all;
}

[[nodiscard]] std::vector<char*> pointers_to(words& all) {
    std::vector<char*> pointers;
    for (std::string& each : all) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    return pointers;
}

[[noreturn]] void become(words arguments, bool is_second) {
    if (is_second) {
        ::setenv("MALLOC_PERTURB_", "90", 1);
        ::setenv("TINA_PADDING", std::string(padding_bytes, 'x').c_str(), 1);
        fill_fresh_memory_otherwise();
    } else {
        // The first has the addresses that it would have under a debugger, the second whichever the system gives it.
        static_cast<void>(::personality(ADDR_NO_RANDOMIZE));
    }
    std::vector<char*> pointers = pointers_to(arguments);
    ::execv("/proc/self/exe", pointers.data());
    ::_exit(127);
}

/// What one of the two came to; where its process has ended by itself, that.
[[nodiscard]] run_outcome run_in_new_process(const target& what, const std::string& edits, bool is_second) {
    run_outcome outcome;
    const temporary_file to;
    if (!to.reason().empty()) {
        outcome.unusable = to.reason();
        return outcome;
    }
    std::fflush(nullptr);
    const pid_t process = ::fork();
    if (process == 0) become(arguments_of(what, to.path(), edits, is_second), is_second);
    int status = 0;
    while (process > 0 && ::waitpid(process, &status, 0) < 0 && errno == EINTR) {}
    if (process < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127)) {
        outcome.unusable = "cannot start the program a second time; --twice needs the file /proc/self/exe";
        return outcome;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == outcome_lost_status) {
        outcome.unusable = "what a run came to could not be handed on; see above";
        return outcome;
    }
    const text_or_reason read = read_file(to.path(), outcome_bytes_max);
    if (!read.reason.empty()) outcome.unusable = read.reason;
    if (!read.reason.empty()) return outcome;
    if (!read.text.empty()) {
        wire_reader from(read.text);
        return decode_outcome(from);
    }
    outcome.failed.emplace();
    outcome.failed->property = end_text(status);
    return outcome;
}

void say_difference(const target& what, const run_outcome& one, const run_outcome& other) {
    const std::string text = comparison_text(one, other, "in the first process", "in the second process");
    say("FAILED  the run is the same every time   seed " + std::to_string(what.request.seed) + "\n" + text);
    if (first_difference(one, other)) {
        say("\nLook in what runs there for a clock, an address, memory that was not set, or something that is left "
            "from a run before.\n");
    }
}

}  // namespace

int run_twice(const target& what, const common_options& options) {
    const run_outcome one = run_in_new_process(what, options.edits, false);
    if (!one.unusable.empty()) return refuse(options, one.unusable);
    wait_for_next_second();
    const run_outcome other = run_in_new_process(what, options.edits, true);
    if (!other.unusable.empty()) return refuse(options, other.unusable);
    const bool are_same = one.digest == other.digest && signature_of(one) == signature_of(other) &&
                          !first_difference(one, other).has_value();
    if (!are_same) {
        say_difference(what, one, other);
        return failed_status;
    }
    int status = passed_status;
    if (one.failed) {
        const std::string file = replay_name(what.what->name, what.request);
        const std::string reason = write_replay(file, replay_of(what.what->name, what.request, one));
        const invocation by = invocation_of(what, options);
        say(failure_text(by, what.request, one, reason.empty() ? file : std::string()));
        if (!reason.empty()) static_cast<void>(refuse(options, reason));
        status = failed_status;
    } else {
        say(passed_text(what.what->name, what.request, one));
    }
    say("        twice:      the same " + counted(one.events, "event", "events") + " in two processes\n");
    return status;
}

}  // namespace tina::sim::host
