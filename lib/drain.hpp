// SPDX-License-Identifier: Apache-2.0
// The end of a system as one shard sees it: telling its isolates, finding out that nothing is left to be done, ending.
// Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// Does what the stop board asks for. False: the shard's isolates are to be ended now.
[[nodiscard]] bool follow_board(shard& at) noexcept;
/// The same at no cost while nobody wants the system to stop.
[[nodiscard]] inline bool may_go_on(shard& at) noexcept {
    if (!at.drain.begun && at.shared.board().word() == at.drain.seen) [[likely]]
        return true;
    return follow_board(at);
}
/// Whether the board says something that this shard has not followed yet.
[[nodiscard]] inline bool has_news_of_stop(shard& at) noexcept { return at.shared.board().word() != at.drain.seen; }
/// A shard that drains has nothing ready. Votes, if nothing is left to be done here; true if there is news.
[[nodiscard]] bool vote_if_quiet(shard& at) noexcept;
/// Says who is still there, if the system is ended by force, and how it ends.
void report_end(shard& at) noexcept;

/// A new isolate has to be told that the system ends.
void owe_notice(shard& at, const slot_header& slot) noexcept;
/// Whether an isolate that begins to wait is to be interrupted instead; the next time it is not.
[[nodiscard]] bool take_interruption(shard& at, const slot_header& self) noexcept;
[[nodiscard]] inline bool is_interrupted(shard& at, const slot_header& self) noexcept {
    if (!at.drain.begun) [[likely]]
        return false;
    return take_interruption(at, self);
}
/// Whether an isolate is still to be given the message `tina::shutdown`.
[[nodiscard]] bool is_owed_message(const shard& at, const slot_header& slot) noexcept;

}  // namespace tina::detail
