// SPDX-License-Identifier: Apache-2.0
// The switch of stacks, and who must be told of it: the C++ runtime, whose list of caught exceptions belongs to a stack
// and not to a thread, and the sanitizers. Nothing else includes Boost.Context.
#include "lib/fiber.hpp"

#include <boost/context/detail/fcontext.hpp>
#include <cxxabi.h>

#include <cstring>

#include "tina/assert.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define TINA_FIBERS_UNDER_ASAN
#elif defined(__SANITIZE_THREAD__)
#define TINA_FIBERS_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TINA_FIBERS_UNDER_ASAN
#elif __has_feature(thread_sanitizer)
#define TINA_FIBERS_UNDER_TSAN
#endif
#endif

#if defined(TINA_FIBERS_UNDER_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(TINA_FIBERS_UNDER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace tina::detail {

namespace switching = boost::context::detail;

namespace {

// What the sanitizers are told, in the order of a fiber's life. A fiber that is left for good takes leave on its own
// stack, also when it is dropped: only there can AddressSanitizer's fake stack be given back.

#if defined(TINA_FIBERS_UNDER_ASAN)

constexpr bool takes_leave = true;
void note_made(fiber_notes& of) noexcept {
    ASAN_UNPOISON_MEMORY_REGION(of.stack, of.stack_bytes);  // what was dropped here left its frames behind
}
void note_entering(fiber_notes& of) noexcept {
    __sanitizer_start_switch_fiber(&of.fake_stack_outside, of.stack, of.stack_bytes);
}
void note_entered(fiber_notes& of) noexcept {
    __sanitizer_finish_switch_fiber(of.fake_stack, &of.stack_outside, &of.stack_outside_bytes);
}
void note_leaving(fiber_notes& of, bool for_good) noexcept {
    __sanitizer_start_switch_fiber(for_good ? nullptr : &of.fake_stack, of.stack_outside, of.stack_outside_bytes);
}
void note_left(fiber_notes& of) noexcept { __sanitizer_finish_switch_fiber(of.fake_stack_outside, nullptr, nullptr); }
void note_dropped(fiber_notes&) noexcept {}

#elif defined(TINA_FIBERS_UNDER_TSAN)

constexpr bool takes_leave = false;
void note_made(fiber_notes& of) noexcept { of.thread = __tsan_create_fiber(0); }
void note_entering(fiber_notes& of) noexcept {
    of.thread_outside = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(of.thread, 0);
}
void note_entered(fiber_notes&) noexcept {}
void note_leaving(fiber_notes& of, bool) noexcept { __tsan_switch_to_fiber(of.thread_outside, 0); }
void note_left(fiber_notes&) noexcept {}
void note_dropped(fiber_notes& of) noexcept { __tsan_destroy_fiber(of.thread); }

#else

constexpr bool takes_leave = false;
void note_made(fiber_notes&) noexcept {}
void note_entering(fiber_notes&) noexcept {}
void note_entered(fiber_notes&) noexcept {}
void note_leaving(fiber_notes&, bool) noexcept {}
void note_left(fiber_notes&) noexcept {}
void note_dropped(fiber_notes&) noexcept {}

#endif

}  // namespace

struct fiber::first_turn {
    static void begin(switching::transfer_t from) noexcept {
        auto& self = *static_cast<fiber*>(from.data);
        self.outside_ = from.fctx;
        self.begin();
    }
};

std::uintptr_t fiber_begin_address() noexcept { return reinterpret_cast<std::uintptr_t>(&fiber::first_turn::begin); }

fiber::fiber(std::byte* stack, std::size_t stack_bytes, entry start, void* argument) noexcept
    : start_(start), argument_(argument), notes_{.stack = stack, .stack_bytes = stack_bytes} {
    note_made(notes_);
    inside_ = switching::make_fcontext(stack + stack_bytes, stack_bytes, &first_turn::begin);
}

bool fiber::run() noexcept {
    TINA_ASSERT(!ended_ && !dropped_, "a fiber that has ended cannot run");
    // Without this `throw;` in one fiber would throw what another has caught.
    void* const of_thread = abi::__cxa_get_globals();
    std::array<std::byte, sizeof exceptions_> outside;
    std::memcpy(outside.data(), of_thread, sizeof outside);
    std::memcpy(of_thread, exceptions_.data(), sizeof exceptions_);
    enter();
    std::memcpy(exceptions_.data(), of_thread, sizeof exceptions_);
    std::memcpy(of_thread, outside.data(), sizeof outside);
    return ended_;
}

/// Switches to the fiber and comes back when it pauses or ends.
void fiber::enter() noexcept {
    note_entering(notes_);
    inside_ = switching::jump_fcontext(inside_, this).fctx;
    note_left(notes_);
}

void fiber::begin() noexcept {
    note_entered(notes_);
    if (!dropped_) start_(argument_);
    leave();
}

void fiber::pause() noexcept {
    note_leaving(notes_, false);
    outside_ = switching::jump_fcontext(outside_, nullptr).fctx;
    note_entered(notes_);
    if (takes_leave && dropped_) leave();
}

void fiber::leave() noexcept {
    ended_ = true;
    note_leaving(notes_, true);
    switching::jump_fcontext(outside_, nullptr);
    __builtin_unreachable();
}

void fiber::drop() noexcept {
    dropped_ = true;
    if (takes_leave && !ended_) enter();
    note_dropped(notes_);
}

}  // namespace tina::detail
