// SPDX-License-Identifier: Apache-2.0
// The rules of a spec. A rule is a line; what is said about a mistake is put together in one place.
#include "lib/validate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "lib/memory_map.hpp"
#include "lib/plan.hpp"
#include "tina/handle.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t stack_bytes_min = 16 * 1024;
constexpr std::uint32_t stack_bytes_max = 64u << 20;
constexpr std::uint64_t stacks_max = 30'000;
constexpr std::uint64_t mappings_per_stack = 2;  ///< the stack and its guard

constexpr std::uint32_t group_depth_max = 32;

class checker {
public:
    explicit checker(validation& out) : out_(&out) {}

    /// All further findings are about this part of the spec.
    void about(std::string what) { about_ = std::move(what); }

    void range(const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
        if (value >= least && value <= most) return;
        error(field, value, std::to_string(least) + ".." + std::to_string(most));
    }
    void power_of_two(const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
        const bool power = value != 0 && (value & (value - 1)) == 0;
        if (power && value >= least && value <= most) return;
        error(field, value, "a power of two, " + std::to_string(least) + ".." + std::to_string(most));
    }
    void span(const char* field, duration value, duration least, duration most) {
        if (value >= least && value <= most) return;
        out_->errors.push_back(about_ + field + " is " + std::to_string(value.count()) + " ns; must be " +
                               std::to_string(least.count()) + ".." + std::to_string(most.count()) + " ns");
    }
    void error(const std::string& field, std::uint64_t value, const std::string& allowed) {
        out_->errors.push_back(about_ + field + " is " + std::to_string(value) + "; must be " + allowed);
    }
    void error(const std::string& text) { out_->errors.push_back(about_ + text); }
    void advise(const std::string& text) { out_->advice.push_back(about_ + text); }

private:
    validation* out_;
    std::string about_;
};

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

void check_stack(checker& check, const type_spec& type) {
    const std::uint32_t bytes = type.options.stack_bytes;
    if (!type.what->stackful) {
        if (bytes > 0) check.error("stack_bytes", bytes, "0: the handler is a coroutine and has no stack of its own");
    } else if (bytes > 0 && (bytes < stack_bytes_min || bytes > stack_bytes_max || bytes % small_page_bytes != 0)) {
        check.error("stack_bytes", bytes,
                    "a multiple of " + std::to_string(small_page_bytes) + ", " + std::to_string(stack_bytes_min) +
                        ".." + std::to_string(stack_bytes_max) + ", or 0 for " + std::to_string(stack_bytes_default));
    }
}

void check_type(checker& check, const type_spec& type) {
    check.about("type " + quoted(type.what->name) + ": ");
    const type_options& options = type.options;
    check.range("slots", options.slots, 1, slots_per_shard_max);
    check.range("slots_draining", options.slots_draining, 0, slots_per_shard_max);
    check.range("mailbox_capacity", options.mailbox_capacity, 1, 65535);
    check.range("weight", options.weight, 1, 256);
    check.range("working_arena_bytes", options.working_arena_bytes, 0, 1u << 30);
    // Frames of nested tasks are destroyed one within the other, on the stack of the shard: not more than that holds.
    check.range("nested_bytes", options.nested_bytes, 0, 1u << 20);
    check_stack(check, type);
    if (type.what->states_accepts && options.accepts.count() > 0) {
        check.error("accepts is given twice: in the struct and in the options; keep the struct's");
    }
    const std::size_t accepted = type.what->states_accepts ? type.what->accept_count : options.accepts.count();
    if (accepted > 32) check.error("accepts", accepted, "0..32 message types");
}

/// What the compilers do not refuse: clang++ spells the name of a type that is local to a function as if it were not.
void check_name(checker& check, const message_info& info) {
    // In the names of the Itanium C++ ABI a local type begins with Z.
    if (info.type == nullptr || info.type->name()[0] != 'Z') return;
    check.error("message " + quoted(info.name) + " is local to a function; define it at namespace scope");
}

void check_messages(checker& check, const system_spec& spec) {
    std::map<std::uint32_t, const message_info*> by_tag;
    check.about("");
    for (const type_spec& type : spec.types) {
        const bool in_struct = type.what->states_accepts;
        const message_info* const* infos = in_struct ? type.what->accepts : type.options.accepts.infos();
        const std::size_t count = in_struct ? type.what->accept_count : type.options.accepts.count();
        for (std::size_t i = 0; i < count; ++i) {
            const message_info& info = *infos[i];
            check_name(check, info);
            const auto [place, added] = by_tag.emplace(info.tag, &info);
            const message_info& known = *place->second;
            if (added) continue;
            if (known.name != info.name) {
                check.error("messages " + quoted(known.name) + " and " + quoted(info.name) +
                            " have the same tag; rename one, or give it another tina_name");
            } else if (known.bytes != info.bytes || known.alignment != info.alignment) {
                check.error("message " + quoted(info.name) + " is defined in two ways, with " +
                            std::to_string(known.bytes) + " and " + std::to_string(info.bytes) +
                            " bytes; one name must be one type");
            }
        }
    }
}

void check_types(checker& check, const system_spec& spec) {
    check.about("");
    if (spec.types.empty()) check.error("types is empty; name at least one handler with tina::type");
    check.range("types", spec.types.size(), 0, 4096);
    std::set<const handler_info*> seen;
    std::uint64_t slots = 0;
    for (const type_spec& type : spec.types) {
        if (!seen.insert(type.what).second) {
            check.about("");
            check.error("type " + quoted(type.what->name) + " is listed twice; list each handler once");
        }
        check_type(check, type);
        slots += std::uint64_t{type.options.slots} + type.options.slots_draining;
    }
    check.about("");
    if (slots > slots_per_shard_max) {
        check.error("slots and slots_draining of all types together", slots,
                    "0.." + std::to_string(slots_per_shard_max));
    }
}

void check_stack_count(checker& check, const system_spec& spec) {
    const std::uint64_t stacks = count_stacks(spec);
    if (stacks <= stacks_max) return;
    check.error("slots and slots_draining of stackful types, on all shards together,", stacks,
                "0.." + std::to_string(stacks_max) + ": each needs two mappings of memory; lower slots, or make a " +
                    "coroutine of what can be one");
}

void check_limits(checker& check, const shard_limits& limits) {
    check.range("messages", limits.messages, 16, 16u << 20);
    check.range("messages_reserved", limits.messages_reserved, 0, limits.messages > 0 ? limits.messages - 1 : 0);
    check.range("timers", limits.timers, 0, 1u << 26);
    check.range("message_timers", limits.message_timers, 0, 1u << 22);
    check.range("monitors", limits.monitors, 0, 1u << 22);
    check.range("descriptors", limits.descriptors, 0, 1u << 20);
    check.power_of_two("buffers", limits.buffers, 2, 32768);
    check.range("buffer_bytes", limits.buffer_bytes, 64, 1u << 20);
    check.range("leases_per_isolate", limits.leases_per_isolate, 1, 255);
    check.range("calls", limits.calls, 0, 1u << 22);
    check.range("leases", limits.leases, 0, 1u << 22);
    check.range("lease_bytes", limits.lease_bytes, 64, 16u << 20);
    check.range("log_bytes", limits.log_bytes, 4096, 64u << 20);
    check.range("scratch_bytes", limits.scratch_bytes, 0, 1u << 30);
    check.span("cycle_max", limits.cycle_max, std::chrono::microseconds{1}, std::chrono::seconds{1});
    check.span("spin", limits.spin, duration{0}, std::chrono::seconds{1});
    if (limits.messages_reserved * 2 > limits.messages) {
        check.advise("messages_reserved is more than half of messages: users' messages are refused early");
    }
    if (limits.leases_per_isolate * 2 > limits.buffers) {
        check.advise("leases_per_isolate is more than half of buffers: one isolate can hold up the others");
    }
}

/// Roles by their tags, as far as they are known: of the whole system.
using known_roles = std::map<std::uint32_t, std::string>;

/// `taken`: the roles that children of the same shard have already.
void check_role(checker& check, const child_spec& child, known_roles& known, std::set<std::uint32_t>& taken) {
    if (!child.part) return;
    const std::string name(child.part->name());
    if (name.empty()) return check.error("child " + quoted(child.what->name) + ": its role has no name");
    const auto [place, added] = known.emplace(child.part->tag(), name);
    if (!added && place->second != name) {
        check.error("roles " + quoted(place->second) + " and " + quoted(name) + " have the same tag; rename one");
    } else if (!taken.insert(child.part->tag()).second) {
        check.error("role " + quoted(name) + " is given to two children; a shard has one of each role");
    }
}

void check_roles(checker& check, const group_spec& group, known_roles& known, std::set<std::uint32_t>& taken) {
    for (const tree_node& node : group.children) {
        if (node.group.empty()) {
            check_role(check, node.child, known, taken);
        } else {
            check_roles(check, node.group.front(), known, taken);
        }
    }
}

/// `depth`: of the group, 1 for the root.
void check_group(checker& check, const group_spec& group, std::uint32_t depth) {
    if (depth > group_depth_max) return check.error("groups nest more than 32 deep");
    if (group.budget.restarts != unlimited) check.range("restarts of a group", group.budget.restarts, 0, 1u << 20);
    check.span("within of a group", group.budget.within, std::chrono::microseconds{1}, std::chrono::hours{24});
    check.span("backoff.first of a group", group.backoff.first, duration{0}, std::chrono::hours{1});
    if (group.backoff.first > duration{0}) {
        check.span("backoff.most of a group", group.backoff.most, group.backoff.first, std::chrono::hours{24});
    }
    check.range("backoff.jitter_percent of a group", group.backoff.jitter_percent, 0, 100);
    for (const tree_node& node : group.children) {
        if (!node.group.empty()) check_group(check, node.group.front(), depth + 1);
    }
}

/// Addresses and ports that are listened on, and whether they may be so more than once.
using listened = std::map<std::pair<std::string, std::uint16_t>, bool>;

/// Counts how many children of each type a tree starts.
void check_tree(checker& check, const system_spec& spec, const group_spec& group, listened& ports,
                std::map<const handler_info*, std::uint32_t>& children) {
    for (const tree_node& node : group.children) {
        if (!node.group.empty()) {
            check_tree(check, spec, node.group.front(), ports, children);
            continue;
        }
        const handler_info& what = *node.child.what;
        ++children[&what];
        const bool listed = std::any_of(spec.types.begin(), spec.types.end(),
                                        [&](const type_spec& type) { return type.what == &what; });
        if (!listed)
            check.error("child " + quoted(what.name) + " is not among types; add tina::type<" + std::string(what.name) +
                        ">()");
        for (const listening_options& options : node.child.listeners) {
            if (!parse_ip(options.address, options.port)) {
                check.error("child " + quoted(what.name) + ": address " + quoted(options.address) +
                            " is not a numeric IPv4 or IPv6 address");
            }
            const bool shared = options.reuse_port;
            if (options.port == 0 && !shared) continue;
            const auto [place, added] = ports.emplace(std::pair(std::string(options.address), options.port), shared);
            if (!added && options.port == 0) {
                check.error("child " + quoted(what.name) +
                            ": port 0 with reuse_port would give each shard a port of its own; name a port");
            } else if (!added && !(place->second && shared)) {
                check.error("child " + quoted(what.name) + ": port " + std::to_string(options.port) +
                            " is listened on more than once; set reuse_port for each, or choose different ports");
            }
        }
    }
}

void check_shard(checker& check, const system_spec& spec, std::size_t index, listened& ports, known_roles& roles) {
    const shard_spec& shard = spec.shards.each[index];
    check.about("shard " + std::to_string(index) + ": ");
    check_limits(check, shard.limits);
    if (shard.tree.children.empty()) check.error("tree has no children; nothing would run on it");
    check_group(check, shard.tree, 1);
    std::map<const handler_info*, std::uint32_t> children;
    check_tree(check, spec, shard.tree, ports, children);
    std::set<std::uint32_t> taken;
    check_roles(check, shard.tree, roles, taken);
    for (const type_spec& type : spec.types) {
        const auto found = children.find(type.what);
        if (found != children.end() && found->second > type.options.slots) {
            check.error("type " + quoted(type.what->name) + ": slots", type.options.slots,
                        "at least " + std::to_string(found->second) + ", the number of its children in the tree");
        }
        if (type.options.mailbox_capacity > shard.limits.messages) {
            check.advise("type " + quoted(type.what->name) + ": mailbox_capacity is larger than the shard's messages");
        }
    }
}

void check_channels(checker& check, const system_spec& spec) {
    check.about("channels: ");
    check.power_of_two("capacity", spec.channels.capacity, 2, 65536);
    check.power_of_two("lane_capacity", spec.channels.lane_capacity, 4, 65536);
    const std::size_t shards = spec.shards.each.size();
    for (const channel_override& exception : spec.channels.overrides) {
        check.about("channel from " + std::to_string(exception.from) + " to " + std::to_string(exception.to) + ": ");
        check.power_of_two("capacity", exception.capacity, 2, 65536);
        if (exception.from >= shards || exception.to >= shards || exception.from == exception.to) {
            check.error("names no channel; there are " + std::to_string(shards) + " shards, from 0");
        }
    }
}

}  // namespace

std::uint64_t count_stacks(const system_spec& spec) {
    std::uint64_t count = 0;
    for (const type_spec& type : spec.types) {
        if (type.what->stackful) count += std::uint64_t{type.options.slots} + type.options.slots_draining;
    }
    return count * spec.shards.each.size();
}

std::string check_mappings(const system_spec& spec, std::uint64_t mappings_max, std::uint64_t mappings_used) {
    const std::uint64_t stacks = count_stacks(spec);
    const std::uint64_t needed = stacks * mappings_per_stack;
    if (stacks == 0 || mappings_used + needed <= mappings_max) return {};
    const std::uint64_t left = mappings_max > mappings_used ? mappings_max - mappings_used : 0;
    return "slots and slots_draining of stackful types, on all shards together, is " + std::to_string(stacks) +
           "; the system allows " + std::to_string(left / mappings_per_stack) +
           ": each needs two mappings of memory, and vm.max_map_count is " + std::to_string(mappings_max) +
           "; lower slots, or sysctl -w vm.max_map_count=" + std::to_string(mappings_used + needed);
}

validation validate(const system_spec& spec) {
    validation found;
    checker check(found);
    check_types(check, spec);
    check_stack_count(check, spec);
    check_messages(check, spec);
    check.about("");
    check.range("shards", spec.shards.each.size(), 1, shards_max);
    listened ports;
    known_roles roles;
    for (std::size_t index = 0; index < spec.shards.each.size() && index < shards_max; ++index) {
        check_shard(check, spec, index, ports, roles);
    }
    check_channels(check, spec);
    check.about("outside: ");
    if (spec.outside.queue != 0) check.power_of_two("queue", spec.outside.queue, 2, 65536);
    check.range("calls", spec.outside.calls, 0, 65536);
    check.about("shutdown: ");
    check.span("deadline", spec.shutdown.deadline, duration{0}, std::chrono::hours{24});
    check.about("recovery: ");
    if (spec.recovery.restarts != unlimited) check.range("restarts", spec.recovery.restarts, 0, 1024);
    check.span("within", spec.recovery.within, std::chrono::microseconds{1}, std::chrono::hours{24});
    check.about("offload: ");
    check.range("threads", spec.offload.threads, 0, 1024);
    check.range("queue", spec.offload.queue, 1, 65536);
    check.about("process: ");
    check.range("io", static_cast<std::uint8_t>(spec.process.io), 0, static_cast<std::uint8_t>(io_backend::epoll));
    return found;
}

}  // namespace tina::detail
