// SPDX-License-Identifier: Apache-2.0
// Forward declarations of the public types. It declares and never defines, so that any header may include it.
#pragma once

/// All of tina: shards, isolates and their supervision.
namespace tina {

class buffer_lease;
class context;
class handle;
class isolate;
class lease;
class listener;
class monitor;
class read_half;
class role;
class reply_token;
class shared_lease;
class socket;
class stackful;
class system;
class timer;
class write_half;
struct address;
struct down;
struct system_spec;
template <class Handler>
class handle_to;
template <class... Messages>
class message;
template <class T>
class result;
template <class T = void>
class task;

namespace detail {
struct envelope;
struct handler_info;
struct message_info;
struct shard;
struct slot_header;
struct wait_record;
}  // namespace detail

}  // namespace tina
