// SPDX-License-Identifier: Apache-2.0
// How a test runs a whole tina::system and looks at what came of it: a spec with small sizes, a run with a bound in
// time, and the sums that must be right after any run. Owned by the unit tests. It must never wait without a bound:
// what hangs fails, and what cannot even be stopped ends the process with a word about it.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tina/tina.hpp"

namespace system_test {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// Fewer of something where everything is slower.
constexpr std::uint32_t scaled(std::uint32_t plain, std::uint32_t slow) noexcept { return sanitized ? slow : plain; }

// --- messages that several tests use: at namespace scope, or they would have no name
// ------------------------------------

struct number {
    std::uint64_t value;
};
struct word {
    std::uint64_t value;
};
struct knock {};

// --- specs
// --------------------------------------------------------------------------------------------------------------

inline tina::shard_limits small_limits() {
    return {.messages = 1024,
            .messages_reserved = 16,
            .descriptors = 64,
            .buffers = 16,
            .buffer_bytes = 256,
            .leases_per_isolate = 8,
            .log_bytes = 16 * 1024,
            .scratch_bytes = 16 * 1024};
}

/// One group, whose children are started again as often as it takes.
inline tina::shard_spec shard_of(std::vector<tina::tree_node> children, tina::shard_limits limits = small_limits()) {
    return {.tree = {.budget = {.restarts = tina::unlimited}, .children = std::move(children)}, .limits = limits};
}

/// Quiet, unpinned, memory as it is used, the same random numbers each time.
inline tina::system_spec spec_of(std::vector<tina::type_spec> types, std::vector<tina::shard_spec> shards) {
    return {.types = std::move(types),
            .shards = std::move(shards),
            .memory = tina::memory_mode::development,
            .log = {.level = tina::log_level::error},
            .process = {.handle_signals = false, .pin_threads = false},
            .seed = 1};
}

/// The same, with the log of crashes.
inline tina::system_spec with_warnings(tina::system_spec spec) {
    spec.log.level = tina::log_level::warning;
    return spec;
}

// --- runs
// ---------------------------------------------------------------------------------------------------------------

/// Waits until all shards have stopped. False when `limit` has passed.
inline bool stopped_within(const tina::system& system, std::chrono::milliseconds limit) {
    pollfd waiting{.fd = system.stopped_descriptor(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, static_cast<int>(limit.count())) == 1;
}

/// Stops a system and joins it; ends the process if that is not possible, since a destructor would wait for ever.
inline void stop_and_join(tina::system& system, tina::stop_mode how = tina::stop_mode::drain) {
    system.request_stop(how);
    if (!stopped_within(system, 20s)) {
        std::fprintf(stderr, "FATAL: a system did not stop within 20 s after it was asked to; counters:\n%s",
                     system.counters().to_string().c_str());
        std::abort();
    }
    system.join();
}

inline std::uint64_t dropped(const tina::counter_snapshot& counters) {
    std::uint64_t sum = 0;
    for (const tina::counter_value& each : counters.values()) {
        if (each.name.starts_with("messages_dropped_")) sum += each.value;
    }
    return sum;
}

/// What must hold after every run that has ended: nothing lost, nothing left.
inline void check_at_rest(const tina::counter_snapshot& counters) {
    const std::uint64_t in_channels = counters["messages_to_channels"] - counters["messages_from_channels"];
    BOOST_CHECK_EQUAL(counters["messages_sent"],
                      counters["messages_delivered"] + dropped(counters) + counters["messages_queued"] + in_channels);
    BOOST_CHECK_EQUAL(counters["messages_queued"], 0);
    BOOST_CHECK_EQUAL(counters["messages_held"], 0);
    BOOST_CHECK_EQUAL(counters["calls_outstanding"], 0);
    BOOST_CHECK_EQUAL(counters["calls_started"], counters["calls_answered"] + counters["calls_expired"] +
                                                     counters["calls_failed"] + counters["calls_abandoned"]);
    BOOST_CHECK_EQUAL(counters["leases_in_use"], 0);
    BOOST_CHECK_EQUAL(counters["offloads_outstanding"], 0);
    BOOST_CHECK_EQUAL(counters["offloads_started"], counters["offloads_finished"] + counters["offloads_dropped"]);
    BOOST_CHECK_EQUAL(counters["message_timers_in_use"], 0);
    BOOST_CHECK_EQUAL(counters["monitors_in_use"], 0);
    BOOST_CHECK_EQUAL(counters["monitors_set"], counters["monitors_ended"] + counters["monitors_withdrawn"]);
    BOOST_CHECK_EQUAL(counters["isolates_live"], 0);
    BOOST_CHECK_EQUAL(counters["isolates_spawned"], counters["isolates_ended"]);
    BOOST_CHECK_EQUAL(counters["timers_armed"], 0);
    BOOST_CHECK_EQUAL(counters["descriptors_open"], 0);
    BOOST_CHECK_EQUAL(counters["buffers_in_use"], 0);
    BOOST_CHECK_EQUAL(counters["operations_in_flight"], 0);
    BOOST_CHECK_EQUAL(counters["slots_draining"], 0);
    BOOST_CHECK_EQUAL(counters["restarts_pending"], 0);
}

inline std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

/// Starts a system. No check of Boost.Test passes here: isolates may be making theirs already, on another thread.
inline void must_start(tina::system& system) {
    const tina::boot_result booted = system.start();
    if (!booted) BOOST_FAIL("the system did not start: " << joined(booted.errors));
}

/// Runs a system until one of its isolates stops it. Fails if that takes longer than `limit`.
inline tina::counter_snapshot run_system(tina::system_spec spec, std::chrono::milliseconds limit = 30s) {
    tina::system system(std::move(spec));
    must_start(system);
    const bool in_time = stopped_within(system, limit);
    const std::string progress = in_time ? std::string() : system.counters().to_string();
    stop_and_join(system);
    BOOST_CHECK_MESSAGE(in_time, "the system did not come to its end in time; counters:\n" << progress);
    tina::counter_snapshot counters = system.counters();
    check_at_rest(counters);
    return counters;
}

/// A pipe for a log; nobody reads it before `text()`.
class log_pipe {
public:
    log_pipe() { BOOST_REQUIRE_EQUAL(pipe2(ends_.data(), O_CLOEXEC), 0); }
    log_pipe(const log_pipe&) = delete;
    log_pipe& operator=(const log_pipe&) = delete;
    ~log_pipe() {
        close(ends_[0]);
        close(ends_[1]);
    }

    [[nodiscard]] int writing_end() const noexcept { return ends_[1]; }
    [[nodiscard]] int reading_end() const noexcept { return ends_[0]; }
    /// All that has been written and not read.
    [[nodiscard]] std::string text() const {
        fcntl(ends_[0], F_SETFL, O_NONBLOCK);
        std::string all;
        std::array<char, 4096> part{};
        for (ssize_t got = 0; (got = read(ends_[0], part.data(), part.size())) > 0;) {
            all.append(part.data(), static_cast<std::size_t>(got));
        }
        return all;
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

/// Runs a system as run_system() and returns its log from `level` on. The log must fit a pipe, 64 KiB.
inline std::string log_of(tina::system_spec spec, tina::log_level level,
                          tina::log_format format = tina::log_format::text) {
    const log_pipe log;
    spec.log = {.level = level, .format = format, .descriptor = log.writing_end()};
    static_cast<void>(run_system(std::move(spec)));
    return log.text();
}

/// Checks an answer. Like all checks of Boost.Test, not for several threads at once: use `failures` there.
inline void expect(tina::send_result got, tina::send_result wanted) {
    BOOST_CHECK_MESSAGE(got == wanted, tina::to_string(got) << " instead of " << tina::to_string(wanted));
}
template <class Result>
void expect_error(const Result& got, tina::errc wanted) {
    const std::error_code code = got.error();
    BOOST_CHECK_MESSAGE(code == make_error_code(wanted), code.message()
                                                             << " instead of " << make_error_code(wanted).message());
}

/// Checks made on several shards at once: the first text is kept. The test must end with check().
class failures {
public:
    void expect(bool condition, const char* text) noexcept {
        if (condition) return;
        const char* none = nullptr;
        first_.compare_exchange_strong(none, text);
        ++count_;
    }
    void check() const { BOOST_CHECK_MESSAGE(count_ == 0, count_ << " failures, the first: " << first_.load()); }

private:
    std::atomic<const char*> first_{nullptr};
    std::atomic<std::uint64_t> count_{0};
};

inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace system_test
