// SPDX-License-Identifier: Apache-2.0
// A system of shards as an object: it starts, is asked to stop, is joined, and reports. tina::run is its short form.
// Owned by the thread that made it; it must be joined before it is destroyed, or its destructor stops and joins it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tina/spec.hpp"

namespace tina {

/// One counter of one shard at some moment.
struct counter_value {
    std::string_view name;
    std::string_view description;
    std::uint32_t shard = 0;
    std::uint64_t value = 0;
};

/// All counters of a system at some moment; those of a running shard are each exact but not all of one instant.
class counter_snapshot {
public:
    /// The sum over all shards; asserts that there is a counter of that name.
    [[nodiscard]] std::uint64_t operator[](std::string_view name) const noexcept;
    /// One shard's value; asserts that there is such a counter.
    [[nodiscard]] std::uint64_t on_shard(std::uint32_t shard, std::string_view name) const noexcept;
    [[nodiscard]] const std::vector<counter_value>& values() const noexcept { return values_; }
    /// A line for each counter that is not 0, summed over shards: "name value".
    [[nodiscard]] std::string to_string() const;

    explicit counter_snapshot(std::vector<counter_value> values) : values_(std::move(values)) {}

private:
    std::vector<counter_value> values_;
};

/// A type of isolates on one shard at some moment.
struct type_report {
    std::string_view name;
    std::uint32_t shard = 0;
    std::uint32_t slots = 0;              ///< isolates of the type that may be alive at once
    std::uint32_t live = 0;               ///< that are
    std::uint32_t nested_bytes = 0;       ///< for the frames of nested tasks, in each
    std::uint32_t nested_bytes_peak = 0;  ///< the most of them that any isolate has used so far
};

/// Why a system did not start: all mistakes at once, each on one line with cause and cure. Empty: it started.
struct boot_result {
    std::vector<std::string> errors;
    explicit operator bool() const noexcept { return errors.empty(); }
};

/// Affinity: one thread, but for what says otherwise.
class system {
public:
    explicit system(system_spec spec);
    system(const system&) = delete;
    system& operator=(const system&) = delete;
    ~system();

    /// Validates the spec, starts the shards, and returns when all of them run or none does.
    [[nodiscard]] boot_result start();
    /// Asks all shards to stop. Affinity: any thread.
    void request_stop() noexcept;
    /// Waits until all shards have stopped.
    void join();
    /// Whether the system is asked to stop, or not running. Affinity: any thread.
    [[nodiscard]] bool stopping() const noexcept;
    /// A descriptor that becomes readable when all shards have stopped; for poll(2).
    [[nodiscard]] int stopped_descriptor() const noexcept;

    [[nodiscard]] std::uint32_t shard_count() const noexcept;
    /// All counters. After join() they are the final ones. Affinity: any thread between start() and destruction.
    [[nodiscard]] counter_snapshot counters() const;
    /// All types of isolates, shard by shard. Affinity: as counters().
    [[nodiscard]] std::vector<type_report> types() const;
    /// The memory of each shard as layout_report() tells it, and what nested tasks have needed of it so far. Empty if
    /// the system did not start. Affinity: as counters().
    [[nodiscard]] std::string layout() const;

private:
    class implementation;
    std::unique_ptr<implementation> implementation_;
};

/// Runs a system until it is stopped, by request_stop(), SIGINT or SIGTERM. Boot errors go to stderr.
///
/// Yields: the exit status for main(): 0 stopped, 1 did not boot.
[[nodiscard]] int run(system_spec spec);
/// The same; `report` gets the final counters when the system has stopped, not if it did not boot.
[[nodiscard]] int run(system_spec spec, const std::function<void(const counter_snapshot&)>& report);

}  // namespace tina
