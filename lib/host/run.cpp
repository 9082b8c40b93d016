// SPDX-License-Identifier: Apache-2.0
// tina::run: a system that lives as long as its process wants it to. SIGINT and SIGTERM are taken through a descriptor,
// so that no signal handler is installed.
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

/// Takes SIGINT and SIGTERM out of their usual way while it lives.
class signal_watch {
public:
    explicit signal_watch(bool wanted) {
        if (!wanted) return;
        sigset_t stopping;
        sigemptyset(&stopping);
        sigaddset(&stopping, SIGINT);
        sigaddset(&stopping, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &stopping, &before_);
        descriptor_ = signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;
    ~signal_watch() {
        if (descriptor_ < 0) return;
        take();  // one that came too late to matter must not end the process now
        close(descriptor_);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// Takes those that have come; how many.
    std::uint32_t take() const noexcept {
        std::uint32_t count = 0;
        signalfd_siginfo taken;
        while (read(descriptor_, &taken, sizeof taken) == sizeof taken) ++count;
        return count;
    }

private:
    sigset_t before_{};
    int descriptor_ = -1;
};

}  // namespace

int run(system_spec spec) {
    return run(std::move(spec), [](const counter_snapshot&) {});
}

int run(system_spec spec, const std::function<void(const counter_snapshot&)>& report) {
    const signal_watch signals(spec.process.handle_signals);
    system running(std::move(spec));
    const boot_result booted = running.start();
    for (const std::string& error : booted.errors) std::fprintf(stderr, "tina: cannot start: %s\n", error.c_str());
    if (!booted) return 1;
    std::array<pollfd, 2> waiting{{{.fd = running.stopped_descriptor(), .events = POLLIN, .revents = 0},
                                   {.fd = signals.descriptor(), .events = POLLIN, .revents = 0}}};
    std::uint32_t signal_count = 0;
    while ((waiting[0].revents & POLLIN) == 0) {
        if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
        if ((waiting[1].revents & POLLIN) != 0) {
            signal_count += signals.take();
            running.request_stop(signal_count > 1 ? stop_mode::now : stop_mode::drain);
        }
    }
    running.join();
    report(running.counters());
    return running.outcome() == stop_outcome::forced ? status_of_force : 0;
}

}  // namespace tina
