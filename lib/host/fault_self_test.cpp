// SPDX-License-Identifier: Apache-2.0
// The child dies in every way, first to learn whose functions are on the stack then, once more to see that it is
// contained; what it has learned comes back through a pipe. Addresses are the same in both processes.
#include "lib/host/fault_self_test.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "lib/host/fault_signals.hpp"

extern "C" {
[[noreturn]] void __assert_fail(const char*, const char*, unsigned, const char*) noexcept;  // NOLINT: of the C library
[[noreturn]] void __chk_fail();                                                             // NOLINT: of FORTIFY
[[noreturn]] void __cxa_pure_virtual();                                                     // NOLINT: of the C++ ABI
}

namespace tina::detail {

verdict_tables* learning_into = nullptr;

namespace {

constexpr int patience_ms = 5'000;
constexpr std::size_t thread_stack_bytes = 256 * 1024;
constexpr std::size_t thread_guard_bytes = std::size_t{1} << 20;

// Sanitizers would have their say before the processor.
#define TINA_DIES [[gnu::noinline]] __attribute__((no_sanitize("address", "undefined")))

#if defined(__SANITIZE_ADDRESS__)
constexpr bool copies_by_library = false;  // AddressSanitizer stands in for memcpy()
#elif defined(__has_feature)
constexpr bool copies_by_library = !__has_feature(address_sanitizer);
#else
constexpr bool copies_by_library = true;
#endif

// What dies is neither inlined nor known to die, so that no compiler draws conclusions from it.

TINA_DIES void write_to_null(void*) {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}

TINA_DIES void copy_from_nowhere(void*) {
    if (!copies_by_library) return write_to_null(nullptr);
    char here[64];
    const char* volatile nowhere = reinterpret_cast<const char*>(64);
    void* (*volatile copy)(void*, const void*, std::size_t) = &std::memcpy;
    copy(here, nowhere, sizeof here);
}

TINA_DIES void jump_to_nowhere(void*) {
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(16);
    nowhere();
}

TINA_DIES int recurse(volatile int* depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(*depth);
    *depth = *depth + 1;
    return *depth < 0 ? 0 : recurse(depth) + frame[0];
}

void overflow(void*) {
    volatile int depth = 0;
    depth = recurse(&depth);
}

void end_by_abort(void*) { std::abort(); }
void end_by_assert(void*) { __assert_fail("false", "", 0, ""); }
void end_by_fortify(void*) { __chk_fail(); }
void end_by_pure_virtual(void*) { __cxa_pure_virtual(); }
void end_by_terminate(void*) { std::terminate(); }
void throw_one() { throw 1; }
void end_by_exception(void*) noexcept {
    void (*volatile thrower)() = &throw_one;
    thrower();
}

/// Faults when it is destroyed: by the C++ library, which has put its own house in order before.
struct faulty_exception {
    faulty_exception() = default;
    faulty_exception(const faulty_exception&) = default;
    ~faulty_exception() { write_to_null(nullptr); }
};
void end_by_caught_exception(void*) {
    try {
        throw faulty_exception();
    } catch (const faulty_exception&) {}
}
void end_by_kept_exception(void*) {
    std::exception_ptr kept;
    try {
        throw faulty_exception();
    } catch (...) { kept = std::current_exception(); }
}

struct way_to_die {
    const char* name;
    void (*die)(void*);
    bool is_learned;  ///< the C or C++ library takes part
};

constexpr way_to_die ways[] = {
    {"a write to address 0", &write_to_null, false},
    {"a copy from a bad address", &copy_from_nowhere, false},
    {"a call of a bad address", &jump_to_nowhere, false},
    {"a stack overflow", &overflow, false},
    {"abort()", &end_by_abort, true},
    {"a failed assert()", &end_by_assert, true},
    {"a failed check of _FORTIFY_SOURCE", &end_by_fortify, true},
    {"a pure virtual call", &end_by_pure_virtual, true},
    {"std::terminate()", &end_by_terminate, true},
    {"an exception that leaves a noexcept function", &end_by_exception, true},
    {"an exception that faults when it is destroyed", &end_by_caught_exception, true},
    {"an exception that faults when nobody refers to it any more", &end_by_kept_exception, true},
};
constexpr std::size_t way_count = sizeof ways / sizeof ways[0];

/// What the child tells: how many ways went well, and what it has learned.
struct findings {
    std::size_t ways_survived = 0;
    function_set ends;
};

struct trial {
    verdict_tables* tables;
    findings found;
};

[[nodiscard]] bool survives(fault_state& state, const way_to_die& way) noexcept {
    struct order {
        std::uint8_t* in_runtime;
        const way_to_die* way;
    };
    order what{state.in_runtime, &way};
    const auto die = [](void* raw) {
        const auto& given = *static_cast<const order*>(raw);
        *given.in_runtime = 0;
        given.way->die(nullptr);
        *given.in_runtime = 1;
    };
    return !call_guarded(state, die, &what);
}

void* try_all(void* argument) noexcept {
    auto& here = *static_cast<trial*>(argument);
    std::uint8_t in_runtime = 1;
    fault_state state;
    state.in_runtime = &in_runtime;
    fault_thread thread;
    if (!thread.enter(state).empty()) return nullptr;
    for (const way_to_die& way : ways) {
        if (way.is_learned) {
            learning_into = here.tables;
            static_cast<void>(survives(state, way));
            learning_into = nullptr;
        }
        if (!survives(state, way)) return nullptr;
        ++here.found.ways_survived;
    }
    here.found.ends = here.tables->ends;
    return nullptr;
}

[[noreturn]] void be_the_child(verdict_tables& tables, int out) noexcept {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
    trial here{&tables, {}};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, thread_stack_bytes + thread_guard_bytes);
    pthread_attr_setguardsize(&attributes, thread_guard_bytes);
    pthread_t thread;
    if (pthread_create(&thread, &attributes, &try_all, &here) == 0) pthread_join(thread, nullptr);
    [[maybe_unused]] const auto wrote = write(out, &here.found, sizeof here.found);
    _exit(0);
}

/// Whether all of `found` came in time.
[[nodiscard]] bool read_findings(int from, findings& found) noexcept {
    pollfd ready{.fd = from, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, patience_ms) != 1) return false;
    return read(from, &found, sizeof found) == static_cast<ssize_t>(sizeof found);
}

}  // namespace

std::string run_fault_self_test(verdict_tables& tables) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return "no descriptor is left for the self-test: raise the limit on open files";
    const pid_t child = fork();
    if (child == 0) be_the_child(tables, ends[1]);
    close(ends[1]);
    findings found;
    const bool told = child > 0 && read_findings(ends[0], found);
    close(ends[0]);
    if (child > 0) {
        if (!told) kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    if (child < 0) return "the self-test of containment could not fork: raise the limit on processes";
    if (!told) return "the self-test of containment died or hung: a fault cannot be survived on this system";
    if (found.ways_survived < way_count) {
        return std::string("the self-test of containment did not survive ") + ways[found.ways_survived].name;
    }
    tables.ends = found.ends;
    return {};
}

}  // namespace tina::detail
