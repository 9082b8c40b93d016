// SPDX-License-Identifier: Apache-2.0
// The fibers of stackful handlers. Each lies at the top of its slot's own stack, and is made anew with each tenant.
// Works on one shard, on its own thread.
#include <new>

#include "lib/fiber.hpp"
#include "lib/shard.hpp"
#include "tina/detail/runtime.hpp"

namespace tina::detail {

namespace {

/// What stands at the top of a stack.
struct stack_head {
    slot_header* slot;
    fiber_entry run;
    void* what;
    alignas(16) std::array<std::byte, sizeof(fiber)> memory;

    [[nodiscard]] fiber& on() noexcept { return *std::launder(reinterpret_cast<fiber*>(memory.data())); }
    static void begin(void* head) noexcept {
        const auto& at = *static_cast<stack_head*>(head);
        at.slot->core->owner->in_runtime = 0;
        at.run(*at.slot, at.what);
        at.slot->core->owner->in_runtime = 1;
    }
};

/// The stacks of a type lie side by side with guards between them.
[[nodiscard]] std::byte* stack_of(shard& at, const slot_header& slot) noexcept {
    const type_state& type = at.types[slot.type];
    const type_plan& plan = *type.plan;
    TINA_ASSERT(plan.stack_bytes > 0, "only a stackful handler has a stack");
    const std::size_t stride = plan.stack_bytes + stack_guard_bytes;
    return at.stacks.data() + plan.stack_offset + (at.index_of_slot(slot) - type.first_slot) * stride;
}

[[nodiscard]] stack_head& head_of(shard& at, const slot_header& slot) noexcept {
    std::byte* const end = stack_of(at, slot) + at.types[slot.type].plan->stack_bytes;
    return *std::launder(reinterpret_cast<stack_head*>(end - sizeof(stack_head)));
}

}  // namespace

void start_fiber(slot_header& self, fiber_entry run, void* what) noexcept {
    shard& at = owner_of(self);
    auto* const head = new (&head_of(at, self)) stack_head{.slot = &self, .run = run, .what = what, .memory = {}};
    std::byte* const stack = stack_of(at, self);
    const auto stack_bytes = static_cast<std::size_t>(reinterpret_cast<std::byte*>(head) - stack);
    new (head->memory.data()) fiber(stack, stack_bytes, &stack_head::begin, head);
}

// The switch is the runtime's; on both of its sides code of the user's goes on.

bool run_fiber(slot_header& self) noexcept {
    const runtime_stretch busy(owner_of(self));
    return head_of(owner_of(self), self).on().run();
}

void pause_fiber(slot_header& self) noexcept {
    shard& at = owner_of(self);
    enter_runtime(at);
    head_of(at, self).on().pause();
    leave_runtime(at);
}

void drop_fiber(slot_header& self) noexcept { head_of(owner_of(self), self).on().drop(); }

}  // namespace tina::detail
