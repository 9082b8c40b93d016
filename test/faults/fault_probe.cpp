// SPDX-License-Identifier: Apache-2.0
// A program that dies in a way that must not be contained, so that a test can see that it ends at once, with a report,
// and never hangs. Beside the shard a thread goes on using what the dead may have left locked.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string_view>
#include <thread>

#include "fault_library.hpp"

#define DIES [[gnu::noinline]]

using namespace std::chrono_literals;

namespace {

std::FILE* shared_file = nullptr;
std::mutex shared_mutex;

// What dies is hidden from the compiler, which would draw conclusions from it.

void* (*volatile take)(std::size_t) = &std::malloc;
void (*volatile give_back)(void*) = &std::free;

DIES void fault() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}

/// Too large for the cache of a thread, where a second free is not always found.
DIES void free_twice() {
    void* const block = take(3000);
    void* const guard = take(3000);
    give_back(block);
    give_back(block);
    give_back(guard);
}

DIES void overwrite_the_size_of_a_chunk() {
    auto* const block = static_cast<std::size_t*>(take(3000));
    auto* volatile header = block - 1;
    *header = 0x1234'5678'9abc'def0;
    give_back(block);
}

DIES void print_a_bad_pointer() {
    const char* volatile nowhere = reinterpret_cast<const char*>(64);
    std::fprintf(shared_file, "%s\n", nowhere);
}

/// Goes on with nearly nothing of the stack left, where functions with small frames do not get far.
DIES void at_the_end_of_the_stack(int (*go_on)(volatile int*)) {
    pthread_attr_t attributes;
    void* low = nullptr;
    std::size_t bytes = 0;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &bytes);
    pthread_attr_destroy(&attributes);
    volatile int depth = 0;
    const auto here = reinterpret_cast<std::uintptr_t>(&depth);
    auto* const room = static_cast<volatile char*>(alloca(here - reinterpret_cast<std::uintptr_t>(low) - 16 * 1024));
    room[0] = 0;
    depth = go_on(&depth) + room[0];
}

DIES int recurse_with_malloc(volatile int* depth) {
    void* const block = take(3000);
    give_back(block);
    *depth = *depth + 1;
    const int below = *depth < 0 ? 0 : recurse_with_malloc(depth);
    *depth = *depth - 1;  // or this would become a loop
    return below;
}
DIES void overflow_in_malloc() { at_the_end_of_the_stack(&recurse_with_malloc); }

DIES int recurse_with_print(volatile int* depth) {
    std::fprintf(shared_file, "%d\n", *depth);
    *depth = *depth + 1;
    const int below = *depth < 0 ? 0 : recurse_with_print(depth);
    *depth = *depth - 1;  // or this would become a loop
    return below;
}
DIES void overflow_in_print() { at_the_end_of_the_stack(&recurse_with_print); }

DIES void fault_with_a_lock() {
    const std::lock_guard held(shared_mutex);
    fault();
}

DIES void compute_with_a_lock() {
    const std::lock_guard held(shared_mutex);
    volatile std::uint64_t sum = 0;
    for (;;) sum = sum + 1;
}

DIES void fault_in_callback() { fault_library_call_back(&fault); }

DIES void loop_with_signals_blocked() {
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGABRT);
    pthread_sigmask(SIG_BLOCK, &some, nullptr);
    fault_library_loop();
}

DIES void smash_the_stack() {
    std::array<char, 16> small{};
    volatile std::size_t bytes = 512;
    void* (*volatile fill)(void*, int, std::size_t) = &std::memset;
    fill(small.data(), 0x41, bytes);
}

DIES void read_for_ever() {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    char byte = 0;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {}
}

DIES void sleep_for_ever() {
    for (;;) {
        timespec span{.tv_sec = 3600, .tv_nsec = 0};
        nanosleep(&span, nullptr);
    }
}

const tina::fault_options usual{};
const tina::fault_options small_budget{.soft_budget = 20ms, .hard_budget = 40ms};
const tina::fault_options small_patience{.stall_limit = 300ms};

struct way {
    std::string_view name;
    void (*die)();
    tina::fault_options limits;
};
const std::array ways{
    way{"free-twice", &free_twice, usual},
    way{"overwrite-chunk", &overwrite_the_size_of_a_chunk, usual},
    way{"print-bad-pointer", &print_a_bad_pointer, usual},
    way{"overflow-in-malloc", &overflow_in_malloc, usual},
    way{"overflow-in-print", &overflow_in_print, usual},
    way{"fault-with-lock", &fault_with_a_lock, usual},
    way{"loop-with-lock", &compute_with_a_lock, small_budget},
    way{"fault-in-callback", &fault_in_callback, usual},
    way{"loop-in-library", &fault_library_loop, small_budget},
    way{"loop-with-signals-blocked", &loop_with_signals_blocked, small_budget},
    way{"smash-stack", &smash_the_stack, usual},
    way{"read", &read_for_ever, small_patience},
    way{"sleep", &sleep_for_ever, small_patience},
};

tina::isolate victim(tina::context self, std::uint32_t which) {
    co_yield tina::sleep(1ms).or_crash();
    tina::log(self, tina::info, "the last words before {}", ways[which].name);
    ways[which].die();
    tina::log(self, tina::error, "it has survived");
    self.request_stop();
}

[[noreturn]] void use_libraries() {
    for (;;) {
        give_back(take(3000));
        std::fputs("others go on\n", shared_file);
        const std::lock_guard held(shared_mutex);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view wanted = argc == 2 ? argv[1] : "";
    std::uint32_t which = 0;
    while (which < ways.size() && ways[which].name != wanted) ++which;
    if (which == ways.size()) {
        std::fputs("usage: fault_probe KIND, one of:\n", stderr);
        for (const way& each : ways) std::fprintf(stderr, "  %s\n", each.name.data());
        return 2;
    }
    const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &no_core);
    shared_file = std::fopen("/dev/null", "w");
    std::thread(&use_libraries).detach();
    const tina::shard_spec shard{
        .tree = tina::one_for_one({}, {tina::child<&victim>(tina::temporary, which)}),
        .limits = {.messages = 1024, .descriptors = 64, .buffers = 16, .leases_per_isolate = 4},
    };
    return tina::run({
        .types = {tina::type<&victim>({.slots = 1})},
        .shards = {shard},
        .memory = tina::memory_mode::development,
        .faults = ways[which].limits,
        .log = {.level = tina::log_level::info},
        .process = {.pin_threads = false},
    });
}
