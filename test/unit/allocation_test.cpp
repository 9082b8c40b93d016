// SPDX-License-Identifier: Apache-2.0
// The test that nothing is allocated after boot. It replaces malloc and its family, and with them operator new, by
// counting ones in front of the C library's own, so it is an executable of its own, and none of a sanitized build.
// Whatever runs between start and end of the count must not be the test's own code that allocates.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "test_system.hpp"
#include "tina/fmt.hpp"

// The C library's own, under the names by which it exports them for such replacements.
extern "C" {
void* __libc_malloc(std::size_t bytes);                           // NOLINT: glibc's names
void* __libc_calloc(std::size_t count, std::size_t bytes);        // NOLINT
void* __libc_realloc(void* memory, std::size_t bytes);            // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t bytes);  // NOLINT
void __libc_free(void* memory);                                   // NOLINT
}

namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};
std::atomic<std::uint64_t> releases{0};

void count(std::atomic<std::uint64_t>& what) noexcept {
    if (counting.load(std::memory_order_relaxed)) what.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

#define TINA_EXPORTED __attribute__((visibility("default")))

extern "C" {
TINA_EXPORTED void* malloc(std::size_t bytes) noexcept {
    count(allocations);
    return __libc_malloc(bytes);
}
TINA_EXPORTED void* calloc(std::size_t number, std::size_t bytes) noexcept {
    count(allocations);
    return __libc_calloc(number, bytes);
}
TINA_EXPORTED void* realloc(void* memory, std::size_t bytes) noexcept {
    count(allocations);
    return __libc_realloc(memory, bytes);
}
TINA_EXPORTED void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
    count(allocations);
    return __libc_memalign(alignment, bytes);
}
TINA_EXPORTED void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    count(allocations);
    return __libc_memalign(alignment, bytes);
}
TINA_EXPORTED int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
    count(allocations);
    *memory = __libc_memalign(alignment, bytes);
    return *memory == nullptr ? ENOMEM : 0;
}
TINA_EXPORTED void free(void* memory) noexcept {
    if (memory != nullptr) count(releases);
    __libc_free(memory);
}
}

namespace allocation_test {

struct report {
    std::uint64_t echoes;
};

}  // namespace allocation_test

namespace {

using allocation_test::report;
using namespace system_test;

struct traffic {
    std::atomic<std::uint16_t> port{0};
    std::atomic<std::uint64_t> echoes{0};
    std::atomic<std::uint64_t> spawned{0};
    std::atomic<std::uint32_t> shards_done{0};
    std::atomic<std::uint64_t> collector{0};
    std::atomic<std::uint64_t> mismatches{0};
    std::atomic<std::uint64_t> offloaded{0};
    std::atomic<std::uint64_t> spawned_elsewhere{0};
    std::atomic<std::uint64_t> passed_by{0};
    std::atomic<std::uint64_t> posted{0};
};

tina::isolate connection(tina::context, tina::socket peer) {
    while (auto received = co_yield tina::recv(peer, 256).within(10s)) {
        if (auto sent = co_yield tina::send_all(peer, *received).within(10s); !sent) break;
    }
}

/// A connection served from below the handler, with a wait in the way.
[[gnu::noinline]] bool echo_once(tina::stackful self, const tina::socket& peer) {
    const auto received = self.wait(tina::recv(peer, 256).within(10s));
    return received && self.wait(tina::send_all(peer, *received).within(10s));
}

void connection_on_a_stack(tina::stackful self, tina::socket peer) {
    while (echo_once(self, peer)) self.wait(tina::yield());
}

tina::isolate acceptor(tina::context self, tina::listener server, traffic* on) {
    on->port = server.local_address()->port;
    bool on_stack = false;
    for (;;) {
        auto peer = co_yield tina::accept(server);
        if (!peer) continue;
        on_stack = !on_stack;
        const auto child =
            on_stack ? self.spawn<connection_on_a_stack>(std::move(*peer)) : self.spawn<connection>(std::move(*peer));
        if (!child) tina::log(self, tina::info, "connection refused: {}", 1);
    }
}

/// Receives as many bytes as `into` has room for.
tina::task<bool> fill(tina::context, const tina::socket& from, std::span<std::byte> into) {
    while (!into.empty()) {
        const auto part = co_yield tina::recv_into(from, into).within(10s);
        if (!part) co_return false;
        into = into.subspan(*part);
    }
    co_return true;
}

/// One connection, a few echoes, a report, gone.
tina::isolate client(tina::context self, traffic* on, tina::handle collector) {
    auto peer = co_yield tina::connect(*tina::parse_ip("127.0.0.1", on->port)).within(10s);
    std::array<std::byte, 64> request{};
    std::array<std::byte, 64> answer{};
    std::uint64_t echoes = 0;
    for (std::uint8_t i = 0; peer && i < 10; ++i) {
        request.fill(std::byte{i});
        if (auto sent = co_yield tina::send_all(*peer, request); !sent) break;
        if (!co_await fill(self, *peer, answer) || answer != request) ++on->mismatches;
        ++echoes;
    }
    static_cast<void>(co_yield tina::deliver(collector, report{echoes}).within(10s));
}

tina::isolate passer_by(tina::context, traffic* on) {
    ++on->passed_by;
    co_return;
}

/// Starts clients for a while, takes their reports, and formats a line now and then.
struct collector {
    using accepts = tina::messages<report>;
    tina::isolate run(tina::context self, traffic* on, std::uint32_t rounds) {
        static_cast<void>(co_yield tina::sleep(20ms));
        if (self.shard_index() == 0) {
            on->collector = self.handle().bits();
            allocations = 0;
            releases = 0;
            counting = true;
        }
        const std::uint64_t bits = on->collector;
        for (std::uint32_t i = 0; i < rounds; ++i) {
            for (int burst = 0; burst < 4; ++burst) {
                if (self.spawn<client>(on, self.handle())) ++on->spawned;
            }
            const auto doubled = co_yield tina::offload([](std::uint32_t value) { return value * 2; }, i);
            if (doubled && *doubled == i * 2) ++on->offloaded;
            if (co_yield tina::spawn_on<passer_by>(1 - self.shard_index(), on)) ++on->spawned_elsewhere;
            while (auto got = co_yield tina::receive<report>().within(2ms)) on->echoes += (*got)->echoes;
            if (bits != 0) {
                const tina::handle other{static_cast<std::uint32_t>(bits >> 54),
                                         static_cast<std::uint32_t>(bits >> 32) & 0x3f'ffff,
                                         static_cast<std::uint32_t>(bits)};
                static_cast<void>(self.send(other, report{0}));
            }
            tina::log(self, tina::info, "round {} of {}, {:.3f} done", i, rounds, 1.0 * i / rounds);
        }
        if (++on->shards_done == 2) {
            counting = false;
            self.request_stop();
        }
    }
};

/// What a thread outside does while the count is on.
void post_until_stopped(tina::system& system, traffic& on) {
    for (int i = 0; i < 30'000 && !system.stopping(); ++i) {
        if (on.collector != 0) {
            const tina::handle target = tina::handle::from_bits(on.collector);
            if (system.post(target, report{0}) == tina::send_result::ok) ++on.posted;
            static_cast<void>(system.call<report>(target, report{0}, 1s));  // dropped with its message
        }
        poll(nullptr, 0, 1);
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_running_system_allocates_nothing) {
    traffic on;
    const log_pipe log;
    auto limits = small_limits();
    limits.descriptors = 256;
    const auto child = tina::child<collector>(tina::temporary, &on, 60u);
    auto spec = spec_of(
        {tina::type<acceptor>({.slots = 1}), tina::type<connection>({.slots = 128}),
         tina::type<connection_on_a_stack>({.slots = 128}), tina::type<client>({.slots = 128, .nested_bytes = 1024}),
         tina::type<collector>({.slots = 1}), tina::type<passer_by>()},
        {shard_of({child, tina::child<acceptor>(tina::permanent, tina::listening({.address = "127.0.0.1"}), &on)},
                  limits),
         shard_of({child}, limits)});
    spec.log = {.level = tina::info, .descriptor = log.writing_end()};
    // The counter itself is known to work before it is believed.
    counting = true;
    std::free(std::malloc(100));  // NOLINT: that is what is counted
    counting = false;
    BOOST_TEST(allocations == 1);
    BOOST_TEST(releases == 1);

    tina::system system(std::move(spec));
    must_start(system);
    post_until_stopped(system, on);
    stop_and_join(system);
    const auto counters = system.counters();
    check_at_rest(counters);
    BOOST_TEST(on.shards_done == 2);
    BOOST_TEST(allocations == 0);
    BOOST_TEST(releases == 0);
    BOOST_TEST(on.mismatches == 0);
    BOOST_TEST(on.echoes > 1000);
    BOOST_TEST(on.spawned > 200);
    BOOST_TEST(on.offloaded > 60);
    BOOST_TEST(on.spawned_elsewhere > 60);
    BOOST_TEST(on.posted > 0);
    BOOST_TEST(counters["connections_accepted"] > 100);
    BOOST_TEST(counters["timers_expired"] > 10);
    BOOST_TEST(counters["log_entries"] >= 120);
}
