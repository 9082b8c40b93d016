// SPDX-License-Identifier: Apache-2.0
// Helper threads: each takes the oldest work, does it, and sends it home. What they run may block for as long as it
// likes; nothing else waits for it but join().
#include "lib/host/offload_threads.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>

namespace tina::detail {

namespace {

/// Blocks the signals that are sent to a process in the threads that are started while it lives. Those that a thread
/// brings upon itself stay as they are.
class blocked_signals {
public:
    blocked_signals() noexcept {
        sigset_t all;
        sigfillset(&all);
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&all, own);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    blocked_signals(const blocked_signals&) = delete;
    blocked_signals& operator=(const blocked_signals&) = delete;
    ~blocked_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

}  // namespace

offload_threads::offload_threads(fabric& shared, const offload_options& wanted)
    : shared_(&shared), waiting_(wanted.queue), thread_count_(wanted.threads) {}

offload_threads::~offload_threads() { join(); }

std::string offload_threads::start() {
    const blocked_signals blocked;
    try {
        threads_.reserve(thread_count_);
        for (std::uint32_t i = 0; i < thread_count_; ++i) threads_.emplace_back([this, i] { main(i); });
    } catch (const std::system_error& error) {
        join();
        return "cannot start helper thread " + std::to_string(threads_.size()) + " of " +
               std::to_string(thread_count_) + " (" + error.code().message() +
               "): lower offload.threads, or raise the limit on threads (ulimit -u)";
    }
    return {};
}

bool offload_threads::submit(offload_record& record) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || count_ == waiting_.size()) return false;
        waiting_[(oldest_ + count_) % waiting_.size()] = &record;
        ++count_;
    }
    work_.notify_one();
    return true;
}

offload_record* offload_threads::take_oldest() noexcept {
    offload_record* const taken = waiting_[oldest_];
    oldest_ = (oldest_ + 1) % waiting_.size();
    --count_;
    return taken;
}

offload_record* offload_threads::next() noexcept {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return closed_ || count_ > 0; });
    if (count_ == 0) return nullptr;
    ++running_;
    return take_oldest();
}

void offload_threads::main(std::uint32_t number) noexcept {
    const std::string name = "tina-work-" + std::to_string(number);
    pthread_setname_np(pthread_self(), name.c_str());
    while (offload_record* const record = next()) {
        run_offload(*record);
        send_offload_home(*shared_, *record);
        const std::lock_guard lock(mutex_);
        if (--running_ == 0) at_rest_.notify_all();
    }
}

void offload_threads::close() noexcept {
    std::unique_lock lock(mutex_);
    closed_ = true;
    while (count_ > 0) send_offload_home(*shared_, *take_oldest());
    work_.notify_all();
    at_rest_.wait(lock, [this] { return running_ == 0; });
}

void offload_threads::join() noexcept {
    close();
    for (std::thread& each : threads_) {
        if (each.joinable()) each.join();
    }
}

}  // namespace tina::detail
