// SPDX-License-Identifier: Apache-2.0
// Shards without threads and without I/O: a test moves them cycle by cycle, in any order, on a clock of its own, so
// that a race between shards is a sequence of calls. Owned by the unit tests. The reactor here must never be given
// work.
#pragma once

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lib/fabric.hpp"
#include "lib/log_ring.hpp"
#include "lib/plan.hpp"
#include "lib/shard.hpp"
#include "lib/transit.hpp"
#include "lib/validate.hpp"
#include "reactor/reactor.hpp"

namespace system_test {

/// A reactor that knows nothing but the time.
class clock_reactor final : public tina::detail::reactor {
public:
    explicit clock_reactor(const std::int64_t& now_ns) : now_ns_(&now_ns) {}

    std::int64_t now_ns() noexcept override { return *now_ns_; }
    void submit(const tina::detail::operation&) noexcept override { BOOST_ERROR("an operation was submitted"); }
    void flush() noexcept override {}
    std::size_t collect(std::span<tina::detail::completion>) noexcept override { return 0; }
    bool has_events() const noexcept override { return false; }
    void wait(std::int64_t) noexcept override {}
    void wake() noexcept override {}
    void return_buffer(std::uint16_t) noexcept override {}
    int listen(const tina::detail::listen_options&) noexcept override { return -ENOSYS; }
    int open_stream(tina::address_family) noexcept override { return -ENOSYS; }
    void close_now(int) noexcept override {}
    void reset_on_close(int) noexcept override {}
    int shutdown(int, bool, bool) noexcept override { return -ENOSYS; }
    int set_option(int, tina::socket_option, std::int32_t) noexcept override { return -ENOSYS; }
    int get_option(int, tina::socket_option, std::int32_t&) noexcept override { return -ENOSYS; }
    int local_address(int, tina::address&) noexcept override { return -ENOSYS; }
    int peer_address(int, tina::address&) noexcept override { return -ENOSYS; }

private:
    const std::int64_t* now_ns_;
};

/// A sink that keeps what it is given.
class text_sink final : public tina::detail::log_sink {
public:
    std::size_t write(std::span<const char> lines) noexcept override {
        text.append(lines.data(), lines.size());
        return lines.size();
    }
    std::int64_t wall_ns() noexcept override { return 0; }

    std::string text;
};

/// The shards of a spec, moved by hand. Stopped by the destructor.
class hand_moved {
public:
    explicit hand_moved(tina::system_spec wanted) : spec(std::move(wanted)) {
        const auto found = tina::detail::validate(spec);
        BOOST_REQUIRE(found.errors.empty());
        const auto count = static_cast<std::uint32_t>(spec.shards.each.size());
        BOOST_REQUIRE_EQUAL(shared.start(count, spec.channels, spec.outside), "");
        shared.roles.start(spec);
        plans.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            plans.push_back(tina::detail::plan_shard(spec, spec.shards.each[i], i, 16, false));
            shards.push_back(std::make_unique<tina::detail::shard>(plans.back(), shared));
            BOOST_REQUIRE_EQUAL(shards[i]->prepare(spec.memory, spec.seed, spec.log, sink), "");
        }
        for (auto& each : shards) BOOST_REQUIRE_EQUAL(each->start(std::make_unique<clock_reactor>(now_ns)), "");
    }
    hand_moved(const hand_moved&) = delete;
    hand_moved& operator=(const hand_moved&) = delete;
    ~hand_moved() { stop(); }

    void stop() {
        if (std::exchange(stopped_, true)) return;
        shared.request_stop();
        for (auto& each : shards) each->stop();
        for (auto& each : shards) tina::detail::drop_inbound(*each);
        for (auto& each : shards) tina::detail::drop_lane(*each);
        for (auto& each : shards) {
            BOOST_TEST(each->calls.taken_count() == 0u);
            BOOST_TEST(each->lease_blocks.taken_count() == 0u);
            BOOST_TEST(each->offloads.taken_count() == 0u);
            BOOST_TEST(each->envelopes.taken_count() == 0u);
            BOOST_TEST(each->message_timers.taken_count() == 0u);
            BOOST_TEST(each->monitors.taken_count() == 0u);
            BOOST_TEST(each->standing_messages == 0u);
        }
    }

    bool cycle(std::uint32_t shard) { return shards[shard]->cycle(); }
    /// Cycles of all shards in turn until none has had anything to do twice (what one sends in its idle cycle, another
    /// finds in its next), at most `most` rounds.
    void settle(int most = 10'000) {
        int idle_rounds = 0;
        for (int round = 0; round < most && idle_rounds < 2; ++round) {
            bool any = false;
            for (auto& each : shards) any |= each->cycle();
            idle_rounds = any ? 0 : idle_rounds + 1;
        }
    }
    void advance(std::chrono::nanoseconds span) { now_ns += span.count(); }
    [[nodiscard]] tina::detail::shard& operator[](std::uint32_t shard) { return *shards[shard]; }
    [[nodiscard]] const tina::detail::counters& counts(std::uint32_t shard) const { return shards[shard]->counts; }

    tina::system_spec spec;
    std::int64_t now_ns = 1'000'000'000;
    text_sink sink;
    tina::detail::fabric shared;
    std::vector<tina::detail::shard_plan> plans;
    std::vector<std::unique_ptr<tina::detail::shard>> shards;

private:
    bool stopped_ = false;
};

}  // namespace system_test
