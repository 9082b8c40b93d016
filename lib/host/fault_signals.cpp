// SPDX-License-Identifier: Apache-2.0
// What happens when a shard's thread faults: note what it was, judge whether its handler can be abandoned, and either
// go on where the guarded call returns or end the process with a report. Everything below on_fault() runs in a signal
// handler and may call nothing that takes a lock.
#include "lib/host/fault_signals.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <exception>
#include <mutex>

#include "lib/fault_text.hpp"
#include "lib/guard_hooks.hpp"
#include "lib/host/fault_outcome.hpp"
#include "lib/host/fault_self_test.hpp"
#include "lib/host/overtime.hpp"
#include "lib/host/stack_verdict.hpp"
#include "lib/shard.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TINA_IS_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TINA_IS_SANITIZED
#endif
#endif

namespace tina::detail {

namespace {

#ifdef TINA_IS_SANITIZED
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif

constexpr std::array fault_signal_numbers{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t signal_stack_bytes = 128 * 1024;

/// What all systems of the process share. Signal handlers are the process's, so this cannot belong to one of them.
struct installation {
    std::mutex changing;
    std::uint32_t users = 0;
    std::array<struct sigaction, fault_signal_numbers.size()> before{};
    std::terminate_handler terminate_before = nullptr;
};

installation& shared_installation() noexcept {
    static installation one;
    return one;
}

[[nodiscard]] std::size_t index_of_signal(int signal) noexcept {
    std::size_t index = 0;
    while (fault_signal_numbers[index] != signal) ++index;
    return index;
}

/// Gives a signal to whoever handled it before.
void pass_on(int signal, siginfo_t* info, void* context) noexcept {
    const struct sigaction& before = shared_installation().before[index_of_signal(signal)];
    if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
    if (before.sa_handler == SIG_IGN && info->si_code <= 0) return;
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) return before.sa_handler(signal);
    // The default ends the process, with a core where the system keeps them; a fault does so by happening again.
    struct sigaction end{};
    end.sa_handler = SIG_DFL;
    sigaction(signal, &end, nullptr);
    if (info->si_code <= 0) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
}

[[nodiscard]] bool is_overflow(const fault_state& state, const fault_event& event) noexcept {
    if (event.signal != SIGSEGV) return false;
    if (state.stack_guard.has(event.address)) return true;
    const shard* const owner = state.owner;
    if (owner == nullptr || owner->stacks.data() == nullptr) return false;
    const auto begin = reinterpret_cast<std::uintptr_t>(owner->stacks.data());
    return address_range{begin, begin + owner->stacks.size()}.has(event.address) && event.code == SEGV_ACCERR;
}

[[nodiscard]] fault_event describe(const fault_state& state, int signal, const siginfo_t& info,
                                   const ucontext_t& context) noexcept {
    constexpr greg_t write_bit = 2;  // of the page fault's error code
    fault_event event{.signal = signal,
                      .code = info.si_code,
                      .address = reinterpret_cast<std::uintptr_t>(info.si_addr),
                      .instruction = static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]),
                      .is_write = (context.uc_mcontext.gregs[REG_ERR] & write_bit) != 0};
    event.is_overflow = is_overflow(state, event);
    return event;
}

void decide(fault_state& state, int signal, const siginfo_t& info, ucontext_t& context) noexcept {
    const fault_event event = describe(state, signal, info, context);
    if (state.hopeless) return end_process(state, event, "an assertion of the library has failed", 0);
    if (state.innermost == nullptr || *state.in_runtime != 0) {
        return end_process(state, event, "the runtime itself was at work", 0);
    }
    if (locks_held() > 0 && !state.contain_anyway) return end_process(state, event, "it holds a lock", 0);
    if (learning_into != nullptr) {
        learn_ends(*learning_into, context);
        return redirect(context, state.innermost->point, &state.signals);
    }
    const stack_finding found = judge_stack(tables_of_process(), state, context, interruption::fault);
    if (found.what != verdict::sound && !state.contain_anyway) {
        return end_process(state, event, reason_of(found.what), found.at);
    }
    state.last = event;
    redirect(context, state.innermost->point, &state.signals);
}

void on_fault(int signal, siginfo_t* info, void* raw_context) noexcept {
    stop_checking_alignment();
    fault_state* const state = this_thread_faults;
    if (state == nullptr || !state->armed || is_from_elsewhere(*info)) return pass_on(signal, info, raw_context);
    auto& context = *static_cast<ucontext_t*>(raw_context);
    if (state->walk != nullptr) return redirect(context, state->walk->point, nullptr);
    if (state->handling) {
        return end_process(*state, describe(*state, signal, *info, context), "it happened while another was handled",
                           0);
    }
    const int error = errno;
    state->handling = true;
    decide(*state, signal, *info, context);
    state->handling = false;
    errno = error;
}

/// std::terminate() in a handler costs that handler.
[[noreturn]] void on_terminate() noexcept {
    fault_state* const state = this_thread_faults;
    if (state == nullptr || !state->armed || *state->in_runtime != 0) {
        if (const std::terminate_handler before = shared_installation().terminate_before) before();
        std::abort();
    }
    state->last_words = "std::terminate() was called";
    std::abort();
}

/// Whether the C library was linked into the program.
[[nodiscard]] bool is_c_library_own(const code_map& code) noexcept {
    void* const found = dlsym(RTLD_DEFAULT, "abort");
    return found == nullptr || code.is_own(reinterpret_cast<std::uintptr_t>(found));
}

void install_handlers(installation& shared) noexcept {
    for (std::size_t i = 0; i < fault_signal_numbers.size(); ++i) {
        struct sigaction action{};
        action.sa_sigaction = &on_fault;
        // Not deferred: a walk of a broken stack faults in turn, and the process would be ended without a report.
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigaction(fault_signal_numbers[i], &action, &shared.before[i]);
    }
    shared.terminate_before = std::set_terminate(&on_terminate);
}

/// Puts back what was there, unless somebody else has put something in our place.
void restore_handlers(installation& shared) noexcept {
    for (std::size_t i = 0; i < fault_signal_numbers.size(); ++i) {
        struct sigaction now{};
        sigaction(fault_signal_numbers[i], nullptr, &now);
        if ((now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != &on_fault) continue;
        sigaction(fault_signal_numbers[i], &shared.before[i], nullptr);
    }
    restore_overtime_signal();
    if (std::get_terminate() == &on_terminate) std::set_terminate(shared.terminate_before);
}

}  // namespace

bool wants_containment(containment wanted) noexcept {
    return wanted == containment::on || (wanted == containment::automatic && !is_sanitized);
}

std::string fault_signals::install() {
    installation& shared = shared_installation();
    const std::lock_guard lock(shared.changing);
    if (shared.users == 0) {
        tables_of_process().start();
        if (is_c_library_own(tables_of_process().code)) {
            return "the C library is part of the program, so that nobody can tell its code apart: link it dynamically";
        }
        if (std::string reason = install_overtime_signal(); !reason.empty()) return reason;
        install_handlers(shared);
        if (std::string reason = run_fault_self_test(tables_of_process()); !reason.empty()) {
            restore_handlers(shared);
            return reason;
        }
    }
    ++shared.users;
    installed_ = true;
    return {};
}

fault_signals::~fault_signals() {
    if (!installed_) return;
    installation& shared = shared_installation();
    const std::lock_guard lock(shared.changing);
    if (--shared.users == 0) restore_handlers(shared);
}

std::string fault_thread::enter(fault_state& state) {
    const std::size_t guard = small_page_bytes;
    if (std::string reason = stack_.reserve(guard + signal_stack_bytes, false); !reason.empty()) return reason;
    stack_.open(guard, signal_stack_bytes);
    // Not only opened: a signal handler on the stack for signals cannot wait for memory that is not there.
    if (!stack_.touch(guard, signal_stack_bytes)) return "there is no memory for the stack of signal handlers";
    const stack_t wanted{.ss_sp = stack_.data() + guard, .ss_flags = 0, .ss_size = signal_stack_bytes};
    if (sigaltstack(&wanted, nullptr) != 0) return "the system refused a stack for signal handlers";
    entered_ = true;

    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        void* low = nullptr;
        std::size_t bytes = 0;
        std::size_t guard_below = 0;
        pthread_attr_getstack(&attributes, &low, &bytes);
        pthread_attr_getguardsize(&attributes, &guard_below);
        pthread_attr_destroy(&attributes);
        const auto begin = reinterpret_cast<std::uintptr_t>(low);
        state.stack = {begin, begin + bytes};
        state.stack_guard = {begin - guard_below, begin};
    }
    pthread_sigmask(SIG_SETMASK, nullptr, &state.signals);
    this_thread_faults = &state;
    state.armed = true;
    return {};
}

fault_thread::~fault_thread() {
    if (!entered_) return;
    this_thread_faults = nullptr;
    const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&none, nullptr);
}

}  // namespace tina::detail
