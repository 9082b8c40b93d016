// SPDX-License-Identifier: Apache-2.0
// Guarded calls and what must be put right after one was abandoned: the C++ runtime's list of caught exceptions, in
// which a later `throw;` of a healthy handler would otherwise find those of the dead.
#include "lib/fault_state.hpp"

#include <cxxabi.h>

#include <cerrno>

namespace tina::detail {

thread_local fault_state* this_thread_faults = nullptr;

namespace {

constexpr int caught_at_once_max = 64;  ///< exceptions that one handler is in the middle of catching

[[nodiscard]] exception_globals& globals_of_thread() noexcept {
    return *reinterpret_cast<exception_globals*>(abi::__cxa_get_globals());
}

struct drop_order {
    fault_state* state;
    void* before;
};

void end_catches(void* what) {
    const auto& order = *static_cast<const drop_order*>(what);
    *order.state->in_runtime = 0;
    exception_globals& now = globals_of_thread();
    for (int left = caught_at_once_max; left > 0 && now.caught != order.before; --left) abi::__cxa_end_catch();
}

/// Ends the catching of what the abandoned code had caught, so that the exceptions are destroyed and their memory comes
/// back. Their destructors are the user's, and may fault themselves: what is left then is lost.
void drop_caught(fault_state& state, void* before) noexcept {
    drop_order order{&state, before};
    guarded_region region{.point = {}, .outer = state.innermost, .exceptions = {}};
    state.innermost = &region;
    tina_guarded_call(&end_catches, &order, &region.point);
    state.innermost = region.outer;
    *state.in_runtime = 1;
}

}  // namespace

bool call_guarded(fault_state& state, void (*function)(void*), void* argument) noexcept {
    guarded_region region{.point = {}, .outer = state.innermost, .exceptions = globals_of_thread()};
    state.innermost = &region;
    const int code = tina_guarded_call(function, argument, &region.point);
    state.innermost = region.outer;
    if (code == 0) [[likely]]
        return true;
    *state.in_runtime = 1;
    state.diverted = {};
    errno = 0;
    const fault_event what = state.last;
    const char* const words = state.last_words;
    exception_globals& now = globals_of_thread();
    if (now.caught != region.exceptions.caught) drop_caught(state, region.exceptions.caught);
    now = region.exceptions;
    state.last = what;
    state.last_words = words;
    return false;
}

}  // namespace tina::detail
