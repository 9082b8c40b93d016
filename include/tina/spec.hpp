// SPDX-License-Identifier: Apache-2.0
// The spec of a system: plain data that says which types of isolates there are, what runs on each shard, and how large
// everything is. It is validated before a thread starts. Everything has a default but the types and the tree.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tina/address.hpp"
#include "tina/detail/handler.hpp"
#include "tina/export.hpp"
#include "tina/fault_options.hpp"
#include "tina/io_backend.hpp"
#include "tina/isolate.hpp"
#include "tina/log_level.hpp"
#include "tina/restart.hpp"
#include "tina/role.hpp"
#include "tina/shutdown.hpp"
#include "tina/time.hpp"

namespace tina {

/// The messages that a type of isolates ever accepts: `.accepts = tina::messages<a, b>{}`.
class accept_list {
public:
    /// None.
    accept_list() = default;
    /// Those listed.
    template <class... Messages>
    accept_list(messages<Messages...>)  // NOLINT: a list of messages is one
        : infos_(detail::accept_table<messages<Messages...>>::infos.data()), count_(sizeof...(Messages)) {}

    /// For the runtime.
    [[nodiscard]] const detail::message_info* const* infos() const noexcept { return infos_; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    const detail::message_info* const* infos_ = nullptr;
    std::size_t count_ = 0;
};

/// How many isolates of a type there can be on a shard, and what each of them gets.
struct type_options {
    std::uint32_t slots = 64;               ///< isolates alive at once; 1 to 4 194 304
    std::uint32_t slots_draining = 8;       ///< further slots, for the dead whose last operation is still in the kernel
    std::uint32_t mailbox_capacity = 64;    ///< messages that wait for one isolate; 1 to 65 535
    std::uint32_t weight = 1;               ///< activations in one cycle, in units of 256; 1 to 256
    std::uint32_t working_arena_bytes = 0;  ///< memory for context::working(); 0 to 1 GiB
    std::uint32_t nested_bytes = 0;         ///< memory for the frames of nested tasks; 0 to 1 MiB
    std::uint32_t stack_bytes = 0;          ///< of a stackful handler; a multiple of 4096, 16 KiB to 64 MiB; 0: 64 KiB
    accept_list accepts{};                  ///< for a function; a struct says `using accepts = ...`
};

/// A type of isolates: a handler and its options.
struct type_spec {
    const detail::handler_info* what = nullptr;  ///< the handler; set by type()
    type_options options{};                      ///< how many, and what each gets
};

/// Registers a handler as a type of isolates: a function, or a struct with a member coroutine `run`.
template <auto Handler>
[[nodiscard]] type_spec type(type_options options = {}) {
    return {&detail::function_handler<Handler>::info(), options};
}
/// Registers a struct with a member coroutine `run` as a type of isolates.
template <class Handler>
[[nodiscard]] type_spec type(type_options options = {}) {
    return {&detail::struct_handler<Handler>::info(), options};
}

/// A listening socket of a child. It is opened at boot and outlives its child's crashes.
struct listening_options {
    std::string_view address = "0.0.0.0";    ///< a numeric IPv4 or IPv6 address
    std::uint16_t port = 0;                  ///< 0: the system chooses
    std::uint32_t backlog = 4096;            ///< connections that wait to be accepted; the system may allow fewer
    bool reuse_port = false;                 ///< each shard gets a socket of its own, the kernel spreads connections
    bool no_delay = true;                    ///< small answers leave at once
    bool only_ip6 = false;                   ///< an IPv6 address takes no IPv4 connections
    std::uint32_t receive_buffer_bytes = 0;  ///< of accepted sockets; 0: the system's default
    std::uint32_t send_buffer_bytes = 0;     ///< likewise
};

/// An argument of a child: the listening socket that its handler gets as a `tina::listener`.
struct listening {
    listening_options options;  ///< of the socket
    /// Asks for such a socket.
    explicit listening(const listening_options& wanted) : options(wanted) {}
};

/// A child of a group: what runs from the start.
struct child_spec {
    const detail::handler_info* what = nullptr;  ///< the handler; set by child()
    restart mode = restart::permanent;           ///< what happens when it ends
    /// The handler's arguments, packed; set by child().
    alignas(16) std::array<std::byte, detail::argument_bytes_max> arguments{};
    std::vector<listening_options> listeners{};  ///< its listening sockets, in the order of its parameters
    std::optional<tina::role> part{};            ///< its role, if it has one

    /// The same child with a role: `tina::child<boss_handler>(tina::permanent).role(boss)`. At most one child of a
    /// shard has it.
    [[nodiscard]] child_spec role(const tina::role& which) const {
        child_spec copy = *this;
        copy.part = which;
        return copy;
    }
};

namespace detail {

template <class Given>
auto child_argument([[maybe_unused]] child_spec& child, const Given& given) {
    if constexpr (std::is_same_v<Given, listening>) {
        child.listeners.push_back(given.options);
        return listener{};
    } else {
        return given;
    }
}

template <class Handler, class... Arguments>
child_spec make_child(restart mode, const Arguments&... arguments) {
    static_assert(!Handler::owns_descriptors,
                  "a child of the tree cannot take a socket: there is none at boot; take a tina::listener");
    child_spec child{.what = &Handler::info(), .mode = mode};
    const auto pack = Handler::pack(child_argument(child, arguments)...);
    if constexpr (Handler::argument_count > 0) std::memcpy(child.arguments.data(), &pack, sizeof pack);
    return child;
}

}  // namespace detail

/// A child that runs a handler, a function or a struct.
///
/// Lifetime: `arguments` are copied; what they refer to must outlive the system.
template <auto Handler, class... Arguments>
[[nodiscard]] child_spec child(restart mode, const Arguments&... arguments) {
    return detail::make_child<detail::function_handler<Handler>>(mode, arguments...);
}
/// A child that runs a struct.
template <class Handler, class... Arguments>
[[nodiscard]] child_spec child(restart mode, const Arguments&... arguments) {
    return detail::make_child<detail::struct_handler<Handler>>(mode, arguments...);
}

/// Which of its children a group starts again when one of them has ended and is to be started again. Those others that
/// live are ended first, in reverse start order; temporary ones among them are not started again.
/// Source: the strategies of Erlang/OTP's supervisor.
enum class strategy : std::uint8_t {
    one_for_one,   ///< that one
    one_for_all,   ///< all
    rest_for_one,  ///< that one and those started after it
};

/// Of restart_budget::restarts: as often as it takes.
inline constexpr std::uint32_t unlimited = 0xffff'ffff;

/// How often a group may start children again: a restart is one too many if it would be more than the `restarts`th
/// `within` that time, which slides along. The group then fails: it ends all its children, the last started first, and
/// counts as one failed child of the group it is in. Where that is none, all of the shard's tree is started anew.
///
/// Source: intensity and period of Erlang/OTP's supervisor.
struct restart_budget {
    std::uint32_t restarts = 3;                 ///< 0 to 1 048 576, or `unlimited`
    duration within = std::chrono::seconds{5};  ///< 1 us to 24 h
};

/// How long a group waits before it starts a child again: `first`, twice that after the next end, and so on, `most` at
/// most; from `first` again once no child has ended for the budget's `within`. Each wait is shorter by a random part,
/// up to `jitter_percent`, so that what failed together does not come back together.
struct restart_backoff {
    duration first{0};                         ///< 0 to 1 h; 0: at once
    duration most = std::chrono::seconds{30};  ///< `first` to 24 h
    std::uint32_t jitter_percent = 20;         ///< 0 to 100
};

struct group_spec;

/// A child or a group of children.
struct tree_node {
    child_spec child;               ///< where `group` is empty
    std::vector<group_spec> group;  ///< empty, or one group

    /// A child.
    tree_node(child_spec leaf);  // NOLINT: a child is a node
    /// A group.
    tree_node(group_spec inner);  // NOLINT: so is a group
    /// A copy.
    tree_node(const tree_node&);
    /// Takes what the other holds.
    tree_node(tree_node&&) noexcept;
    /// Becomes a copy.
    tree_node& operator=(const tree_node&);
    /// Takes what the other holds.
    tree_node& operator=(tree_node&&) noexcept;
    ~tree_node();
};

/// A group of children with one strategy. Groups nest 32 deep at most.
///
/// Children start in order and end in reverse order. An isolate that a child spawns joins the child's group, behind all
/// others: where the group starts it again it comes after them, and where the group itself failed or is started again
/// as a part of another, it is gone.
struct group_spec {
    strategy how = strategy::one_for_one;  ///< whom it starts again
    restart_budget budget{};               ///< how often at most
    std::vector<tree_node> children{};     ///< in start order
    restart_backoff backoff{};             ///< how long it waits before

    /// The same group with a wait before restarts: `tina::one_for_one({}, {...}).back_off({.first = 100ms})`.
    [[nodiscard]] group_spec back_off(const restart_backoff& wanted) const {
        group_spec copy = *this;
        copy.backoff = wanted;
        return copy;
    }
};

inline tree_node::tree_node(child_spec leaf) : child(std::move(leaf)) {}
inline tree_node::tree_node(group_spec inner) { group.push_back(std::move(inner)); }
inline tree_node::tree_node(const tree_node&) = default;
inline tree_node::tree_node(tree_node&&) noexcept = default;
inline tree_node& tree_node::operator=(const tree_node&) = default;
inline tree_node& tree_node::operator=(tree_node&&) noexcept = default;
inline tree_node::~tree_node() = default;

/// A group that starts again the child that has ended, and no other.
[[nodiscard]] inline group_spec one_for_one(restart_budget budget, std::initializer_list<tree_node> children) {
    return {strategy::one_for_one, budget, children, {}};
}
/// A group that starts all its children again when one has ended.
[[nodiscard]] inline group_spec one_for_all(restart_budget budget, std::initializer_list<tree_node> children) {
    return {strategy::one_for_all, budget, children, {}};
}
/// A group that starts again the child that has ended and those started after it.
[[nodiscard]] inline group_spec rest_for_one(restart_budget budget, std::initializer_list<tree_node> children) {
    return {strategy::rest_for_one, budget, children, {}};
}

/// The sizes of a shard.
struct shard_limits {
    std::uint32_t messages = 16384;           ///< envelopes: messages queued or being read; 16 to 16 777 216
    std::uint32_t messages_reserved = 256;    ///< of these, kept for the runtime's own notices
    std::uint32_t timers = 0;                 ///< deadlines armed at once; 0: one for each slot
    std::uint32_t message_timers = 1024;      ///< timers of context::set_timer() at once; 0 to 4 194 304
    std::uint32_t monitors = 4096;            ///< monitors and links set from here at once; 0 to 4 194 304
    std::uint32_t descriptors = 0;            ///< sockets open at once; 0: this shard's part of the process's limit
    std::uint32_t buffers = 1024;             ///< receive buffers; a power of two, 2 to 32 768
    std::uint32_t buffer_bytes = 4096;        ///< of each; 64 to 1 MiB
    std::uint32_t leases_per_isolate = 16;    ///< receive buffers that one isolate may hold; 1 to 255
    std::uint32_t calls = 4096;               ///< calls that wait for their reply at once; 0 to 4 194 304
    std::uint32_t leases = 256;               ///< transfer buffers, for context::allocate(); 0 to 4 194 304
    std::uint32_t lease_bytes = 4096;         ///< of each; 64 to 16 MiB
    std::uint32_t log_bytes = 64 * 1024;      ///< log entries not yet written; 4 KiB to 64 MiB
    std::uint32_t scratch_bytes = 64 * 1024;  ///< memory for context::scratch(); 0 to 1 GiB
    duration cycle_max = std::chrono::microseconds{500};  ///< handlers run at most about this long in one cycle
    duration spin = std::chrono::microseconds{10};  ///< how long an idle shard looks for work before it sleeps, at most
};

/// What runs on a shard, and where.
struct shard_spec {
    group_spec tree{};      ///< what runs from the start, and who starts it again
    shard_limits limits{};  ///< its sizes
    int cpu = -1;           ///< the processor to run on; -1: one of those the process may use, in order
};

/// The shards of a system, in order.
struct shard_set {
    std::vector<shard_spec> each;  ///< shard 0, shard 1 and so on
    bool on_every_core = false;    ///< `each` holds one spec, to be used for every processor

    /// None.
    shard_set() = default;
    /// Those listed.
    shard_set(std::initializer_list<shard_spec> shards) : each(shards) {}
    /// Those listed.
    shard_set(std::vector<shard_spec> shards) : each(std::move(shards)) {}  // NOLINT: shards are a set
};

/// The same shard on every processor that the process may use.
[[nodiscard]] inline shard_set on_every_core(shard_spec shard) {
    shard_set set;
    set.each.push_back(std::move(shard));
    set.on_every_core = true;
    return set;
}
/// The same shard `count` times.
[[nodiscard]] inline shard_set on_cores(std::uint32_t count, const shard_spec& shard) {
    return {std::vector<shard_spec>(count, shard)};
}

/// The size of one channel, other than the rest.
struct channel_override {
    std::uint32_t from = 0;        ///< the shard that sends
    std::uint32_t to = 0;          ///< the shard that receives
    std::uint32_t capacity = 128;  ///< messages on their way; a power of two, 2 to 65 536
};

/// The channels between shards, one for each ordered pair.
struct channel_limits {
    std::uint32_t capacity = 128;               ///< messages on their way; a power of two, 2 to 65 536
    std::uint32_t lane_capacity = 1024;         ///< notices of the runtime on their way; a power of two, 4 to 65 536
    std::vector<channel_override> overrides{};  ///< channels of other sizes
};

/// When memory is taken from the system.
enum class memory_mode : std::uint8_t {
    production,   ///< all of it at boot, so that nothing is missing later
    development,  ///< when it is first used, so that boot is quick
};

/// How the log is written.
enum class log_format : std::uint8_t {
    text,    ///< a line for people
    logfmt,  ///< key=value pairs
};

/// The helper threads, on which `tina::offload` runs what would hold up a shard.
struct offload_options {
    std::uint32_t threads = 2;  ///< 0 to 1024; 0: offloads answer `errc::no_offload`
    std::uint32_t queue = 256;  ///< functions that wait for a thread, of all shards together; 1 to 65 536
};

/// What threads that are not shards may do at once.
struct outside_options {
    std::uint32_t queue = 1024;  ///< messages on their way to each shard; a power of two, 2 to 65 536; 0: none
    std::uint32_t calls = 256;   ///< threads that wait in system::call(); 0 to 65 536
};

/// The log.
struct log_options {
    log_level level = log_level::info;     ///< entries below are not made
    log_format format = log_format::text;  ///< how entries are written
    int descriptor = 2;                    ///< where entries are written to
};

/// What tina may do to the process it runs in.
struct process_options {
    /// tina::run: SIGINT and SIGTERM stop the system, the second by force; SIGUSR2 revives its shards.
    bool handle_signals = true;
    bool pin_threads = true;                ///< each shard's thread stays on its processor
    bool raise_descriptor_limit = false;    ///< the soft limit on open files is raised to the hard one
    io_backend io = io_backend::automatic;  ///< what shards wait for the network with
};

/// What becomes of a shard that fails too often.
enum class last_resort : std::uint8_t {
    quarantine,  ///< it runs nothing until it is revived: by system::revive(), or by SIGUSR2 where tina::run handles
                 ///< signals
    abort,       ///< the process ends with a report, for whoever started it to start it again
};

/// What is done about a shard that fails, which it does when its root group is over its budget. All its isolates have
/// ended then. At most `restarts` times `within` that time, which slides along, its tree is started anew, as at boot,
/// but that its listening sockets stay open; once more, and it is the last resort's turn.
struct recovery_options {
    std::uint32_t restarts = 3;                  ///< 0 to 1024, or `unlimited`
    duration within = std::chrono::seconds{60};  ///< 1 us to 24 h
    last_resort then = last_resort::quarantine;  ///< what comes after that
};

/// A whole system.
struct system_spec {
    std::vector<type_spec> types{};                ///< the handlers that isolates run; on every shard the same
    shard_set shards{};                            ///< what runs where
    channel_limits channels{};                     ///< what is on its way between shards
    memory_mode memory = memory_mode::production;  ///< when memory is taken
    bool huge_pages = false;      ///< ask for huge pages; where they are refused the log says so and why
    fault_options faults{};       ///< the containment of faults
    offload_options offload{};    ///< the helper threads
    outside_options outside{};    ///< what threads that are not shards may do
    shutdown_options shutdown{};  ///< how patiently it ends
    log_options log{};            ///< the log
    recovery_options recovery{};  ///< what is done about a shard that fails
    process_options process{};    ///< what may be done to the process
    std::uint64_t seed = 0;       ///< of context::random(); 0: a new one at each start
};

/// The memory that each shard of `spec` takes, region by region: name, count, stride, bytes. The errors of the spec,
/// one a line, if it has any.
[[nodiscard]] TINA_EXPORT std::string layout_report(const system_spec& spec);

}  // namespace tina
