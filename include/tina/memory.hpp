// SPDX-License-Identifier: Apache-2.0
// The two arenas that a handler can allocate from, as std::pmr resources: the working arena of an isolate, which lives
// as long as it does, and the scratch arena of a shard, which is empty again at each activation. They fail, they never
// grow.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <new>

#include "tina/export.hpp"

namespace tina {

/// What an arena throws when it is full: a std::bad_alloc whose what() names the arena, the bytes asked for, the bytes
/// left and the option to raise. Unhandled, it ends the isolate like any other exception.
class TINA_EXPORT arena_exhausted : public std::bad_alloc {
public:
    /// `wanted` and `left` in bytes; `option` is what to raise.
    arena_exhausted(const char* arena, const char* option, std::size_t wanted, std::size_t left) noexcept;
    /// One line: which arena, what was asked for, what is left, what to raise. Lifetime: that of the exception.
    [[nodiscard]] const char* what() const noexcept override { return text_; }

private:
    char text_[160];
};

/// A region of memory from which pieces are taken in order. The last piece can be given back; the rest is given back
/// all at once, by reset().
///
/// Affinity: the shard it belongs to.
class TINA_EXPORT arena final : public std::pmr::memory_resource {
public:
    /// An arena over `bytes` bytes of `memory`; `name` and `option` are for the text of its exception.
    ///
    /// Lifetime: none of the three is copied: they must outlive the arena.
    arena(const char* name, const char* option, std::byte* memory, std::size_t bytes) noexcept
        : name_(name), option_(option), memory_(memory), capacity_(bytes) {}

    /// How many bytes it has in all.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    /// How many of them are in use, gaps for alignment included.
    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    /// The most that was in use at once.
    [[nodiscard]] std::size_t used_peak() const noexcept { return used_peak_; }
    /// Gives all pieces back; none may be used any more. No destructor runs.
    void reset() noexcept { used_ = 0; }

private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) noexcept override;
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    const char* name_;
    const char* option_;
    std::byte* memory_;
    std::size_t capacity_;
    std::size_t used_ = 0;
    std::size_t used_peak_ = 0;
};

}  // namespace tina
