// SPDX-License-Identifier: Apache-2.0
// The asking side of a worker: pipes to it and from it, and how its end is told.
#include "sim/host/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "sim/harness/text.hpp"
#include "sim/harness/wire.hpp"
#include "sim/host/files.hpp"
#include "sim/host/terminal.hpp"
#include "sim/host/worker_loop.hpp"

namespace tina::sim::host {

namespace {

void close_all(std::initializer_list<int> fds) noexcept {
    for (const int each : fds) {
        if (each >= 0) ::close(each);
    }
}

/// Through a socket, so that a process that is gone is an error here, and no signal.
[[nodiscard]] bool send_all(int fd, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// The last lines of what a process printed, as one.
[[nodiscard]] std::string end_of(int fd) {
    constexpr off_t bytes_max = 600;
    const off_t size = ::lseek(fd, 0, SEEK_END);
    if (size <= 0) return {};
    std::string text(static_cast<std::size_t>(size < bytes_max ? size : bytes_max), '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), size - static_cast<off_t>(text.size()));
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (char& each : text) {
        if (static_cast<unsigned char>(each) < 0x20) each = each == '\n' ? '|' : ' ';
    }
    return text;
}

[[nodiscard]] std::string start_reason(int error) {
    std::string text = "cannot start a process: " + std::generic_category().message(error);
    if (error == EMFILE || error == ENFILE) text += "; allow more open files (ulimit -n), or use fewer --jobs";
    if (error == EAGAIN || error == ENOMEM) text += "; allow more processes (ulimit -u), or use fewer --jobs";
    return text;
}

}  // namespace

std::string end_text(int status) {
    std::string text(ended_signature);
    if (!WIFSIGNALED(status)) return text + " with status " + std::to_string(WEXITSTATUS(status));
    text += " by signal " + std::to_string(WTERMSIG(status));
    const char* const name = ::sigabbrev_np(WTERMSIG(status));
    return name == nullptr ? text : text + " (SIG" + name + ")";
}

worker::worker(const runner& run, run_output output) {
    std::array<int, 2> tasks{-1, -1}, answers{-1, -1};
    said_ = ::memfd_create("tina-worker", MFD_CLOEXEC);
    if (said_ < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tasks.data()) != 0 ||
        ::pipe2(answers.data(), O_CLOEXEC) != 0) {
        reason_ = start_reason(errno);
        close_all({tasks[0], tasks[1], answers[0], answers[1]});
        return;
    }
    ::fcntl(said_, F_SETFL, O_APPEND);
    void* const shared = ::mmap(nullptr, sizeof *beat_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared != MAP_FAILED) beat_ = static_cast<std::uint64_t*>(shared);
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
        close_all({tasks[1], answers[0]});
        work({.tasks = tasks[0],
              .answers = answers[1],
              .said = said_,
              .shows = output == run_output::shown,
              .beat = beat_,
              .parent = parent},
             run);
    }
    if (process_ < 0) reason_ = start_reason(errno);
    else ::setpgid(process_, process_);
    close_all({tasks[0], answers[1]});
    tasks_ = tasks[1];
    answers_ = answers[0];
}

worker::~worker() {
    kill();
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
    close_all({tasks_, answers_, said_});
    if (beat_ != nullptr) ::munmap(beat_, sizeof *beat_);
}

std::uint64_t worker::beat() const noexcept {
    return beat_ == nullptr ? 0 : std::atomic_ref(*beat_).load(std::memory_order_relaxed);
}

void worker::kill() noexcept {
    if (process_ <= 0) return;
    // Its group: a branch of the run may be what hangs. The process itself: it may not be in its group yet.
    ::kill(-process_, SIGKILL);
    ::kill(process_, SIGKILL);
}

bool worker::ask(const family& what) {
    wire_writer body;
    encode(body, what);
    wire_writer message;
    message.text(body.bytes());
    return tasks_ >= 0 && send_all(tasks_, message.bytes());
}

bool worker::take(std::vector<answer>& into) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = ::read(answers_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    unread_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t done = 0;
    for (;;) {
        std::uint64_t size = 0;
        if (unread_.size() - done < sizeof size) break;
        std::memcpy(&size, unread_.data() + done, sizeof size);
        if (unread_.size() - done - sizeof size < size) break;
        wire_reader reader(std::string_view(unread_).substr(done + sizeof size, size));
        answer each;
        each.index = reader.number();
        each.outcome = decode_outcome(reader);
        into.push_back(std::move(each));
        done += sizeof size + size;
    }
    unread_.erase(0, done);
    return true;
}

run_outcome worker::last_words() {
    run_outcome outcome;
    outcome.failed.emplace();
    int status = 0;
    if (process_ > 0) {
        // Its pipe may be closed by a run that goes on without it: what is left of it is of no use.
        ::kill(-process_, SIGKILL);
        while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {}
        process_ = -1;
    }
    outcome.failed->property = end_text(status);
    outcome.failed->detail = end_of(said_);
    return outcome;
}

run_outcome hung_outcome(std::int64_t hung_ns) {
    run_outcome outcome;
    outcome.failed.emplace();
    outcome.failed->property = hung_signature;
    outcome.failed->detail = "it has not gone on for " + span_text(static_cast<std::uint64_t>(hung_ns)) +
                             " of real time, or not ended for twenty times as long; --hung sets how long to wait";
    return outcome;
}

void patience::begin(std::uint64_t beat) noexcept {
    began_ns_ = moved_ns_ = real_now_ns();
    beat_ = beat;
}

bool patience::is_over(std::uint64_t beat) noexcept {
    constexpr std::int64_t as_often_at_most = 20;
    const std::int64_t now_ns = real_now_ns();
    if (std::exchange(beat_, beat) != beat) moved_ns_ = now_ns;
    return now_ns - moved_ns_ >= hung_ns_ || (now_ns - began_ns_) / as_often_at_most >= hung_ns_;
}

run_outcome remote_runner::operator()(const run_request& request) {
    if (!worker_) worker_ = std::make_unique<worker>(local_, output_);
    family asked{request, {{.is_parent = true}}, answer_size::whole};
    std::vector<answer> answers;
    patience left(hung_ns_);
    left.begin(worker_->beat());
    bool is_there = worker_->reason().empty() && worker_->ask(asked);
    while (is_there && answers.empty()) {
        pollfd waits{worker_->answers_fd(), POLLIN, 0};
        const int ready = ::poll(&waits, 1, 100);
        if (ready > 0) {
            is_there = worker_->take(answers);
            left.begin(worker_->beat());
        } else if (interrupt_watch::has_come() || left.is_over(worker_->beat())) {
            worker_.reset();
            if (!interrupt_watch::has_come()) return hung_outcome(hung_ns_);
            run_outcome outcome;
            outcome.unusable = "interrupted";
            return outcome;
        }
    }
    if (!answers.empty()) return std::move(answers.front().outcome);
    run_outcome outcome;
    if (worker_->reason().empty()) outcome = worker_->last_words();
    else outcome.unusable = worker_->reason();
    worker_.reset();
    return outcome;
}

}  // namespace tina::sim::host
