// SPDX-License-Identifier: Apache-2.0
// The counters of a shard. Only the shard's thread writes them, any thread may read them, so they are relaxed atomics
// that are never incremented atomically: a read is exact for that counter, and no two are of the same instant.
#pragma once

#include <cstdint>

#include "tina/detail/core.hpp"

namespace tina::detail {

// name, what it counts. At rest: messages_sent = messages_delivered + messages_dropped_* + messages_queued +
// messages_to_channels - messages_from_channels, each summed over all shards.
#define TINA_COUNTERS(X)                                                                                               \
    X(messages_dropped_mailbox_full, "messages from another shard that met a full mailbox")                            \
    X(messages_dropped_stale_handle, "messages from another shard whose target had ended")                             \
    X(messages_dropped_not_accepted, "messages from another shard that the target's type does not accept")             \
    X(messages_dropped_target_ended, "messages that were in a mailbox when its isolate ended")                         \
    X(messages_dropped_taken_back, "messages of timers and monitors that were cancelled before they were received")    \
    X(messages_dropped_stopped, "messages that were on their way when the system stopped")                             \
    X(messages_queued, "messages in mailboxes now")                                                                    \
    X(messages_posted, "messages that threads outside have posted, counted when they were taken in")                   \
    X(messages_to_channels, "messages put into a channel to another shard, or posted")                                 \
    X(messages_from_channels, "messages taken out of a channel from another shard, or from outside")                   \
    X(messages_held, "envelopes that handlers hold now: for messages, and for what they took out of messages")         \
    X(envelopes_free, "envelopes that are free now")                                                                   \
    X(sends_refused_mailbox_full, "sends answered mailbox_full")                                                       \
    X(sends_refused_channel_full, "sends answered channel_full")                                                       \
    X(sends_refused_pool_exhausted, "sends answered pool_exhausted")                                                   \
    X(sends_refused_stale_handle, "sends answered stale_handle")                                                       \
    X(sends_refused_not_accepted, "sends answered not_accepted")                                                       \
    X(deliveries_waited, "deliver effects that had to wait for room")                                                  \
    X(calls_started, "calls whose request was sent")                                                                   \
    X(calls_refused, "calls that were not sent, for want of a record, a timer, room, or a live target")                \
    X(calls_answered, "calls that ended with their reply")                                                             \
    X(calls_expired, "calls that ended at their deadline")                                                             \
    X(calls_failed, "calls that ended without a reply: refused on arrival, target gone, unanswered")                   \
    X(calls_abandoned, "calls whose caller ended or went on without waiting")                                          \
    X(replies_late, "replies that were discarded, because nobody waited for them any more")                            \
    X(calls_outstanding, "call records in use now")                                                                    \
    X(offloads_started, "functions handed to the helper threads")                                                      \
    X(offloads_refused, "offloads that found no room, no timer or no helper threads")                                  \
    X(offloads_finished, "offloads that ended with a result or an exception")                                          \
    X(offloads_dropped, "offloads that came home when nobody waited for them any more")                                \
    X(offloads_outstanding, "offload records in use now")                                                              \
    X(leases_in_use, "transfer buffers in use now")                                                                    \
    X(isolates_spawned, "isolates started, restarts included")                                                         \
    X(isolates_ended, "isolates that ended, crashes included")                                                         \
    X(isolates_crashed, "isolates that crashed")                                                                       \
    X(faults_contained, "hardware faults, aborts and exceeded budgets that cost one isolate only")                     \
    X(isolates_stopped, "isolates that were stopped: by another, by a link, or with the system")                       \
    X(isolates_ended_done, "isolates whose handler returned")                                                          \
    X(isolates_ended_crashed, "isolates that crashed by an effect, or with one they were linked to")                   \
    X(isolates_ended_exception, "isolates that an exception left")                                                     \
    X(isolates_ended_signal, "isolates that died of a hardware fault or of abort()")                                   \
    X(isolates_ended_budget, "isolates that ran for too long without waiting")                                         \
    X(isolates_ended_stopped, "isolates that were stopped by another, or by a link")                                   \
    X(isolates_ended_shutdown, "isolates that their supervisor ended")                                                 \
    X(isolates_forced, "isolates that were at something when the system was stopped by force")                         \
    X(isolates_restarted, "isolates started again because one ended")                                                  \
    X(isolates_live, "isolates alive now")                                                                             \
    X(restarts_pending, "children that wait for a slot to be started again")                                           \
    X(restarts_delayed, "children and groups that wait now until their back-off has passed")                           \
    X(groups_restarted, "times that several children of a group were started again because one ended")                 \
    X(budgets_exceeded, "times that a group was over its restart budget, and failed")                                  \
    X(shard_restarts, "times that all of the tree was started again, its root being over its budget")                  \
    X(shard_quarantines, "times that the shard was quarantined")                                                       \
    X(shard_revivals, "times that it was revived")                                                                     \
    X(quarantined, "1 while the shard is quarantined")                                                                 \
    X(spawns_refused, "spawns answered with an error")                                                                 \
    X(slots_draining, "slots of dead isolates that the kernel still uses now")                                         \
    X(slots_retired, "slots whose generations are used up")                                                            \
    X(activations, "times that a handler was run")                                                                     \
    X(connections_accepted, "connections accepted")                                                                    \
    X(connections_opened, "connections opened by connect")                                                             \
    X(connections_closed, "connections closed")                                                                        \
    X(descriptors_open, "descriptors open now, listening ones included")                                               \
    X(accepts_postponed, "accepts that had to wait for a free descriptor")                                             \
    X(bytes_received, "bytes received from connections")                                                               \
    X(bytes_sent, "bytes sent to connections")                                                                         \
    X(operations_submitted, "operations handed to the reactor")                                                        \
    X(operations_in_flight, "operations that the kernel has now")                                                      \
    X(receives_postponed, "receives that had to wait for a free buffer")                                               \
    X(buffers_in_use, "receive buffers that hold bytes now")                                                           \
    X(timers_armed, "deadlines armed now")                                                                             \
    X(timers_expired, "deadlines that came")                                                                           \
    X(timers_refused, "waits that found no free timer")                                                                \
    X(message_timers_in_use, "timers with a message that are set or being read now")                                   \
    X(message_timers_refused, "timers that were not set, for want of a record or because their message is refused")    \
    X(timer_messages_sent, "messages that timers sent")                                                                \
    X(timer_messages_missed, "times that a periodic timer came round too late, or before its last message was read")   \
    X(monitors_in_use, "monitors and links in use now")                                                                \
    X(monitors_set, "monitors and links set")                                                                          \
    X(monitors_refused, "monitors and links that were not set, for want of a record or because `down` is refused")     \
    X(monitors_ended, "monitors and links whose target had ended")                                                     \
    X(monitors_withdrawn, "monitors and links that were taken back before, by their owner or by its end")              \
    X(links_broken, "isolates ended by the end of one they were linked to")                                            \
    X(cycles, "cycles of the shard")                                                                                   \
    X(sleeps, "times that the shard slept")                                                                            \
    X(wakes_sent, "times that this shard woke another")                                                                \
    X(log_entries, "log entries made")                                                                                 \
    X(log_entries_dropped, "log entries dropped because the log was full")

// The two that every message touches are in shard_core, as is envelope_pool::handed_count(), which is to be added to
// both.
#define TINA_CORE_COUNTERS(X)                                                                                          \
    X(messages_sent, "messages whose send answered ok, or whose delivery succeeded")                                   \
    X(messages_delivered, "messages handed to a handler")

struct counters {
#define TINA_COUNTER_MEMBER(name, description) counter name;
    TINA_COUNTERS(TINA_COUNTER_MEMBER)
#undef TINA_COUNTER_MEMBER
};

}  // namespace tina::detail
