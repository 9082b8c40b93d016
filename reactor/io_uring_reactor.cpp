// SPDX-License-Identifier: Apache-2.0
// The reactor on io_uring: one ring, one ring of provided buffers and one eventfd per shard, all owned here
// and used on the shard's thread only (the eventfd apart). The only file that knows liburing; nothing newer
// than its version 2.3 is used. It must never lose a completion, never let the kernel keep memory that the
// runtime has back, and never allocate once it is made.
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "reactor/host_sockets.hpp"
#include "reactor/mapping.hpp"
#include "reactor/refusal.hpp"
#include "reactor/sockaddr.hpp"
#include "tina/assert.hpp"

namespace tina::detail {
namespace {

// What is not an operation of the runtime carries one of these. The very last value belongs to liburing.
constexpr std::uint64_t wake_token = UINT64_MAX - 1;     ///< the standing poll of the eventfd
constexpr std::uint64_t ignored_token = UINT64_MAX - 2;  ///< cancels: only the end of what they cancel counts
constexpr std::uint64_t first_reserved_token = UINT64_MAX - 15;

constexpr std::uint16_t buffer_group = 0;
constexpr std::uint32_t submission_entries_min = 64;
constexpr std::uint32_t entries_per_operation = 2;  ///< at most: a close takes two
constexpr std::uint32_t setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                      IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
constexpr unsigned kernel_has_work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
constexpr int refused_pause_ms = 1;
constexpr std::int64_t drain_limit_ns = 2'000'000'000;
constexpr std::int64_t drain_round_ns = 10'000'000;

std::size_t whole_pages(std::size_t bytes) noexcept {
    constexpr std::size_t page = 4096;
    return (bytes + page - 1) / page * page;
}

/// About how much a ring and its buffer ring count against RLIMIT_MEMLOCK.
std::size_t locked_bytes(std::uint32_t submissions, std::uint32_t completions, std::uint32_t buffers) noexcept {
    return whole_pages(std::size_t{submissions} * sizeof(io_uring_sqe)) +
           whole_pages(std::size_t{completions} * sizeof(io_uring_cqe) + std::size_t{submissions} * 4 + 64) +
           whole_pages(std::size_t{buffers} * sizeof(io_uring_buf));
}

/// The reactor of one shard. The order of the members is the order in which they are made.
class io_uring_reactor final : public host_sockets {
public:
    explicit io_uring_reactor(const reactor_options& options) noexcept
        : host_sockets(socket_mode::blocks), options_(options) {
        // The kernel rounds up as well, and the addresses are one for each of its entries.
        options_.submission_entries = std::bit_ceil(std::max(options.submission_entries, submission_entries_min));
    }
    ~io_uring_reactor() override;

    /// Makes everything. Empty, or why it cannot be.
    [[nodiscard]] io_refusal start();

    void submit(const operation& wanted) noexcept override;
    void submit_receive(int descriptor, std::uint32_t bytes, std::uint64_t token) noexcept override;
    void submit_send(int descriptor, std::span<const std::byte> data, bool whole,
                     std::uint64_t token) noexcept override;
    void flush() noexcept override;
    [[nodiscard]] std::size_t collect(std::span<completion> out) noexcept override;
    [[nodiscard]] bool has_events() const noexcept override;
    void wait(std::int64_t deadline_ns) noexcept override;
    void wake() noexcept override;
    void return_buffer(std::uint16_t index) noexcept override;

private:
    /// An operation that did not fit, with the address that it points to.
    struct postponed {
        operation wanted;
        address peer;
    };

    // Making it.
    [[nodiscard]] int map_memory() noexcept;
    [[nodiscard]] int open_ring(std::uint32_t submissions, boot_step& step) noexcept;
    [[nodiscard]] int register_buffers() noexcept;
    void provide_all_buffers() noexcept;

    // Submitting.
    [[nodiscard]] bool reserve() noexcept;
    [[nodiscard]] std::uint32_t free_entries() const noexcept;
    [[nodiscard]] io_uring_sqe* next_entry() noexcept;
    void prepare(const operation& wanted) noexcept;
    void prepare_receive(int descriptor, std::uint32_t bytes, std::uint64_t token) noexcept;
    void prepare_send(int descriptor, std::span<const std::byte> data, bool whole, std::uint64_t token) noexcept;
    [[nodiscard]] bool can_submit_at_once(std::uint64_t token) const noexcept;
    void note_room() noexcept;
    void prepare_connect(const operation& wanted) noexcept;
    void prepare_close(const operation& wanted) noexcept;
    void postpone(const operation& wanted) noexcept;
    void submit_postponed() noexcept;
    void watch_wakes() noexcept;
    void prepare_entering() noexcept;
    void enter_if_needed() noexcept;
    int judge(int result) const noexcept;

    // Completing.
    [[nodiscard]] bool has_completions() const noexcept;
    [[nodiscard]] bool needs_kernel() const noexcept;
    [[nodiscard]] std::size_t take_ready(std::span<completion> out) noexcept;
    void take(const io_uring_cqe& entry, completion& out) noexcept;
    void take_own(const io_uring_cqe& entry) noexcept;
    [[nodiscard]] int wait_for_kernel(std::int64_t deadline_ns) noexcept;
    void pause_refused() const noexcept;
    void end_everything() noexcept;

    [[nodiscard]] bool has_backlog() const noexcept { return backlog_head_ != backlog_tail_; }

    reactor_options options_;
    mapping backlog_memory_;
    mapping address_memory_;
    mapping buffer_ring_memory_;
    int wake_descriptor_ = -1;
    bool is_open_ = false;
    bool is_watching_ = false;          ///< the poll of the eventfd stands
    std::uint16_t buffer_tail_ = 0;     ///< of the buffer ring, as the kernel will see it
    std::uint16_t published_tail_ = 0;  ///< as the kernel sees it now
    std::uint16_t buffer_mask_ = 0;
    io_uring_buf_ring* buffer_ring_ = nullptr;
    socket_address* addresses_ = nullptr;  ///< one per submission entry: the kernel reads it at submission
    postponed* backlog_ = nullptr;         ///< a ring of backlog_mask_ + 1
    std::uint32_t backlog_head_ = 0;
    std::uint32_t backlog_tail_ = 0;
    std::uint32_t backlog_mask_ = 0;
    std::uint32_t sure_until_ = 0;  ///< up to this tail an operation fits, and nothing goes before it
    std::uint32_t in_flight_ = 0;   ///< operations that owe a completion, the backlog's included
    io_uring ring_{};
};

// ---- making it

io_refusal io_uring_reactor::start() {
    const auto reason = [this](boot_step step, int error, std::uint32_t submissions) {
        return io_refusal{
            explain_refusal(step, error, locked_bytes(submissions, 2 * submissions, options_.buffer_count)), error};
    };
    TINA_ASSERT(options_.buffer_count == 0 || std::has_single_bit(options_.buffer_count),
                "the number of provided buffers is no power of two");
    if (const int error = map_memory(); error < 0) {
        return reason(boot_step::pages, error, options_.submission_entries);
    }
    wake_descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_descriptor_ < 0) { return reason(boot_step::event, -errno, options_.submission_entries); }
    auto submissions = options_.submission_entries;
    auto step = boot_step::setup;
    int error = open_ring(submissions, step);
    while (error == -ENOMEM && submissions > submission_entries_min) {
        submissions /= 2;
        error = open_ring(submissions, step);
    }
    return error < 0 ? reason(step, error, submissions) : io_refusal{};
}

int io_uring_reactor::map_memory() noexcept {
    // Twice, since each operation may be followed by its cancel, which owes no completion and is not counted.
    const std::uint32_t backlog_entries = std::bit_ceil(std::max(options_.operations_max, 1U) * 2);
    int error = backlog_memory_.map(backlog_entries * sizeof(postponed));
    if (error >= 0) { error = address_memory_.map(options_.submission_entries * sizeof(socket_address)); }
    if (error >= 0) { error = buffer_ring_memory_.map(std::max(options_.buffer_count, 1U) * sizeof(io_uring_buf)); }
    backlog_ = static_cast<postponed*>(backlog_memory_.start());
    addresses_ = static_cast<socket_address*>(address_memory_.start());
    buffer_ring_ = static_cast<io_uring_buf_ring*>(buffer_ring_memory_.start());
    backlog_mask_ = backlog_entries - 1;
    return error;
}

/// 0, or -errno of `step` with nothing left open.
int io_uring_reactor::open_ring(std::uint32_t submissions, boot_step& step) noexcept {
    io_uring_params wanted{};
    wanted.flags = setup_flags;
    const auto halvings = options_.submission_entries / submissions;
    wanted.cq_entries = std::max(options_.completion_entries / halvings, 2 * submissions);
    step = boot_step::setup;
    int error = ::io_uring_queue_init_params(submissions, &ring_, &wanted);
    if (error < 0) { return error; }
    step = boot_step::register_buffers;
    error = register_buffers();
    if (error >= 0) {
        // Saves the kernel a look into the table of descriptors; without it everything works just the same.
        static_cast<void>(::io_uring_register_ring_fd(&ring_));
        step = boot_step::enter;
        watch_wakes();
        error = ::io_uring_submit_and_get_events(&ring_);
    }
    if (error < 0) {
        ::io_uring_queue_exit(&ring_);
        is_watching_ = false;
        return error;
    }
    is_open_ = true;
    return 0;
}

int io_uring_reactor::register_buffers() noexcept {
    if (options_.buffer_count == 0) { return 0; }
    io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
    request.ring_entries = options_.buffer_count;
    request.bgid = buffer_group;
    const int error = ::io_uring_register_buf_ring(&ring_, &request, 0);
    if (error >= 0) { provide_all_buffers(); }
    return error;
}

void io_uring_reactor::provide_all_buffers() noexcept {
    buffer_mask_ = static_cast<std::uint16_t>(options_.buffer_count - 1);
    buffer_tail_ = 0;
    for (std::uint32_t index = 0; index < options_.buffer_count; ++index) {
        return_buffer(static_cast<std::uint16_t>(index));
    }
    io_uring_smp_store_release(&buffer_ring_->tail, buffer_tail_);
    published_tail_ = buffer_tail_;
}

io_uring_reactor::~io_uring_reactor() {
    if (is_open_) {
        end_everything();
        ::io_uring_queue_exit(&ring_);
    }
    if (wake_descriptor_ >= 0) { ::close(wake_descriptor_); }
}

/// Cancels whatever is in flight and waits for its completions: that the ring has ended does not say that the
/// kernel has let go of the memory.
void io_uring_reactor::end_everything() noexcept {
    std::array<completion, 64> ended;
    const auto deadline_ns = now_ns() + drain_limit_ns;
    while (in_flight_ != 0 && now_ns() < deadline_ns) {
        submit_postponed();
        if (reserve()) {
            io_uring_sqe* entry = next_entry();
            ::io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
            entry->user_data = ignored_token;
        }
        wait(now_ns() + drain_round_ns);
        while (collect(ended) == ended.size()) {}
    }
    TINA_ASSERT(in_flight_ == 0, "the kernel still holds operations 2 s after they were cancelled; "
                                 "was the reactor destroyed on a thread other than its own?");
}

// ---- submitting

void io_uring_reactor::submit(const operation& wanted) noexcept {
    TINA_ASSERT(wanted.kind == operation_kind::cancel || wanted.token - 1 < first_reserved_token - 1,
                "the token of an operation is 0 or one of the reactor's own");
    in_flight_ += wanted.kind != operation_kind::cancel ? 1 : 0;
    if (!has_backlog() && reserve()) [[likely]] {
        prepare(wanted);
        note_room();
    } else {
        postpone(wanted);
    }
}

/// Whether an operation that owes a completion needs nothing else done first.
inline bool io_uring_reactor::can_submit_at_once(std::uint64_t token) const noexcept {
    TINA_ASSERT(token - 1 < first_reserved_token - 1, "the token of an operation is 0 or one of the reactor's own");
    return static_cast<std::int32_t>(sure_until_ - ring_.sq.sqe_tail) > 0;
}

/// The head only moves on, so that what was free once is free until it is taken.
inline void io_uring_reactor::note_room() noexcept {
    sure_until_ = ring_.sq.sqe_tail + free_entries() - (entries_per_operation - 1);
}

void io_uring_reactor::submit_receive(int descriptor, std::uint32_t bytes, std::uint64_t token) noexcept {
    if (!can_submit_at_once(token)) [[unlikely]] { return reactor::submit_receive(descriptor, bytes, token); }
    ++in_flight_;
    prepare_receive(descriptor, bytes, token);
}

void io_uring_reactor::submit_send(int descriptor, std::span<const std::byte> data, bool whole,
                                   std::uint64_t token) noexcept {
    if (!can_submit_at_once(token)) [[unlikely]] { return reactor::submit_send(descriptor, data, whole, token); }
    ++in_flight_;
    prepare_send(descriptor, data, whole, token);
}

/// Whether there is room for one more operation, if need be after a submission. All entries of one operation
/// go with the same submission.
inline bool io_uring_reactor::reserve() noexcept {
    if (free_entries() >= entries_per_operation) [[likely]] { return true; }
    judge(::io_uring_submit(&ring_));
    return free_entries() >= entries_per_operation;
}

inline std::uint32_t io_uring_reactor::free_entries() const noexcept {
    // The kernel moves the head only inside system calls of this very thread; there is no other side.
    return ring_.sq.ring_entries - (ring_.sq.sqe_tail - IO_URING_READ_ONCE(*ring_.sq.khead));
}

/// Only after reserve(), which is why it need not look again whether there is one.
inline io_uring_sqe* io_uring_reactor::next_entry() noexcept {
    TINA_DEBUG_ASSERT(free_entries() != 0, "a submission entry was taken that was not reserved");
    return &ring_.sq.sqes[ring_.sq.sqe_tail++ & ring_.sq.ring_mask];
}

inline void io_uring_reactor::prepare_receive(int descriptor, std::uint32_t bytes, std::uint64_t token) noexcept {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_recv(entry, descriptor, nullptr, std::min(bytes, options_.buffer_bytes), 0);
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = buffer_group;
    entry->user_data = token;
}

inline void io_uring_reactor::prepare_send(int descriptor, std::span<const std::byte> data, bool whole,
                                           std::uint64_t token) noexcept {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_send(entry, descriptor, data.data(), data.size(), MSG_NOSIGNAL | (whole ? MSG_WAITALL : 0));
    entry->user_data = token;
}

[[gnu::always_inline]] inline void io_uring_reactor::prepare(const operation& wanted) noexcept {
    switch (wanted.kind) {
    case operation_kind::receive: return prepare_receive(wanted.descriptor, wanted.bytes, wanted.token);
    case operation_kind::accept: {
        io_uring_sqe* entry = next_entry();
        ::io_uring_prep_accept(entry, wanted.descriptor, nullptr, nullptr, SOCK_CLOEXEC);
        entry->user_data = wanted.token;
        return;
    }
    case operation_kind::send:
        return prepare_send(wanted.descriptor, {wanted.memory, wanted.bytes}, wanted.whole, wanted.token);
    case operation_kind::cancel: {
        io_uring_sqe* entry = next_entry();
        ::io_uring_prep_cancel64(entry, wanted.target, 0);
        entry->user_data = ignored_token;
        return;
    }
    case operation_kind::connect: return prepare_connect(wanted);
    case operation_kind::close: return prepare_close(wanted);
    }
}

void io_uring_reactor::prepare_connect(const operation& wanted) noexcept {
    io_uring_sqe* entry = next_entry();
    socket_address& peer = addresses_[entry - ring_.sq.sqes];
    const socklen_t bytes = to_socket_address(*wanted.peer, peer);
    ::io_uring_prep_connect(entry, wanted.descriptor, &peer.any, bytes);
    entry->user_data = wanted.token;
}

/// After a close alone a receive would stay armed, and the peer would see no end before it completed.
void io_uring_reactor::prepare_close(const operation& wanted) noexcept {
    io_uring_sqe* cancel = next_entry();
    ::io_uring_prep_cancel_fd(cancel, wanted.descriptor, IORING_ASYNC_CANCEL_ALL);
    // A hard link: the close follows even when there was nothing to cancel.
    cancel->flags = IOSQE_IO_HARDLINK;
    cancel->user_data = ignored_token;
    io_uring_sqe* close = next_entry();
    ::io_uring_prep_close(close, wanted.descriptor);
    close->user_data = wanted.token;
}

void io_uring_reactor::postpone(const operation& wanted) noexcept {
    TINA_ASSERT(backlog_tail_ - backlog_head_ <= backlog_mask_,
                "the reactor's backlog is full; more than operations_max operations are in flight");
    sure_until_ = ring_.sq.sqe_tail;
    postponed& place = backlog_[backlog_tail_++ & backlog_mask_];
    place.wanted = wanted;
    if (wanted.peer != nullptr) {
        place.peer = *wanted.peer;
        place.wanted.peer = &place.peer;
    }
}

/// Moves as much of the backlog into the submission queue as the kernel takes.
void io_uring_reactor::submit_postponed() noexcept {
    while (has_backlog()) {
        const operation& wanted = backlog_[backlog_head_ & backlog_mask_].wanted;
        if (!reserve()) { return; }
        prepare(wanted);
        ++backlog_head_;
    }
}

/// Watches the eventfd, which is never read: the poll is edge-triggered, reports each write, and stands.
void io_uring_reactor::watch_wakes() noexcept {
    if (!reserve()) { return; }
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_poll_multishot(entry, wake_descriptor_, POLLIN | EPOLLET);
    entry->user_data = wake_token;
    is_watching_ = true;
}

/// What every way into the kernel does first.
void io_uring_reactor::prepare_entering() noexcept {
    if (published_tail_ != buffer_tail_) {
        // The kernel reads the tail with acquire before it takes a buffer.
        io_uring_smp_store_release(&buffer_ring_->tail, buffer_tail_);
        published_tail_ = buffer_tail_;
    }
    if (!is_watching_) [[unlikely]] { watch_wakes(); }
    if (has_backlog()) [[unlikely]] { submit_postponed(); }
}

void io_uring_reactor::enter_if_needed() noexcept {
    if (::io_uring_sq_ready(&ring_) != 0 || needs_kernel()) { judge(::io_uring_submit_and_get_events(&ring_)); }
}

/// Lets pass what only means "look again", and what a short lack of memory explains.
int io_uring_reactor::judge(int result) const noexcept {
    TINA_ASSERT(result != -EEXIST, "a reactor was used on a thread other than the one that made it");
    TINA_ASSERT(result != -EBADR, "the kernel lost completions for lack of memory; the reactor cannot go on");
    TINA_ASSERT(result >= 0 || result == -EINTR || result == -ETIME || result == -EAGAIN || result == -EBUSY ||
                    result == -ENOMEM,
                "io_uring_enter failed for good; was its descriptor closed, or a seccomp filter installed?");
    return result;
}

void io_uring_reactor::flush() noexcept {
    prepare_entering();
    enter_if_needed();
}

// ---- completing

inline bool io_uring_reactor::has_completions() const noexcept {
    // The kernel stores the tail with release after it wrote the completion.
    return io_uring_smp_load_acquire(ring_.cq.ktail) != *ring_.cq.khead;
}

inline bool io_uring_reactor::needs_kernel() const noexcept {
    return (IO_URING_READ_ONCE(*ring_.sq.kflags) & kernel_has_work) != 0;
}

bool io_uring_reactor::has_events() const noexcept { return has_completions() || needs_kernel(); }

std::size_t io_uring_reactor::collect(std::span<completion> out) noexcept {
    std::size_t count = take_ready(out);
    if (count < out.size() && needs_kernel()) {
        flush();
        count += take_ready(out.subspan(count));
    }
    return count;
}

std::size_t io_uring_reactor::take_ready(std::span<completion> out) noexcept {
    const io_uring_cqe* const entries = ring_.cq.cqes;
    const unsigned mask = ring_.cq.ring_mask;
    const unsigned head = *ring_.cq.khead;
    // The kernel stores the tail with release after it wrote the completions.
    const unsigned tail = io_uring_smp_load_acquire(ring_.cq.ktail);
    const unsigned end = head + std::min(tail - head, static_cast<unsigned>(out.size()));
    completion* next = out.data();
    for (unsigned each = head; each != end; ++each) {
        const io_uring_cqe& entry = entries[each & mask];
        if (entry.user_data >= first_reserved_token) [[unlikely]] {
            take_own(entry);
        } else {
            take(entry, *next++);
        }
    }
    // The kernel reads the head with acquire before it writes over what was read here.
    io_uring_smp_store_release(ring_.cq.khead, end);
    const auto count = static_cast<std::size_t>(next - out.data());
    TINA_ASSERT(in_flight_ >= count, "the kernel completed more operations than were submitted");
    in_flight_ -= static_cast<std::uint32_t>(count);
    return count;
}

inline void io_uring_reactor::take(const io_uring_cqe& entry, completion& out) noexcept {
    const std::int32_t result = entry.res;
    const std::uint32_t flags = entry.flags;
    out.token = entry.user_data;
    out.result = result;
    out.buffer = no_buffer;
    if ((flags & IORING_CQE_F_BUFFER) == 0) { return; }
    const auto index = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
    if (result > 0) [[likely]] {
        out.buffer = index;
    } else {
        return_buffer(index);
    }
}

void io_uring_reactor::take_own(const io_uring_cqe& entry) noexcept {
    if (entry.user_data == wake_token && (entry.flags & IORING_CQE_F_MORE) == 0) { is_watching_ = false; }
}

void io_uring_reactor::wait(std::int64_t deadline_ns) noexcept {
    prepare_entering();
    if (has_completions()) {
        enter_if_needed();
    } else if (has_backlog() || !is_watching_) {
        // The kernel takes no more at the moment. Asleep, nobody would offer it the rest, or hear a wake.
        enter_if_needed();
        pause_refused();
    } else if (wait_for_kernel(deadline_ns) < 0) {
        pause_refused();
    }
}

/// 0, or -errno if the kernel refused to submit, and so did not wait either.
int io_uring_reactor::wait_for_kernel(std::int64_t deadline_ns) noexcept {
    int result = 0;
    if (deadline_ns == wait_forever) {
        result = judge(::io_uring_submit_and_wait(&ring_, 1));
    } else {
        const std::int64_t left_ns = std::max<std::int64_t>(deadline_ns - now_ns(), 0);
        __kernel_timespec left{.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
        io_uring_cqe* first = nullptr;
        result = judge(::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &left, nullptr));
    }
    return result == -EINTR || result == -ETIME ? 0 : std::min(result, 0);
}

/// After a refusal for lack of memory: to ask again at once would spin.
void io_uring_reactor::pause_refused() const noexcept {
    if (!has_events()) {
        pollfd ring{.fd = ring_.ring_fd, .events = POLLIN, .revents = 0};
        ::poll(&ring, 1, refused_pause_ms);
    }
}

void io_uring_reactor::wake() noexcept {
    const std::uint64_t one = 1;
    // Fails only when 2^64 - 2 wakes were counted, and then the descriptor is readable anyway.
    [[maybe_unused]] const auto written = ::write(wake_descriptor_, &one, sizeof one);
}

void io_uring_reactor::return_buffer(std::uint16_t index) noexcept {
    TINA_DEBUG_ASSERT(index < options_.buffer_count, "a buffer was returned that is not of this reactor");
    auto* entries = reinterpret_cast<io_uring_buf*>(buffer_ring_);
    io_uring_buf& entry = entries[buffer_tail_ & buffer_mask_];
    // The last field of the first entry is the ring's tail, so the entry is not written as a whole.
    entry.addr = reinterpret_cast<std::uintptr_t>(options_.buffers + std::size_t{index} * options_.buffer_bytes);
    entry.len = options_.buffer_bytes;
    entry.bid = index;
    ++buffer_tail_;
}

}  // namespace

reactor_or_reason make_io_uring_reactor(const reactor_options& options) {
    auto made = std::make_unique<io_uring_reactor>(options);
    auto [reason, error] = made->start();
    if (error < 0) { return {.made = nullptr, .reason = std::move(reason), .error = error}; }
    return {.made = std::move(made), .reason = {}};
}

}  // namespace tina::detail
