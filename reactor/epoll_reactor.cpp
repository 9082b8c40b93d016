// SPDX-License-Identifier: Apache-2.0
// The reactor on epoll, for where io_uring is refused. An operation is tried when it is flushed; one that would wait
// stays with its descriptor and is tried again when epoll tells of a change. One per shard, used on the shard's thread
// only, but for wake(). It must never lose a completion, never block but in wait(), and never allocate once it is made.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "reactor/event_source.hpp"
#include "reactor/hashed_pool.hpp"
#include "reactor/host_sockets.hpp"
#include "reactor/mapping.hpp"
#include "reactor/refusal.hpp"
#include "reactor/sockaddr.hpp"
#include "tina/assert.hpp"

namespace tina::detail {
namespace {

/// To look costs a system call. Who spins, or is busy for long, looks this often.
constexpr std::int64_t look_interval_ns = 4'000;
constexpr int interrupted_tries = 16;

constexpr std::uint32_t takes_events = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t gives_events = EPOLLOUT | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t end_events = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

/// A descriptor that epoll watches, from the first operation that had to wait on it until it is closed.
struct watched {
    std::uint64_t key = 0;  ///< the descriptor
    std::uint32_t chain = 0;
    std::uint32_t generation = 0;    ///< rises when the place is left, so that late events find nobody
    std::uint32_t taking = no_item;  ///< accepts and receives that wait, the newest first, as the kernel wakes them
    std::uint32_t giving = no_item;  ///< the connect, and sends, the oldest first
    bool has_something = false;      ///< since the last change a receive has not found it empty
    bool has_ended = false;          ///< an end or an error has been told of: what was read last is not all there is
};

/// An operation that waits.
struct waiting {
    std::uint64_t key = 0;  ///< its token
    std::uint32_t chain = 0;
    std::uint32_t next = no_item;
    std::uint32_t on = no_item;  ///< the descriptor among those that are watched
    std::uint32_t done = 0;      ///< send: bytes that went
    std::uint64_t armed = 0;     ///< rises with each operation that has to wait
    operation wanted;
};

/// An operation that was submitted, and the address that it points to.
struct submitted {
    operation wanted;
    address peer;
};

/// What has come of a try. -EAGAIN: it has to wait.
struct outcome {
    int result = -EAGAIN;
    std::uint16_t buffer = no_buffer;
};

template <class Call>
int call_through(Call call) noexcept {
    for (int tries = 0;; ++tries) {
        const auto result = call();
        if (result >= 0) { return static_cast<int>(result); }
        if (errno != EINTR || tries == interrupted_tries) { return -errno; }
    }
}

/// What a connect that has to wait is told at last.
int connect_again(const operation& wanted, const socket_address& name, socklen_t bytes) noexcept {
    int error = 0;
    socklen_t error_bytes = sizeof error;
    if (::getsockopt(wanted.descriptor, SOL_SOCKET, SO_ERROR, &error, &error_bytes) < 0) { return -errno; }
    if (error != 0) { return -error; }
    // The socket counts as connected only when the call itself has said so.
    const int result = call_through([&] { return ::connect(wanted.descriptor, &name.any, bytes); });
    if (result == -EALREADY || result == -EINPROGRESS) { return -EAGAIN; }
    return result == -EISCONN ? 0 : result;
}

int connect_now(const operation& wanted, bool is_under_way) noexcept {
    socket_address name;
    const socklen_t bytes = to_socket_address(*wanted.peer, name);
    if (is_under_way) { return connect_again(wanted, name, bytes); }
    int result = call_through([&] { return ::connect(wanted.descriptor, &name.any, bytes); });
    if (result == -ECONNABORTED) {
        // What is left of an attempt that failed before.
        result = call_through([&] { return ::connect(wanted.descriptor, &name.any, bytes); });
    }
    // No local port is free, and no event will tell that one is.
    if (result == -EAGAIN) { return -EADDRNOTAVAIL; }
    return result == -EINPROGRESS ? -EAGAIN : result;
}

int send_now(const operation& wanted, std::uint32_t& done) noexcept {
    const int result = call_through([&] {
        return ::send(wanted.descriptor, wanted.memory + done, wanted.bytes - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    });
    if (result < 0) { return result == -EAGAIN || done == 0 ? result : static_cast<int>(done); }
    done += static_cast<std::uint32_t>(result);
    // Less than all means that the kernel has no room, and will tell when it has.
    return wanted.whole && done < wanted.bytes ? -EAGAIN : static_cast<int>(done);
}

[[nodiscard]] bool takes(operation_kind kind) noexcept {
    return kind == operation_kind::accept || kind == operation_kind::receive;
}

/// The reactor of one shard.
class epoll_reactor final : public host_sockets {
public:
    explicit epoll_reactor(const reactor_options& options) noexcept
        : host_sockets(socket_mode::never_blocks), options_(options) {}

    /// Makes everything. 0, or -errno with the reason.
    [[nodiscard]] int start(std::string& reason);

    void submit(const operation& wanted) noexcept override;
    void flush() noexcept override;
    [[nodiscard]] std::size_t collect(std::span<completion> out) noexcept override;
    [[nodiscard]] bool has_events() const noexcept override;
    void wait(std::int64_t deadline_ns) noexcept override;
    void wake() noexcept override { source_.wake(); }
    void return_buffer(std::uint16_t index) noexcept override;
    [[nodiscard]] int listen(const listen_options& options) noexcept override;
    [[nodiscard]] int open_stream(address_family family) noexcept override;
    void close_now(int descriptor) noexcept override;

private:
    [[nodiscard]] int map_memory() noexcept;

    // Trying.
    void carry_out(const operation& wanted) noexcept;
    void receive_first(const operation& wanted) noexcept;
    void send_first(const operation& wanted) noexcept;
    void cancel(std::uint64_t token) noexcept;
    void close(const operation& wanted) noexcept;
    [[nodiscard]] outcome accept_now(int descriptor) noexcept;
    [[nodiscard]] outcome receive_now(const operation& wanted, watched* at) noexcept;
    [[nodiscard]] outcome try_waiting(waiting& what) noexcept;

    // Waiting.
    void finish_or_wait(const operation& wanted, outcome of, std::uint32_t done) noexcept;
    [[nodiscard]] int watch(int descriptor, std::uint32_t& index) noexcept;
    void wait_on(std::uint32_t index, const operation& wanted, std::uint32_t done) noexcept;
    void leave(std::uint32_t waiting_index) noexcept;
    int forget(int descriptor) noexcept;
    void end_list(std::uint32_t first) noexcept;

    // Events.
    [[nodiscard]] bool is_time_to_look() const noexcept;
    void look(std::int64_t limit_ns) const noexcept;
    void take_events() noexcept;
    void take_event(const epoll_event& told) noexcept;
    void try_list(watched& at, bool giving) noexcept;

    // Completing.
    void finish(std::uint64_t token, outcome of) noexcept;
    void finish_early(const waiting& what) noexcept;
    [[nodiscard]] bool has_completions() const noexcept { return ended_head_ != ended_tail_; }

    reactor_options options_;
    mapping queue_memory_;
    mapping peer_memory_;
    mapping ended_memory_;
    mapping buffer_memory_;
    hashed_pool<watched> watched_;
    hashed_pool<waiting> waiting_;
    submitted* queue_ = nullptr;        ///< mask_ + 1 of them; begins anew with each flush, so that little is touched
    address* peers_ = nullptr;          ///< of connects that wait, as in waiting_
    completion* ended_ = nullptr;       ///< a ring of mask_ + 1
    std::uint16_t* buffers_ = nullptr;  ///< that are free; the last one given back is the first to be used again
    std::uint32_t buffer_count_ = 0;
    std::uint32_t mask_ = 0;
    std::uint32_t queue_head_ = 0;
    std::uint32_t queue_tail_ = 0;
    std::uint32_t ended_head_ = 0;
    std::uint32_t ended_tail_ = 0;
    std::uint32_t outstanding_ = 0;  ///< operations that owe a completion, or whose completion was not collected
    std::uint64_t armed_ = 0;
    // To look for events changes nothing that can be seen but whether there are any.
    mutable event_source source_;
    mutable std::int64_t looked_ns_ = 0;
};

// ---- making it

int epoll_reactor::start(std::string& reason) {
    if (const int error = map_memory(); error < 0) {
        reason = explain_epoll_refusal("mmap", error);
        return error;
    }
    const char* failed_call = "";
    const int error = source_.open(failed_call);
    if (error < 0) { reason = explain_epoll_refusal(failed_call, error); }
    return error;
}

int epoll_reactor::map_memory() noexcept {
    // Twice, since each operation may be followed by its cancel, which owes no completion and is not counted.
    const std::uint32_t entries = std::bit_ceil(std::max(options_.operations_max, 1U) * 2);
    int error = queue_memory_.map(entries * sizeof(submitted));
    if (error >= 0) { error = peer_memory_.map(entries * sizeof(address)); }
    if (error >= 0) { error = ended_memory_.map(entries * sizeof(completion)); }
    if (error >= 0) { error = buffer_memory_.map(std::max(options_.buffer_count, 1U) * sizeof(std::uint16_t)); }
    if (error >= 0) { error = watched_.map(entries); }
    if (error >= 0) { error = waiting_.map(entries); }
    if (error < 0) { return error; }
    queue_ = static_cast<submitted*>(queue_memory_.start());
    peers_ = static_cast<address*>(peer_memory_.start());
    ended_ = static_cast<completion*>(ended_memory_.start());
    buffers_ = static_cast<std::uint16_t*>(buffer_memory_.start());
    mask_ = entries - 1;
    for (std::uint32_t left = options_.buffer_count; left > 0; --left) {
        return_buffer(static_cast<std::uint16_t>(left - 1));
    }
    return 0;
}

// ---- submitting

void epoll_reactor::submit(const operation& wanted) noexcept {
    const bool owes = wanted.kind != operation_kind::cancel;
    TINA_ASSERT(!owes || wanted.token != 0, "the token of an operation is 0");
    TINA_ASSERT(queue_tail_ <= mask_ && (!owes || outstanding_ <= mask_),
                "the reactor's queue is full; more than operations_max operations are in flight");
    outstanding_ += owes ? 1 : 0;
    submitted& place = queue_[queue_tail_++];
    place.wanted = wanted;
    if (wanted.peer != nullptr) {
        place.peer = *wanted.peer;
        place.wanted.peer = &place.peer;
    }
}

void epoll_reactor::flush() noexcept {
    for (; queue_head_ != queue_tail_; ++queue_head_) { carry_out(queue_[queue_head_].wanted); }
    queue_head_ = 0;
    queue_tail_ = 0;
}

void epoll_reactor::carry_out(const operation& wanted) noexcept {
    switch (wanted.kind) {
    case operation_kind::receive: return receive_first(wanted);
    case operation_kind::send: return send_first(wanted);
    case operation_kind::accept: return finish_or_wait(wanted, accept_now(wanted.descriptor), 0);
    case operation_kind::connect: return finish_or_wait(wanted, {connect_now(wanted, false), no_buffer}, 0);
    case operation_kind::cancel: return cancel(wanted.target);
    case operation_kind::close: return close(wanted);
    }
}

/// Where the last receive has emptied the socket, and nothing has changed since, there is nothing to try.
void epoll_reactor::receive_first(const operation& wanted) noexcept {
    const std::uint32_t index = watched_.find(static_cast<std::uint32_t>(wanted.descriptor));
    watched* const at = index == no_item ? nullptr : &watched_[index];
    if (at != nullptr && !at->has_something && buffer_count_ != 0) { return wait_on(index, wanted, 0); }
    finish_or_wait(wanted, receive_now(wanted, at), 0);
}

void epoll_reactor::send_first(const operation& wanted) noexcept {
    const std::uint32_t index = watched_.find(static_cast<std::uint32_t>(wanted.descriptor));
    // Behind another that waits, since bytes must not overtake each other.
    const std::uint32_t first = index == no_item ? no_item : watched_[index].giving;
    if (first != no_item && waiting_[first].wanted.kind == operation_kind::send) { return wait_on(index, wanted, 0); }
    std::uint32_t done = 0;
    const int result = send_now(wanted, done);
    finish_or_wait(wanted, {result, no_buffer}, done);
}

outcome epoll_reactor::accept_now(int descriptor) noexcept {
    const int made = call_through([&] { return ::accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC); });
    return {forget(made), no_buffer};
}

/// A buffer is chosen before it is known whether there is anything, as io_uring does.
outcome epoll_reactor::receive_now(const operation& wanted, watched* at) noexcept {
    if (buffer_count_ == 0) { return {wanted.descriptor < 0 ? -EBADF : -ENOBUFS, no_buffer}; }
    const std::uint16_t index = buffers_[buffer_count_ - 1];
    std::byte* const memory = options_.buffers + std::size_t{index} * options_.buffer_bytes;
    const std::uint32_t bytes =
        wanted.bytes == 0 ? options_.buffer_bytes : std::min(wanted.bytes, options_.buffer_bytes);
    const int result = call_through([&] { return ::recv(wanted.descriptor, memory, bytes, MSG_DONTWAIT); });
    if (at != nullptr && result != 0) {
        const bool is_part = result > 0 && result < static_cast<int>(bytes);
        if (result == -EAGAIN || (is_part && !at->has_ended)) { at->has_something = false; }
    }
    if (result <= 0) { return {result, no_buffer}; }
    --buffer_count_;
    return {result, index};
}

outcome epoll_reactor::try_waiting(waiting& what) noexcept {
    switch (what.wanted.kind) {
    case operation_kind::receive: return receive_now(what.wanted, &watched_[what.on]);
    case operation_kind::send: return {send_now(what.wanted, what.done), no_buffer};
    case operation_kind::accept: return accept_now(what.wanted.descriptor);
    case operation_kind::connect: return {connect_now(what.wanted, true), no_buffer};
    default: return {-EINVAL, no_buffer};
    }
}

/// What could have ended by itself by now does so: an edge may not have been seen yet.
void epoll_reactor::cancel(std::uint64_t token) noexcept {
    const std::uint32_t index = waiting_.find(token);
    if (index == no_item) { return; }
    waiting& what = waiting_[index];
    const watched& at = watched_[what.on];
    const bool is_first = index == at.taking || index == at.giving;
    const bool is_dry = what.wanted.kind == operation_kind::receive && buffer_count_ == 0;
    const outcome of = is_first && !is_dry ? try_waiting(what) : outcome{};
    leave(index);
    if (of.result == -EAGAIN) { return finish_early(what); }
    finish(token, of);
}

void epoll_reactor::close(const operation& wanted) noexcept {
    const int result = ::close(forget(wanted.descriptor)) < 0 ? -errno : 0;
    // Linux has closed the descriptor also when the call was interrupted.
    finish(wanted.token, {result == -EINTR ? 0 : result, no_buffer});
}

// ---- waiting

void epoll_reactor::finish_or_wait(const operation& wanted, outcome of, std::uint32_t done) noexcept {
    if (of.result != -EAGAIN) { return finish(wanted.token, of); }
    std::uint32_t index = no_item;
    if (const int error = watch(wanted.descriptor, index); error < 0) {
        return finish(wanted.token, {error, no_buffer});
    }
    wait_on(index, wanted, done);
}

/// Finds the descriptor among those that are watched, or watches it from now on. 0 or -errno.
int epoll_reactor::watch(int descriptor, std::uint32_t& index) noexcept {
    const auto key = static_cast<std::uint32_t>(descriptor);
    index = watched_.find(key);
    if (index != no_item) { return 0; }
    index = watched_.add(key);
    watched& made = watched_[index];
    made.taking = no_item;
    made.giving = no_item;
    made.has_something = false;
    made.has_ended = false;
    const int error = source_.watch(descriptor, std::uint64_t{made.generation} << 32 | index);
    if (error < 0) { watched_.remove(index); }
    return error;
}

void epoll_reactor::wait_on(std::uint32_t index, const operation& wanted, std::uint32_t done) noexcept {
    const std::uint32_t made = waiting_.add(wanted.token);
    waiting& what = waiting_[made];
    what.on = index;
    what.done = done;
    what.armed = ++armed_;
    what.wanted = wanted;
    if (wanted.peer != nullptr) {
        peers_[made] = *wanted.peer;
        what.wanted.peer = &peers_[made];
    }
    const bool is_taking = takes(wanted.kind);
    std::uint32_t* place = is_taking ? &watched_[index].taking : &watched_[index].giving;
    while (!is_taking && *place != no_item) { place = &waiting_[*place].next; }
    what.next = *place;
    *place = made;
}

/// Takes an operation out of those that wait. What it was can be read until another waits.
void epoll_reactor::leave(std::uint32_t index) noexcept {
    const waiting& what = waiting_[index];
    watched& at = watched_[what.on];
    std::uint32_t* link = takes(what.wanted.kind) ? &at.taking : &at.giving;
    while (*link != index) { link = &waiting_[*link].next; }
    *link = what.next;
    waiting_.remove(index);
}

/// The descriptor is about to be closed, or its number belongs to another socket already. Returns it.
int epoll_reactor::forget(int descriptor) noexcept {
    const std::uint32_t index = watched_.find(static_cast<std::uint32_t>(descriptor));
    if (index == no_item) { return descriptor; }
    watched& at = watched_[index];
    ++at.generation;
    end_list(at.taking);
    end_list(at.giving);
    watched_.remove(index);
    return descriptor;
}

void epoll_reactor::end_list(std::uint32_t first) noexcept {
    while (first != no_item) {
        const std::uint32_t index = std::exchange(first, waiting_[first].next);
        waiting_.remove(index);
        finish_early(waiting_[index]);
    }
}

// ---- events

void epoll_reactor::look(std::int64_t limit_ns) const noexcept {
    source_.look(limit_ns);
    looked_ns_ = monotonic_ns();
}

void epoll_reactor::take_events() noexcept {
    for (const epoll_event& told : source_.events()) { take_event(told); }
    source_.clear();
}

void epoll_reactor::take_event(const epoll_event& told) noexcept {
    watched& at = watched_[static_cast<std::uint32_t>(told.data.u64)];
    if (at.generation != told.data.u64 >> 32) { return; }
    const bool may_take = (told.events & takes_events) != 0;
    const bool may_give = (told.events & gives_events) != 0;
    if (may_take) { at.has_something = true; }
    if ((told.events & end_events) != 0) { at.has_ended = true; }
    // The kernel wakes last who began to wait first: it matters where only one is told of a reset.
    const bool both = at.taking != no_item && at.giving != no_item;
    const bool giving_first = both && waiting_[at.giving].armed > waiting_[at.taking].armed;
    if (giving_first && may_give) { try_list(at, true); }
    if (may_take) { try_list(at, false); }
    if (!giving_first && may_give) { try_list(at, true); }
}

/// Tries what waits on a descriptor, in the order of its list, until something has to go on waiting.
void epoll_reactor::try_list(watched& at, bool giving) noexcept {
    for (std::uint32_t* first = giving ? &at.giving : &at.taking; *first != no_item;) {
        const std::uint32_t index = *first;
        waiting& what = waiting_[index];
        if (what.wanted.kind == operation_kind::receive && !at.has_something) { return; }
        const outcome of = try_waiting(what);
        if (of.result == -EAGAIN) {
            what.armed = ++armed_;
            return;
        }
        *first = what.next;
        waiting_.remove(index);
        finish(what.key, of);
    }
}

// ---- what completes at once

int epoll_reactor::listen(const listen_options& options) noexcept { return forget(host_sockets::listen(options)); }

int epoll_reactor::open_stream(address_family family) noexcept { return forget(host_sockets::open_stream(family)); }

void epoll_reactor::close_now(int descriptor) noexcept { host_sockets::close_now(forget(descriptor)); }

// ---- completing

void epoll_reactor::finish(std::uint64_t token, outcome of) noexcept {
    ended_[ended_tail_++ & mask_] = {.token = token, .result = of.result, .buffer = of.buffer};
}

void epoll_reactor::finish_early(const waiting& what) noexcept {
    finish(what.key, {what.done > 0 ? static_cast<int>(what.done) : -ECANCELED, no_buffer});
}

/// Where nothing waits no event can complete anything.
bool epoll_reactor::is_time_to_look() const noexcept {
    return waiting_.size() != 0 && source_.events().empty() && monotonic_ns() - looked_ns_ >= look_interval_ns;
}

bool epoll_reactor::has_events() const noexcept {
    if (has_completions() || !source_.events().empty()) { return true; }
    if (is_time_to_look()) { look(0); }
    return !source_.events().empty();
}

std::size_t epoll_reactor::collect(std::span<completion> out) noexcept {
    // Also where something has ended: who always has something to do must hear of the rest.
    if (is_time_to_look()) { look(0); }
    take_events();
    const std::uint32_t count = std::min(ended_tail_ - ended_head_, static_cast<std::uint32_t>(out.size()));
    for (std::uint32_t index = 0; index < count; ++index) { out[index] = ended_[ended_head_++ & mask_]; }
    if (!has_completions()) {
        // Little of the ring is touched, and it stays in the cache.
        ended_head_ = 0;
        ended_tail_ = 0;
    }
    outstanding_ -= count;
    return count;
}

void epoll_reactor::wait(std::int64_t deadline_ns) noexcept {
    flush();
    take_events();
    if (has_completions()) { return; }
    look(deadline_ns == wait_forever ? -1 : std::max<std::int64_t>(deadline_ns - now_ns(), 0));
}

void epoll_reactor::return_buffer(std::uint16_t index) noexcept {
    TINA_DEBUG_ASSERT(index < options_.buffer_count, "a buffer was returned that is not of this reactor");
    TINA_DEBUG_ASSERT(buffer_count_ < options_.buffer_count, "more buffers were returned than there are");
    buffers_[buffer_count_++] = index;
}

}  // namespace

reactor_or_reason make_epoll_reactor(const reactor_options& options) {
    auto made = std::make_unique<epoll_reactor>(options);
    std::string reason;
    if (const int error = made->start(reason); error < 0) {
        return {.made = nullptr, .reason = std::move(reason), .error = error};
    }
    return {.made = std::move(made), .reason = {}};
}

}  // namespace tina::detail
