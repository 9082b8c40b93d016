// SPDX-License-Identifier: Apache-2.0
// Nested tasks: coroutines that a handler, or another task, awaits with co_await and that yield effects for it. Their
// frames lie in a region of the isolate's slot, last in first out, which C++ scoping itself ensures: a task can be
// neither moved nor copied, and destroys its frame when it goes out of scope.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tina/context.hpp"
#include "tina/detail/nested.hpp"
#include "tina/detail/promise.hpp"
#include "tina/fwd.hpp"

namespace tina {

namespace detail {

/// Which of a coroutine's parameters is the context: the first, or behind an object the second. 2: neither.
template <class... Parameters>
consteval std::size_t context_place() {
    constexpr bool is_context[] = {std::is_same_v<Parameters, context>..., false, false};
    return is_context[0] ? 0 : is_context[1] ? 1 : 2;
}

template <class... Parameters>
[[nodiscard]] slot_header& slot_among(const Parameters&... parameters) noexcept {
    constexpr std::size_t place = context_place<Parameters...>();
    static_assert(place < 2, "a task takes the context of its isolate first: tina::task<> load(tina::context self)");
    return std::get<place>(std::tie(parameters...)).slot();
}

/// What a task returns, until its awaiter takes it.
template <class T>
class task_value {
public:
    // The one member of a promise that may throw, as what it calls: the exception is then the task's outcome.
    template <class Given = T>
    void return_value(Given&& given) noexcept(std::is_nothrow_constructible_v<T, Given>) {
        value_.emplace(std::forward<Given>(given));
    }
    [[nodiscard]] T take() noexcept(std::is_nothrow_move_constructible_v<T>) { return *std::move(value_); }

private:
    std::optional<T> value_;
};

template <class T>
class task_value<T&> {
public:
    void return_value(T& given) noexcept { value_ = &given; }
    [[nodiscard]] T& take() const noexcept { return *value_; }

private:
    T* value_ = nullptr;
};

template <>
class task_value<void> {
public:
    void return_void() const noexcept {}
    void take() const noexcept {}
};

template <class T>
class task_promise : public promise_base, public task_value<T> {
public:
    template <class... Parameters>
    explicit task_promise(const Parameters&... parameters) noexcept : promise_base(slot_among(parameters...)) {
        static_assert(alignof(task_promise) <= promise_alignment_max,
                      "a task's result must not be aligned to more than 16 bytes: its frame is not");
    }

    template <class... Parameters>
    void* operator new(std::size_t bytes, const Parameters&... parameters) noexcept {
        return allocate_nested_frame(slot_among(parameters...), bytes);
    }
    // Always inline: g++ 12 at -O0 otherwise takes this for a mismatch with the operator new above.
    [[gnu::always_inline]] void operator delete(void* frame, std::size_t bytes) noexcept {
        release_nested_frame(frame, bytes);
    }

    task<T> get_return_object() noexcept { return task<T>(std::coroutine_handle<task_promise>::from_promise(*this)); }
    static task<T> get_return_object_on_allocation_failure() noexcept { return task<T>(nullptr); }

    std::suspend_always final_suspend() const noexcept {
        resume_next(awaiter_frame_);
        return {};
    }
    void unhandled_exception() noexcept {
        error_ = std::current_exception();
        if (line_ != 0) promise_of(awaiter_frame_).note_line(line_);
    }

    /// Starts this task, whose frame is given, for the coroutine that now suspends.
    void start(void* frame, void* awaiter_frame) noexcept {
        awaiter_frame_ = awaiter_frame;
        resume_next(frame);
    }
    [[nodiscard]] T outcome() {
        if (error_ != nullptr) [[unlikely]]
            std::rethrow_exception(error_);
        return this->take();
    }

private:
    void* awaiter_frame_ = nullptr;
    std::exception_ptr error_;
};

}  // namespace detail

/// A coroutine that runs as part of the isolate that awaits it: `co_await load(self, key)`. It may yield effects and
/// await further tasks. It is started by the co_await, and has ended when that goes on; an exception that leaves it
/// comes out of the co_await.
///
/// Its first parameter is the isolate's `tina::context`. It may take references: it does not outlive the expression
/// that makes and awaits it.
///
/// Units:    its frame and 8 bytes, rounded up to 16, of `type_options::nested_bytes`; where those do not suffice, the
///           co_await ends the isolate as crashed, destructors running, and the log says how many were needed.
/// Lifetime: that of the expression; neither moved nor copied nor allocated.
/// Cost:     no allocation, but for an exception that passes through.
template <class T>
class [[nodiscard]] task {
public:
    /// For the compiler: what it asks of the type that a coroutine returns, and awaits.
    using promise_type = detail::task_promise<T>;

    class awaiter {
    public:
        awaiter(detail::slot_header& self, const task& what) noexcept : slot_(&self), frame_(what.frame_) {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;

        [[nodiscard]] bool await_ready() const noexcept { return frame_ == nullptr || frame_.done(); }
        void await_suspend(std::coroutine_handle<> from) const noexcept {
            frame_.promise().start(frame_.address(), from.address());
        }
        T await_resume() const {
            if (frame_ == nullptr) [[unlikely]]
                detail::throw_nested_exhausted(*slot_);
            return frame_.promise().outcome();
        }

    private:
        detail::slot_header* slot_;
        std::coroutine_handle<promise_type> frame_;
    };

    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() {
        if (frame_ != nullptr) frame_.destroy();
    }
    static void* operator new(std::size_t) = delete;
    static void* operator new[](std::size_t) = delete;

private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<promise_type> frame_;  ///< null: there was no room for it
};

}  // namespace tina
