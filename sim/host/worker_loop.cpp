// SPDX-License-Identifier: Apache-2.0
// A worker's loop. A family of runs is run once up to each reseed, where the process is forked: the copy goes on with
// the other seed, and the original waits for it and goes on after it, so that one worker is never more than one run at
// a time.
#include "sim/host/worker_loop.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

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

void run_plainly(const worker_ends& ends, const runner& run, const family& what, const family::child& which) {
    static_cast<void>(::ftruncate(ends.said, 0));
    run_request request = request_of(what, which);
    request.beat = ends.beat;
    send_answer(ends.answers, what.answers, which.index, run(request));
}

/// Which children of a family have answered: shared by all processes that are forked for it.
class answered_board {
public:
    explicit answered_board(std::size_t count) : count_(count) {
        void* made = ::mmap(nullptr, count_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (made != MAP_FAILED) marks_ = static_cast<char*>(made);
    }
    ~answered_board() {
        if (marks_ != nullptr) ::munmap(marks_, count_);
    }
    answered_board(const answered_board&) = delete;
    answered_board& operator=(const answered_board&) = delete;
    [[nodiscard]] bool is_usable() const noexcept { return marks_ != nullptr; }
    void note(std::size_t child) noexcept { marks_[child] = 1; }
    [[nodiscard]] bool has(std::size_t child) const noexcept { return marks_ != nullptr && marks_[child] != 0; }

private:
    std::size_t count_;
    char* marks_ = nullptr;
};

void wait_for(pid_t process) noexcept {
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {}
}

/// In a process of its own: the parent's run, which forks a copy where a child leaves it, waits for that, and ends when
/// the last has left.
class trunk {
public:
    trunk(const worker_ends& ends, const family& what, answered_board& board)
        : ends_(ends), family_(what), board_(board) {}

    [[noreturn]] void grow(const runner& run) {
        run_request request = family_.parent;
        request.beat = ends_.beat;
        request.branch = [this](const event_record& what) { return branch_at(what.number); };
        run_outcome outcome = run(request);
        if (is_branch_) {
            send_answer(ends_.answers, family_.answers, family_.children[next_ - 1].index, std::move(outcome));
            board_.note(next_ - 1);
        }
        ::_exit(0);
    }

private:
    /// In a copy: the seed that it goes on with.
    std::optional<std::uint64_t> branch_at(std::uint64_t event) {
        while (!is_branch_ && next_ < family_.children.size()) {
            const family::child& child = family_.children[next_];
            if (child.from.event > event) return std::nullopt;
            ++next_;
            // One that should have left before: it gets a run of its own.
            if (child.is_parent || child.from.event != event) continue;
            const pid_t copy = ::fork();
            if (copy == 0) {
                is_branch_ = true;
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                return child.from.seed;
            }
            if (copy > 0) wait_for(copy);
        }
        if (!is_branch_) ::_exit(0);
        return std::nullopt;
    }

    const worker_ends& ends_;
    const family& family_;
    answered_board& board_;
    std::size_t next_ = 0;  ///< the next child to leave
    bool is_branch_ = false;
};

/// Branches first; whoever has not answered then, for whatever reason, gets a run of its own.
void run_family(const worker_ends& ends, const runner& run, const family& what) {
    answered_board board(what.children.size());
    if (what.children.size() > 1 && board.is_usable()) {
        static_cast<void>(::ftruncate(ends.said, 0));
        const pid_t process = ::fork();
        if (process == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            trunk(ends, what, board).grow(run);
        }
        if (process > 0) wait_for(process);
    }
    for (std::size_t i = 0; i < what.children.size(); ++i) {
        if (!board.has(i)) run_plainly(ends, run, what, what.children[i]);
    }
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
    if (ends.shows) return;
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
