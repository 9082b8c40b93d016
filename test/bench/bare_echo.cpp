// SPDX-License-Identifier: Apache-2.0
//
// The limit of a TCP echo server: one thread, one io_uring, no framework, no isolation, no deadlines. Owned
// by the benchmarks, which divide the library's echo_server by it. It must never use the library, never spin,
// and never lose or reorder a byte, however fast that would be.
#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bare_server.hpp"

namespace {

using bare::fail;

enum class receive_mode {
    oneshot,    // a receive per request, the kernel picks a provided buffer, which the echo is sent from
    multishot,  // the same, but one receive stays armed for many requests
    plain,      // a receive per request into a buffer that the connection owns
};

struct settings {
    std::uint16_t port = 9000;
    std::string address = "127.0.0.1";
    receive_mode mode = receive_mode::oneshot;
};

constexpr unsigned queue_entries = 4096;
constexpr unsigned completion_entries = 4 * queue_entries;
constexpr unsigned buffer_bytes = 4096;
constexpr unsigned buffer_count = 4096;
constexpr std::uint32_t no_buffer = buffer_count;

// What a completion belongs to, packed into its user data.
enum class operation : std::uint8_t { accept, receive, send, cancel };

struct tag {
    operation what;
    int fd;
    std::uint32_t buffer;

    [[nodiscard]] std::uint64_t pack() const {
        return std::uint64_t{buffer} << 40 | static_cast<std::uint64_t>(what) << 32 | static_cast<std::uint32_t>(fd);
    }
    static tag unpack(std::uint64_t data) {
        return {.what = static_cast<operation>(data >> 32 & 0xff),
                .fd = static_cast<int>(data & 0xffff'ffff),
                .buffer = static_cast<std::uint32_t>(data >> 40)};
    }
};

// The provided buffers, shared by all connections. A buffer is the kernel's until a receive hands it out.
class buffer_pool {
public:
    void register_with(io_uring& ring) {
        ring_ = static_cast<io_uring_buf_ring*>(map_pages(buffer_count * sizeof(io_uring_buf)));
        bytes_ = static_cast<char*>(map_pages(std::size_t{buffer_count} * buffer_bytes));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(ring_);
        registration.ring_entries = buffer_count;
        const int result = io_uring_register_buf_ring(&ring, &registration, 0);
        if (result < 0) fail("registering the buffer ring", -result);
        io_uring_buf_ring_init(ring_);
        for (std::uint32_t i = 0; i < buffer_count; ++i) give_back(i);
        publish();
    }

    [[nodiscard]] char* bytes(std::uint32_t buffer) const { return bytes_ + std::size_t{buffer} * buffer_bytes; }
    [[nodiscard]] unsigned available() const { return available_; }

    void hand_out() { --available_; }

    // The kernel sees it after the next publish().
    void give_back(std::uint32_t buffer) {
        const auto id = static_cast<unsigned short>(buffer);
        io_uring_buf_ring_add(ring_, bytes(buffer), buffer_bytes, id, buffer_count - 1, static_cast<int>(unpublished_));
        ++unpublished_;
    }

    void publish() {
        if (unpublished_ == 0) return;
        io_uring_buf_ring_advance(ring_, static_cast<int>(unpublished_));
        available_ += unpublished_;
        unpublished_ = 0;
    }

private:
    static void* map_pages(std::size_t bytes) {
        constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
        void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (pages == MAP_FAILED) fail("mapping buffers", errno);
        return pages;
    }

    io_uring_buf_ring* ring_ = nullptr;
    char* bytes_ = nullptr;
    unsigned available_ = 0;
    unsigned unpublished_ = 0;
};

struct connection {
    std::unique_ptr<char[]> own_buffer;       // plain mode only
    std::uint32_t first_waiting = no_buffer;  // received, to be sent after what is being sent now
    std::uint32_t last_waiting = no_buffer;
    std::uint32_t sending_bytes = 0;
    bool is_receiving = false;
    bool is_sending = false;
    bool is_ending = false;
};

class echo_server {
public:
    echo_server(receive_mode mode, int listening_fd, std::size_t descriptors_max)
        : mode_(mode), listening_fd_(listening_fd), connections_(descriptors_max) {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        parameters.cq_entries = completion_entries;
        const int result = io_uring_queue_init_params(queue_entries, &ring_, &parameters);
        if (result < 0) fail("setting up io_uring", -result);
        io_uring_register_ring_fd(&ring_);  // saves a look-up per call; older kernels do without
        if (mode_ != receive_mode::plain) buffers_.register_with(ring_);
    }

    // Serves until a signal ends the process.
    [[noreturn]] void run() {
        arm_accept();
        for (;;) {
            rearm_starved();
            // While somebody starves beside free buffers, only look; otherwise sleep until something
            // completes.
            const bool must_look_only = !starved_.empty() && buffers_.available() > 0;
            const int result =
                must_look_only ? io_uring_submit_and_get_events(&ring_) : io_uring_submit_and_wait(&ring_, 1);
            const bool is_transient = result == -EINTR || result == -EBUSY || result == -EAGAIN;
            if (result < 0 && !is_transient) fail("waiting for completions", -result);
            handle_completions();
            buffers_.publish();
        }
    }

private:
    void handle_completions() {
        io_uring_cqe* completion = nullptr;
        unsigned head = 0;
        unsigned count = 0;
        io_uring_for_each_cqe(&ring_, head, completion) {
            ++count;
            const tag which = tag::unpack(completion->user_data);
            switch (which.what) {
            case operation::accept: accepted(*completion); break;
            case operation::receive: received(which.fd, *completion); break;
            case operation::send: sent(which, completion->res); break;
            case operation::cancel: break;  // the receive itself tells how it ended
            }
        }
        io_uring_cq_advance(&ring_, count);
    }

    void accepted(const io_uring_cqe& completion) {
        is_accepting_ = (completion.flags & IORING_CQE_F_MORE) != 0;
        if (completion.res >= 0) {
            ++open_count_;
            connection& peer = at(completion.res);
            if (mode_ == receive_mode::plain) peer.own_buffer = std::make_unique<char[]>(buffer_bytes);
            arm_receive(completion.res);
            if (!is_accepting_) arm_accept();
            return;
        }
        // Without a descriptor to spare, accepting resumes when a connection closes.
        const bool is_out_of_descriptors = completion.res == -EMFILE || completion.res == -ENFILE;
        const bool can_wait = is_out_of_descriptors && open_count_ > 0;
        if (!can_wait && completion.res != -ECONNABORTED) fail("accept", -completion.res);
        if (!is_accepting_ && !can_wait) arm_accept();
    }

    void received(int fd, const io_uring_cqe& completion) {
        connection& peer = at(fd);
        const bool has_buffer = (completion.flags & IORING_CQE_F_BUFFER) != 0;
        const bool stays_armed = (completion.flags & IORING_CQE_F_MORE) != 0;
        if (has_buffer) buffers_.hand_out();
        if (completion.res == -ENOBUFS) return starved_.push_back(fd);  // counts as receiving
        peer.is_receiving = stays_armed;
        const std::uint32_t buffer = has_buffer ? completion.flags >> IORING_CQE_BUFFER_SHIFT : no_buffer;
        if (completion.res <= 0 || peer.is_ending) {
            if (has_buffer) buffers_.give_back(buffer);
            if (completion.res <= 0) peer.is_ending = true;
            return close_when_quiet(fd);
        }
        const auto bytes = static_cast<std::uint32_t>(completion.res);
        if (peer.is_sending) {
            wait_for_turn(peer, buffer, bytes);
        } else {
            send(fd, buffer, bytes);
        }
        if (mode_ == receive_mode::multishot && !stays_armed) receive_again(fd);
    }

    void sent(const tag& which, int result) {
        connection& peer = at(which.fd);
        peer.is_sending = false;
        if (which.buffer != no_buffer) buffers_.give_back(which.buffer);
        const bool is_whole = result >= 0 && static_cast<std::uint32_t>(result) == peer.sending_bytes;
        if (!is_whole) return abandon(which.fd);
        if (peer.first_waiting != no_buffer) {
            const std::uint32_t next = peer.first_waiting;
            peer.first_waiting = next_waiting_[next];
            send(which.fd, next, waiting_bytes_[next]);
        } else if (peer.is_ending) {
            close_when_quiet(which.fd);
        } else if (!peer.is_receiving) {
            receive_again(which.fd);
        }
    }

    // Sends on one socket must follow one another: two in flight may overtake each other when the first has
    // to wait.
    void wait_for_turn(connection& peer, std::uint32_t buffer, std::uint32_t bytes) {
        waiting_bytes_[buffer] = bytes;
        next_waiting_[buffer] = no_buffer;
        (peer.first_waiting == no_buffer ? peer.first_waiting : next_waiting_[peer.last_waiting]) = buffer;
        peer.last_waiting = buffer;
    }

    // The peer has gone: drop what waits, and make a receive that is still armed come back. Shutdown would
    // not do that: a multishot receive that has just emptied the socket may wait for ever for its end
    // (kernel 6.18).
    void abandon(int fd) {
        connection& peer = at(fd);
        peer.is_ending = true;
        while (peer.first_waiting != no_buffer) {
            buffers_.give_back(peer.first_waiting);
            peer.first_waiting = next_waiting_[peer.first_waiting];
        }
        if (!peer.is_receiving) return close_when_quiet(fd);
        cancel_receive(fd);  // one that starves is not found, and ends in rearm_starved
    }

    // A descriptor is closed only when no operation refers to it, so that its number cannot mean two sockets.
    void close_when_quiet(int fd) {
        connection& peer = at(fd);
        if (peer.is_receiving || peer.is_sending) return;
        peer = connection{};
        close(fd);
        --open_count_;
        if (!is_accepting_) arm_accept();
    }

    // Whoever has just been served must not take the buffers that others wait for.
    void receive_again(int fd) {
        if (starved_.empty()) return arm_receive(fd);
        at(fd).is_receiving = true;
        starved_.push_back(fd);
    }

    void rearm_starved() {
        const std::size_t count = std::min<std::size_t>(starved_.size(), buffers_.available());
        for (std::size_t i = 0; i < count; ++i) {
            const int fd = starved_.front();
            starved_.pop_front();
            if (!at(fd).is_ending) {
                arm_receive(fd);
            } else {
                at(fd).is_receiving = false;
                close_when_quiet(fd);
            }
        }
    }

    void arm_accept() {
        io_uring_sqe* entry = next_entry();
        io_uring_prep_multishot_accept(entry, listening_fd_, nullptr, nullptr, 0);
        entry->user_data = tag{.what = operation::accept, .fd = listening_fd_, .buffer = no_buffer}.pack();
        is_accepting_ = true;
    }

    void arm_receive(int fd) {
        connection& peer = at(fd);
        io_uring_sqe* entry = next_entry();
        if (mode_ == receive_mode::plain) {
            io_uring_prep_recv(entry, fd, peer.own_buffer.get(), buffer_bytes, 0);
        } else if (mode_ == receive_mode::oneshot) {
            io_uring_prep_recv(entry, fd, nullptr, buffer_bytes, 0);
        } else {
            io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
        }
        if (mode_ != receive_mode::plain) entry->flags |= IOSQE_BUFFER_SELECT;
        entry->user_data = tag{.what = operation::receive, .fd = fd, .buffer = no_buffer}.pack();
        peer.is_receiving = true;
    }

    void cancel_receive(int fd) {
        const tag which{.what = operation::receive, .fd = fd, .buffer = no_buffer};
        io_uring_sqe* entry = next_entry();
        io_uring_prep_cancel64(entry, which.pack(), 0);
        entry->user_data = tag{.what = operation::cancel, .fd = fd, .buffer = no_buffer}.pack();
    }

    void send(int fd, std::uint32_t buffer, std::uint32_t bytes) {
        connection& peer = at(fd);
        const char* from = buffer == no_buffer ? peer.own_buffer.get() : buffers_.bytes(buffer);
        io_uring_sqe* entry = next_entry();
        io_uring_prep_send(entry, fd, from, bytes, MSG_WAITALL | MSG_NOSIGNAL);
        entry->user_data = tag{.what = operation::send, .fd = fd, .buffer = buffer}.pack();
        peer.is_sending = true;
        peer.sending_bytes = bytes;
    }

    io_uring_sqe* next_entry() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry != nullptr) return entry;
        const int result = io_uring_submit(&ring_);
        if (result < 0) fail("submitting", -result);
        return io_uring_get_sqe(&ring_);
    }

    connection& at(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

    receive_mode mode_;
    int listening_fd_;
    bool is_accepting_ = false;
    std::size_t open_count_ = 0;
    io_uring ring_{};
    buffer_pool buffers_;
    std::vector<connection> connections_;
    std::deque<int> starved_;
    std::vector<std::uint32_t> next_waiting_ = std::vector<std::uint32_t>(buffer_count);  // by buffer, as the next
    std::vector<std::uint32_t> waiting_bytes_ = std::vector<std::uint32_t>(buffer_count);
};

}  // namespace

int main(int argc, char** argv) {
    settings chosen;
    CLI::App app{"TCP echo on bare io_uring: what the library's echo_server is measured against"};
    const std::map<std::string, receive_mode> modes{
        {"oneshot", receive_mode::oneshot}, {"multishot", receive_mode::multishot}, {"plain", receive_mode::plain}};
    app.add_option("--port", chosen.port, "port to listen on; 0: any that is free")->capture_default_str();
    app.add_option("--bind", chosen.address, "IPv4 address to listen on")->capture_default_str();
    app.add_option("--mode", chosen.mode, "how receives are armed (oneshot)")
        ->transform(CLI::CheckedTransformer(modes))
        ->option_text("oneshot|multishot|plain");
    CLI11_PARSE(app, argc, argv);

    // There is nothing to tidy up: the kernel takes ring and sockets with the process.
    std::signal(SIGINT, [](int) { _exit(0); });
    std::signal(SIGTERM, [](int) { _exit(0); });
    const std::size_t descriptors_max = bare::raise_descriptor_limit();
    const int listening_fd = bare::open_listener(chosen.address, chosen.port);
    echo_server server(chosen.mode, listening_fd, descriptors_max);
    std::fprintf(stderr, "listening on %s:%u\n", chosen.address.c_str(), unsigned{chosen.port});
    server.run();
}
