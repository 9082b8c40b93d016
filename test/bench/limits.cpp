// SPDX-License-Identifier: Apache-2.0
//
// The bare loops: the least that a message between two actors, or between two cores, can cost on this
// machine. Owned by the benchmarks. They must never be made slower or cleverer to flatter a ratio, and must
// do what a runtime cannot avoid: a pooled 128-byte message, a mailbox, a run queue, an indirect call.
#include "limits.hpp"

#include <benchmark/benchmark.h>
#include <sys/utsname.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "affinity.hpp"

namespace tina::bench {
namespace {

using clock = std::chrono::steady_clock;

double ns_since(clock::time_point start) {
    return std::chrono::duration<double, std::nano>(clock::now() - start).count();
}

// Runs `batch` (which returns the wall ns of `op_count` operations) until Google Benchmark has seen enough.
template <typename Batch>
void measure(benchmark::State& state, std::uint64_t op_count, Batch batch) {
    double total_ns = 0;
    for ([[maybe_unused]] auto turn : state) total_ns += batch();
    const double ops = static_cast<double>(state.iterations()) * static_cast<double>(op_count);
    state.counters["ns_per_op"] = total_ns / ops;
}

// ---- one core

struct note {
    note* next;
    std::array<std::uint64_t, 15> words;
};
static_assert(sizeof(note) == 128);

class dispatcher;

struct actor {
    void (*on_note)(dispatcher&, actor&, const note&) = nullptr;
    note* oldest = nullptr;
    note* newest = nullptr;
    actor* next_ready = nullptr;
    actor* peer = nullptr;
    std::uint64_t sum = 0;
    bool is_ready = false;
};

class dispatcher {
public:
    explicit dispatcher(std::size_t note_count) : notes_(std::make_unique<note[]>(note_count)) {
        for (std::size_t i = 0; i < note_count; ++i) recycle(&notes_[i]);
    }

    bool send(actor& to, std::uint64_t first, std::uint64_t second) {
        note* sent = free_;
        if (sent == nullptr) return false;
        free_ = sent->next;
        sent->words[0] = first;
        sent->words[1] = second;
        sent->next = nullptr;
        (to.newest != nullptr ? to.newest->next : to.oldest) = sent;
        to.newest = sent;
        if (!to.is_ready) make_ready(to);
        return true;
    }

    // Delivers `count` notes; the handlers keep it going until then.
    void run(std::uint64_t count) {
        remaining_ = count;
        while (first_ready_ != nullptr) {
            actor& current = *first_ready_;
            first_ready_ = current.next_ready;
            if (first_ready_ == nullptr) last_ready_ = nullptr;
            current.is_ready = false;
            drain(current);
        }
    }

    bool count_delivery() { return --remaining_ != 0; }

private:
    void make_ready(actor& which) {
        which.is_ready = true;
        which.next_ready = nullptr;
        (last_ready_ != nullptr ? last_ready_->next_ready : first_ready_) = &which;
        last_ready_ = &which;
    }

    void drain(actor& current) {
        note* next = current.oldest;
        current.oldest = current.newest = nullptr;
        while (next != nullptr) {
            note* delivered = next;
            next = delivered->next;
            current.on_note(*this, current, *delivered);
            recycle(delivered);
        }
    }

    void recycle(note* unused) {
        unused->next = free_;
        free_ = unused;
    }

    actor* first_ready_ = nullptr;
    actor* last_ready_ = nullptr;
    note* free_ = nullptr;
    std::uint64_t remaining_ = 0;
    std::unique_ptr<note[]> notes_;
};

void pass_on(dispatcher& core, actor& self, const note& received) {
    self.sum += received.words[0];
    if (core.count_delivery()) core.send(*self.peer, received.words[0] + 1, received.words[1]);
}

// A token goes round `actor_count` actors: 2 is a ping-pong.
void limit_local(benchmark::State& state, std::size_t actor_count) {
    constexpr std::uint64_t message_count = 3'000'000;
    const std::vector<int> cores = allowed_cores();
    if (cores.empty()) return state.SkipWithError("the affinity mask cannot be read");
    const scoped_pin pin(cores[0]);
    dispatcher core(64);
    std::vector<actor> actors(actor_count);
    // Read through a volatile, the pointer is unknown to the compiler: the call stays indirect, as in any
    // runtime.
    void (*const volatile opaque)(dispatcher&, actor&, const note&) = pass_on;
    for (std::size_t i = 0; i < actor_count; ++i) {
        actors[i].on_note = opaque;
        actors[i].peer = &actors[(i + 1) % actor_count];
    }
    measure(state, message_count, [&] {
        const auto start = clock::now();
        core.send(actors[0], 1, 2);
        core.run(message_count);
        return ns_since(start);
    });
    std::uint64_t sum = 0;
    for (const actor& each : actors) sum += each.sum;
    const auto batches = static_cast<std::uint64_t>(state.iterations());
    if (sum != batches * (message_count * (message_count + 1) / 2)) state.SkipWithError("a message was lost");
}

// ---- two cores

// The spinning waits below have no bound of their own: each waits for a partner that has as many turns as
// this side.

struct alignas(64) packet {
    std::array<std::uint64_t, 16> words;
};
static_assert(sizeof(packet) == 128);

constexpr std::uint64_t slot_count = 1024;
constexpr std::uint64_t release_batch = 128;

// One direction between two threads: 128-byte slots, an index on each side, the other side's index
// remembered.
class packet_ring {
public:
    bool try_push(const packet& sent) {
        if (written_ - released_seen_ == slot_count) {
            released_seen_ = released_.load(std::memory_order_acquire);  // partner: the store in try_pop
            if (written_ - released_seen_ == slot_count) return false;
        }
        slots_[written_++ % slot_count] = sent;
        published_.store(written_, std::memory_order_release);  // partner: the load in try_pop
        return true;
    }

    bool try_pop(packet& received) {
        if (read_ == published_seen_) {
            published_seen_ = published_.load(std::memory_order_acquire);  // partner: the store in try_push
            if (read_ == published_seen_) return false;
        }
        received = slots_[read_++ % slot_count];
        released_.store(read_, std::memory_order_release);  // partner: the load in try_push
        return true;
    }

private:
    alignas(128) std::atomic<std::uint64_t> published_{0};
    std::uint64_t written_ = 0;
    std::uint64_t released_seen_ = 0;
    alignas(128) std::atomic<std::uint64_t> released_{0};
    std::uint64_t read_ = 0;
    std::uint64_t published_seen_ = 0;
    alignas(128) std::array<packet, slot_count> slots_{};
};

// Starts `partner` on the second core and times `here` on the first; the clock starts when both are running.
template <typename Here, typename Partner>
double timed_pair(int partner_core, Here here, Partner partner) {
    std::atomic<bool> is_running{false};
    std::thread second([&] {
        pin_this_thread(partner_core);
        is_running.store(true, std::memory_order_release);  // partner: the load below
        partner();
    });
    while (!is_running.load(std::memory_order_acquire)) {}  // partner: the store above
    const auto start = clock::now();
    here();
    const double here_ns = ns_since(start);
    second.join();
    return here_ns;
}

void limit_cross_rtt(benchmark::State& state) {
    constexpr std::uint64_t round_trip_count = 30'000;
    const std::vector<int> cores = allowed_cores();
    if (cores.size() < 2) return state.SkipWithError("needs two cores, the affinity mask has one");
    const scoped_pin pin(cores[0]);
    const auto there = std::make_unique<packet_ring>();
    const auto back = std::make_unique<packet_ring>();
    packet token{};
    const auto here = [&] {
        for (std::uint64_t i = 0; i < round_trip_count; ++i) {
            while (!there->try_push(token)) {}
            while (!back->try_pop(token)) {}
        }
    };
    const auto partner = [&] {
        packet copy{};
        for (std::uint64_t i = 0; i < round_trip_count; ++i) {
            while (!there->try_pop(copy)) {}
            ++copy.words[0];
            while (!back->try_push(copy)) {}
        }
    };
    measure(state, round_trip_count, [&] { return timed_pair(cores[1], here, partner); });
    const auto turns = static_cast<std::uint64_t>(state.iterations()) * round_trip_count;
    if (token.words[0] != turns) state.SkipWithError("a round trip was lost");
}

// One cache line pair per message: the sequence number travels in the slot, the consumer releases in batches.
struct alignas(128) stream_slot {
    std::atomic<std::uint64_t> sequence{0};
    std::array<std::uint64_t, 15> words{};
};

struct stream {
    std::array<stream_slot, slot_count> slots{};
    alignas(128) std::atomic<std::uint64_t> released{0};
    alignas(128) std::uint64_t written = 0;  // the producer's
    alignas(128) std::uint64_t read = 0;     // the consumer's
    std::uint64_t sum = 0;
};

void produce(stream& lane, std::uint64_t count) {
    std::uint64_t released_seen = lane.written;  // everything of the batch before has been read
    const std::uint64_t end = lane.written + count;
    for (std::uint64_t i = lane.written; i < end; ++i) {
        while (i - released_seen >= slot_count) {
            released_seen = lane.released.load(std::memory_order_acquire);  // partner: the store in consume
        }
        stream_slot& slot = lane.slots[i % slot_count];
        slot.words.fill(i);
        slot.sequence.store(i + 1, std::memory_order_release);  // partner: the load in consume
    }
    lane.written = end;
    // The last message counts when it has arrived, so that the batch ends when the consumer is done.
    while (lane.released.load(std::memory_order_acquire) != end) {}  // partner: the store in consume
}

void consume(stream& lane, std::uint64_t count) {
    std::uint64_t sum = 0;
    const std::uint64_t end = lane.read + count;
    for (std::uint64_t i = lane.read; i < end; ++i) {
        stream_slot& slot = lane.slots[i % slot_count];
        while (slot.sequence.load(std::memory_order_acquire) != i + 1) {}  // partner: the store in produce
        for (const std::uint64_t word : slot.words) sum += word;
        if ((i + 1) % release_batch == 0) {
            lane.released.store(i + 1, std::memory_order_release);  // partner: the loads in produce
        }
    }
    lane.read = end;
    lane.sum += sum;
}

void limit_cross_stream(benchmark::State& state) {
    constexpr std::uint64_t message_count = 10'000 * release_batch;
    const std::vector<int> cores = allowed_cores();
    if (cores.size() < 2) return state.SkipWithError("needs two cores, the affinity mask has one");
    const scoped_pin pin(cores[0]);
    const auto lane = std::make_unique<stream>();
    measure(state, message_count, [&] {
        return timed_pair(cores[1], [&] { produce(*lane, message_count); }, [&] { consume(*lane, message_count); });
    });
    const std::uint64_t sent = lane->written;
    if (lane->sum != 15 * (sent * (sent - 1) / 2)) state.SkipWithError("a message was lost or changed");
}

std::string compiler_name() {
#if defined(__clang__)
    return "clang++ " __clang_version__;
#else
    return "g++ " __VERSION__;
#endif
}

}  // namespace

void register_limits() {
    utsname system{};
    benchmark::AddCustomContext("compiler", compiler_name());
    if (uname(&system) == 0) benchmark::AddCustomContext("kernel", system.release);
    const auto add = [](const char* name, auto body) {
        benchmark::RegisterBenchmark(name, body)->Unit(benchmark::kMillisecond);
    };
    add("limit/local", [](benchmark::State& state) { limit_local(state, 2); });
    add("limit/ring/1000", [](benchmark::State& state) { limit_local(state, 1000); });
    add("limit/cross_rtt", limit_cross_rtt);
    add("limit/cross_stream", limit_cross_stream);
}

}  // namespace tina::bench
