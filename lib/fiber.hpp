// SPDX-License-Identifier: Apache-2.0
// A fiber: a function on a stack of its own, run and paused by hand. It allocates nothing and is never unwound. Owned
// by whoever gave it the stack; it must never be run on another thread than before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tina::detail {

/// What the sanitizers are told of a fiber. Always there, so that a stack has the same room with and without them.
struct fiber_notes {
    std::byte* stack = nullptr;
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;
    void* fake_stack_outside = nullptr;
    const void* stack_outside = nullptr;
    std::size_t stack_outside_bytes = 0;
    void* thread = nullptr;
    void* thread_outside = nullptr;
};

class fiber {
public:
    using entry = void (*)(void* argument) noexcept;

    /// Calls `start` in the first turn. The stack grows down from its end and must stay until drop().
    fiber(std::byte* stack, std::size_t stack_bytes, entry start, void* argument) noexcept;
    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Runs it until it pauses or ends. Returns whether it has ended.
    [[nodiscard]] bool run() noexcept;
    /// On the fiber: goes back to where it was run.
    void pause() noexcept;
    /// The last of a fiber, wherever it is. Nothing on its stack is destroyed.
    void drop() noexcept;

private:
    struct first_turn;
    friend std::uintptr_t fiber_begin_address() noexcept;

    void enter() noexcept;
    [[noreturn]] void begin() noexcept;
    [[noreturn]] void leave() noexcept;

    entry start_;
    void* argument_;
    void* inside_;             ///< where the fiber is, while it does not run
    void* outside_ = nullptr;  ///< where it was run, while it runs
    bool ended_ = false;
    bool dropped_ = false;
    std::array<std::byte, 16> exceptions_{};  ///< what the C++ runtime keeps for a thread, while the fiber does not run
    fiber_notes notes_;
};

/// The address of the outermost function on the stack of every fiber.
[[nodiscard]] std::uintptr_t fiber_begin_address() noexcept;

}  // namespace tina::detail
