// SPDX-License-Identifier: Apache-2.0
//
// The closed loop over epoll: connecting, sending, comparing, counting. Owned by the load generator; it must
// never depend on the library or on io_uring, so that it finds the same faults whatever serves.
#include "load_generator.hpp"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace tina::bench {
namespace {

// A prime, so that neither connections nor requests with power-of-two distances share their content.
constexpr std::size_t pattern_period = 251;
constexpr std::size_t echo_bytes_max = 262'144;
constexpr int events_max = 1024;
constexpr int look_interval_ms = 100;

// One local address has 28 232 ports towards one server by default; some may still be in TIME_WAIT.
constexpr std::uint32_t connections_per_source = 25'000;
constexpr std::uint32_t sources_max = 250;

// The server needs time to accept: where its queue overflows, the kernel drops what a client believes to be
// connected, and the first request waits for a retransmission.
constexpr std::size_t connections_per_pause = 128;
constexpr auto pause = std::chrono::milliseconds(2);

std::string error_text(const char* what, int error) { return std::string(what) + ": " + std::strerror(error); }

auto seconds_to_duration(double seconds) {
    return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

// The time-out bounds connect() while the socket still blocks; the load itself runs without blocking.
void prepare_socket(int fd) {
    const int one = 1;
    const timeval connect_timeout{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connect_timeout, sizeof connect_timeout);
}

}  // namespace

load_generator::load_generator(const load_options& options)
    : options_(options),
      connections_(std::size_t{options.connections} + options.idle),
      pattern_(pattern_period + options.bytes),
      echo_(std::min<std::size_t>(options.bytes, echo_bytes_max)) {
    for (std::size_t i = 0; i < pattern_.size(); ++i) {
        pattern_[i] = static_cast<char>((i % pattern_period) * 167 % 256);
    }
}

load_generator::~load_generator() {
    for (const connection& each : connections_) {
        if (each.fd >= 0) close(each.fd);
    }
    if (epoll_fd_ >= 0) close(epoll_fd_);
}

std::optional<std::string> load_generator::connect_all() {
    if (auto problem = resolve()) return problem;
    epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0) return error_text("epoll_create1", errno);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        const std::size_t index = (i + options_.connections) % connections_.size();
        if (auto problem = open_socket(index)) return problem;
        if (i % connections_per_pause == connections_per_pause - 1) std::this_thread::sleep_for(pause);
    }
    return std::nullopt;
}

std::optional<std::string> load_generator::resolve() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string service = std::to_string(options_.port);
    const int status = getaddrinfo(options_.host.c_str(), service.c_str(), &hints, &found);
    if (status != 0) return "host " + options_.host + ": " + gai_strerror(status);
    std::memcpy(&address_, found->ai_addr, found->ai_addrlen);
    address_bytes_ = found->ai_addrlen;
    freeaddrinfo(found);
    return std::nullopt;
}

// Moves on to the next local address when this one has enough connections, or has run out of ports.
std::optional<std::string> load_generator::open_socket(std::size_t index) {
    const std::uint32_t sources_end = has_more_sources() ? sources_max : 0;
    if (source_connections_ == connections_per_source && source_ < sources_end) use_next_source();
    int fd = connect_from(source_);
    while (fd == -EADDRNOTAVAIL && source_ < sources_end) {
        use_next_source();
        fd = connect_from(source_);
    }
    if (fd < 0) {
        const std::string which = "connection " + std::to_string(index) + " to port " + std::to_string(options_.port);
        return error_text(which.c_str(), -fd);
    }
    ++source_connections_;
    connections_[index].fd = fd;
    watch(index, EPOLL_CTL_ADD, EPOLLIN | EPOLLRDHUP);
    return std::nullopt;
}

// Only the loopback network has addresses to spare.
bool load_generator::has_more_sources() const {
    if (address_.ss_family != AF_INET) return false;
    sockaddr_in peer{};
    std::memcpy(&peer, &address_, sizeof peer);
    return ntohl(peer.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

void load_generator::use_next_source() {
    ++source_;
    source_connections_ = 0;
}

// Source 0 leaves the choice to the kernel; the others are further addresses of the loopback network.
int load_generator::connect_from(std::uint32_t source) const {
    const int fd = socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    prepare_socket(fd);
    int status = 0;
    if (source > 0) {
        const int one = 1;  // the port is chosen by connect(), which may share it between destinations
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        sockaddr_in local{};
        local.sin_family = AF_INET;
        local.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
        status = bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local);
    }
    if (status == 0) status = connect(fd, reinterpret_cast<const sockaddr*>(&address_), address_bytes_);
    if (status == 0) return fd;
    const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    close(fd);
    return -error;
}

load_result load_generator::run() {
    const auto start = clock::now();
    stalls_looked_for_ = start;
    counting_from_ = start + seconds_to_duration(options_.warmup_seconds);
    counting_until_ = counting_from_ + seconds_to_duration(options_.seconds);
    if (options_.requests > 0) {
        counting_from_ = start;
        counting_until_ = clock::time_point::max();
    }
    advance_phase(start);
    for (std::size_t i = 0; i < options_.connections; ++i) start_request(i, clock::now());
    std::array<epoll_event, events_max> events{};
    // Ends when the time or the requests are used up, and at the latest when nothing has moved for
    // `stall_ms`.
    while (!is_over()) {
        const int count = epoll_wait(epoll_fd_, events.data(), events_max, look_interval_ms);
        const auto now = clock::now();
        advance_phase(now);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            on_event(event.data.u64, event.events, now);
        }
        look_for_stalls(now);
    }
    if (phase_ == phase::counting) end_counting(clock::now());
    return std::move(result_);
}

bool load_generator::is_over() const {
    if (result_.stalls > 0 || result_.closed_by_server > 0) return true;
    const bool is_all_started = options_.requests > 0 && started_count_ == options_.requests;
    return (phase_ == phase::draining || is_all_started) && waiting_count_ == 0;
}

void load_generator::advance_phase(clock::time_point now) {
    if (phase_ == phase::warming_up && now >= counting_from_) begin_counting(now);
    if (phase_ == phase::counting && now >= counting_until_) end_counting(now);
}

void load_generator::begin_counting(clock::time_point now) {
    phase_ = phase::counting;
    counting_from_ = now;
    counting_until_ = std::max(counting_until_, now);
    if (options_.pid != 0) cpu_before_ = cpu_time_of(options_.pid).value_or(cpu_time{});
}

// What is still on its way is waited for and compared, but no longer counted.
void load_generator::end_counting(clock::time_point now) {
    phase_ = phase::draining;
    result_.elapsed_seconds = std::chrono::duration<double>(now - counting_from_).count();
    if (options_.pid == 0) return;
    if (const auto after = cpu_time_of(options_.pid)) {
        result_.server_cpu = cpu_time{.total_ns = after->total_ns - cpu_before_.total_ns,
                                      .user_ns = after->user_ns - cpu_before_.user_ns};
    }
}

const char* load_generator::content(std::size_t index) const {
    return pattern_.data() + (index * 31 + connections_[index].request) % pattern_period;
}

void load_generator::start_request(std::size_t index, clock::time_point now) {
    connection& peer = connections_[index];
    const bool is_enough = options_.requests > 0 && started_count_ == options_.requests;
    if (is_enough || phase_ == phase::draining) return;
    ++started_count_;
    ++waiting_count_;
    peer.is_waiting = true;
    peer.is_intact = true;
    peer.sent = peer.received = 0;
    peer.started = peer.progressed = now;
    push(index);
}

// Sends what the socket takes; while it is full, writability is watched too.
void load_generator::push(std::size_t index) {
    connection& peer = connections_[index];
    while (peer.sent < options_.bytes) {
        const ssize_t count =
            send(peer.fd, content(index) + peer.sent, options_.bytes - peer.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN) {
            ++result_.closed_by_server;
            return;
        }
        if (count < 0) break;
        peer.sent += static_cast<std::uint32_t>(count);
    }
    const bool is_blocked = peer.sent < options_.bytes;
    if (is_blocked == peer.is_blocked) return;
    peer.is_blocked = is_blocked;
    watch(index, EPOLL_CTL_MOD, is_blocked ? EPOLLIN | EPOLLRDHUP | EPOLLOUT : EPOLLIN | EPOLLRDHUP);
}

void load_generator::on_event(std::size_t index, std::uint32_t events, clock::time_point now) {
    connection& peer = connections_[index];
    if (!peer.is_waiting) {  // idle, or done: the server has nothing to say
        ++((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 ? result_.closed_by_server : result_.mismatches);
        if (peer.fd >= 0) watch(index, EPOLL_CTL_DEL, 0);
        return;
    }
    if ((events & EPOLLOUT) != 0) push(index);
    if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) pull(index, now);
}

void load_generator::pull(std::size_t index, clock::time_point now) {
    connection& peer = connections_[index];
    const std::size_t wanted = std::min<std::size_t>(options_.bytes - peer.received, echo_.size());
    const ssize_t count = recv(peer.fd, echo_.data(), wanted, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
        ++result_.closed_by_server;
        return;
    }
    const auto bytes = static_cast<std::size_t>(count);
    const char* expected = content(index) + peer.received;
    peer.is_intact = peer.is_intact && std::memcmp(echo_.data(), expected, bytes) == 0;
    peer.received += static_cast<std::uint32_t>(count);
    peer.progressed = now;
    if (peer.received == options_.bytes) finish_request(index);
}

void load_generator::finish_request(std::size_t index) {
    connection& peer = connections_[index];
    const auto now = clock::now();
    peer.is_waiting = false;
    --waiting_count_;
    ++result_.requests_total;
    if (!peer.is_intact) ++result_.mismatches;
    if (phase_ == phase::counting) {
        const auto latency = std::chrono::duration_cast<std::chrono::nanoseconds>(now - peer.started);
        result_.latencies.record(static_cast<std::uint64_t>(latency.count()));
    }
    ++peer.request;
    start_request(index, now);
}

void load_generator::watch(std::size_t index, int change, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    epoll_ctl(epoll_fd_, change, connections_[index].fd, &event);
}

void load_generator::look_for_stalls(clock::time_point now) {
    if (now - stalls_looked_for_ < std::chrono::milliseconds(look_interval_ms)) return;
    stalls_looked_for_ = now;
    const auto patience = std::chrono::milliseconds(options_.stall_ms);
    for (std::size_t i = 0; i < options_.connections; ++i) {
        const connection& peer = connections_[i];
        if (peer.is_waiting && now - peer.progressed > patience) ++result_.stalls;
    }
}

}  // namespace tina::bench
