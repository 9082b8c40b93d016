// SPDX-License-Identifier: Apache-2.0
// Holes in the heap, and the turn of a second.
#include "sim/host/stir.hpp"

#include <time.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/decisions.hpp"

namespace tina::sim::host {

namespace {

using block = std::unique_ptr<std::byte[]>;

constexpr std::size_t size_step = 16;
constexpr std::size_t size_max = 1024;
constexpr std::size_t blocks_of_a_size = 256;
constexpr std::uint64_t stir_seed = 0x7374'6972;

/// The same order every time, and no order that a program could rely on.
void shuffle(std::vector<block>& blocks, std::uint64_t by) {
    for (std::size_t i = blocks.size(); i > 1; --i) std::swap(blocks[i - 1], blocks[combine(by, i) % i]);
}

}  // namespace

void stir_heap() {
    // They stay until the process ends: between two that stay is one that goes, so that the holes do not become one.
    static std::vector<block> kept;
    for (std::size_t size = size_step; size <= size_max; size += size_step) {
        std::vector<block> freed;
        for (std::size_t i = 0; i < blocks_of_a_size; ++i) {
            freed.push_back(std::make_unique<std::byte[]>(size));
            kept.push_back(std::make_unique<std::byte[]>(size));
        }
        shuffle(freed, combine(stir_seed, size));
    }
}

void wait_for_next_second() noexcept {
    constexpr timespec moment{0, 10'000'000};
    const time_t present = ::time(nullptr);
    while (::time(nullptr) == present) ::nanosleep(&moment, nullptr);
}

void fill_fresh_memory_otherwise() {
    const char* const given = std::getenv("ASAN_OPTIONS");
    std::string options = given == nullptr ? std::string() : std::string(given) + ":";
    options += "malloc_fill_byte=165:max_malloc_fill_size=65536:quarantine_size_mb=0:thread_local_quarantine_size_kb=0";
    options += ":detect_stack_use_after_return=0";
    ::setenv("ASAN_OPTIONS", options.c_str(), 1);
}

}  // namespace tina::sim::host
