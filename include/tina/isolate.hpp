// SPDX-License-Identifier: Apache-2.0
// The coroutine type of handlers. Its frame lies in the isolate's slot: operator new takes the context, the coroutine's
// first parameter, and never calls malloc. Every member of the promise is noexcept; a frame is destroyed by the runtime
// only, and only while suspended.
#pragma once

#include <coroutine>
#include <cstddef>
#include <type_traits>

#include "tina/context.hpp"
#include "tina/detail/awaiter.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/runtime.hpp"

namespace tina {

namespace detail {
template <class>
inline constexpr bool never = false;
}

/// What a handler returns: `tina::isolate worker(tina::context self, ...)`.
class [[nodiscard]] isolate {
public:
    class promise_type {
    public:
        template <class... Arguments>
        explicit promise_type(const context& self, Arguments&...) noexcept : slot_(&self.slot()) {}
        template <class Object, class... Arguments>
        promise_type(Object&, const context& self, Arguments&...) noexcept : slot_(&self.slot()) {}

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

        std::suspend_always initial_suspend() const noexcept { return {}; }
        auto final_suspend() const noexcept {
            slot_->state = detail::slot_state::ended;
            slot_->core->owner->cleanup_wanted = true;
            return std::suspend_always{};
        }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { detail::note_exception(*slot_); }

        template <detail::effect Effect>
        typename Effect::awaiter yield_value(const Effect& what) const noexcept {
            return typename Effect::awaiter(*slot_, what);
        }
        template <class Other>
        void yield_value(const Other&) const noexcept {
            static_assert(
                !requires { typename Other::lacks_deadline; },
                "a call needs a deadline: tina::call<reply>(target, request).within(50ms)");
            static_assert(
                requires { typename Other::lacks_deadline; } || detail::never<Other>,
                "co_yield takes an effect of tina, such as tina::receive<a_message>()");
        }
        template <class Other>
        void await_transform(Other&&) const noexcept {
            static_assert(detail::never<Other>,
                          "a handler waits by co_yield of an effect; co_await takes a tina::task only");
        }

    private:
        detail::slot_header* slot_;
    };

    /// For the runtime: the frame's address, null if none was made.
    [[nodiscard]] void* frame() const noexcept { return frame_; }

private:
    explicit isolate(void* frame) noexcept : frame_(frame) {}
    void* frame_;
};

}  // namespace tina
