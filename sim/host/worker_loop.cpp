// SPDX-License-Identifier: Apache-2.0
// A worker's loop. A family of runs is run once up to each reseed, where the process is forked: the copy goes on with
// the other seed, and the original waits for it and goes on after it, so that one worker is never more than one run.
#include "sim/host/worker_loop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "sim/harness/wire.hpp"
#include "sim/host/files.hpp"

namespace tina::sim::host {

namespace {

[[nodiscard]] bool read_exactly(int fd, char* into, std::size_t size) noexcept {
    while (size != 0) {
        const ssize_t got = ::read(fd, into, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into += got;
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

/// What the asking side does not want is not sent.
void send_answer(int fd, answer_size size, std::uint64_t index, run_outcome outcome) {
    if (size != answer_size::whole) outcome.fired_log.clear();
    if (size == answer_size::verdict) outcome.novelty.clear();
    wire_writer body;
    body.number(index);
    encode(body, outcome);
    wire_writer message;
    message.text(body.bytes());
    // Nobody there any more: neither is there anything to do.
    if (!write_all(fd, message.bytes())) ::_exit(0);
}

/// The run of a family with branches.
class branching_run {
public:
    branching_run(const worker_ends& ends, const runner& run, const family& what)
        : ends_(ends), run_(run), family_(what) {}

    /// Answers for every child; for those that could not be branched off by a plain run.
    void run_all() {
        run_request request = family_.parent;
        request.branch = [this](const event_record& what) { return branch_at(what.number); };
        request.stop_at_event = family_.children.back().from.event;
        run_outcome outcome = run_(request);
        if (is_branch_) {
            send_answer(ends_.answers, family_.answers, family_.children[next_ - 1].index, std::move(outcome));
            std::fflush(nullptr);
            ::_exit(0);
        }
        for (; next_ < family_.children.size(); ++next_) run_plainly(family_.children[next_]);
    }

    void run_plainly(const family::child& which) {
        static_cast<void>(::ftruncate(ends_.said, 0));
        send_answer(ends_.answers, family_.answers, which.index, run_(request_of(family_, which)));
    }

private:
    /// Forks if a child leaves here; in the copy, the seed that it goes on with.
    std::optional<std::uint64_t> branch_at(std::uint64_t event) {
        if (is_branch_) return std::nullopt;
        while (next_ < family_.children.size() && family_.children[next_].from.event <= event + 1) {
            const family::child& child = family_.children[next_];
            if (child.is_parent || child.from.event != event + 1) return std::nullopt;
            ++next_;
            std::fflush(nullptr);
            const pid_t copy = ::fork();
            if (copy == 0) {
                is_branch_ = true;
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                return child.from.seed;
            }
            if (copy < 0 || !has_answered(copy)) retry_.push_back(next_ - 1);
        }
        return std::nullopt;
    }

    [[nodiscard]] static bool has_answered(pid_t copy) noexcept {
        int status = 0;
        while (::waitpid(copy, &status, 0) < 0) {
            if (errno != EINTR) return false;
        }
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

public:
    /// Children whose copies ended badly: they show again how, in a run of their own.
    [[nodiscard]] const std::vector<std::size_t>& retries() const noexcept { return retry_; }

private:
    const worker_ends& ends_;
    const runner& run_;
    const family& family_;
    std::size_t next_ = 0;  ///< the next child to branch off
    bool is_branch_ = false;
    std::vector<std::size_t> retry_;
};

void run_family(const worker_ends& ends, const runner& run, const family& what) {
    branching_run all(ends, run, what);
    const bool branches = what.children.size() > 1;
    if (!branches) {
        for (const family::child& each : what.children) all.run_plainly(each);
        return;
    }
    all.run_all();
    for (const std::size_t each : all.retries()) all.run_plainly(what.children[each]);
}

void begin_work(const worker_ends& ends) noexcept {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != ends.parent) ::_exit(0);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);
    const int nothing = ::open("/dev/null", O_RDONLY);
    if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
    ::dup2(ends.said, STDOUT_FILENO);
    ::dup2(ends.said, STDERR_FILENO);
}

}  // namespace

void work(const worker_ends& ends, const runner& run) {
    begin_work(ends);
    for (;;) {
        std::uint64_t size = 0;
        if (!read_exactly(ends.tasks, reinterpret_cast<char*>(&size), sizeof size)) break;
        std::string body(size, '\0');
        if (!read_exactly(ends.tasks, body.data(), body.size())) break;
        wire_reader reader(body);
        const family what = decode_family(reader);
        run_family(ends, run, what);
        std::fflush(nullptr);
    }
    ::_exit(0);
}

}  // namespace tina::sim::host
