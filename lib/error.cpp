// SPDX-License-Identifier: Apache-2.0
// The texts of tina's errors.
#include "tina/error.hpp"

#include <string>

namespace tina {

namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tina"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
        case errc::end_of_stream: return "end of stream";
        case errc::deadline: return "deadline passed";
        case errc::interrupted: return "interrupted: the system is shutting down";
        case errc::no_buffers: return "this isolate holds too many receive buffers: drop leases before receiving more";
        case errc::no_timers:
            return "no free timer: raise shard_limits::timers, or message_timers for one with a message";
        case errc::no_descriptors: return "no free descriptor: raise shard_limits::descriptors";
        case errc::no_slots: return "no free slot: raise type_options::slots";
        case errc::unknown_type: return "the handler is not among the spec's types";
        case errc::mailbox_full: return "mailbox full";
        case errc::channel_full: return "channel full";
        case errc::pool_exhausted: return "no free envelope";
        case errc::stale_handle: return "the target has ended";
        case errc::not_accepted: return "the target does not accept such a message";
        case errc::bad_descriptor: return "the socket is closed, or not this isolate's";
        case errc::busy: return "somebody waits already for this direction of the socket";
        case errc::empty: return "nothing to send";
        case errc::target_gone: return "the target has ended";
        case errc::unanswered: return "the call was dropped without an answer";
        case errc::unexpected_reply: return "the call was answered with another type of message than it waits for";
        case errc::no_calls: return "no free call record: raise shard_limits::calls, or outside_options::calls outside";
        case errc::no_leases: return "no free transfer buffer: raise shard_limits::leases";
        case errc::no_monitors: return "no free monitor: raise shard_limits::monitors";
        case errc::restarting: return "who has the role is being started again";
        case errc::quarantined: return "the shard has failed too often, and starts nothing until it is revived";
        case errc::unknown_role: return "nobody has that role";
        case errc::too_large: return "more bytes than a transfer buffer holds: raise shard_limits::lease_bytes";
        case errc::too_long: return "a line or frame is longer than its reader can hold: give it a larger limit";
        case errc::no_such_shard: return "the system has no shard of that number";
        case errc::offload_full: return "too much offloaded work waits already: raise offload_options::queue";
        case errc::no_offload: return "the system has no helper threads: raise offload_options::threads";
        case errc::listener_closed: return "the listening socket is closed: the system is shutting down";
        }
        return "unknown error " + std::to_string(value);
    }
};

}  // namespace

const std::error_category& tina_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc value) noexcept { return {static_cast<int>(value), tina_category()}; }

}  // namespace tina
