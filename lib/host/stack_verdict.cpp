// SPDX-License-Identifier: Apache-2.0
// The walk, by the unwinder of the C++ runtime, which takes no lock for this. A stack that is broken makes the walk
// itself fault; it is therefore a guarded call.
#include "lib/host/stack_verdict.hpp"

#include <dlfcn.h>
#include <unwind.h>

#include <algorithm>
#include <string_view>

#include "lib/fiber.hpp"

namespace tina::detail {

namespace {

/// Deeper than this only the end of a recursion is looked at: a walk takes about 0.3 us a function.
constexpr std::uint32_t functions_max = 10'000;

// Leaves: they call nothing, so that what is on the stack above them is complete.
constexpr const char* leaf_names[] = {
    "memcpy",       "memmove",     "memset",       "memcmp",        "bcmp",         "bzero",        "memchr",
    "memrchr",      "rawmemchr",   "mempcpy",      "memccpy",       "memmem",       "strlen",       "strnlen",
    "strcpy",       "strncpy",     "stpcpy",       "stpncpy",       "strcat",       "strncat",      "strcmp",
    "strncmp",      "strchr",      "strrchr",      "strchrnul",     "strstr",       "strspn",       "strcspn",
    "strpbrk",      "wmemset",     "wmemcpy",      "wmemcmp",       "wmemchr",      "wcslen",       "wcsnlen",
    "strcasecmp",   "strncasecmp", "__memcpy_chk", "__memmove_chk", "__memset_chk", "__strcpy_chk", "__strncpy_chk",
    "__strcat_chk",
};

// With one of these on the stack an exception is on its way.
constexpr const char* thrower_names[] = {
    "__cxa_throw",       "__cxa_rethrow",        "__cxa_end_catch",
    "__cxa_begin_catch", "__gxx_personality_v0", "_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE"};

struct walk {
    const verdict_tables* tables;
    std::uintptr_t from;  ///< the instruction that was interrupted
    interruption by{};
    bool begun = false;
    bool ended = false;
    std::uint32_t functions = 0;
    stack_finding finding;
};

[[nodiscard]] std::uintptr_t instruction_of(_Unwind_Context* function, bool first) noexcept {
    int is_exact = 0;
    const std::uintptr_t at = _Unwind_GetIPInfo(function, &is_exact);
    return first || is_exact != 0 ? at : at - 1;  // a call that does not return may be the last of its function
}

[[nodiscard]] bool is_guarded_call(std::uintptr_t at) noexcept {
    return at >= reinterpret_cast<std::uintptr_t>(&tina_guarded_call) &&
           at < reinterpret_cast<std::uintptr_t>(&tina_guarded_end);
}

[[nodiscard]] verdict judge(const walk& here, std::uintptr_t at, std::uintptr_t begin) noexcept {
    const code_range* const code = here.tables->code.find(at);
    if (code == nullptr) return verdict::unknown_code;
    if (code->own || here.tables->leaves.has(begin)) return verdict::sound;
    // abort() holds a lock for a moment, not when it raises its signal.
    if (here.by == interruption::fault && here.tables->ends.has(begin)) return verdict::sound;
    return verdict::library;
}

_Unwind_Reason_Code look_at(_Unwind_Context* function, void* argument) noexcept {
    auto& here = *static_cast<walk*>(argument);
    const std::uintptr_t at = instruction_of(function, !here.begun);
    if (!here.begun) {
        if (at != here.from) return _URC_NO_REASON;  // the signal handler's own part of the stack
        here.begun = true;
    }
    const std::uintptr_t begin = _Unwind_GetRegionStart(function);
    if (is_guarded_call(at) || begin == fiber_begin_address()) {
        here.finding = {verdict::sound, at};
        here.ended = true;
        return _URC_END_OF_STACK;
    }
    const verdict found = judge(here, at, begin);
    if (found != verdict::sound || ++here.functions == functions_max) {
        here.finding = {found, at};
        here.ended = true;
        return _URC_END_OF_STACK;
    }
    return _URC_NO_REASON;
}

/// A call through a bad pointer leaves nothing at the instruction pointer. What called stands on top of the stack.
void step_back_to_call(const verdict_tables& tables, greg_t (&registers)[NGREG]) noexcept {
    const auto at = static_cast<std::uintptr_t>(registers[REG_RIP]);
    if (tables.code.find(at) != nullptr) return;
    const auto* const top = reinterpret_cast<const std::uintptr_t*>(registers[REG_RSP]);
    if (!tables.code.is_own(*top - 1)) return;
    registers[REG_RIP] = static_cast<greg_t>(*top - 1);
    registers[REG_RSP] += static_cast<greg_t>(sizeof *top);
}

struct walk_order {
    const verdict_tables* tables;
    ucontext_t* context;
    walk result;
};

void walk_stack(void* argument) {
    auto& order = *static_cast<walk_order*>(argument);
    step_back_to_call(*order.tables, order.context->uc_mcontext.gregs);
    order.result.from = static_cast<std::uintptr_t>(order.context->uc_mcontext.gregs[REG_RIP]);
    _Unwind_Backtrace(&look_at, &order.result);
}

}  // namespace

void verdict_tables::start() noexcept {
    code.note_loaded();
    for (const char* const name : leaf_names) {
        // Of a function that is chosen by processor this is the one chosen.
        if (void* const found = dlsym(RTLD_DEFAULT, name)) leaves.add(reinterpret_cast<std::uintptr_t>(found));
    }
    for (const char* const name : thrower_names) {
        if (void* const found = dlsym(RTLD_DEFAULT, name)) throwers.add(reinterpret_cast<std::uintptr_t>(found));
    }
}

void function_set::add(std::uintptr_t begin) noexcept {
    auto* const end = begins_.data() + count_;
    auto* const place = std::lower_bound(begins_.data(), end, begin);
    if (count_ == begins_.size() || (place != end && *place == begin)) return;
    std::copy_backward(place, end, end + 1);
    *place = begin;
    ++count_;
}

bool function_set::has(std::uintptr_t begin) const noexcept {
    return std::binary_search(begins_.data(), begins_.data() + count_, begin);
}

stack_finding judge_stack(const verdict_tables& tables, fault_state& state, ucontext_t& context,
                          interruption by) noexcept {
    walk_order order{&tables, &context, {.tables = &tables, .from = 0, .by = by, .finding = {}}};
    guarded_region region;
    state.walk = &region;
    const int code = tina_guarded_call(&walk_stack, &order, &region.point);
    state.walk = nullptr;
    if (code != 0 || !order.result.ended) return {verdict::not_walkable, order.result.from};
    return order.result.finding;
}

namespace {

struct search {
    const verdict_tables* tables;
    std::uintptr_t from;
    bool begun = false;
    std::uint32_t functions = 0;
    bool in_library = false;
    std::uintptr_t* found = nullptr;
};

/// Whether a function takes part in throwing or catching: what it has on the stack must be left alone.
[[nodiscard]] bool handles_exceptions(std::uintptr_t begin, std::uintptr_t at, const verdict_tables& tables) noexcept {
    const code_range* const code = tables.code.find(at);
    if (code == nullptr) return true;
    return std::string_view(code->name.data()).starts_with("libgcc_s") || tables.throwers.has(begin);
}

_Unwind_Reason_Code look_for_return(_Unwind_Context* function, void* argument) noexcept {
    auto& here = *static_cast<search*>(argument);
    const std::uintptr_t at = instruction_of(function, !here.begun);
    if (!here.begun) {
        if (at != here.from) return _URC_NO_REASON;
        here.begun = true;
    }
    const std::uintptr_t begin = _Unwind_GetRegionStart(function);
    if (is_guarded_call(at) || begin == fiber_begin_address() || ++here.functions == functions_max) {
        return _URC_END_OF_STACK;
    }
    if (here.tables->code.is_own(at)) {
        // The first of the program's own code that a library returns to, and everything above it again: a library may
        // have called back. The outermost library's function decides.
        if (here.in_library) here.found = reinterpret_cast<std::uintptr_t*>(_Unwind_GetCFA(function)) - 1;
        here.in_library = false;
    } else if (handles_exceptions(begin, at, *here.tables)) {
        here.found = nullptr;
        return _URC_END_OF_STACK;
    } else {
        here.in_library = true;
    }
    return _URC_NO_REASON;
}

}  // namespace

std::uintptr_t* find_return_to_own(const verdict_tables& tables, fault_state& state, ucontext_t& context) noexcept {
    search looking{&tables, static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP])};
    guarded_region region;
    state.walk = &region;
    const int code =
        tina_guarded_call([](void* what) { _Unwind_Backtrace(&look_for_return, what); }, &looking, &region.point);
    state.walk = nullptr;
    return code == 0 ? looking.found : nullptr;
}

bool is_only_own_on_stack(const verdict_tables& tables) noexcept {
    walk here{.tables = &tables, .from = 0, .by = interruption::request, .begun = true, .finding = {}};
    _Unwind_Backtrace(&look_at, &here);
    return here.ended && here.finding.what == verdict::sound;
}

void learn_ends(verdict_tables& tables, const ucontext_t& context) noexcept {
    struct lesson {
        verdict_tables* tables;
        std::uintptr_t from;
        bool begun = false;
    };
    lesson learning{&tables, static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP])};
    const auto note = [](_Unwind_Context* function, void* argument) noexcept {
        auto& here = *static_cast<lesson*>(argument);
        const std::uintptr_t at = instruction_of(function, !here.begun);
        if (!here.begun && at != here.from) return _URC_NO_REASON;
        here.begun = true;
        if (is_guarded_call(at)) return _URC_END_OF_STACK;
        if (!here.tables->code.is_own(at)) here.tables->ends.add(_Unwind_GetRegionStart(function));
        return _URC_NO_REASON;
    };
    _Unwind_Backtrace(note, &learning);
}

}  // namespace tina::detail
