// SPDX-License-Identifier: Apache-2.0
// Soft budget: the isolate ends at its next wait, destructors running. Hard budget: it is abandoned at once if only the
// program's own code is on the stack; if a library is at work it is when that returns, where tina::guard watches over
// locks; else at the next look, for one more second, and then the process ends.
#include "lib/host/overtime.hpp"

#include <ucontext.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "lib/guard_hooks.hpp"
#include "lib/host/fault_outcome.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

std::atomic<const guard_hooks*> installed_guard{nullptr};

unsigned locks_held() noexcept {
    // Acquire: partner is the release of the guard when it was loaded.
    const guard_hooks* const guard = installed_guard.load(std::memory_order_acquire);
    return guard == nullptr ? 0 : guard->locks_held();
}

// Where a diverted return goes: what the function has returned is kept, and so is the stack.
asm(R"(
    .pushsection .text
    .p2align 4
    .globl tina_diverted_return
    .hidden tina_diverted_return
    .type tina_diverted_return, @function
tina_diverted_return:
    endbr64
    pushq %rax
    pushq %rax
    pushq %rdx
    subq $40, %rsp
    movups %xmm0, (%rsp)
    movups %xmm1, 16(%rsp)
    call tina_on_diverted_return
    movq %rax, 56(%rsp)
    movups (%rsp), %xmm0
    movups 16(%rsp), %xmm1
    addq $40, %rsp
    popq %rdx
    popq %rax
    retq
    .size tina_diverted_return, . - tina_diverted_return

    .globl tina_abandon
    .hidden tina_abandon
    .type tina_abandon, @function
tina_abandon:
    endbr64
    movq %rdi, %rsp
    movl $1, %eax
    jmp tina_guarded_landing
    .size tina_abandon, . - tina_abandon
    .popsection
)");

extern "C" void tina_diverted_return() noexcept;
extern "C" [[noreturn]] void tina_abandon(void* stack) noexcept;
extern "C" [[gnu::visibility("hidden"), gnu::used]] std::uintptr_t tina_on_diverted_return() noexcept;

namespace {

constexpr std::int64_t grace_ns = 1'000'000'000;  ///< CPU time beyond the hard budget in which it must be found sound

/// Written before a shard runs and after the last has stopped.
struct overtime_installation {
    int signal = 0;
    struct sigaction before{};
};

overtime_installation& shared_overtime() noexcept {
    static overtime_installation one;
    return one;
}

[[nodiscard]] std::int64_t cpu_time_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[nodiscard]] bool may_abandon(const fault_state& state) noexcept {
    return state.innermost != nullptr && *state.in_runtime == 0 && locks_held() == 0;
}

[[nodiscard]] fault_event overtime_event(std::int64_t used_ns) noexcept { return {.signal = 0, .cpu_ns = used_ns}; }

/// How much CPU time the activation in progress has taken, at least; 0 if it is another one than at the last look.
[[nodiscard]] std::int64_t look_at_activation(fault_state& state) noexcept {
    const shard& at = *state.owner;
    const overtime_watch now{.slot = at.current,
                             .activations = at.counts.activations.get(),
                             .share_left = at.share_left,
                             .begin_cpu_ns = cpu_time_ns()};
    if (now.slot != nullptr && now.is_same(state.watched)) return now.begin_cpu_ns - state.watched.begin_cpu_ns;
    state.watched = now;
    // Relaxed: see fault_state.
    state.is_overdue.store(false, std::memory_order_relaxed);
    return 0;
}

/// Has the isolate be ended when it suspends: its next effect does not complete at once.
void ask_to_end(fault_state& state, std::int64_t used_ns) noexcept {
    if (*state.in_runtime != 0) return;
    shard& at = *state.owner;
    at.overdue = at.current;
    at.overdue_cpu_ns = used_ns;
    at.burst_left = 0;
    at.cleanup_wanted = cleanup::all;
}

void divert_return(fault_state& state, ucontext_t& context) noexcept {
    if (state.diverted.place != nullptr) return;  // it is on its way
    std::uintptr_t* const place = find_return_to_own(tables_of_process(), state, context);
    if (place == nullptr) return;
    state.diverted = {place, *place};
    *place = reinterpret_cast<std::uintptr_t>(&tina_diverted_return);
}

/// Ends the activation where it is if that is sound. Otherwise it is looked at again, until it has had its grace.
void end_now(fault_state& state, ucontext_t& context, std::int64_t used_ns) noexcept {
    const bool is_last_look = used_ns >= state.hard_ns + grace_ns;
    stack_finding found{verdict::sound, 0};
    if (may_abandon(state)) {
        found = judge_stack(tables_of_process(), state, context, interruption::request);
        if (found.what == verdict::sound || (is_last_look && state.contain_anyway)) {
            state.last = overtime_event(used_ns);
            return redirect(context, state.innermost->point, &state.signals);
        }
        // Relaxed is enough here: what the hooks point to is constant.
        if (found.what == verdict::library && installed_guard.load(std::memory_order_relaxed) != nullptr) {
            divert_return(state, context);
        }
    }
    if (!is_last_look) return;
    fault_event event = overtime_event(used_ns);
    event.instruction = static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
    const std::string_view why = locks_held() > 0               ? "it holds a lock"
                                 : *state.in_runtime != 0       ? "the runtime itself was at work"
                                 : found.what == verdict::sound ? "it could not be abandoned"
                                                                : reason_of(found.what);
    end_process(state, event, why, found.at);
}

void look(fault_state& state, ucontext_t& context) noexcept {
    // Relaxed: see fault_state.
    if (state.is_stalled.load(std::memory_order_relaxed)) {
        fault_event event{.is_stall = true};
        event.instruction = static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
        return end_process(state, event, "one activation has lasted longer than faults.stall_limit", 0);
    }
    const std::int64_t used_ns = look_at_activation(state);
    const bool over_soft = state.soft_ns > 0 && used_ns >= state.soft_ns;
    const bool over_hard = state.hard_ns > 0 && used_ns >= state.hard_ns;
    if (!over_soft && !over_hard) return;
    state.is_overdue.store(true, std::memory_order_relaxed);
    if (over_soft) ask_to_end(state, used_ns);
    if (over_hard) end_now(state, context, used_ns);
}

void on_overtime(int, siginfo_t* info, void* raw_context) noexcept {
    stop_checking_alignment();
    fault_state* const state = this_thread_faults;
    if (state == nullptr || !state->armed || state->owner == nullptr || is_from_elsewhere(*info)) return;
    if (state->handling || state->walk != nullptr) return;
    const int error = errno;
    state->handling = true;
    look(*state, *static_cast<ucontext_t*>(raw_context));
    state->handling = false;
    errno = error;
}

}  // namespace

std::uintptr_t tina_on_diverted_return() noexcept {
    fault_state& state = *this_thread_faults;
    const std::uintptr_t original = state.diverted.original;
    state.diverted = {};
    if (!may_abandon(state)) return original;
    state.last = overtime_event(cpu_time_ns() - state.watched.begin_cpu_ns);
    tina_abandon(state.innermost->point.stack);
}

void undo_diverted_return() noexcept {
    fault_state* const state = this_thread_faults;
    if (state == nullptr || state->diverted.place == nullptr) return;
    *state->diverted.place = state->diverted.original;
    state->diverted = {};
}

void end_if_overdue() noexcept {
    fault_state* const state = this_thread_faults;
    if (state == nullptr || !state->armed || state->hard_ns == 0) return;
    // Relaxed: see fault_state.
    if (!state->is_overdue.load(std::memory_order_relaxed) || !may_abandon(*state)) return;
    const std::int64_t used_ns = cpu_time_ns() - state->watched.begin_cpu_ns;
    if (used_ns < state->hard_ns || state->diverted.place != nullptr) return;
    if (!is_only_own_on_stack(tables_of_process())) return;
    state->last = overtime_event(used_ns);
    tina_abandon(state->innermost->point.stack);
}

std::string install_overtime_signal() {
    overtime_installation& shared = shared_overtime();
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
        struct sigaction now{};
        if (sigaction(signal, nullptr, &now) != 0 || (now.sa_flags & SA_SIGINFO) != 0) continue;
        if (now.sa_handler != SIG_DFL) continue;
        struct sigaction action{};
        action.sa_sigaction = &on_overtime;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
        sigaction(signal, &action, &shared.before);
        shared.signal = signal;
        return {};
    }
    return "all real-time signals are taken: leave one to tina";
}

void restore_overtime_signal() noexcept { sigaction(shared_overtime().signal, &shared_overtime().before, nullptr); }

int overtime_signal() noexcept { return shared_overtime().signal; }

}  // namespace tina::detail
