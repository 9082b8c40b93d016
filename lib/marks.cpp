// SPDX-License-Identifier: Apache-2.0
// The lists of a program's marks and of the replies that it waits for, which static initialisers fill in. They are not
// changed afterwards.
#include "tina/marks.hpp"

#include "tina/detail/message_info.hpp"

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

namespace tina::detail {

namespace {

constinit const reply_info* newest_reply = nullptr;

}  // namespace

const reply_info& enter_reply(reply_info& which) noexcept {
    which.next = newest_reply;
    newest_reply = &which;
    return which;
}

const reply_info* first_reply() noexcept { return newest_reply; }

}  // namespace tina::detail
