// SPDX-License-Identifier: Apache-2.0
// Booting a machine, moving its shards cycle by cycle, and taking it apart. A cycle is the one of production.
#include "sim/machine.hpp"

#include <algorithm>
#include <utility>

#include "lib/drain.hpp"
#include "lib/host/fault_signals.hpp"
#include "lib/slots.hpp"
#include "lib/supervision.hpp"
#include "lib/transit.hpp"
#include "lib/turns.hpp"
#include "lib/validate.hpp"
#include "sim/host/contained_thread.hpp"
#include "sim/world_state.hpp"

namespace tina::sim {

namespace lib = tina::detail;

namespace {

constexpr std::int64_t cycle_ns = 500;       ///< what a cycle takes at least
constexpr std::int64_t activation_ns = 100;  ///< and for each activation in it
constexpr std::uint32_t descriptors_automatic = 1024;

/// Fills a shard's memory, so that what was never written differs from run to run where it is asked for.
void fill_memory(lib::shard& at, std::uint8_t pattern) {
    if (pattern == 0) return;
    for (const lib::type_plan& type : at.plan.types) {
        const lib::region& of = at.plan.regions[type.region_index];
        if (of.bytes() > 0)
            std::fill_n(reinterpret_cast<std::uint8_t*>(at.memory.data()) + of.offset, of.bytes(), pattern);
    }
}

/// Makes this thread the one that runs a shard, while it lives.
class running {
public:
    explicit running(lib::shard& at) noexcept : outer_(lib::this_thread_faults) {
        lib::this_thread_faults = &at.faults;
    }
    running(const running&) = delete;
    running& operator=(const running&) = delete;
    ~running() { lib::this_thread_faults = outer_; }

private:
    lib::fault_state* outer_;
};

}  // namespace

// --- a shard ---------------------------------------------------------------------------------------------------------

sim_shard::sim_shard(sim_machine& machine, std::uint32_t index)
    : machine_(machine), index_(index), place_(machine.world().add_shard(*this)) {}

sim_shard::~sim_shard() { take_down(); }

std::string sim_shard::boot(const lib::shard_plan& plan) {
    sim_world& world = machine_.world();
    stopped_ = false;
    slowness_ = 1;
    busy_until_ns_ = 0;
    shard_ = std::make_unique<lib::shard>(plan, machine_.shared());
    const running now(*shard_);
    const system_spec& spec = machine_.spec();
    if (lib::wants_containment(spec.faults.contain)) {
        std::string reason = contain_faults(shard_->faults);
        if (!reason.empty() && spec.faults.contain == containment::on) return "faults cannot be contained: " + reason;
        shard_->faults.contain_anyway = spec.faults.contain_anyway;
    }
    if (std::string reason = shard_->prepare(memory_mode::development, world.choices.seed(), spec.log, *this);
        !reason.empty()) {
        return reason;
    }
    fill_memory(*shard_, world.request.memory_fill);
    director_ = std::make_unique<shard_director>(world, machine_, *shard_);
    director_->set_order(world.order(), world.change_every());
    return {};
}

std::string sim_shard::start() {
    const running now(*shard_);
    shard_->direct(*director_);
    std::unique_ptr<lib::reactor> outside = machine_.world().make_reactor(*this);
    machine_.world().events.set_context(machine_.world().events.count());
    std::string reason = shard_->start(std::move(outside));
    machine_.world().events.set_context(0);
    set_turn(machine_.world().time.now_ns());
    return reason;
}

void sim_shard::fail() {
    const running now(*shard_);
    lib::fail_root(*shard_);
    due();
}

void sim_shard::expect_turn(std::int64_t at_ns) {
    if (at_ns >= due_ns_) return;
    set_turn(at_ns);
}

void sim_shard::set_turn(std::int64_t at_ns) {
    due_ns_ = at_ns;
    machine_.world().queue.set(place_, at_ns);
}

void sim_shard::put_off(std::int64_t until_ns) {
    if (due_ns_ < until_ns) set_turn(until_ns);
}

std::int64_t sim_shard::now_ns() noexcept { return machine_.now_ns(); }

std::string_view sim_shard::owner() const noexcept {
    const lib::slot_header* const running = shard_->current;
    const entity* const who = running == nullptr ? nullptr : director_->name_of(shard_->index_of_slot(*running));
    return who == nullptr ? std::string_view{} : std::string_view(who->name);
}

void sim_shard::due() noexcept {
    if (shard_ == nullptr || stopped_ || in_cycle_) return;
    sim_world& world = machine_.world();
    std::int64_t at_ns = std::max({world.time.now_ns(), busy_until_ns_, machine_.still_until_ns()});
    if (at_ns >= due_ns_) return;
    if (world.order() != run_order::fifo || world.choices.has_edits_of(site::shard_pick)) {
        constexpr std::uint64_t most_ns = 5000;
        const std::uint64_t high = world.order() == run_order::fifo ? 0 : most_ns;
        at_ns += static_cast<std::int64_t>(world.choices.between(site::shard_pick, director_->self(), 0, high));
    }
    expect_turn(at_ns);
}

std::int64_t sim_shard::cost_of_cycle(std::uint64_t activations) {
    std::int64_t cost = cycle_ns + activation_ns * static_cast<std::int64_t>(activations);
    const fault_setting& setting = machine_.faults().of(site::cycle_cost);
    if (setting.declared) {
        const std::uint64_t high = setting.how_likely.never() ? setting.low : setting.high;
        cost += static_cast<std::int64_t>(
            machine_.world().choices.between(site::cycle_cost, director_->self(), setting.low, high));
    }
    return cost * static_cast<std::int64_t>(slowness_);
}

void sim_shard::turn() {
    sim_world& world = machine_.world();
    if (machine_.still_until_ns() > world.time.now_ns()) return set_turn(machine_.still_until_ns());
    const running now(*shard_);
    in_cycle_ = true;
    shard_->port.sleeping.store(0, std::memory_order_relaxed);
    world.events.set_context(0);
    const bool goes_on = lib::may_go_on(*shard_);
    const std::uint64_t ran_before = shard_->counts.activations.get();
    const bool any = goes_on && shard_->cycle_alone();
    world.events.set_context(0);
    in_cycle_ = false;
    if (!goes_on) {
        director_->mute();
        stopped_ = true;
        shard_->stop();
        return set_turn(never_ns);
    }
    if (any || lib::has_ready(*shard_)) {
        busy_until_ns_ = world.time.now_ns() + cost_of_cycle(shard_->counts.activations.get() - ran_before);
        return set_turn(busy_until_ns_);
    }
    rest();
}

/// Nothing is left to do: waits for a deadline, or for being woken.
void sim_shard::rest() {
    sim_world& world = machine_.world();
    const std::int64_t now_ns = world.time.now_ns();
    if (shard_->drain.begun && lib::vote_if_quiet(*shard_)) return set_turn(now_ns + cycle_ns);
    shard_->port.sleeping.store(1, std::memory_order_relaxed);
    shard_->wheel.settle();
    const std::int64_t local_ns = shard_->idle_deadline_ns();
    std::int64_t at_ns = local_ns >= INT64_MAX - 1 ? never_ns : machine_.clock().world_ns(local_ns);
    at_ns = std::min(at_ns, director_->next_visible_ns());
    // A deadline that is over and yet did nothing must not stop the clock.
    set_turn(std::max(at_ns, now_ns + 1));
    if (!world.request.every_tick) return;
    constexpr std::int64_t tick = std::int64_t{1} << lib::timer_wheel::tick_bits;
    const std::int64_t next_ns = machine_.clock().world_ns((machine_.now_ns() / tick + 1) * tick);
    if (next_ns < due_ns_) world.queue.set(place_, next_ns);
}

void sim_shard::take_down() {
    if (shard_ == nullptr) return;
    const running now(*shard_);
    if (director_ != nullptr) director_->mute();
    if (!std::exchange(stopped_, true) && shard_->io_reactor != nullptr) shard_->stop();
    set_turn(never_ns);
}

std::size_t sim_shard::write(std::span<const char> lines) noexcept {
    if (machine_.world().request.keep == recording::none) return lines.size();
    for (const char each : lines) {
        if (each != '\n') {
            line_ += each;
            continue;
        }
        machine_.world().add_log(*this, line_);
        line_.clear();
    }
    return lines.size();
}

std::int64_t sim_shard::wall_ns() noexcept { return machine_.clock().wall_ns(machine_.world().time.now_ns()); }

// --- offloaded work --------------------------------------------------------------------------------------------------

bool sim_offloads::submit(lib::offload_record& record) noexcept {
    if (waiting_.size() >= limit_) return false;
    constexpr std::int64_t takes_ns = 20'000;
    waiting_.push_back(&record);
    machine_.world().time.schedule(machine_.world().time.now_ns() + takes_ns, *this, 0);
    return true;
}

void sim_offloads::on_due(std::uint64_t) {
    if (waiting_.empty()) return;
    lib::offload_record& record = *waiting_.front();
    waiting_.erase(waiting_.begin());
    lib::run_offload(record);
    lib::send_offload_home(machine_.shared(), record);
}

void sim_offloads::finish_all() {
    for (lib::offload_record* const each : std::exchange(waiting_, {})) {
        lib::send_offload_home(machine_.shared(), *each);
    }
}

// --- a machine -------------------------------------------------------------------------------------------------------

sim_machine::sim_machine(sim_world& world, std::uint16_t index, machine_options options, system_spec spec)
    : world_(world),
      index_(index),
      options_(std::move(options)),
      spec_(std::move(spec)),
      self_(&world.names.named(options_.name)),
      faults_(&world.faults()),
      offloads_(std::make_unique<sim_offloads>(*this)) {
    shard_set& shards = spec_.shards;
    if (shards.on_every_core && shards.each.size() == 1) shards.each.resize(options_.cores, shards.each.front());
    shards.on_every_core = false;
    // Nothing of the process that runs the simulation.
    spec_.memory = memory_mode::development;
    spec_.process.handle_signals = false;
    spec_.huge_pages = false;
}

sim_machine::~sim_machine() = default;

std::vector<std::string> sim_machine::check() {
    std::vector<std::string> errors = lib::validate(spec_).errors;
    const auto enter = [&](const lib::message_info* info) {
        if (world_.payloads.enter(*info)) return;
        errors.push_back(needs_digest(info->name));
    };
    for (const type_spec& type : spec_.types) {
        for (std::size_t i = 0; i < type.what->accept_count; ++i) enter(type.what->accepts[i]);
    }
    if (!errors.empty()) return errors;
    for (std::uint32_t i = 0; i < shard_count(); ++i) {
        const lib::shard_plan plan = lib::plan_shard(spec_, spec_.shards.each[i], i, descriptors_automatic, false);
        for (const lib::type_plan& type : plan.types) {
            for (std::uint32_t k = 0; k < type.accept_count; ++k) enter(type.accepts[k]);
        }
        if (!errors.empty()) break;
    }
    return errors;
}

std::string sim_machine::boot() {
    const std::uint32_t count = shard_count();
    shared_ = std::make_unique<lib::fabric>();
    if (std::string reason = shared_->start(count, spec_.channels, spec_.outside); !reason.empty()) return reason;
    shared_->roles.start(spec_);
    shared_->drain_max = spec_.shutdown.deadline;
    if (spec_.offload.threads > 0) shared_->offloads = offloads_.get();
    if (plans_.empty()) {
        for (std::uint32_t i = 0; i < count; ++i) {
            plans_.push_back(lib::plan_shard(spec_, spec_.shards.each[i], i, descriptors_automatic, false));
        }
        for (std::uint32_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<sim_shard>(*this, i));
    }
    up_ = true;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (std::string reason = shards_[i]->boot(plans_[i]); !reason.empty()) return reason;
    }
    for (auto& each : shards_) {
        if (std::string reason = each->start(); !reason.empty()) return reason;
    }
    return {};
}

void sim_machine::power_off() {
    if (!up_) return;
    up_ = false;
    take_apart();
}

void sim_machine::take_apart() {
    up_ = false;
    if (shared_ == nullptr) return;
    shared_->request_stop(stop_mode::now);
    for (auto& each : shards_) each->take_down();
    offloads_->finish_all();
    for (auto& each : shards_) {
        if (each->is_up()) lib::drop_inbound(each->runtime());
    }
    for (auto& each : shards_) {
        if (each->is_up()) lib::drop_lane(each->runtime());
    }
}

void sim_machine::forget() {
    for (auto& each : shards_) each->forget();
    shared_.reset();
}

void sim_machine::stand_still(std::int64_t until_ns) {
    const std::int64_t now = world_.time.now_ns();
    until_ns = std::max(until_ns, still_until_ns_);
    clock_.stand_still(now, until_ns);
    still_until_ns_ = until_ns;
    for (auto& each : shards_) {
        if (each->is_up()) each->put_off(until_ns);
    }
}

void sim_machine::go_on() {
    const std::int64_t now = world_.time.now_ns();
    if (still_until_ns_ <= now) return;
    still_until_ns_ = now;
    for (auto& each : shards_) {
        if (each->is_up() && !each->has_stopped()) each->expect_turn(now);
    }
}

void sim_machine::freeze() {
    const std::int64_t now = world_.time.now_ns();
    if (still_until_ns_ <= now) return;
    frozen_for_ns_ = still_until_ns_ - now;
    stand_still(never_ns);
}

void sim_machine::thaw() {
    if (frozen_for_ns_ == 0) return;
    still_until_ns_ = world_.time.now_ns();
    const std::int64_t until_ns = still_until_ns_ + std::exchange(frozen_for_ns_, 0);
    stand_still(until_ns);
    for (auto& each : shards_) {
        if (each->is_up() && !each->has_stopped()) each->expect_turn(until_ns);
    }
}

void sim_machine::start_clock() {
    clock_.start(world_.time.now_ns(), options_.clock_drift_ppb, options_.clock_offset.count());
}

std::int64_t sim_machine::now_ns() const noexcept { return clock_.monotonic_ns(world_.time.now_ns()); }

void sim_machine::set_faults(const sim::faults& wanted) {
    own_ = world_.settle_settings(wanted);
    faults_ = &own_;
}

void sim_machine::refresh_faults() {
    for (auto& each : shards_) {
        if (each->is_up()) each->director().refresh_faults();
    }
}

void sim_machine::expect_message(std::uint32_t to, std::int64_t at_ns) {
    world_.queue.set(shards_[to]->place(), std::min(world_.queue.time_of(shards_[to]->place()), at_ns));
}

bool sim_machine::is_at_rest() {
    if (!up_) return true;
    for (auto& each : shards_) {
        if (each->has_stopped()) continue;
        lib::shard& at = each->runtime();
        if (lib::has_ready(at) || lib::has_unread(at) || at.calls.taken_count() > 0) return false;
        if (at.counts.messages_queued.get() > 0 || at.counts.restarts_delayed.get() > 0) return false;
        if (at.counts.restarts_pending.get() > 0 || at.channel_waiters > 0) return false;
        if (at.pool_waiters != lib::nothing || at.io_reactor->has_events()) return false;
        if (each->director().holds_any()) return false;
    }
    return !offloads_->has_work();
}

}  // namespace tina::sim
