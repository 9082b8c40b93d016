// SPDX-License-Identifier: Apache-2.0
// tina::run: a system that lives as long as its process wants it to. SIGINT, SIGTERM and SIGUSR2 are taken through a
// descriptor, so that no signal handler is installed.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>

#include "tina/system.hpp"

namespace tina {

namespace {

constexpr int status_of_force = 3;

/// Takes SIGINT, SIGTERM and SIGUSR2 out of their usual way while it lives.
class signal_watch {
public:
    explicit signal_watch(bool wanted) {
        if (!wanted) return;
        sigset_t taken;
        sigemptyset(&taken);
        for (const int signal : {SIGINT, SIGTERM, SIGUSR2}) sigaddset(&taken, signal);
        pthread_sigmask(SIG_BLOCK, &taken, &before_);
        descriptor_ = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;
    ~signal_watch() {
        if (descriptor_ < 0) return;
        // One that came too late to matter must not end the process now.
        signalfd_siginfo late;
        while (read(descriptor_, &late, sizeof late) == sizeof late) continue;
        close(descriptor_);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Does what the signals ask for that have come: the second that stops does so by force.
    void obey(system& what) noexcept {
        signalfd_siginfo taken;
        while (read(descriptor_, &taken, sizeof taken) == sizeof taken) {
            if (taken.ssi_signo != SIGUSR2) {
                what.request_stop(stops_++ == 0 ? stop_mode::drain : stop_mode::now);
                continue;
            }
            for (std::uint32_t shard = 0; shard < what.shard_count(); ++shard) what.revive(shard);
        }
    }

private:
    sigset_t before_{};
    int descriptor_ = -1;
    std::uint32_t stops_ = 0;
};

}  // namespace

int run(system_spec spec) {
    return run(std::move(spec), [](const counter_snapshot&) {});
}

int run(system_spec spec, const std::function<void(const counter_snapshot&)>& report) {
    signal_watch signals(spec.process.handle_signals);
    system running(std::move(spec));
    const boot_result booted = running.start();
    for (const std::string& error : booted.errors) std::fprintf(stderr, "tina: cannot start: %s\n", error.c_str());
    if (!booted) return 1;
    std::array<pollfd, 2> waiting{{{.fd = running.stopped_descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = signals.descriptor(), .events = POLLIN, .revents = 0}}};
    while ((waiting[0].revents & POLLIN) == 0) {
        if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
        if ((waiting[1].revents & POLLIN) != 0) signals.obey(running);
    }
    running.join();
    report(running.counters());
    return running.outcome() == stop_outcome::forced ? status_of_force : 0;
}

}  // namespace tina
