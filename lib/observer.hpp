// SPDX-License-Identifier: Apache-2.0
// The one stream of events of a shard: whatever happens to an isolate passes here, in order. Digests, traces and live
// views are observers of it. Without one it costs a predictable branch. An observer must not change anything.
#pragma once

#include <cstdint>

#include "tina/detail/message_info.hpp"

namespace tina::detail {

enum class event_kind : std::uint8_t {
    spawn,       ///< an isolate was started
    dispatch,    ///< a handler is about to run
    effect,      ///< a handler has yielded an effect; `detail` is its wait_kind
    delivery,    ///< a message was put into a mailbox; `detail` is its tag
    drop,        ///< a message was dropped or refused; `detail` is its tag
    completion,  ///< an operation of a descriptor has completed; `detail` is the descriptor
    timer,       ///< a deadline came
    exit,        ///< an isolate has ended; `detail` is 1 if it crashed
    receipt,     ///< a handler gets a message; `detail` is its tag, `value` the index of its envelope
};

class observer {
public:
    observer() = default;
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;
    virtual ~observer() = default;
    /// `slot`: whom it concerns; `detail`: as the kind says; `value`: a result, a size, or 0.
    virtual void on_event(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value) noexcept = 0;

    // What happens with every message, each by a way of its own, for who counts instructions. All are events as above.

    virtual void on_dispatch(std::uint32_t slot, std::uint32_t type) noexcept {
        on_event(event_kind::dispatch, slot, type, 0);
    }
    virtual void on_effect(std::uint32_t slot, std::uint32_t kind) noexcept {
        on_event(event_kind::effect, slot, kind, 0);
    }
    /// A delivery to a handler that waits for it, and its receipt at once, in an envelope.
    virtual void on_arrival(std::uint32_t slot, message_key what, std::uint32_t envelope) noexcept {
        const auto tag = static_cast<std::uint32_t>(what);
        on_event(event_kind::delivery, slot, tag, static_cast<std::int64_t>(what >> 32));
        on_event(event_kind::receipt, slot, tag, envelope);
    }
};

}  // namespace tina::detail
