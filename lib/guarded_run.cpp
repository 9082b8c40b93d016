// SPDX-License-Identifier: Apache-2.0
// What a shard does after a fault: say what it was, end the isolate, go on with the next. Works on one shard, on its
// own thread.
#include "lib/guarded_run.hpp"

#include <coroutine>

#include "lib/exit_note.hpp"
#include "lib/fault_text.hpp"
#include "lib/nested.hpp"
#include "lib/slots.hpp"
#include "lib/turns.hpp"

namespace tina::detail {

namespace {

/// Says how the isolate whose turn it is was ended.
void note_death(shard& at, slot_header& slot) noexcept {
    report_line text;
    add_event(text, at.faults.last);
    if (at.faults.last_words != nullptr) text.add(", ").add(at.faults.last_words);
    at.faults.last_words = nullptr;
    at.counts.faults_contained.add();
    const fault_event& last = at.faults.last;
    if (last.signal == 0) return note_budget(slot, text.text());
    note_fault(slot, last.signal, last.address, text.text());
}

/// Calls a destructor or constructor of the user's in the name of `slot`. Returns whether it came to its end; if not,
/// how it ended instead is noted.
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
    if (!returned) note_death(at, slot);
    return returned;
}

/// Destroys a frame or an object. Where that faults the rest of the isolate is abandoned, and its end was a crash after
/// all, of which those who watched it have not been told. Out of line, so that destroy_guarded() saves no registers for
/// it.
[[gnu::noinline]] void destroy_one(shard& at, slot_header& slot, void (*destroy)(void*), void* what) noexcept {
    const bool was_crashed = slot.crashed != 0;
    if (call_user(at, slot, destroy, what)) return;
    slot.abandoned = 1;
    if (!was_crashed) at.counts.isolates_crashed.add();
    log_crash(at, slot);
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
    note_death(at, dead);
    end_abandoned(at, dead);
    at.current = nullptr;
    return false;
}

void end_overdue(shard& at, slot_header& slot) noexcept {
    const bool is_it = at.overdue == &slot;
    at.overdue = nullptr;
    if (!is_it || slot.state == slot_state::ended || slot.doomed != 0) return;
    at.faults.last = {.signal = 0, .cpu_ns = at.overdue_cpu_ns};
    note_death(at, slot);
    if (doom(at, slot, true)) slot.by_link = 0;
}

void start_guarded(shard& at, slot_header& slot, void* pack) noexcept {
    struct order {
        const handler_info* what;
        slot_header* slot;
        std::byte* object;
        void* pack;
    };
    const type_plan& plan = *at.types[slot.type].plan;
    order given{plan.what, &slot, at.slot_memory(slot) + plan.object_offset, pack};
    const auto start = [](void* raw) {
        const auto& from = *static_cast<const order*>(raw);
        from.what->start(*from.slot, from.object, from.pack);
    };
    if (call_user(at, slot, start, &given)) return;
    slot.abandoned = 1;
    slot.frame = at.ending.frame();  // of no meaning, but that there is one
    if (doom(at, slot, true)) slot.by_link = 0;
}

namespace {

/// destroy_guarded() where code of the user's may run.
[[gnu::noinline]] void destroy_step_by_step(shard& at, slot_header& slot) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    std::byte* const memory = at.slot_memory(slot);
    // The frame of the handler itself, which that of a nested task may stand in for. It destroys what it awaits, and so
    // on: the innermost task first. One that has come to its end has no locals left: nothing of the user's runs.
    const auto frame = std::coroutine_handle<>::from_address(memory + plan.frame_offset);
    if (frame.done()) {
        frame.destroy();
    } else {
        const auto destroy = [](void* address) { std::coroutine_handle<>::from_address(address).destroy(); };
        destroy_one(at, slot, destroy, frame.address());
    }
    if (slot.abandoned != 0) return;
    if (plan.options.nested_bytes > 0) check_nested_region(at, slot);
    if (plan.what->destroy == nullptr) return;
    struct order {
        void (*destroy)(std::byte*) noexcept;
        std::byte* object;
    };
    order given{plan.what->destroy, memory + plan.object_offset};
    const auto destroy = [](void* raw) {
        const auto& from = *static_cast<const order*>(raw);
        from.destroy(from.object);
    };
    destroy_one(at, slot, destroy, &given);
}

}  // namespace

void destroy_guarded(shard& at, slot_header& slot) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    const auto frame = std::coroutine_handle<>::from_address(at.slot_memory(slot) + plan.frame_offset);
    const bool is_frame_all = plan.options.nested_bytes == 0 && plan.what->destroy == nullptr;
    if (is_frame_all && frame.done()) [[likely]]
        return frame.destroy();
    destroy_step_by_step(at, slot);
}

}  // namespace tina::detail
