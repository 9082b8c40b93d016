// SPDX-License-Identifier: Apache-2.0
// A process that runs a scenario on request: forked from this one, so that a run that takes its process down, or never
// ends, costs only itself. Owned by whoever asks; it never outlives this process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/harness/guided.hpp"
#include "sim/harness/verdict.hpp"

namespace tina::sim::host {

struct answer {
    std::uint64_t index = 0;
    run_outcome outcome;
};

/// What becomes of what the runs themselves print.
enum class run_output : std::uint8_t {
    kept,   ///< its end is told where a run ends its process
    shown,  ///< it goes where that of this process goes
};

class worker {
public:
    explicit worker(const runner& run, run_output output = run_output::kept);
    ~worker();
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Why there is no process; empty: there is one.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    /// Readable when an answer has come, or the process has ended.
    [[nodiscard]] int answers_fd() const noexcept { return answers_; }
    /// Has it run a family; one answer comes for each child of it. False: it is gone.
    [[nodiscard]] bool ask(const family& what);
    /// Takes what has come. False: the process is gone.
    [[nodiscard]] bool take(std::vector<answer>& into);
    /// Changes while its run goes on.
    [[nodiscard]] std::uint64_t beat() const noexcept;
    /// Ends it. Then, or when it is gone, this says how the run that it was at has ended.
    void kill() noexcept;
    [[nodiscard]] run_outcome last_words();

private:
    pid_t process_ = -1;
    int tasks_ = -1;                 ///< to it
    int answers_ = -1;               ///< from it
    int said_ = -1;                  ///< what it printed during its present run
    std::uint64_t* beat_ = nullptr;  ///< shared with it
    std::string reason_;
    std::string unread_;
};

/// How long to wait for a run: not much longer when the world has stopped to go on, and not for ever if it has not.
class patience {
public:
    explicit patience(std::int64_t hung_ns = 0) : hung_ns_(hung_ns) {}
    /// A run begins.
    void begin(std::uint64_t beat) noexcept;
    [[nodiscard]] bool is_over(std::uint64_t beat) noexcept;

private:
    std::int64_t hung_ns_;
    std::int64_t began_ns_ = 0;
    std::int64_t moved_ns_ = 0;
    std::uint64_t beat_ = 0;
};

/// A runner whose runs take place in a worker: a run that ends its process, or takes too long, is an outcome too.
class remote_runner {
public:
    remote_runner(runner local, std::int64_t hung_ns, run_output output = run_output::kept)
        : local_(std::move(local)), hung_ns_(hung_ns), output_(output) {}
    [[nodiscard]] run_outcome operator()(const run_request& request);

private:
    runner local_;
    std::int64_t hung_ns_;
    run_output output_;
    std::unique_ptr<worker> worker_;
};

/// "the process ended by signal 11 (SIGSEGV)": the signature of a run that ended its process with this status.
[[nodiscard]] std::string end_text(int status);

/// The outcome of a run that was ended because nothing came of it for so long.
[[nodiscard]] run_outcome hung_outcome(std::int64_t hung_ns);

}  // namespace tina::sim::host
