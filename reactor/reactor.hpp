// SPDX-License-Identifier: Apache-2.0
// The one interface between a shard and the outside world: operations go in, completions come out, like the kernel's
// own rings, but with nothing of a certain kernel in it. One reactor belongs to one shard and is used by that shard's
// thread only, but for wake(). The runtime keeps every rule above this line (who waits, deadlines, buffers that stay
// with a socket, draining); a reactor must never call back into the runtime and never decide anything for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tina/address.hpp"
#include "tina/io_backend.hpp"
#include "tina/socket_option.hpp"

namespace tina::detail {

/// What an operation asks for.
enum class operation_kind : std::uint8_t {
    accept,   ///< take one connection; the completion's result is its descriptor
    connect,  ///< connect `descriptor` to `*peer`; result 0
    receive,  ///< receive at most `bytes` into a provided buffer; the completion names the buffer
    send,     ///< send `bytes` from `memory`; result: bytes that went, which may be fewer
    cancel,   ///< ask that the operation with token `target` ends early; has no completion of its own
    close,    ///< end whatever is in flight on `descriptor`, then close it, in one go; what it ended may come later
};

/// One operation. Everything in it is copied by submit(), except the bytes behind `memory`, which must stay as they
/// are until the completion that carries `token` was collected.
struct operation {
    operation_kind kind{};
    bool whole = false;  ///< send: complete only when everything went, was cancelled, or failed
    int descriptor = -1;
    std::uint32_t bytes = 0;
    std::uint64_t token = 0;   ///< comes back in the completion; never 0
    std::uint64_t target = 0;  ///< cancel: the token of the operation to end
    const std::byte* memory = nullptr;
    const address* peer = nullptr;
};

inline constexpr std::uint16_t no_buffer = 0xffff;

/// The end of one operation. Only this says that the kernel has let go of what the operation named.
struct completion {
    std::uint64_t token = 0;
    std::int32_t result = 0;           ///< >= 0: as the kind says; < 0: -errno
    std::uint16_t buffer = no_buffer;  ///< receive: index of the provided buffer that holds the bytes
};

/// How a reactor is made. `buffers` are carved by the runtime and outlive the reactor.
struct reactor_options {
    std::uint32_t submission_entries = 1024;  ///< a power of two; halved down to 64 while memory is refused
    std::uint32_t completion_entries = 4096;
    std::uint32_t operations_max = 4096;  ///< bound of operations submitted and not completed, the backlog's size
    std::byte* buffers = nullptr;
    std::uint32_t buffer_count = 0;  ///< a power of two, at most 32 768
    std::uint32_t buffer_bytes = 0;
};

/// How a listening socket is made.
struct listen_options {
    address local;
    std::uint32_t backlog = 4096;
    bool reuse_port = false;
    bool no_delay = true;  ///< TCP_NODELAY, inherited by what is accepted
    bool only_ip6 = false;
    std::uint32_t receive_buffer_bytes = 0;  ///< 0: the system's default
    std::uint32_t send_buffer_bytes = 0;
};

inline constexpr std::int64_t wait_forever = INT64_MAX;

class reactor {
public:
    reactor() = default;
    reactor(const reactor&) = delete;
    reactor& operator=(const reactor&) = delete;
    virtual ~reactor() = default;

    /// Monotonic time.
    ///
    /// Units: nanoseconds since an arbitrary start, the same for all reactors of a process.
    [[nodiscard]] virtual std::int64_t now_ns() noexcept = 0;

    /// Accepts an operation. Never fails: what does not fit the kernel's queue waits in a backlog, in order. A
    /// descriptor on which there were operations is closed through its reactor only.
    virtual void submit(const operation& wanted) noexcept = 0;

    /// The same for a receive of at most `bytes` into a provided buffer, and for a send. They are what servers do all
    /// day, and cheaper said in registers.
    virtual void submit_receive(int descriptor, std::uint32_t bytes, std::uint64_t token) noexcept;
    virtual void submit_send(int descriptor, std::span<const std::byte> data, bool whole, std::uint64_t token) noexcept;

    /// Hands what was submitted, and the buffers returned, to the kernel, in one system call if any is needed.
    virtual void flush() noexcept = 0;

    /// Takes completions that are there, without waiting. Enters the kernel only if it has work waiting to be run.
    ///
    /// Returns how many were written to `out`.
    [[nodiscard]] virtual std::size_t collect(std::span<completion> out) noexcept = 0;

    /// Whether collect() may find something. Cheap, for spinning: no system call, or one every few microseconds where
    /// the kernel cannot be asked otherwise.
    [[nodiscard]] virtual bool has_events() const noexcept = 0;

    /// flush(), then blocks until there is a completion, wake() was called, or `deadline_ns` (of now_ns()) has come.
    /// May return early.
    virtual void wait(std::int64_t deadline_ns) noexcept = 0;

    /// Ends a wait(). Affinity: any thread.
    virtual void wake() noexcept = 0;

    /// Gives a provided buffer back; the kernel sees it with the next flush() or wait().
    virtual void return_buffer(std::uint16_t index) noexcept = 0;

    // What completes at once. Results: >= 0, or -errno.

    /// A bound, listening socket.
    [[nodiscard]] virtual int listen(const listen_options& options) noexcept = 0;
    /// A TCP socket to connect with.
    [[nodiscard]] virtual int open_stream(address_family family) noexcept = 0;
    /// Closes a descriptor on which nothing is in flight.
    virtual void close_now(int descriptor) noexcept = 0;
    /// Makes the coming close of a descriptor a reset.
    virtual void reset_on_close(int descriptor) noexcept = 0;
    /// Ends one or both directions: receiving, sending.
    [[nodiscard]] virtual int shutdown(int descriptor, bool receiving, bool sending) noexcept = 0;
    [[nodiscard]] virtual int set_option(int descriptor, socket_option option, std::int32_t value) noexcept = 0;
    [[nodiscard]] virtual int get_option(int descriptor, socket_option option, std::int32_t& value) noexcept = 0;
    [[nodiscard]] virtual int local_address(int descriptor, address& out) noexcept = 0;
    [[nodiscard]] virtual int peer_address(int descriptor, address& out) noexcept = 0;
};

// A reactor with a shorter way comes here only where that way is not open.
[[gnu::noinline]] inline void reactor::submit_receive(int descriptor, std::uint32_t bytes,
                                                      std::uint64_t token) noexcept {
    submit({.kind = operation_kind::receive, .descriptor = descriptor, .bytes = bytes, .token = token});
}
[[gnu::noinline]] inline void reactor::submit_send(int descriptor, std::span<const std::byte> data, bool whole,
                                                   std::uint64_t token) noexcept {
    submit({.kind = operation_kind::send,
            .whole = whole,
            .descriptor = descriptor,
            .bytes = static_cast<std::uint32_t>(data.size()),
            .token = token,
            .memory = data.data()});
}

/// Why there is no io_uring, in words for whoever boots the system: cause and cure on one line. Empty if there is.
struct io_refusal {
    std::string reason;
    int error = 0;  ///< of the step that failed; 0: none, or the kernel did something else than it should
};

/// A reactor or, in the same words, why there is none.
struct reactor_or_reason {
    std::unique_ptr<reactor> made;
    std::string reason;
    int error = 0;
};

/// Makes the io_uring reactor. Affinity: the thread that will use it.
[[nodiscard]] reactor_or_reason make_io_uring_reactor(const reactor_options& options);

/// Makes the epoll reactor, which needs nothing but Linux. Affinity: any thread.
[[nodiscard]] reactor_or_reason make_epoll_reactor(const reactor_options& options);

/// Makes the reactor that `wanted` names. Where that is `automatic` and io_uring is refused there is a reactor on
/// epoll, and a reason as well. Affinity: the thread that will use it.
[[nodiscard]] reactor_or_reason make_host_reactor(io_backend wanted, const reactor_options& options);

/// Whether what io_uring was refused with leaves epoll as a way out. A lack of descriptors does not: it is to be
/// mended, and would only come back later.
[[nodiscard]] bool leaves_epoll(const io_refusal& why) noexcept;

/// Tries, on a scratch ring, everything that the io_uring reactor relies on. Cost: about 0.2 ms. Affinity: any thread.
[[nodiscard]] io_refusal probe_io_uring();

}  // namespace tina::detail
