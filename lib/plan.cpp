// SPDX-License-Identifier: Apache-2.0
// Resolving sizes and carving a shard's mapping. Runs before the shard's thread exists.
#include "lib/plan.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "lib/call_record.hpp"
#include "lib/memory_map.hpp"
#include "lib/offload.hpp"
#include "lib/standing_record.hpp"
#include "lib/supervision_state.hpp"
#include "lib/timer_wheel.hpp"
#include "tina/detail/nested.hpp"
#include "tina/memory.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t watcher_heads_max = 65536;  ///< lists of who watches, by the slot of whom

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
    return (value + multiple - 1) / multiple * multiple;
}

/// An alignment that suits a handler's object: its own divides its size, and is 16 at most. So the object of a handler
/// without members takes no room of its own before the frame.
constexpr std::size_t object_alignment(const handler_info& what) noexcept {
    const std::size_t divisor = what.object_bytes & (~std::size_t{what.object_bytes} + 1);
    return std::clamp<std::size_t>(divisor, 1, 16);
}

type_plan plan_type(const type_spec& type) {
    type_plan plan{.what = type.what, .options = type.options};
    plan.accepts = type.what->states_accepts ? type.what->accepts : type.options.accepts.infos();
    plan.accept_count =
        static_cast<std::uint32_t>(type.what->states_accepts ? type.what->accept_count : type.options.accepts.count());
    plan.slot_count = type.options.slots + type.options.slots_draining;
    plan.frame_bytes = probe_frame_bytes(*type.what);
    if (type.what->stackful) {
        plan.stack_bytes = type.options.stack_bytes > 0 ? type.options.stack_bytes : stack_bytes_default;
    }

    // A slot: queues of all accepted types but the first, which is in the header; object; frame; frames of tasks;
    // arguments; arena.
    std::size_t at = plan.accept_count > 1 ? (plan.accept_count - 1) * sizeof(std::uint32_t) : 0;
    plan.object_offset = round_up(at, object_alignment(*type.what));
    at = plan.object_offset + type.what->object_bytes;
    plan.frame_offset = round_up(at, 16);
    at = plan.frame_offset + plan.frame_bytes;
    plan.nested_offset = round_up(at, 16);
    if (type.options.nested_bytes > 0) at = plan.nested_offset + sizeof(nested_region) + type.options.nested_bytes;
    plan.arguments_offset = round_up(at, 16);
    at = plan.arguments_offset + type.what->argument_bytes;
    plan.arena_offset = round_up(at, 16);
    if (type.options.working_arena_bytes > 0) at = plan.arena_offset + sizeof(arena) + type.options.working_arena_bytes;
    plan.stride = round_up(std::max<std::size_t>(at, 16), 16);
    return plan;
}

std::size_t count_listeners(const group_spec& group) {
    std::size_t count = 0;
    for (const tree_node& node : group.children) {
        count += node.group.empty() ? node.child.listeners.size() : count_listeners(node.group.front());
    }
    return count;
}

/// How many groups a tree has, itself included; the second: how many of them wait before restarts.
struct group_count {
    std::size_t all = 0;
    std::size_t waiting = 0;
};
group_count count_groups(const group_spec& group) {
    group_count count{1, group.backoff.first > duration{0} ? 1u : 0u};
    for (const tree_node& node : group.children) {
        if (node.group.empty()) continue;
        const group_count inner = count_groups(node.group.front());
        count.all += inner.all;
        count.waiting += inner.waiting;
    }
    return count;
}

/// Timers that restarts may need at once: one for each group, and for each isolate, which wait alone.
std::size_t count_restart_timers(const shard_plan& plan, const group_spec& tree) {
    const group_count groups = count_groups(tree);
    return groups.waiting == 0 ? 0 : groups.all + plan.slot_count;
}

/// Places the stacks: each has a guard below it. They have a mapping of their own, of small pages always, since a guard
/// is smaller than a huge page.
void place_stacks(shard_plan& plan) {
    for (type_plan& type : plan.types) {
        if (type.stack_bytes == 0) continue;
        type.stack_offset = plan.stacks_bytes + stack_guard_bytes;
        plan.stacks_bytes += type.slot_count * (stack_guard_bytes + type.stack_bytes);
        plan.bytes_used += type.slot_count * type.stack_bytes;
    }
}

/// Work that may be outstanding at once: all that can wait and run.
std::size_t offload_record_count(const offload_options& wanted) {
    return wanted.threads == 0 ? 0 : std::size_t{wanted.queue} + wanted.threads;
}

std::string in_units(std::size_t bytes) {
    char text[32];
    if (bytes >= 10u << 20) {
        std::snprintf(text, sizeof text, "%zu MiB", bytes >> 20);
    } else if (bytes >= 10u << 10) {
        std::snprintf(text, sizeof text, "%zu KiB", bytes >> 10);
    } else {
        std::snprintf(text, sizeof text, "%zu B", bytes);
    }
    return text;
}

}  // namespace

std::size_t probe_frame_bytes(const handler_info& what) {
    slot_header probe;
    probe.state = slot_state::probing;
    std::vector<std::byte> object(what.object_bytes + 64);
    void* aligned = object.data();
    std::size_t space = object.size();
    std::align(64, std::max<std::size_t>(what.object_bytes, 1), aligned, space);
    what.probe(probe, static_cast<std::byte*>(aligned));
    return reinterpret_cast<std::size_t>(probe.frame);
}

shard_plan plan_shard(const system_spec& spec, const shard_spec& shard, std::uint32_t index, std::uint32_t descriptors,
                      bool huge_pages) {
    shard_plan plan{
        .index = index, .spec = shard, .recovery = spec.recovery, .types = {}, .regions = {}, .huge_pages = huge_pages};
    for (const type_spec& type : spec.types) {
        type_plan planned = plan_type(type);
        planned.first_slot = plan.slot_count;
        planned.region_index = region_first_type + plan.types.size();
        plan.slot_count += planned.slot_count;
        plan.types.push_back(planned);
    }
    shard_limits& limits = plan.spec.limits;
    if (limits.timers == 0) limits.timers = plan.slot_count;
    if (limits.descriptors == 0) limits.descriptors = descriptors;

    plan.regions = {
        {"slots", plan.slot_count, sizeof(slot_header)},
        // Timers with a message and monitors have an envelope each, so that theirs can always be sent; the end of the
        // system has one for all.
        {"envelopes", std::size_t{limits.messages} + limits.message_timers + limits.monitors + 1, sizeof(envelope)},
        // A listening socket that ran into the limit on open files tries again by a timer of its own.
        {"timers",
         timer_wheel::list_count + std::size_t{limits.timers} + limits.message_timers + count_listeners(shard.tree) +
             count_restart_timers(plan, shard.tree),
         sizeof(timer_node)},
        {"descriptors", limits.descriptors, descriptor_record_bytes},
        {"buffer notes", limits.buffers, buffer_note_bytes},
        {"buffers", limits.buffers, limits.buffer_bytes},
        {"attachments", limits.messages, sizeof(attachment)},
        {"calls", limits.calls, sizeof(call_record)},
        {"message timers", limits.message_timers, sizeof(message_timer)},
        {"monitors", limits.monitors, sizeof(monitor_record)},
        {"watchers", std::bit_ceil(std::min(plan.slot_count, watcher_heads_max)), sizeof(monitor_record*)},
        {"lease blocks", limits.leases, sizeof(lease_block)},
        {"leases", limits.leases, round_up(limits.lease_bytes, 64)},
        {"offloads", offload_record_count(spec.offload), sizeof(offload_record)},
        {"log", 1, limits.log_bytes},
        {"scratch", 1, limits.scratch_bytes},
        {"members", plan.slot_count, sizeof(member_note)},
    };
    for (const type_plan& type : plan.types) {
        plan.regions.push_back({"type " + std::string(type.what->name), type.slot_count, type.stride});
    }
    const std::size_t page = huge_pages ? huge_page_bytes : small_page_bytes;
    std::size_t at = 0;
    for (region& each : plan.regions) {
        each.offset = at;
        plan.bytes_used += each.bytes();
        at += round_up(each.bytes(), page) + round_up(guard_bytes, page);
    }
    plan.bytes = at;
    place_stacks(plan);
    return plan;
}

std::string describe(const shard_plan& plan) {
    char line[192];
    std::snprintf(line, sizeof line, "shard %u: %s, %u slots\n  %-32s %12s %10s %12s\n", plan.index,
                  in_units(plan.bytes_used).c_str(), plan.slot_count, "region", "count", "stride", "bytes");
    std::string text = line;
    for (const region& each : plan.regions) {
        std::snprintf(line, sizeof line, "  %-32.60s %12zu %10zu %12s\n", each.name.c_str(), each.count, each.stride,
                      in_units(each.bytes()).c_str());
        text += line;
    }
    for (const type_plan& type : plan.types) {
        if (type.stack_bytes == 0) continue;
        const std::string name = "stacks " + std::string(type.what->name);
        std::snprintf(line, sizeof line, "  %-32.60s %12u %10zu %12s\n", name.c_str(), type.slot_count,
                      type.stack_bytes, in_units(type.slot_count * type.stack_bytes).c_str());
        text += line;
    }
    for (const type_plan& type : plan.types) {
        std::snprintf(
            line, sizeof line,
            "  %.60s: frame %zu, object %u, nested tasks %u, arguments %u, working arena %u, header %zu bytes\n",
            std::string(type.what->name).c_str(), type.frame_bytes, type.what->object_bytes, type.options.nested_bytes,
            type.what->argument_bytes, type.options.working_arena_bytes, sizeof(slot_header));
        text += line;
    }
    return text;
}

}  // namespace tina::detail
