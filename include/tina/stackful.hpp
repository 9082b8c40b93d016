// SPDX-License-Identifier: Apache-2.0
// Stackful handlers: ordinary functions that wait for effects at any depth of calls, on a stack of fixed size between
// guards. For code of others that calls back from deep inside and cannot be a coroutine. An isolate that is ended while
// it waits is never unwound: what its stack held but did not get from tina is lost.
#pragma once

#include <coroutine>
#include <cstdint>
#include <type_traits>

#include "tina/assert.hpp"
#include "tina/context.hpp"
#include "tina/detail/awaiter.hpp"
#include "tina/detail/promise.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/isolate.hpp"

namespace tina {

/// The first parameter of an ordinary function as handler, `void worker(tina::stackful self, ...)`: a context that can
/// also wait.
///
/// Affinity: the isolate it was given to, on that isolate's stack.
class stackful : public context {
public:
    /// Does what `co_yield` does in a coroutine: hands an effect to the shard, which runs others until it is complete.
    ///
    /// Yields: the effect's own result; throws where `.or_crash()` or tina::crash() end the isolate.
    /// Cost:   no allocation; two switches of the stack where the effect does not complete at once.
    template <detail::effect Effect>
    auto wait(const Effect& what, std::uint32_t source_line = __builtin_LINE()) const {
        TINA_ASSERT(slot().state == detail::slot_state::running,
                    "wait() was called outside of the isolate that its tina::stackful belongs to");
        detail::promise_of(slot().frame).note_line(source_line);
        typename Effect::awaiter awaiter(slot(), what);
        if (!awaiter.await_ready()) detail::pause_fiber(slot());
        return awaiter.await_resume();
    }
    /// Refuses, when it is compiled, what is no effect.
    template <class Other>
    void wait(const Other&, std::uint32_t = 0) const {
        static_assert(detail::never<Other>, "wait takes an effect of tina, such as tina::receive<a_message>()");
    }

    /// For the runtime.
    explicit stackful(detail::slot_header& slot) noexcept : context(slot) {}
};

static_assert(sizeof(stackful) == sizeof(void*) && std::is_trivially_copyable_v<stackful>);

}  // namespace tina

/// A function that says co_yield where it should say self.wait().
template <class... Arguments>
struct std::coroutine_traits<void, tina::stackful, Arguments...> {
    static_assert(tina::detail::never<void, Arguments...>,
                  "a handler that takes tina::stackful is an ordinary function: it waits by self.wait(effect), not by "
                  "co_yield");
};
