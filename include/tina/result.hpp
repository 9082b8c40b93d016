// SPDX-License-Identifier: Apache-2.0
// A value or an error. Small, because results live in coroutine frames; it never throws and never allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "tina/assert.hpp"
#include "tina/error.hpp"

namespace tina {

namespace detail {

/// An error in four bytes: 0 none, > 0 a tina::errc, < 0 a negated errno.
struct packed_error {
    std::int32_t value = 0;

    constexpr packed_error() = default;
    constexpr explicit packed_error(std::int32_t raw) noexcept : value(raw) {}
    constexpr packed_error(errc code) noexcept : value(static_cast<std::int32_t>(code)) {}  // NOLINT: converts

    [[nodiscard]] std::error_code unpack() const noexcept {
        if (value > 0) return make_error_code(static_cast<errc>(value));
        return {-value, std::system_category()};
    }
};

}  // namespace detail

/// Either a `T` or an error.
template <class T>
class [[nodiscard]] result {
public:
    /// A value.
    result(T value) noexcept : value_(std::move(value)) {}  // NOLINT: a value is a result
    /// An error.
    result(errc error) noexcept : error_(error) {}  // NOLINT: so is an error

    /// Whether there is a value.
    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    /// Whether there is a value.
    explicit operator bool() const noexcept { return value_.has_value(); }

    /// The value. Asserts that there is one.
    [[nodiscard]] T& operator*() & noexcept { return checked(); }
    /// The same of a constant one.
    [[nodiscard]] const T& operator*() const& noexcept { return const_cast<result*>(this)->checked(); }
    /// The value, moved out. Asserts that there is one.
    [[nodiscard]] T&& operator*() && noexcept { return std::move(checked()); }
    /// A member of the value. Asserts that there is one.
    [[nodiscard]] T* operator->() noexcept { return &checked(); }
    /// The same of a constant one.
    [[nodiscard]] const T* operator->() const noexcept { return &const_cast<result*>(this)->checked(); }

    /// The error; an error code without error if there is a value.
    [[nodiscard]] std::error_code error() const noexcept { return value_ ? std::error_code{} : error_.unpack(); }

    /// For the interpreter.
    explicit result(detail::packed_error error) noexcept : error_(error) {}

private:
    T& checked() noexcept {
        TINA_ASSERT(value_.has_value(), "a result was used that holds an error; test it first, or say .or_crash()");
        return *value_;
    }

    std::optional<T> value_;
    detail::packed_error error_;
};

/// Success or an error.
template <>
class [[nodiscard]] result<void> {
public:
    /// Success.
    result() noexcept = default;
    /// An error.
    result(errc error) noexcept : error_(error) {}  // NOLINT: an error is a result

    /// Whether it is a success.
    [[nodiscard]] bool has_value() const noexcept { return error_.value == 0; }
    /// Whether it is a success.
    explicit operator bool() const noexcept { return error_.value == 0; }
    /// Nothing, as in a `result` of a value.
    void operator*() const noexcept {}
    /// The error; an error code without error if it is a success.
    [[nodiscard]] std::error_code error() const noexcept {
        return error_.value == 0 ? std::error_code{} : error_.unpack();
    }

    /// For the interpreter.
    explicit result(detail::packed_error error) noexcept : error_(error) {}

private:
    detail::packed_error error_;
};

/// How a send ended: success, or an error with the number of bytes that had gone by then. After an error in the middle
/// of a message the stream is good for nothing but closing.
class [[nodiscard]] send_outcome {
public:
    /// Whether it is a success.
    [[nodiscard]] bool has_value() const noexcept { return error_.value == 0; }
    /// Whether it is a success.
    explicit operator bool() const noexcept { return error_.value == 0; }
    /// Bytes that went out.
    [[nodiscard]] std::size_t operator*() const noexcept { return bytes_; }
    /// Bytes that went out, also where there is an error.
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /// The error; an error code without error if it is a success.
    [[nodiscard]] std::error_code error() const noexcept {
        return error_.value == 0 ? std::error_code{} : error_.unpack();
    }

    /// For the interpreter.
    send_outcome(detail::packed_error error, std::size_t bytes) noexcept : bytes_(bytes), error_(error) {}

private:
    std::size_t bytes_;
    detail::packed_error error_;
};

}  // namespace tina
