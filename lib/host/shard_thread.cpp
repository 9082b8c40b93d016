// SPDX-License-Identifier: Apache-2.0
// The life of a shard's thread. Whatever a shard touches for long is touched here first, on its own processor.
#include "lib/host/shard_thread.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "lib/host/cpu_set.hpp"
#include "lib/transit.hpp"
#include "reactor/reactor.hpp"

namespace tina::detail {

namespace {

constexpr std::size_t thread_stack_bytes = std::size_t{8} << 20;

}  // namespace

std::string say_second_best(std::string reason) {
    return std::move(reason) + "; goes on with epoll, which does the same and costs more for each request";
}

shard_group::~shard_group() {
    if (stopped_event >= 0) close(stopped_event);
}

shard_thread::shard_thread(shard_group& group, shard_plan plan, const options& wanted)
    : group_(&group),
      plan_(std::move(plan)),
      options_(wanted),
      writer_(wanted.log.descriptor),
      shard_(std::make_unique<shard>(plan_, group.shared)) {}

void shard_thread::launch() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setguardsize(&attributes, guard_bytes);
    pthread_attr_setstacksize(&attributes, thread_stack_bytes + guard_bytes);  // the guard is taken out of it
    const auto run = [](void* self) noexcept -> void* {
        static_cast<shard_thread*>(self)->main();
        return nullptr;
    };
    const int error = pthread_create(&thread_, &attributes, run, this);
    pthread_attr_destroy(&attributes);
    launched_ = error == 0;
    if (launched_) return;
    failure_ = std::string("the system refused a thread (") + std::strerror(error) + "): raise the limit on processes";
    // Release: as in main(). The others must not wait for a thread that there is not.
    group_->failed.store(true, std::memory_order_release);
    group_->stopped.arrive_and_drop();
    static_cast<void>(group_->prepared.arrive());
}

void shard_thread::join() {
    if (std::exchange(launched_, false)) pthread_join(thread_, nullptr);
}

std::string shard_thread::prepare() {
    const std::string name = "tina-" + std::to_string(plan_.index);
    pthread_setname_np(pthread_self(), name.c_str());
    if (options_.cpu >= 0) {
        if (const int error = pin_this_thread(options_.cpu); error != 0) {
            return "cannot run on processor " + std::to_string(options_.cpu) + " (" + std::strerror(-error) +
                   "): choose one of those the process may use, or set process.pin_threads to false";
        }
    }
    std::string reason = shard_->prepare(options_.memory, options_.seed, options_.log, writer_);
    if (!reason.empty()) return reason;
    for (const std::string& text : advice_) shard_->log.write(log_level::warning, {}, 0, text);
    reactor_or_reason made = make_host_reactor(options_.io, shard_->reactor_needs());
    if (made.made == nullptr) return made.reason;
    if (!made.reason.empty()) shard_->log.write(log_level::warning, {}, 0, say_second_best(std::move(made.reason)));
    return shard_->start(std::move(made.made));
}

void shard_thread::main() noexcept {
    this_thread_faults = &shard_->faults;
    fault_thread containment;
    if (options_.contain_faults) failure_ = containment.enter(shard_->faults);
    shard_->faults.contain_anyway = options_.faults.contain_anyway;
    shard_->faults.soft_ns = options_.faults.soft_budget.count();
    shard_->faults.hard_ns = options_.faults.hard_budget.count();
    if (failure_.empty()) failure_ = prepare();
    // Release: partner is the acquire load below and in the system; the failure's text is read after it.
    if (!failure_.empty()) group_->failed.store(true, std::memory_order_release);
    group_->prepared.arrive_and_wait();
    if (!group_->failed.load(std::memory_order_acquire)) shard_->run();
    if (shard_->io_reactor != nullptr) shard_->stop();
    group_->dog.forget(*shard_);  // what comes now waits for others
    group_->stopped.arrive_and_wait();

    // No shard sends any more; foreign threads may still wake this one until its port is closed.
    if (shard_->io_reactor != nullptr) drop_inbound(*shard_);
    // All isolates have ended, and all shards can still be woken: offloaded work comes home before any is taken apart.
    if (group_->offloads != nullptr) group_->offloads->close();
    group_->stopped.arrive_and_wait();
    if (shard_->io_reactor != nullptr) drop_lane(*shard_);
    {
        const std::lock_guard lock(group_->waking);
        shard_->port.waker.store(nullptr, std::memory_order_release);
    }
    shard_->io_reactor.reset();
    // Acquire and release: the last one out sees that all others are done.
    if (group_->running.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto wrote = write(group_->stopped_event, &one, sizeof one);
    }
    this_thread_faults = nullptr;
}

}  // namespace tina::detail
