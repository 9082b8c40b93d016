// SPDX-License-Identifier: Apache-2.0
// The simulated world, as a scenario sees it: machines that run the same specs and handlers as in production, the
// faults they meet, and what must hold. One world is one object and one run; nothing in it reads a clock, starts a
// thread or touches the network. Everything here is for the thread that runs the scenario.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tina/address.hpp"
#include "tina/detail/handler.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/export.hpp"
#include "tina/handle.hpp"
#include "tina/result.hpp"
#include "tina/role.hpp"
#include "tina/spec.hpp"
#include "tina/system.hpp"
#include "tina/time.hpp"

namespace tina {

/// Simulation: worlds of machines, the faults in them, and what must hold.
namespace sim {

/// Some handlers, for the scope of a fault; made by tina::types().
struct handler_set {
    const tina::detail::handler_info* const* first = nullptr;  ///< the first of them
    std::size_t count = 0;                                     ///< how many
};

}  // namespace sim

/// Handlers as the scope of a fault: `tina::types<teller>`, `tina::types<account, ledger>`; functions and structs
/// cannot be mixed in one, but a scope takes several.
template <auto... Handlers>
[[nodiscard]] sim::handler_set types() noexcept {
    static const std::array<const detail::handler_info*, sizeof...(Handlers)> infos{
        &detail::function_handler<Handlers>::info()...};
    return {infos.data(), infos.size()};
}
/// The same for handlers that are structs.
template <class... Handlers>
[[nodiscard]] sim::handler_set types() noexcept {
    static const std::array<const detail::handler_info*, sizeof...(Handlers)> infos{
        &detail::struct_handler<Handlers>::info()...};
    return {infos.data(), infos.size()};
}

namespace sim {

/// A chance of `numerator` in `denominator`, for isolates of the types in `only`, and in `also`: one for functions, one
/// for structs. All types, if neither is given.
struct isolate_chance {
    std::uint32_t numerator = 0;               ///< 0: never
    std::uint32_t denominator = 1;             ///< in so many
    handler_set (*only)() noexcept = nullptr;  ///< such as `tina::types<teller>`
    handler_set (*also)() noexcept = nullptr;  ///< the same for the other kind of handlers
};
/// A chance of `numerator` in `denominator`.
struct chance {
    std::uint32_t numerator = 0;    ///< 0: never
    std::uint32_t denominator = 1;  ///< in so many
};
/// A span of time between two, both included.
struct span_range {
    duration least{};  ///< at least
    duration most{};   ///< at most
};

/// The faults that may fire. The default is none. Each run takes a part of those declared, chosen by its seed (see the
/// harness, `--faults`).
///
/// Units: "a moment" is a tenth of a second of virtual time.
struct faults {
    // Isolates, once for each of the moments in question.
    isolate_chance crash_isolate{};  ///< before its handler goes on, after an effect, between two, at start, in restart
    isolate_chance channel_full{};   ///< a send to another shard is answered channel_full
    isolate_chance pool_exhausted{};   ///< a send within the shard is answered pool_exhausted
    isolate_chance mailbox_full{};     ///< a send within the shard is answered mailbox_full
    isolate_chance no_slots{};         ///< a spawn fails
    isolate_chance no_timers{};        ///< a deadline or timer cannot be set
    isolate_chance no_calls{};         ///< a call finds no record
    isolate_chance no_leases{};        ///< a lease cannot be allocated
    isolate_chance arena_exhausted{};  ///< the working or scratch arena is full

    // Channels between shards, and shards.
    span_range channel_delay{};  ///< each message to another shard is late by so much; order within a channel stays
    chance crash_shard{};        ///< in each moment of each shard
    chance slow_shard{};         ///< in each moment of each shard: its cycles take up to 100 times as long
    span_range cycle_cost{};     ///< added to what a cycle takes

    // The network between machines.
    span_range net_latency{};  ///< added to the way of each segment
    chance net_loss{};         ///< for each segment, each time it goes: lost, to go again after 200 ms, 400 ms …
    chance net_reset{};        ///< for each segment: the connection is reset
    chance net_refuse{};       ///< for each connection request: refused
    chance net_silence{};      ///< for each connection request: never answered
    chance net_segment{};      ///< for each segment: cut into pieces, which arrive one by one, a little apart
    chance partial_write{};    ///< for each send: only a part fits
    chance net_partition{};    ///< in each moment of each pair of machines: cut off, one way or both
    /// How long a partition lasts.
    span_range net_partition_for{std::chrono::milliseconds{100}, std::chrono::seconds{5}};
    chance net_clog{};  ///< in each moment of each direction: what is sent is held up
    /// How long a clog lasts.
    span_range net_clog_for{std::chrono::milliseconds{10}, std::chrono::seconds{1}};

    // Machines and their clocks.
    chance crash_machine{};  ///< in each moment of each machine: power is lost
    /// How long a machine is without power.
    span_range machine_down_for{std::chrono::milliseconds{10}, std::chrono::seconds{2}};
    std::uint32_t clock_drift_ppm = 0;  ///< each clock runs up to this many millionths too fast or too slow
    duration clock_offset{};            ///< each wall clock is off by up to this much
    chance clock_step{};                ///< in each moment of each machine: its wall clock jumps
    duration clock_step_by = std::chrono::seconds{1};  ///< at most, either way
    chance clock_pause{};  ///< in each moment of each machine: it stands still, as a suspended one does
    /// How long a machine stands still.
    span_range clock_pause_for{std::chrono::milliseconds{1}, std::chrono::seconds{1}};

    chance buggify{};  ///< for each TINA_BUGGIFY that is at work in this run
};

/// The network as it is without faults.
struct network_options {
    duration latency = std::chrono::microseconds{50};          ///< from one machine to another
    duration loopback_latency = std::chrono::microseconds{5};  ///< within a machine
    std::uint32_t window_bytes = 256 * 1024;                   ///< received and not read, at most
    std::uint32_t segment_bytes = 16 * 1024;                   ///< on their way in one piece, at most
    duration connect_timeout = std::chrono::seconds{127};      ///< until a request without an answer fails
};

/// A machine, before its spec.
struct machine_options {
    std::string name;                      ///< the first part of the name of all that is on it
    std::vector<std::string> addresses{};  ///< numeric; none: the world gives it one, 10.0.0.1 and so on
    duration clock_offset{};               ///< of its wall clock
    std::int32_t clock_drift_ppb = 0;      ///< parts in a billion that its clocks run too fast
    std::uint32_t cores = 2;               ///< shards of a spec that wants one on every core
};

/// What a predicate says: nothing if it holds, else in what way it does not.
using verdict = std::optional<std::string>;

namespace detail {

/// A predicate answers bool (true: holds) or `verdict`.
template <class Predicate>
[[nodiscard]] std::function<verdict()> as_verdict(Predicate predicate) {
    if constexpr (std::is_same_v<std::invoke_result_t<Predicate&>, bool>) {
        return [predicate = std::move(predicate)]() mutable -> verdict {
            if (predicate()) return std::nullopt;
            return std::string{};
        };
    } else {
        return std::function<verdict()>(std::move(predicate));
    }
}

}  // namespace detail

class sim_machine;
class sim_world;

/// What an event checker is told.
struct event_view {
    std::uint64_t number = 0;    ///< from 1
    std::uint64_t cause = 0;     ///< number of the event that this one follows from; 0: none
    instant at{};                ///< of the world
    std::string_view kind{};     ///< "delivery", "exit" …, as in a trace
    std::string_view machine{};  ///< its name
    std::uint32_t shard = 0;     ///< of the machine, from 0
    std::string_view who{};      ///< "bank/0/teller/3"
    std::string_view type{};     ///< of the isolate, as in the spec; may be empty
    std::string_view message{};  ///< its type, where the event has one
    /// "delivery", "receipt": bytes; "send": the shard it goes to; "drop": the send_result; "spawn": 1 if it is a
    /// successor; of others as their sentence in a trace has it.
    std::int64_t value = 0;
};

/// A machine: a spec booted, with addresses and a clock of its own.
class TINA_EXPORT machine {
public:
    /// Calls `visit(const Handler&)` for the object of each living isolate of a handler that is a struct.
    template <class Handler, class Visit>
    void each(Visit visit) {
        visit_objects(tina::detail::struct_handler<Handler>::info(),
                      [&](const std::byte* object) { visit(*reinterpret_cast<const Handler*>(object)); });
    }
    /// How many isolates of a handler are alive.
    template <auto Handler>
    [[nodiscard]] std::size_t count() {
        return count_of(tina::detail::function_handler<Handler>::info());
    }
    /// The same for a handler that is a struct.
    template <class Handler>
    [[nodiscard]] std::size_t count() {
        return count_of(tina::detail::struct_handler<Handler>::info());
    }
    /// Calls `visit(const Message&)` for each message of a type that is in a mailbox or on its way between shards.
    template <class Message, class Visit>
    void each_message(Visit visit) {
        visit_messages(tina::detail::message_key_of<Message>,
                       [&](const std::byte* bytes) { visit(*reinterpret_cast<const Message*>(bytes)); });
    }
    /// Sends a message from outside to who has a role, or to a handle; it goes as a message posted by another thread
    /// does. Says whether it is on its way.
    template <class Message>
    [[nodiscard]] send_result post(handle target, const Message& content) {
        return post_bytes(target, tina::detail::message_key_of<Message>, reinterpret_cast<const std::byte*>(&content));
    }
    /// Who has a role, on the first shard that has a child of it.
    ///
    /// Yields: its handle; `errc::restarting`, `errc::unknown_role` (also where the machine is down).
    [[nodiscard]] result<handle> whereis(const role& who);
    /// Who has a role on a certain shard.
    [[nodiscard]] result<handle> whereis(const role& who, std::uint32_t shard);

    /// As in its options.
    [[nodiscard]] std::string_view name() const;
    [[nodiscard]] address at(std::uint16_t port) const;  ///< its first address
    /// Whether it has power: so has one whose system has stopped in order.
    [[nodiscard]] bool is_up() const;
    /// How many shards its system has.
    [[nodiscard]] std::uint32_t shard_count() const;
    /// The counters of its shards, since it was booted last.
    [[nodiscard]] counter_snapshot counters() const;
    [[nodiscard]] instant now() const;  ///< on its own monotonic clock

    /// Power is lost now: nothing ends in order, peers hear nothing.
    void crash();
    /// Boots it anew. What it had on disk is there.
    void restart();
    /// Asks its system to stop, in order.
    void request_stop(stop_mode how = stop_mode::drain);
    /// Faults for this machine alone, instead of the world's; those of the network are met by what it sends.
    void faults(const sim::faults& wanted);

    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    /// For the runtime.
    explicit machine(sim_machine& state) : state_(&state) {}

private:
    void visit_objects(const tina::detail::handler_info& what, const std::function<void(const std::byte*)>& visit);
    [[nodiscard]] std::size_t count_of(const tina::detail::handler_info& what);
    void visit_messages(std::uint64_t key, const std::function<void(const std::byte*)>& visit);
    [[nodiscard]] send_result post_bytes(handle target, std::uint64_t key, const std::byte* bytes);

    sim_machine* state_;
};

/// A world.
class TINA_EXPORT world {
public:
    /// Boots a machine. A spec that is refused ends the run with what is wrong with it.
    sim::machine& machine(std::string_view name, system_spec spec) {
        return machine(machine_options{.name = std::string(name)}, std::move(spec));
    }
    /// The same with addresses, a clock and cores of its own.
    sim::machine& machine(const machine_options& options, system_spec spec);

    /// The faults from now on.
    void faults(const sim::faults& wanted);
    /// The network from now on, without its faults.
    void network(const network_options& wanted);
    /// Cuts one direction between two machines.
    void cut(const sim::machine& from, const sim::machine& to);
    /// Joins it again.
    void join(const sim::machine& from, const sim::machine& to);

    // What must hold. A predicate answers bool, or tina::sim::verdict, which says in what way it does not.

    /// After every event.
    template <class Predicate>
    void always(std::string name, Predicate predicate) {
        add_always(std::move(name), detail::as_verdict(std::move(predicate)));
    }
    /// Whenever nothing is on its way: no message, call, restart or byte, and no isolate ready to run.
    template <class Predicate>
    void at_rest(std::string name, Predicate predicate) {
        add_at_rest(std::move(name), detail::as_verdict(std::move(predicate)));
    }
    /// For every event as it happens.
    void on_event(std::string name, std::function<verdict(const event_view&)> checker);
    /// A goal: holds within that time after all faults have ended.
    template <class Predicate>
    void eventually(std::string name, Predicate predicate, duration within) {
        add_eventually(std::move(name), detail::as_verdict(std::move(predicate)), within);
    }
    /// Ends the run: a property does not hold.
    [[noreturn]] void fail(std::string property, std::string detail = {});

    /// Runs with faults for so long, then heals everything and requires the goals, and what holds at rest.
    void run_for(duration span);
    /// Runs, and no more.
    void advance(duration span);
    /// Runs until `reached` answers true; says whether it did within that time.
    bool advance_until(const std::function<bool()>& reached, duration within);
    /// Ends all faults, and requires the goals.
    void settle();
    /// From now on settling, that of run_for() too, heals these machines and the links between them, and no others.
    /// Whatever has befallen the rest is frozen while goals are required: who is without power stays so, who stands
    /// still does, cut links stay cut, clocks stay wrong, slow shards slow; and nothing new befalls it. Afterwards it
    /// goes on where it stopped. None: all are healed, as at first.
    void core(const std::vector<const sim::machine*>& machines);
    /// Calls `what` when so much time has passed; for scripted faults and workloads.
    void after(duration span, std::function<void()> what);

    // The workload. What is chosen here is the same with and without faults; shrinking leaves operations out and makes
    // values smaller.

    /// A value from `low` to `high`.
    [[nodiscard]] std::uint64_t choose(std::string_view what, std::uint64_t low, std::uint64_t high);
    /// Whether an operation takes place: yes, but where shrinking tries without it.
    [[nodiscard]] bool operation(std::string_view what);

    /// Whether the program was started with a flag that harness_main() was told of.
    [[nodiscard]] bool option(std::string_view name) const;
    /// The seed that decides this run.
    [[nodiscard]] std::uint64_t seed() const;
    /// The world's virtual time.
    [[nodiscard]] instant now() const;

    world(const world&) = delete;
    world& operator=(const world&) = delete;

    /// For the runtime.
    explicit world(sim_world& state) : state_(&state) {}

private:
    void add_always(std::string name, std::function<verdict()> predicate);
    void add_at_rest(std::string name, std::function<verdict()> predicate);
    void add_eventually(std::string name, std::function<verdict()> predicate, duration within);

    sim_world* state_;
};

}  // namespace sim

}  // namespace tina
