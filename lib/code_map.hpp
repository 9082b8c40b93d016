// SPDX-License-Identifier: Apache-2.0
// Which code of the process is whose: the program's own, with tina in it, or a library's. Noted before it is needed,
// because a signal handler may not ask the loader. Read only afterwards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lib/fault_state.hpp"

namespace tina::detail {

/// The executable part of a program or library.
struct code_range {
    address_range range;
    std::uintptr_t base = 0;  ///< where its file's addresses begin
    std::array<char, 48> name{};
    bool own = false;  ///< the program's or tina's
};

class code_map {
public:
    /// Looks at what is loaded now. What is loaded later counts as unknown. Not in a signal handler.
    void note_loaded() noexcept;
    /// The code at an address; null if it is none that was there at the last look.
    [[nodiscard]] const code_range* find(std::uintptr_t address) const noexcept;
    [[nodiscard]] bool is_own(std::uintptr_t address) const noexcept {
        const code_range* const found = find(address);
        return found != nullptr && found->own;
    }

private:
    void add(const code_range& range) noexcept;

    std::array<code_range, 128> ranges_{};
    std::size_t count_ = 0;
};

}  // namespace tina::detail
