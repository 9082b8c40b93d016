// SPDX-License-Identifier: Apache-2.0
// The ring from one thread to another against a model: every sequence of calls on small rings, random ones on larger
// ones, and two threads.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "lib/ring.hpp"

namespace {

struct entry {
    std::atomic<std::uint32_t> sequence{0};
    std::uint64_t value = 0;
};

using entry_ring = tina::detail::ring<entry>;

/// A ring and what must be in it.
class modelled {
public:
    explicit modelled(std::uint32_t capacity) : entries_(std::make_unique<entry[]>(capacity)), capacity_(capacity) {
        ring.start({entries_.get(), capacity});
    }

    void push() {
        entry* const place = ring.reserve();
        visible_ = written_;  // reserve() commits what was reserved before
        if (place == nullptr) {
            // It may refuse while slots are free that were popped and not given back, never otherwise.
            need(written_ - given_back_at_least_ >= capacity_, "a ring with room refused an entry");
            return;
        }
        need(written_ - popped_ < capacity_, "a full ring took an entry");
        place->value = ++written_;
    }
    void commit() {
        ring.commit();
        visible_ = written_;
    }
    void pop() {
        entry* const oldest = ring.front();
        need((oldest != nullptr) == (popped_ < visible_), "front() disagrees with what was committed");
        need(ring.has_entry() == (oldest != nullptr), "has_entry() disagrees with front()");
        if (oldest == nullptr) return;
        need(oldest->value == popped_ + 1, "entries came out of order");
        ring.pop();
        ++popped_;
    }
    void peek_all() {
        for (std::uint32_t offset = 0; offset < capacity_; ++offset) {
            entry* const found = ring.peek(offset);
            need((found != nullptr) == (popped_ + offset < visible_), "peek() disagrees with what was committed");
            if (found != nullptr) need(found->value == popped_ + offset + 1, "peek() shows another entry");
        }
    }
    void give_back() {
        ring.give_back();
        given_back_at_least_ = popped_;
        need(ring.has_room() == (written_ - popped_ < capacity_), "has_room() is wrong after all was given back");
    }
    void check() {
        need(ring.produced() - ring.consumed() == static_cast<std::uint32_t>(written_ - popped_), "the counts differ");
    }

    entry_ring ring;

private:
    // Not BOOST_REQUIRE for each of millions of calls: it costs more than the ring.
    static void need(bool condition, const char* text) {
        if (!condition) BOOST_FAIL(text);
    }

    std::unique_ptr<entry[]> entries_;
    std::uint64_t capacity_;
    std::uint64_t written_ = 0;
    std::uint64_t visible_ = 0;
    std::uint64_t popped_ = 0;
    std::uint64_t given_back_at_least_ = 0;
};

void step(modelled& ring, unsigned what) {
    switch (what) {
    case 0: ring.push(); break;
    case 1: ring.commit(); break;
    case 2: ring.pop(); break;
    case 3: ring.give_back(); break;
    default: ring.peek_all(); break;
    }
    ring.check();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ring)

BOOST_AUTO_TEST_CASE(every_sequence_of_calls_on_a_small_ring_agrees_with_the_model) {
    constexpr unsigned length = 8;
    for (const std::uint32_t capacity : {1u, 2u, 4u}) {
        for (unsigned sequence = 0; sequence < 65'536; ++sequence) {  // four kinds of calls, eight of them
            modelled ring(capacity);
            for (unsigned i = 0, left = sequence; i < length; ++i, left /= 4) step(ring, left % 4);
            ring.peek_all();
        }
    }
}

BOOST_AUTO_TEST_CASE(long_random_runs_agree_with_the_model) {
    for (const std::uint32_t capacity : {1u, 2u, 8u, 16u, 64u, 128u}) {
        for (unsigned seed = 0; seed < 8; ++seed) {
            BOOST_TEST_CONTEXT("capacity " << capacity << ", seed " << seed) {
                std::mt19937 random(seed);
                modelled ring(capacity);
                // Phases in which one side is faster, so that the ring is full and empty again and again.
                for (unsigned i = 0; i < 20'000; ++i) {
                    const bool fills = (i / (4 * capacity)) % 2 == 0;
                    const unsigned draw = random() % 8;
                    step(ring, draw < 5 ? (fills ? 0 : 2) : draw == 5 ? random() % 4 : draw == 6 ? 1 : 4);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_full_ring_refuses_the_next_entry_and_takes_it_after_one_was_given_back) {
    modelled ring(4);
    for (int i = 0; i < 4; ++i) ring.push();
    BOOST_TEST(ring.ring.reserve() == nullptr);
    BOOST_TEST(!ring.ring.has_room());
    ring.commit();
    ring.pop();
    ring.give_back();
    BOOST_TEST(ring.ring.has_room());
    ring.push();
    BOOST_TEST(ring.ring.reserve() == nullptr);
}

BOOST_AUTO_TEST_CASE(an_entry_that_is_not_committed_is_not_seen) {
    modelled ring(4);
    ring.push();
    BOOST_TEST(ring.ring.front() == nullptr);
    ring.push();  // commits the first
    BOOST_REQUIRE(ring.ring.front() != nullptr);
    BOOST_TEST(ring.ring.front()->value == 1u);
    BOOST_TEST(ring.ring.peek(1) == nullptr);
    ring.commit();
    BOOST_TEST(ring.ring.peek(1) != nullptr);
}

BOOST_AUTO_TEST_CASE(two_threads_pass_every_entry_in_order, *boost::unit_test::label("threads")) {
    for (const std::uint32_t capacity : {1u, 2u, 16u, 128u}) {
        constexpr std::uint64_t count = 100'000;
        const auto entries = std::make_unique<entry[]>(capacity);
        entry_ring ring;
        ring.start({entries.get(), capacity});
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        std::atomic<bool> gave_up{false};
        std::thread producer([&] {
            for (std::uint64_t next = 1; next <= count && !gave_up.load(std::memory_order_relaxed);) {
                entry* const place = ring.reserve();
                if (place == nullptr) {
                    std::this_thread::yield();
                    continue;
                }
                place->value = next++;
                if (next % 5 == 0) ring.commit();
            }
            ring.commit();
        });
        std::uint64_t expected = 1;
        while (expected <= count && std::chrono::steady_clock::now() < limit) {
            entry* const oldest = ring.front();
            if (oldest == nullptr) {
                ring.give_back();
                std::this_thread::yield();
                continue;
            }
            if (oldest->value != expected) break;
            ++expected;
            ring.pop();
        }
        gave_up.store(true, std::memory_order_relaxed);
        producer.join();
        BOOST_TEST(expected == count + 1, "capacity " << capacity);
    }
}

BOOST_AUTO_TEST_SUITE_END()
