// SPDX-License-Identifier: Apache-2.0
// What a signal handler does when it has decided. Nothing here may take a lock or wait for anybody for long.
#include "lib/host/fault_outcome.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>

#include "lib/fault_text.hpp"
#include "lib/shard.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define TINA_FAULTS_UNDER_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TINA_FAULTS_UNDER_ASAN
#endif
#endif
#ifdef TINA_FAULTS_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace tina::detail {

namespace {

/// Tells AddressSanitizer that the frames of the abandoned are gone. Here: after the jump is too late for g++.
void forget_frames() noexcept {
#ifdef TINA_FAULTS_UNDER_ASAN
    __asan_handle_no_return();
#endif
}

constexpr greg_t flags_of_the_dead = 0x400 | 0x4'0000 | 0x100;  ///< direction, alignment check, single step

void add_isolate(report_line& line, const fault_state& state) noexcept {
    if (state.owner == nullptr) return;
    line.add(", shard ").add_number(state.owner->index);
    if (const slot_header* const slot = state.owner->current) {
        line.add(", isolate ").add(state.owner->types[slot->type].plan->what->name);
        line.add("#").add_number(state.owner->index_of_slot(*slot));
    }
}

/// What the shard has logged and not written yet. It may be half made; a fault in it is survived.
void write_log_out(fault_state& state) noexcept {
    if (state.owner == nullptr) return;
    guarded_region region;
    state.walk = &region;
    static_cast<void>(
        tina_guarded_call([](void* owner) { static_cast<shard*>(owner)->log.flush(); }, state.owner, &region.point));
    state.walk = nullptr;
    timespec moment{.tv_sec = 0, .tv_nsec = 5'000'000};
    nanosleep(&moment, nullptr);  // other shards write out theirs at the end of each cycle
}

}  // namespace

std::string_view reason_of(verdict found) noexcept {
    switch (found) {
    case verdict::library: return "a library was at work, which may hold a lock or have left its data half changed: ";
    case verdict::unknown_code: return "code that is no part of the program or of a library known at boot was run: ";
    default: return "the way back to the runtime cannot be found on the stack: ";
    }
}

bool is_from_elsewhere(const siginfo_t& info) noexcept { return info.si_code <= 0 && info.si_pid != getpid(); }

verdict_tables& tables_of_process() noexcept {
    static verdict_tables tables;
    return tables;
}

void end_process(fault_state& state, const fault_event& event, std::string_view why, std::uintptr_t at) noexcept {
    write_log_out(state);
    state.armed = false;
    report_line what;
    what.add("tina: FATAL: ");
    add_event(what, event);
    what.add(" at ").add_code(tables_of_process().code, event.instruction);
    add_isolate(what, state);
    write_to_stderr(what);
    report_line reason;
    reason.add("tina: FATAL: this cannot be contained: ").add(why);
    if (at != 0) reason.add_code(tables_of_process().code, at);
    write_to_stderr(reason);
    for (const int signal : std::array{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
        struct sigaction end{};
        end.sa_handler = SIG_DFL;
        sigaction(signal, &end, nullptr);
    }
    // Here and now, whatever the dying code has blocked: else it would go on.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), event.signal == 0 ? SIGABRT : event.signal);
}

void redirect(ucontext_t& context, const recovery_point& point, const sigset_t* signals) noexcept {
    forget_frames();
    greg_t(&registers)[NGREG] = context.uc_mcontext.gregs;
    registers[REG_RIP] = reinterpret_cast<greg_t>(&tina_guarded_landing);
    registers[REG_RSP] = reinterpret_cast<greg_t>(point.stack);
    registers[REG_RAX] = 1;
    registers[REG_EFL] &= ~flags_of_the_dead;
    if (signals != nullptr) context.uc_sigmask = *signals;
}

}  // namespace tina::detail
