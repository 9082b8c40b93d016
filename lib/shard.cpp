// SPDX-License-Identifier: Apache-2.0
// The cycle of a shard, how it starts and stops, and how it waits. What each step does stands in the step's own file.
#include "lib/shard.hpp"

#include "lib/delivery.hpp"
#include "lib/descriptors.hpp"
#include "lib/drain.hpp"
#include "lib/guarded_run.hpp"
#include "lib/ready.hpp"
#include "lib/recovery.hpp"
#include "lib/slots.hpp"
#include "lib/stream.hpp"
#include "lib/supervision.hpp"
#include "lib/transit.hpp"
#include "lib/turns.hpp"
#include "lib/waits.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t spins_per_look = 256;   ///< rounds of spinning between two looks at the clock
constexpr std::uint32_t spins_per_check = 8;    ///< rounds between two looks at what is not a message
constexpr std::int64_t spin_shortest_ns = 250;  ///< below this, spinning is not worth a look at the clock
constexpr std::uint64_t cycles_per_refresh = 256;
constexpr std::int64_t log_retry_ns = 50'000'000;

[[nodiscard]] std::byte* region_of(const shard& at, std::size_t region) noexcept {
    return at.memory.data() + at.plan.regions[region].offset;
}

template <class T>
[[nodiscard]] std::span<T> items_of(const shard& at, std::size_t region) noexcept {
    return {reinterpret_cast<T*>(region_of(at, region)), at.plan.regions[region].count};
}

void prepare_types(shard& at) {
    std::size_t key_count = 0;
    for (const type_plan& type : at.plan.types) key_count += type.accept_count;
    at.keys.reserve(key_count);  // pointers into it are kept
    at.types = std::vector<type_state>(at.plan.types.size());
    for (std::size_t index = 0; index < at.types.size(); ++index) {
        const type_plan& planned = at.plan.types[index];
        type_state& type = at.types[index];
        type.plan = &planned;
        type_core& core = at.core_of_types.emplace_back();
        core.owner = &at;
        core.keys = at.keys.data() + at.keys.size();
        core.key_count = planned.accept_count;
        for (std::uint32_t i = 0; i < planned.accept_count; ++i) at.keys.push_back(planned.accepts[i]->key());
        std::copy_n(core.keys, std::min<std::size_t>(core.first_keys.size(), core.key_count), core.first_keys.begin());
        type.mailbox_capacity = planned.options.mailbox_capacity;
        core.cycle_budget = planned.options.weight * 256;
        type.memory = region_of(at, planned.region_index);
        type.stride = planned.stride;
        type.first_slot = planned.first_slot;
    }
    at.type_cores = at.core_of_types.data();
    at.ready_words.assign(at.types.size() / 64 + 1, 0);
    at.ready_word_count = static_cast<std::uint32_t>(at.ready_words.size());
    at.spent_words = at.ready_words;
    at.ready_types = at.ready_words.data();
    index_types(at);
}

/// Opens the stacks of stackful types; what lies between them stays closed. Empty, or why not.
std::string open_stacks(shard& at, memory_mode mode) {
    if (at.plan.stacks_bytes == 0) return {};
    if (std::string reason = at.stacks.reserve(at.plan.stacks_bytes, false); !reason.empty()) return reason;
    for (const type_plan& type : at.plan.types) {
        if (type.stack_bytes == 0) continue;
        for (std::size_t i = 0; i < type.slot_count; ++i) {
            const std::size_t offset = type.stack_offset + i * (type.stack_bytes + stack_guard_bytes);
            at.stacks.open(offset, type.stack_bytes);
            if (mode == memory_mode::production && !at.stacks.touch(offset, type.stack_bytes)) {
                return "there is not enough memory for the stacks of type \"" + std::string(type.what->name) +
                       "\": lower its slots or stack_bytes, or use memory_mode::development";
            }
        }
    }
    return {};
}

/// Whether the shard has something to do that no completion, timer or other shard will tell it of.
[[nodiscard]] bool has_work(shard& at) noexcept {
    return has_ready(at) || has_inbound(at) || at.io_reactor->has_events() || has_news_of_stop(at) ||
           can_admit_to_channels(at) || revival_wanted(at);
}

/// Looks for work without a system call for as long as it has paid off lately. Returns whether it found any.
[[nodiscard]] bool spin(shard& at, std::int64_t deadline_ns) noexcept {
    if (at.spin_ns < spin_shortest_ns) return has_work(at);
    const std::int64_t begin = at.io_reactor->now_ns();
    const std::int64_t end = std::min(begin + at.spin_ns, deadline_ns);
    do {
        for (std::uint32_t i = 0; i < spins_per_look; ++i) {
            if (has_inbound(at)) return true;
            if (i % spins_per_check != 0) continue;
            if (has_work(at)) return true;
            __builtin_ia32_pause();
        }
    } while (at.io_reactor->now_ns() < end);
    return false;
}

/// Blocks in the kernel until there is a completion, the deadline has come, or another shard sends something.
void sleep(shard& at, std::int64_t deadline_ns) noexcept {
    at.port.sleeping.store(1, std::memory_order_relaxed);
    // Sequential consistency: partner is the fence in publish() and in whoever else wakes this shard. Either they see
    // `sleeping`, or we see what they published.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!has_work(at)) {
        const std::int64_t begin = at.io_reactor->now_ns();
        at.refresh_gauges();
        at.counts.sleeps.add();
        at.io_reactor->wait(deadline_ns);
        // A sleep that spinning would have saved lengthens the next spell of spinning, a long one shortens it.
        const std::int64_t spin_max = at.plan.spec.limits.spin.count();
        const std::int64_t slept = at.io_reactor->now_ns() - begin;
        at.spin_ns = slept <= spin_max ? std::min(std::max(at.spin_ns * 2, spin_max / 8), spin_max) : at.spin_ns / 2;
    }
    at.port.sleeping.store(0, std::memory_order_relaxed);
}

void idle(shard& at) noexcept {
    if (at.drain.begun && vote_if_quiet(at)) return;
    const std::int64_t deadline_ns = at.idle_deadline_ns();
    if (!spin(at, deadline_ns)) sleep(at, deadline_ns);
}

/// Writes the rest of the log. A reader that is slow is waited for, one that has stopped is not.
void flush_last(shard& at) noexcept {
    constexpr int tries_max = 20;
    at.log.flush();
    for (int tries = 0; tries < tries_max && !at.log.empty(); ++tries) {
        at.io_reactor->wait(at.io_reactor->now_ns() + log_retry_ns / 2);
        at.log.flush();
    }
}

}  // namespace

shard::shard(const shard_plan& planned, fabric& fabric_of_system)

    : index(planned.index), plan(planned), shared(fabric_of_system), port(fabric_of_system.port(planned.index)) {
    first_place = index << 22;
}

shard::~shard() = default;

std::string shard::prepare(memory_mode mode, std::uint64_t seed, const log_options& log_wanted, log_sink& sink) {
    if (std::string reason = memory.reserve(plan.bytes, plan.huge_pages); !reason.empty()) return reason;
    for (const region& each : plan.regions) {
        if (each.bytes() == 0) continue;
        memory.open(each.offset, each.bytes());
        if (mode == memory_mode::production && !memory.touch(each.offset, each.bytes())) {
            return "there is not enough memory for region \"" + each.name + "\" (" +
                   std::to_string(each.bytes() >> 20) +
                   " MiB): lower the spec's sizes, or use memory_mode::development";
        }
    }
    if (std::string reason = open_stacks(*this, mode); !reason.empty()) return reason;
    slots = reinterpret_cast<slot_header*>(region_of(*this, region_slots));
    slot_count = plan.slot_count;
    members = items_of<member_note>(*this, region_members);
    envelopes.start(items_of<envelope>(*this, region_envelopes).first(plan.spec.limits.messages),
                    plan.spec.limits.messages_reserved);
    message_timers.start(items_of<message_timer>(*this, region_message_timers));
    monitors.start(items_of<monitor_record>(*this, region_monitors));
    watchers = items_of<monitor_record*>(*this, region_watchers).data();
    watcher_heads = static_cast<std::uint32_t>(plan.regions[region_watchers].count);
    ending = make_reaper(*this);
    doomed.reserve(std::size_t{slot_count} + 1);
    drain.owed.start(slot_count);
    drain.waited_out.start(slot_count);
    io.records.start(items_of<descriptor>(*this, region_descriptors));
    io.notes = items_of<buffer_note>(*this, region_buffer_notes).data();
    io.buffers = region_of(*this, region_buffers);
    io.buffer_count = plan.spec.limits.buffers;
    io.buffer_bytes = plan.spec.limits.buffer_bytes;
    for (buffer_note& note : items_of<buffer_note>(*this, region_buffer_notes)) new (&note) buffer_note;
    attachments = items_of<attachment>(*this, region_attachments).data();
    calls.start(items_of<call_record>(*this, region_calls));
    lease_blocks.start(items_of<lease_block>(*this, region_lease_blocks));
    lease_memory = region_of(*this, region_leases);
    lease_stride = plan.regions[region_leases].stride;
    port.calls = items_of<call_record>(*this, region_calls).data();
    port.lease_blocks = items_of<lease_block>(*this, region_lease_blocks).data();
    offloads.start(items_of<offload_record>(*this, region_offloads));
    if (outside_port& door = shared.from_outside(index); !door.closed) posted = &door.messages;
    lane_out.assign(shared.shard_count(), {});
    log.start(items_of<char>(*this, region_log).data(), plan.spec.limits.log_bytes, index, log_wanted, sink, counts);
    scratch = std::make_unique<arena>("scratch arena", "shard_limits::scratch_bytes", region_of(*this, region_scratch),
                                      plan.spec.limits.scratch_bytes);
    no_arena = std::make_unique<arena>("working arena", "type_options::working_arena_bytes", nullptr, 0);
    random.seed(seed + index);
    dirty.reserve(shared.shard_count());
    drained.reserve(shared.shard_count());
    is_dirty.assign(shared.shard_count(), 0);
    is_drained.assign(shared.shard_count(), 0);
    prepare_types(*this);
    lay_out_tree(*this, plan.spec.tree);
    prepare_recovery(*this);
    return {};
}

reactor_options shard::reactor_needs() const noexcept {
    return {.operations_max = plan.spec.limits.descriptors * 3 + 64,
            .buffers = io.buffers,
            .buffer_count = io.buffer_count,
            .buffer_bytes = io.buffer_bytes};
}

std::string shard::start(std::unique_ptr<reactor> outside) {
    faults.owner = this;
    faults.in_runtime = &in_runtime;
    io_reactor = std::move(outside);
    // Release: partner is the acquire in shard_port::wake().
    port.waker.store(io_reactor.get(), std::memory_order_release);
    timers_max = plan.spec.limits.timers;
    wheel.start(items_of<timer_node>(*this, region_timers), io_reactor->now_ns());
    spin_ns = plan.spec.limits.spin.count();
    return start_tree(*this);
}

namespace {

template <void (&Publish)(shard&) noexcept>
[[gnu::always_inline]] inline bool cycle_as(shard& at) noexcept {
    at.time_ns = 0;
    at.counts.cycles.add();
    bool any = revival_wanted(at);
    if (any) [[unlikely]]
        revive_shard(at);
    any |= take_inbound(at);
    any |= take_completions(at);
    end_doomed(at);
    any |= run_ready(at);
    Publish(at);
    if (at.channel_waiters > 0) {
        admit_to_channels(at);
        Publish(at);
    }
    if (at.io.starved_for_buffer != nothing) any |= feed_starved(at);
    at.io_reactor->flush();
    any |= expire_timers(at);
    if (!at.log.empty()) at.log.flush();
    if (at.counts.cycles.get() % cycles_per_refresh == 0) at.refresh_gauges();
    if (any) at.drain.still = false;
    return any;
}

}  // namespace

bool shard::cycle() noexcept { return cycle_as<publish>(*this); }

bool shard::cycle_alone() noexcept { return cycle_as<publish_alone>(*this); }

std::int64_t shard::idle_deadline_ns() noexcept {
    const std::int64_t deadline_ns = std::min(wheel.next_deadline_ns(), drain.deadline_ns);
    // What the log's reader did not take yet is offered again.
    return log.empty() ? deadline_ns : std::min(deadline_ns, io_reactor->now_ns() + log_retry_ns);
}

void shard::run() noexcept {
    while (may_go_on(*this)) {
        if (!cycle() && !has_ready(*this)) idle(*this);
    }
}

void shard::stop() noexcept {
    report_end(*this);
    end_all(*this);
    close_all(*this);
    // Only the last completion of an operation says that the kernel has let go of our memory.
    while (io.operations > 0) {
        io_reactor->wait(wait_forever);
        take_completions(*this);
    }
    publish(*this);
    flush_last(*this);
    refresh_gauges();
}

void shard::refresh_gauges() noexcept {
    std::uint64_t live_count = 0;
    for (const type_state& type : types) live_count += type.live.get();
    counts.isolates_live.set(live_count);
    counts.envelopes_free.set(envelopes.free_count());
    counts.messages_held.set(envelopes.taken_count() + standing_messages - counts.messages_queued.get());
    counts.calls_outstanding.set(calls.taken_count());
    counts.offloads_outstanding.set(offloads.taken_count());
    counts.leases_in_use.set(lease_blocks.taken_count());
    counts.descriptors_open.set(io.records.capacity() - io.records.free_count());
    counts.buffers_in_use.set(io.buffers_in_use);
    counts.operations_in_flight.set(io.operations);
    counts.operations_submitted.set(io.operations_ended + io.operations);
    counts.timers_armed.set(wheel.armed_count());
    counts.message_timers_in_use.set(message_timers.taken_count());
    counts.monitors_in_use.set(monitors.taken_count());
}

}  // namespace tina::detail
