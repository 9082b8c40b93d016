// SPDX-License-Identifier: Apache-2.0
// Tries on a scratch reactor what the real one relies on, since version numbers say little about patched or
// filtered kernels. Owns its ring and sockets for the length of one call; it must never wait without a bound.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "reactor/reactor.hpp"
#include "reactor/refusal.hpp"

namespace tina::detail {
namespace {

constexpr std::int64_t step_limit_ns = 1'000'000'000;
constexpr int rounds_max = 64;
constexpr std::size_t buffer_bytes = 64;
constexpr std::uint32_t buffer_count = 4;
constexpr std::string_view greeting = "tina";

enum token : std::uint64_t { receive_token = 1, send_token, armed_token, close_token };

/// The scratch reactor with two ends of a connection.
class probe {
public:
    probe() = default;
    probe(const probe&) = delete;
    probe& operator=(const probe&) = delete;
    ~probe();

    [[nodiscard]] io_refusal run();

private:
    [[nodiscard]] std::string open();
    [[nodiscard]] std::string try_wake();
    [[nodiscard]] std::string try_transfer();
    [[nodiscard]] std::string try_close();
    [[nodiscard]] std::optional<completion> await(std::uint64_t token);

    alignas(64) std::array<std::byte, buffer_count * buffer_bytes> buffers_{};
    std::array<int, 2> ends_{-1, -1};
    std::array<std::optional<completion>, 5> ended_{};  ///< by token
    std::unique_ptr<reactor> reactor_;
    int error_ = 0;
};

probe::~probe() {
    reactor_.reset();
    for (const int end : ends_) {
        if (end >= 0) { ::close(end); }
    }
}

io_refusal probe::run() {
    for (const auto step : {&probe::open, &probe::try_wake, &probe::try_transfer, &probe::try_close}) {
        auto reason = (this->*step)();
        if (!reason.empty()) { return {std::move(reason), error_}; }
    }
    return {};
}

std::string probe::open() {
    auto [made, reason, error] = make_io_uring_reactor({.submission_entries = 64,
                                                        .completion_entries = 128,
                                                        .operations_max = 16,
                                                        .buffers = buffers_.data(),
                                                        .buffer_count = buffer_count,
                                                        .buffer_bytes = buffer_bytes});
    reactor_ = std::move(made);
    error_ = error;
    if (!reactor_) { return reason; }
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) < 0) {
        error_ = -errno;
        return explain_refusal(boot_step::sockets, error_, 0);
    }
    return {};
}

/// A wake before the wait must end it.
std::string probe::try_wake() {
    reactor_->wake();
    reactor_->wait(reactor_->now_ns() + step_limit_ns);
    if (!reactor_->has_events()) {
        return explain_misbehaviour("a standing poll of an eventfd", "did not report a write");
    }
    return {};
}

std::string result_text(const std::optional<completion>& ended) {
    if (!ended) { return "did not complete"; }
    return ended->result < 0 ? std::string("gave ") + ::strerrorname_np(-ended->result)
                             : "gave " + std::to_string(ended->result);
}

std::string probe::try_transfer() {
    reactor_->submit(
        {.kind = operation_kind::receive, .descriptor = ends_[0], .bytes = buffer_bytes, .token = receive_token});
    reactor_->submit({.kind = operation_kind::send,
                      .whole = true,
                      .descriptor = ends_[1],
                      .bytes = static_cast<std::uint32_t>(greeting.size()),
                      .token = send_token,
                      .memory = reinterpret_cast<const std::byte*>(greeting.data())});
    const auto sent = await(send_token);
    if (!sent || sent->result != static_cast<int>(greeting.size())) {
        return explain_misbehaviour("sending with MSG_WAITALL", result_text(sent));
    }
    const auto received = await(receive_token);
    if (!received || received->result != static_cast<int>(greeting.size()) || received->buffer >= buffer_count ||
        std::memcmp(&buffers_[received->buffer * buffer_bytes], greeting.data(), greeting.size()) != 0) {
        return explain_misbehaviour("receiving into provided buffers", result_text(received));
    }
    reactor_->return_buffer(received->buffer);
    return {};
}

/// A close must end the receive that is armed, and the peer must see it.
std::string probe::try_close() {
    reactor_->submit(
        {.kind = operation_kind::receive, .descriptor = ends_[0], .bytes = buffer_bytes, .token = armed_token});
    reactor_->flush();
    reactor_->submit({.kind = operation_kind::close, .descriptor = ends_[0], .token = close_token});
    const auto closed = await(close_token);
    if (!closed || closed->result != 0) {
        return explain_misbehaviour("closing a descriptor through the ring", result_text(closed));
    }
    ends_[0] = -1;
    const auto cancelled = await(armed_token);
    if (!cancelled || cancelled->result != -ECANCELED) {
        return explain_misbehaviour("cancelling what is in flight on a descriptor", result_text(cancelled));
    }
    std::byte byte{};
    if (::recv(ends_[1], &byte, 1, MSG_DONTWAIT) != 0) {
        return explain_misbehaviour("closing a descriptor through the ring", "left the peer without an end");
    }
    return {};
}

/// The end of the operation with `token`, unless it takes too long.
std::optional<completion> probe::await(std::uint64_t token) {
    const auto deadline_ns = reactor_->now_ns() + step_limit_ns;
    for (int round = 0; round < rounds_max && !ended_[token]; ++round) {
        reactor_->wait(deadline_ns);
        std::array<completion, 8> some;
        const auto count = reactor_->collect(some);
        for (std::size_t index = 0; index < count; ++index) { ended_[some[index].token] = some[index]; }
    }
    return ended_[token];
}

}  // namespace

io_refusal probe_io_uring() {
    probe attempt;
    return attempt.run();
}

}  // namespace tina::detail
