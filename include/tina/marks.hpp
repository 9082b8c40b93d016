// SPDX-License-Identifier: Apache-2.0
// Marks in handlers for simulation: what a campaign must have seen, must never see, or may make happen. Outside a
// simulation each costs one branch on a thread-local pointer that is null, and no condition is evaluated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tina/export.hpp"

namespace tina {

namespace sim::detail {

enum class mark_kind : std::uint8_t {
    sometimes,    ///< a campaign fails if its condition has never held
    reachable,    ///< a campaign fails if it was never reached
    unreachable,  ///< a run fails that reaches it
    buggify,      ///< may take the unusual way
};

/// A mark of the program, whether it is ever reached or not.
struct mark {
    std::string_view name;
    std::string_view file;
    std::uint32_t line = 0;
    mark_kind kind{};
    const mark* next = nullptr;  ///< in the program's list
};

/// Who wants to know: the simulation that runs on this thread.
class TINA_EXPORT mark_sink {
public:
    mark_sink() = default;
    mark_sink(const mark_sink&) = delete;
    mark_sink& operator=(const mark_sink&) = delete;
    /// A mark was passed; for `buggify` the answer says whether to take the unusual way.
    virtual bool pass(const mark& which, bool held) noexcept = 0;
    /// An arena is asked for memory: whether it is to be found full.
    virtual bool exhausts_arena() noexcept = 0;

protected:
    ~mark_sink() = default;
};

/// Null but in a simulation.
TINA_EXPORT inline constinit thread_local mark_sink* this_thread_marks = nullptr;

/// Enters a mark in the program's list. At static initialisation only.
TINA_EXPORT const mark& enter_mark(mark& which) noexcept;
/// The program's list of marks.
[[nodiscard]] TINA_EXPORT const mark* first_mark() noexcept;

template <std::size_t Size>
struct mark_text {
    char text[Size]{};
    constexpr mark_text(const char (&from)[Size]) noexcept {  // NOLINT: a string literal becomes one
        for (std::size_t i = 0; i < Size; ++i) text[i] = from[i];
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, Size - 1}; }
};

template <mark_kind Kind, mark_text Name, mark_text File, std::uint32_t Line>
struct mark_of {
    inline static constinit mark self{Name.view(), File.view(), Line, Kind};
    inline static const mark& entered = enter_mark(self);
    [[gnu::cold, gnu::noinline]] static bool pass(bool held) noexcept { return this_thread_marks->pass(entered, held); }
};

}  // namespace sim::detail

}  // namespace tina

/// For the marks below.
#define TINA_DETAIL_MARK(kind, name, held)                                                                             \
    (::tina::sim::detail::this_thread_marks != nullptr &&                                                              \
     ::tina::sim::detail::mark_of<::tina::sim::detail::mark_kind::kind, name, __FILE_NAME__, __LINE__>::pass(          \
         static_cast<bool>(held)))

/// Somewhere in a campaign `condition` must hold here; `name` is a string literal.
#define TINA_SOMETIMES(name, condition) static_cast<void>(TINA_DETAIL_MARK(sometimes, name, condition))
/// Somewhere in a campaign this must be reached.
#define TINA_REACHABLE(name) static_cast<void>(TINA_DETAIL_MARK(reachable, name, true))
/// This must never be reached.
#define TINA_UNREACHABLE(name) static_cast<void>(TINA_DETAIL_MARK(unreachable, name, true))
/// Whether to take an unusual way that is right all the same: now and then in simulation, never in production.
#define TINA_BUGGIFY(name) TINA_DETAIL_MARK(buggify, name, true)
