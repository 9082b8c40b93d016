// SPDX-License-Identifier: Apache-2.0
// The list of a program's marks, which static initialisers fill in. It is not changed afterwards.
#include "tina/marks.hpp"

namespace tina::sim::detail {

namespace {

constinit const mark* newest = nullptr;

}  // namespace

const mark& enter_mark(mark& which) noexcept {
    which.next = newest;
    newest = &which;
    return which;
}

const mark* first_mark() noexcept { return newest; }

}  // namespace tina::sim::detail
