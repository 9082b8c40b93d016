// SPDX-License-Identifier: Apache-2.0
// The walk, by the unwinder of the C++ runtime, which takes no lock for this. A stack that is broken makes the walk
// itself fault; it is therefore a guarded call.
#include "lib/host/stack_verdict.hpp"

#include <dlfcn.h>
#include <unwind.h>

#include <algorithm>

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

struct walk {
    const verdict_tables* tables;
    std::uintptr_t from;  ///< the instruction that was interrupted
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

[[nodiscard]] verdict judge(const verdict_tables& tables, std::uintptr_t at, std::uintptr_t begin) noexcept {
    const code_range* const code = tables.code.find(at);
    if (code == nullptr) return verdict::unknown_code;
    if (code->own || tables.is_leaf(begin)) return verdict::sound;
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
    const verdict found = judge(*here.tables, at, begin);
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
    leaf_count = 0;
    for (const char* const name : leaf_names) {
        // Of a function that is chosen by processor this is the one chosen.
        if (void* const found = dlsym(RTLD_DEFAULT, name)) add_leaf(reinterpret_cast<std::uintptr_t>(found));
    }
}

void verdict_tables::add_leaf(std::uintptr_t begin) noexcept {
    auto* const end = leaves.data() + leaf_count;
    auto* const place = std::lower_bound(leaves.data(), end, begin);
    if (leaf_count == leaves.size() || (place != end && *place == begin)) return;
    std::copy_backward(place, end, end + 1);
    *place = begin;
    ++leaf_count;
}

bool verdict_tables::is_leaf(std::uintptr_t begin) const noexcept {
    return std::binary_search(leaves.data(), leaves.data() + leaf_count, begin);
}

stack_finding judge_stack(const verdict_tables& tables, fault_state& state, ucontext_t& context) noexcept {
    walk_order order{&tables, &context, {.tables = &tables, .from = 0, .finding = {}}};
    guarded_region region;
    state.walk = &region;
    const int code = tina_guarded_call(&walk_stack, &order, &region.point);
    state.walk = nullptr;
    if (code != 0 || !order.result.ended) return {verdict::not_walkable, order.result.from};
    return order.result.finding;
}

void learn_leaves(verdict_tables& tables, const ucontext_t& context) noexcept {
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
        if (!here.tables->code.is_own(at)) here.tables->add_leaf(_Unwind_GetRegionStart(function));
        return _URC_NO_REASON;
    };
    _Unwind_Backtrace(note, &learning);
}

}  // namespace tina::detail
