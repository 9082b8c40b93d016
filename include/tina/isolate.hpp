// SPDX-License-Identifier: Apache-2.0
// The coroutine type of handlers. Its frame lies in the isolate's slot: operator new takes the context, the coroutine's
// first parameter, and never calls malloc. Every member of the promise is noexcept; a frame is destroyed by the runtime
// only, and only while suspended.
#pragma once

#include <coroutine>
#include <cstddef>
#include <type_traits>

#include "tina/context.hpp"
#include "tina/detail/promise.hpp"
#include "tina/detail/runtime.hpp"

namespace tina {

/// What a handler returns: `tina::isolate worker(tina::context self, ...)`.
class [[nodiscard]] isolate {
public:
    /// For the compiler: what it asks of the type that a coroutine returns.
    class promise_type : public detail::promise_base {
    public:
        template <class... Arguments>
        explicit promise_type(const context& self, Arguments&...) noexcept : promise_base(self.slot()) {}
        template <class Object, class... Arguments>
        promise_type(Object&, const context& self, Arguments&...) noexcept : promise_base(self.slot()) {}

        template <class... Arguments>
        void* operator new(std::size_t bytes, const context& self, Arguments&...) noexcept {
            return detail::allocate_frame(self.slot(), bytes);
        }
        template <class Object, class... Arguments>
        void* operator new(std::size_t bytes, Object&, const context& self, Arguments&...) noexcept {
            return detail::allocate_frame(self.slot(), bytes);
        }
        // Slots are given back by the runtime. Always inline: g++ 12 at -O0 otherwise takes this for a mismatch with
        // the operator new above (-Wmismatched-new-delete).
        [[gnu::always_inline]] void operator delete(void*, std::size_t) noexcept {}

        isolate get_return_object() noexcept {
            return isolate(std::coroutine_handle<promise_type>::from_promise(*this).address());
        }
        static isolate get_return_object_on_allocation_failure() noexcept { return isolate(nullptr); }

        auto final_suspend() const noexcept {
            slot_->state = detail::slot_state::ended;
            slot_->core->owner->cleanup_wanted = detail::cleanup::all;
            return std::suspend_always{};
        }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { detail::note_exception(*slot_); }
    };

    /// For the runtime: the frame's address, null if none was made.
    [[nodiscard]] void* frame() const noexcept { return frame_; }

private:
    explicit isolate(void* frame) noexcept : frame_(frame) {}
    void* frame_;
};

}  // namespace tina
