// SPDX-License-Identifier: Apache-2.0
// What a shard does after a fault: say what it was, end the isolate, go on with the next. Works on one shard, on its
// own thread.
#include "lib/recovery.hpp"

#include "lib/fault_text.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

void note_fault(shard& at, slot_header& slot) noexcept {
    report_line text;
    add_event(text, at.faults.last);
    if (at.faults.last_words != nullptr) text.add(", ").add(at.faults.last_words);
    at.faults.last_words = nullptr;
    slot.crashed = 1;
    note_crash(slot, text.text());
    at.counts.faults_contained.add();
}

}  // namespace

bool run_batch_guarded(shard& at, void (*batch)(shard&) noexcept) noexcept {
    if (!at.faults.armed) {
        batch(at);
        return true;
    }
    struct order {
        shard* at;
        void (*batch)(shard&) noexcept;
    };
    order what{&at, batch};
    const auto run = [](void* raw) {
        const auto& given = *static_cast<const order*>(raw);
        given.batch(*given.at);
    };
    if (call_guarded(at.faults, run, &what)) [[likely]]
        return true;
    slot_header& dead = *at.current;
    note_fault(at, dead);
    end_abandoned(at, dead);
    at.current = nullptr;
    return false;
}

void end_overdue(shard& at, slot_header& slot) noexcept {
    const bool is_it = at.overdue == &slot;
    at.overdue = nullptr;
    if (!is_it || slot.state == slot_state::ended || slot.doomed != 0) return;
    at.faults.last = {.signal = 0, .cpu_ns = at.overdue_cpu_ns};
    note_fault(at, slot);
    slot.crashed = 0;  // doom() says so, for as long as destructors run
    static_cast<void>(doom(at, slot, true));
    log_crash(at, slot);
}

bool call_user(shard& at, slot_header& slot, void (*function)(void*), void* argument) noexcept {
    struct order {
        shard* at;
        void (*function)(void*);
        void* argument;
    };
    order what{&at, function, argument};
    slot_header* const outer = at.current;
    const std::uint8_t outer_in_runtime = at.in_runtime;
    at.current = &slot;
    const auto call = [](void* raw) {
        const auto& given = *static_cast<const order*>(raw);
        given.at->in_runtime = 0;
        given.function(given.argument);
        given.at->in_runtime = 1;
    };
    bool returned = true;
    if (at.faults.armed) {
        returned = call_guarded(at.faults, call, &what);
    } else {
        call(&what);
    }
    at.current = outer;
    at.in_runtime = outer_in_runtime;
    if (!returned) note_fault(at, slot);
    return returned;
}

}  // namespace tina::detail
