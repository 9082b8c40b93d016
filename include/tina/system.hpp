// SPDX-License-Identifier: Apache-2.0
// A system of shards as an object: it starts, takes messages from threads outside, is asked to stop, is joined, and
// reports. tina::run is its short form. Owned by the thread that made it; its destructor stops and joins it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "tina/detail/handler_info.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/export.hpp"
#include "tina/handle.hpp"
#include "tina/message.hpp"
#include "tina/result.hpp"
#include "tina/shard_status.hpp"
#include "tina/shutdown.hpp"
#include "tina/spec.hpp"
#include "tina/time.hpp"

namespace tina {

/// One counter of one shard at some moment.
struct counter_value {
    std::string_view name;         ///< as counter_snapshot::operator[] takes it
    std::string_view description;  ///< a sentence on what is counted
    std::uint32_t shard = 0;       ///< whose, from 0
    std::uint64_t value = 0;       ///< since boot; of a gauge, at that moment
};

/// All counters of a system at some moment; those of a running shard are each exact but not all of one instant.
class counter_snapshot {
public:
    /// The sum over all shards; asserts that there is a counter of that name.
    [[nodiscard]] TINA_EXPORT std::uint64_t operator[](std::string_view name) const noexcept;
    /// One shard's value; asserts that there is such a counter.
    [[nodiscard]] TINA_EXPORT std::uint64_t on_shard(std::uint32_t shard, std::string_view name) const noexcept;
    /// All counters of all shards.
    [[nodiscard]] const std::vector<counter_value>& values() const noexcept { return values_; }
    /// A line for each counter that is not 0, summed over shards: "name value".
    [[nodiscard]] TINA_EXPORT std::string to_string() const;

    /// For the runtime.
    explicit counter_snapshot(std::vector<counter_value> values) : values_(std::move(values)) {}

private:
    std::vector<counter_value> values_;
};

/// A type of isolates on one shard at some moment.
struct type_report {
    std::string_view name;                ///< of the handler
    std::uint32_t shard = 0;              ///< from 0
    std::uint32_t slots = 0;              ///< isolates of the type that may be alive at once
    std::uint32_t live = 0;               ///< that are
    std::uint32_t nested_bytes = 0;       ///< for the frames of nested tasks, in each
    std::uint32_t nested_bytes_peak = 0;  ///< the most of them that any isolate has used so far
};

/// Why a system did not start: all mistakes at once, each on one line with cause and cure. Empty: it started.
struct boot_result {
    std::vector<std::string> errors;  ///< one line each
    /// Whether the system has started.
    explicit operator bool() const noexcept { return errors.empty(); }
};

/// Where a system is in its life.
enum class system_status : std::uint8_t {
    not_started,  ///< start() was not called, has not returned, or failed
    running,      ///< its isolates run
    stopping,     ///< it was asked to stop, and drains or is being ended
    stopped,      ///< no isolate runs any more; join() does not wait for shards, outcome() says how it ended
};

/// A system starts once; any number of them may run one after the other, or side by side, in one process.
///
/// Lifetime: post() and call() of other threads must have returned before it is destroyed.
/// Affinity: one thread, but for what says otherwise.
class system {
public:
    /// A system of that spec, which start() looks at.
    TINA_EXPORT explicit system(system_spec spec);
    system(const system&) = delete;
    system& operator=(const system&) = delete;
    TINA_EXPORT ~system();

    /// Validates the spec, starts the shards, and returns when all of them run or none does.
    [[nodiscard]] TINA_EXPORT boot_result start();
    /// Asks all shards to stop: to drain, for `shutdown_options::deadline` at most, or to end at once, also in the
    /// middle of draining. The destructor asks them to drain. Affinity: any thread.
    TINA_EXPORT void request_stop(stop_mode how = stop_mode::drain) noexcept;
    /// Waits until all shards have stopped, and until the helper threads have done the offloaded work that had begun.
    TINA_EXPORT void join();
    /// Affinity: any thread.
    [[nodiscard]] TINA_EXPORT system_status status() const noexcept;
    /// How it has ended, once it has stopped. Affinity: any thread.
    [[nodiscard]] TINA_EXPORT stop_outcome outcome() const noexcept;
    /// What a shard does at present; `running` if there is no such shard, or the system has not started. Affinity: any
    /// thread.
    [[nodiscard]] TINA_EXPORT shard_status status(std::uint32_t shard) const noexcept;
    /// Has a quarantined shard start its tree anew, as after boot, with its whole recovery budget.
    ///
    /// Yields:   false if it is not quarantined.
    /// Affinity: any thread.
    TINA_EXPORT bool revive(std::uint32_t shard) noexcept;
    /// Sends a copy of `content` to `target` from a thread that is not a shard. message::sender() names nobody there.
    ///
    /// Yields:   `ok`: on its way; `channel_full`: `outside_options::queue` messages to that shard are already;
    ///           `stale_handle`: names nobody, or the system does not run. What meets a full mailbox or a dead isolate
    ///           is counted there, as a message from another shard is.
    /// Affinity: any thread.
    /// Cost:     no allocation; a lock for each shard; a system call where the shard sleeps.
    template <class Message>
    [[nodiscard]] send_result post(handle target, const Message& content) noexcept {
        return post_bytes(target, detail::message_key_of<Message>, reinterpret_cast<const std::byte*>(&content));
    }
    /// The same; that the handler accepts such a message is checked when it is compiled.
    template <class Handler, class Message>
    [[nodiscard]] send_result post(handle_to<Handler> target, const Message& content) noexcept {
        static_assert(detail::accepts_message<Handler, Message>(),
                      "this handler does not accept such a message: it is not in its `accepts`");
        return post(static_cast<handle>(target), content);
    }

    /// Sends `request` to `target` and holds the calling thread until the answer has come, for `within` at most.
    ///
    /// Yields:   `result<Reply>`; `errc::deadline`, `errc::target_gone`, `errc::not_accepted`, `errc::mailbox_full`,
    ///           `errc::channel_full`, `errc::no_calls`, `errc::unanswered`, `errc::unexpected_reply`;
    ///           `errc::interrupted`: the system stops or does not run.
    /// Affinity: any thread but a shard's, which it would hold up.
    /// Cost:     no allocation.
    template <class Reply, class Request>
    [[nodiscard]] result<Reply> call(handle target, const Request& request, duration within) noexcept {
        static_assert(detail::check_message<Reply>());
        alignas(Reply) std::array<std::byte, sizeof(Reply)> reply;
        const std::int32_t error = call_bytes({.target = target,
                                               .bytes = reinterpret_cast<const std::byte*>(&request),
                                               .key = detail::message_key_of<Request>,
                                               .reply = reply.data(),
                                               .reply_key = detail::message_key_of<Reply>,
                                               .within = within});
        if (error != 0) return result<Reply>(detail::packed_error{error});
        return *std::launder(reinterpret_cast<const Reply*>(reply.data()));
    }
    /// The same; that the handler accepts such a request is checked when it is compiled.
    template <class Reply, class Handler, class Request>
    [[nodiscard]] result<Reply> call(handle_to<Handler> target, const Request& request, duration within) noexcept {
        static_assert(detail::accepts_message<Handler, Request>(),
                      "this handler does not accept such a request: it is not in its `accepts`");
        return call<Reply>(static_cast<handle>(target), request, within);
    }

    /// Whether the system is asked to stop, or not running. Affinity: any thread.
    [[nodiscard]] TINA_EXPORT bool stopping() const noexcept;
    /// A descriptor that becomes readable when all shards have stopped; for poll(2).
    [[nodiscard]] TINA_EXPORT int stopped_descriptor() const noexcept;

    /// How many shards it has, once it has started. Affinity: as counters().
    [[nodiscard]] TINA_EXPORT std::uint32_t shard_count() const noexcept;
    /// All counters. After join() they are the final ones. Affinity: any thread between start() and destruction.
    [[nodiscard]] TINA_EXPORT counter_snapshot counters() const;
    /// All types of isolates, shard by shard. Affinity: as counters().
    [[nodiscard]] TINA_EXPORT std::vector<type_report> types() const;
    /// The memory of each shard as layout_report() tells it, and what nested tasks have needed of it so far. Empty if
    /// the system did not start. Affinity: as counters().
    [[nodiscard]] TINA_EXPORT std::string layout() const;

private:
    [[nodiscard]] TINA_EXPORT send_result post_bytes(handle target, std::uint64_t key, const std::byte* bytes) noexcept;
    [[nodiscard]] TINA_EXPORT std::int32_t call_bytes(const detail::outside_call& wanted) noexcept;

    class implementation;
    std::unique_ptr<implementation> implementation_;
};

/// Runs a system until it has stopped, asked by request_stop(), SIGINT or SIGTERM; a second signal forces it to.
/// SIGUSR2 revives all shards that are quarantined. Boot errors go to stderr.
///
/// Yields: the exit status for main(): 0 drained, 3 stopped by force, 1 did not boot.
[[nodiscard]] TINA_EXPORT int run(system_spec spec);
/// The same; `report` gets the final counters when the system has stopped, not if it did not boot.
[[nodiscard]] TINA_EXPORT int run(system_spec spec, const std::function<void(const counter_snapshot&)>& report);

}  // namespace tina
