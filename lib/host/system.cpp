// SPDX-License-Identifier: Apache-2.0
// Booting a system and stopping it: the spec is resolved and validated, plans are made, then threads; if one fails,
// none stays.
#include "tina/system.hpp"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>

#include "lib/host/cpu_set.hpp"
#include "lib/host/fault_signals.hpp"
#include "lib/host/shard_thread.hpp"
#include "lib/memory_map.hpp"
#include "lib/plan.hpp"
#include "lib/validate.hpp"
#include "reactor/reactor.hpp"
#include "tina/assert.hpp"

namespace tina {

namespace detail {

namespace {

constexpr std::uint64_t descriptors_of_process = 32;  ///< for what is neither a shard's nor a connection's
constexpr std::uint64_t descriptors_of_shard = 4;     ///< for its reactor
constexpr std::uint64_t descriptors_automatic_max = 65536;
constexpr std::uint64_t mappings_max_default = 65530;  ///< of the kernel, where it does not say
constexpr std::uint64_t mappings_of_others = 1024;     ///< that the process may still come to need

/// Lists the shards one by one, and gives each a processor.
void resolve_shards(system_spec& spec, const cpu_choice& cpus, std::vector<std::string>& advice) {
    shard_set& shards = spec.shards;
    if (shards.on_every_core && shards.each.size() == 1) {
        shards.each.resize(cpus.cpus.size(), shards.each.front());
        shards.on_every_core = false;
    }
    if (shards.each.size() > cpus.cpus.size()) {
        advice.push_back(std::to_string(shards.each.size()) + " shards share " + std::to_string(cpus.cpus.size()) +
                         " processors: they wait for each other");
    }
    for (std::size_t index = 0; index < shards.each.size(); ++index) {
        if (shards.each[index].cpu < 0) shards.each[index].cpu = cpus.cpus[index % cpus.cpus.size()];
    }
}

/// How many descriptors each shard that leaves it open may have. Adds an error where the spec asks for more than there
/// are.
std::uint32_t share_descriptors(const system_spec& spec, std::vector<std::string>& errors) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (spec.process.raise_descriptor_limit && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    std::uint64_t asked = descriptors_of_process;
    std::uint64_t open_shards = 0;
    for (const shard_spec& shard : spec.shards.each) {
        asked += descriptors_of_shard + shard.limits.descriptors;
        if (shard.limits.descriptors == 0) ++open_shards;
    }
    const std::uint64_t least = asked + open_shards * 16;
    if (least > limit.rlim_cur) {
        errors.push_back("the shards' descriptors need " + std::to_string(least) +
                         " open files, the process may have " + std::to_string(limit.rlim_cur) +
                         ": raise the limit (ulimit -n), set process.raise_descriptor_limit, or lower "
                         "shard_limits::descriptors");
        return 16;
    }
    if (open_shards == 0) return 0;
    return static_cast<std::uint32_t>(std::min((limit.rlim_cur - asked) / open_shards, descriptors_automatic_max));
}

/// Adds an error where the spec's stacks need more mappings of memory than the system allows.
void check_stacks(const system_spec& spec, std::vector<std::string>& errors) {
    if (count_stacks(spec) == 0) return;
    std::uint64_t most = mappings_max_default;
    std::ifstream("/proc/sys/vm/max_map_count") >> most;
    std::uint64_t used = mappings_of_others;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) ++used;
    if (std::string reason = check_mappings(spec, most, used); !reason.empty()) errors.push_back(std::move(reason));
}

/// Whether huge pages of this size are to be had; adds advice if not.
bool try_huge_pages(const system_spec& spec, std::vector<std::string>& advice) {
    if (!spec.huge_pages) return false;
    std::size_t bytes = 0;
    for (std::uint32_t index = 0; index < spec.shards.each.size(); ++index) {
        bytes += plan_shard(spec, spec.shards.each[index], index, 1024, true).bytes;
    }
    memory_map trial;
    const std::string reason = trial.reserve(bytes, true);
    if (reason.empty()) return true;
    advice.push_back("huge_pages: " + reason + "; goes on with small pages. Provide them with sysctl vm.nr_hugepages=" +
                     std::to_string((bytes + huge_page_bytes - 1) / huge_page_bytes));
    return false;
}

/// What the shards are to use. Empty, or why it cannot be; adds advice where it is the second best.
[[nodiscard]] std::string choose_io(io_backend& wanted, std::vector<std::string>& advice) {
    if (wanted == io_backend::epoll) return {};
    io_refusal why = probe_io_uring();
    if (why.reason.empty()) return {};
    if (wanted == io_backend::io_uring || !leaves_epoll(why)) return std::move(why.reason);
    advice.push_back(say_second_best(std::move(why.reason)));
    wanted = io_backend::epoll;
    return {};
}

}  // namespace

}  // namespace detail

class system::implementation {
public:
    explicit implementation(system_spec wanted) : spec(std::move(wanted)) {}

    [[nodiscard]] std::vector<std::string> boot();
    [[nodiscard]] std::vector<std::string> launch(const std::vector<std::string>& advice);
    void watch();

    system_spec spec;
    detail::fault_signals faults;  ///< outlives the threads
    bool contains_faults = false;
    std::unique_ptr<detail::shard_group> group;
    std::vector<std::unique_ptr<detail::shard_thread>> threads;
    std::atomic<bool> started{false};
};

std::vector<std::string> system::implementation::boot() {
    std::vector<std::string> advice;
    const detail::cpu_choice cpus = detail::usable_cpus();
    detail::resolve_shards(spec, cpus, advice);
    detail::validation found = detail::validate(spec);
    if (!found.errors.empty()) return found.errors;
    advice.insert(advice.end(), found.advice.begin(), found.advice.end());
    const std::uint32_t descriptors = detail::share_descriptors(spec, found.errors);
    detail::check_stacks(spec, found.errors);
    if (!found.errors.empty()) return found.errors;
    io_backend io = spec.process.io;
    if (std::string reason = detail::choose_io(io, advice); !reason.empty()) return {reason};

    const auto count = static_cast<std::uint32_t>(spec.shards.each.size());
    group = std::make_unique<detail::shard_group>(count);
    if (std::string reason = group->shared.start(count, spec.channels, spec.outside); !reason.empty()) return {reason};
    group->shared.roles.start(spec);
    group->shared.drain_max = spec.shutdown.deadline;
    group->stopped_event = eventfd(0, EFD_CLOEXEC);
    if (group->stopped_event < 0) return {"no descriptor is left: raise the limit on open files (ulimit -n)"};

    contains_faults = detail::wants_containment(spec.faults.contain);
    if (contains_faults) {
        if (std::string reason = faults.install(); !reason.empty()) {
            if (spec.faults.contain == containment::on) return {"faults cannot be contained: " + reason};
            contains_faults = false;
            advice.push_back("faults are not contained: " + reason);
        }
    }
    const bool huge = detail::try_huge_pages(spec, advice);
    const std::uint64_t seed = spec.seed != 0 ? spec.seed : std::random_device{}();
    for (std::uint32_t index = 0; index < count; ++index) {
        const shard_spec& shard = spec.shards.each[index];
        threads.push_back(std::make_unique<detail::shard_thread>(
            *group, detail::plan_shard(spec, shard, index, descriptors, huge),
            detail::shard_thread::options{.memory = spec.memory,
                                          .seed = seed,
                                          .log = spec.log,
                                          .cpu = spec.process.pin_threads ? shard.cpu : -1,
                                          .io = io,
                                          .contain_faults = contains_faults,
                                          .faults = spec.faults}));
    }
    return launch(advice);
}

std::vector<std::string> system::implementation::launch(const std::vector<std::string>& advice) {
    if (spec.offload.threads > 0) {
        group->offloads = std::make_unique<detail::offload_threads>(group->shared, spec.offload);
        group->shared.offloads = group->offloads.get();
        if (std::string reason = group->offloads->start(); !reason.empty()) {
            threads.clear();
            return {reason};
        }
    }
    group->running.store(static_cast<std::uint32_t>(threads.size()), std::memory_order_relaxed);
    if (!threads.empty()) threads.front()->advise(advice);
    for (const auto& thread : threads) thread->launch();
    group->prepared.arrive_and_wait();
    if (!group->failed.load(std::memory_order_acquire)) {
        if (contains_faults) watch();
        return {};
    }
    std::vector<std::string> errors;
    for (std::uint32_t index = 0; index < threads.size(); ++index) {
        threads[index]->join();
        const std::string& failure = threads[index]->failure();
        // One cause is said once, also where it meets all shards alike.
        if (failure.empty()) continue;
        const std::string line = threads.size() > 1 ? "shard " + std::to_string(index) + ": " + failure : failure;
        const bool said = std::any_of(errors.begin(), errors.end(), [&](const std::string& other) {
            return other.ends_with(": " + failure) || other == failure;
        });
        if (!said) errors.push_back(line);
    }
    threads.clear();
    if (group->offloads != nullptr) group->offloads->join();
    return errors;
}

void system::implementation::watch() {
    std::vector<detail::watchdog::charge> charges;
    charges.reserve(threads.size());
    for (const auto& thread : threads) charges.push_back(thread->charge());
    group->dog.start(spec.faults, std::move(charges));
}

system::system(system_spec spec) : implementation_(std::make_unique<implementation>(std::move(spec))) {}

system::~system() {
    request_stop();
    join();
}

boot_result system::start() {
    TINA_ASSERT(!implementation_->started, "a system can be started once; make another");
    boot_result result{implementation_->boot()};
    // Release: partner is the acquire of any thread that asks; the group is made before.
    implementation_->started.store(result.errors.empty(), std::memory_order_release);
    return result;
}

void system::request_stop(stop_mode how) noexcept {
    if (!implementation_->started) return;
    const std::lock_guard lock(implementation_->group->waking);
    implementation_->group->shared.request_stop(how);
}

void system::join() {
    for (const auto& thread : implementation_->threads) thread->join();
    if (implementation_->group != nullptr && implementation_->group->offloads != nullptr) {
        implementation_->group->offloads->join();
    }
}

bool system::stopping() const noexcept {
    return !implementation_->started || implementation_->group->shared.stop_requested();
}

system_status system::status() const noexcept {
    if (!implementation_->started) return system_status::not_started;
    const detail::shard_group& group = *implementation_->group;
    if (group.running.load(std::memory_order_acquire) == 0) return system_status::stopped;
    return group.shared.stop_requested() ? system_status::stopping : system_status::running;
}

stop_outcome system::outcome() const noexcept {
    if (status() != system_status::stopped) return stop_outcome::none;
    const bool drained = implementation_->group->shared.board().stage() == detail::stop_stage::drained;
    return drained ? stop_outcome::drained : stop_outcome::forced;
}

shard_status system::status(std::uint32_t shard) const noexcept {
    if (!implementation_->started || shard >= shard_count()) return shard_status::running;
    // Acquire: partner is the release of the shard.
    return implementation_->group->shared.port(shard).status.load(std::memory_order_acquire);
}

bool system::revive(std::uint32_t shard) noexcept {
    if (!implementation_->started || shard >= shard_count()) return false;
    const std::lock_guard lock(implementation_->group->waking);
    return implementation_->group->shared.request_revival(shard);
}

send_result system::post_bytes(handle target, std::uint64_t key, const std::byte* bytes) noexcept {
    if (!implementation_->started) return send_result::stale_handle;
    return detail::post_from_outside(implementation_->group->shared, target, key, bytes);
}

std::int32_t system::call_bytes(const detail::outside_call& wanted) noexcept {
    if (!implementation_->started) return detail::packed_error{errc::interrupted}.value;
    const detail::packed_error error = detail::call_from_outside(implementation_->group->shared, wanted);
    // A call that fails while all isolates are being ended fails for that.
    const bool ended = error.value != 0 && error.value != detail::packed_error{errc::deadline}.value && stopping();
    return ended ? detail::packed_error{errc::interrupted}.value : error.value;
}

int system::stopped_descriptor() const noexcept {
    return implementation_->started ? implementation_->group->stopped_event : -1;
}

std::uint32_t system::shard_count() const noexcept {
    return static_cast<std::uint32_t>(implementation_->spec.shards.each.size());
}

counter_snapshot system::counters() const {
    std::vector<counter_value> values;
    for (std::uint32_t shard = 0; shard < implementation_->threads.size(); ++shard) {
        const detail::shard& from = implementation_->threads[shard]->owned();
        const detail::counters& counts = from.counts;
        const std::uint64_t handed = from.envelopes.handed_count();
#define TINA_COUNTER_VALUE(name, description) values.push_back({#name, description, shard, from.name.get() + handed});
        TINA_CORE_COUNTERS(TINA_COUNTER_VALUE)
#undef TINA_COUNTER_VALUE
#define TINA_COUNTER_VALUE(name, description) values.push_back({#name, description, shard, counts.name.get()});
        TINA_COUNTERS(TINA_COUNTER_VALUE)
#undef TINA_COUNTER_VALUE
    }
    return counter_snapshot(std::move(values));
}

std::vector<type_report> system::types() const {
    std::vector<type_report> reports;
    for (const auto& thread : implementation_->threads) {
        const detail::shard& from = thread->owned();
        for (const detail::type_state& type : from.types) {
            reports.push_back({.name = type.plan->what->name,
                               .shard = from.index,
                               .slots = type.plan->options.slots,
                               .live = static_cast<std::uint32_t>(type.live.get()),
                               .nested_bytes = type.plan->options.nested_bytes,
                               .nested_bytes_peak = static_cast<std::uint32_t>(type.nested_peak.get())});
        }
    }
    return reports;
}

std::string system::layout() const {
    std::string text;
    for (const auto& thread : implementation_->threads) text += detail::describe(thread->owned().plan);
    for (const type_report& type : types()) {
        if (type.nested_bytes == 0) continue;
        text += "shard " + std::to_string(type.shard) + ", " + std::string(type.name) + ": nested tasks have used " +
                std::to_string(type.nested_bytes_peak) + " of " + std::to_string(type.nested_bytes) + " bytes\n";
    }
    return text;
}

std::string layout_report(const system_spec& spec) {
    system_spec resolved = spec;
    std::vector<std::string> advice;
    detail::resolve_shards(resolved, detail::usable_cpus(), advice);
    detail::validation found = detail::validate(resolved);
    std::uint32_t descriptors = 0;
    if (found.errors.empty()) descriptors = detail::share_descriptors(resolved, found.errors);
    std::string text;
    for (const std::string& error : found.errors) text += error + "\n";
    if (!found.errors.empty()) return text;
    for (std::uint32_t index = 0; index < resolved.shards.each.size(); ++index) {
        text += detail::describe(detail::plan_shard(resolved, resolved.shards.each[index], index, descriptors, false));
    }
    return text;
}

}  // namespace tina
