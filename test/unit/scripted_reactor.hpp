// SPDX-License-Identifier: Apache-2.0
// A reactor whose outside world is the test: operations wait until the test ends them, in any order, with any result,
// on a clock that the test moves. It watches the rules that the runtime must keep towards a kernel: no operation on a
// closed descriptor, no buffer returned twice, bytes of a send unchanged until its completion. Owned by one shard, on
// the test's thread; it must never end an operation twice, or wait for something that cannot come.
#pragma once

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/reactor.hpp"

namespace io_test {

using tina::detail::completion;
using tina::detail::no_buffer;
using tina::detail::operation;
using tina::detail::operation_kind;

/// An operation that the "kernel" has.
struct flight {
    operation wanted;
    tina::address peer;
    std::vector<std::byte> bytes;  ///< of a send, as they were when it was submitted
    bool cancelled = false;        ///< somebody asked that it ends early
};

/// What the test can see of a descriptor.
struct world_descriptor {
    bool open = true;
    bool listening = false;
    bool reset = false;             ///< its close was, or will be, a reset
    bool finished_sending = false;  ///< shutdown(SHUT_WR)
    std::string sent;               ///< bytes that went, in order
    std::string waiting;            ///< bytes that have come and that no receive has taken
};

class scripted_reactor final : public tina::detail::reactor {
public:
    explicit scripted_reactor(const tina::detail::reactor_options& options)
        : options_(options), is_out_(options.buffer_count, false) {
        for (std::uint32_t i = 0; i < options.buffer_count; ++i) free_.push_back(static_cast<std::uint16_t>(i));
    }
    ~scripted_reactor() override {
        BOOST_TEST(flights.empty(), "operations are in flight when the reactor ends");
        BOOST_TEST(queued_.empty(), "operations are queued when the reactor ends");
        BOOST_TEST(buffers_out() == 0u, "buffers are missing when the reactor ends");
        for (const auto& [number, state] : descriptors) BOOST_TEST(!state.open, "descriptor " << number << " is open");
    }

    // --- how it behaves
    // -------------------------------------------------------------------------------------------------

    /// Cancels and closes end what they concern at the next flush; if false the test ends it.
    bool cancels_at_once = true;
    /// An accept that is cancelled ends with a connection all the same.
    bool connections_come_late = false;
    /// What the next open_stream or listen answers instead of a descriptor, if it is negative.
    int refusal = 0;
    std::int64_t time_ns = 1'000'000'000;
    /// Connections have been reset.
    bool peers_are_gone = false;

    // --- what the test sees
    // -----------------------------------------------------------------------------------------------

    std::vector<flight> flights;
    std::map<int, world_descriptor> descriptors;
    std::uint64_t submitted[6] = {};  ///< operations by kind
    std::uint64_t dry_answers = 0;    ///< receives that found no buffer

    [[nodiscard]] std::uint64_t count_submitted(operation_kind kind) const {
        return submitted[static_cast<std::size_t>(kind)];
    }
    /// How many operations of a kind are in flight, on one descriptor if it is not -1.
    [[nodiscard]] std::size_t in_flight(operation_kind kind, int descriptor = -1) const {
        return static_cast<std::size_t>(std::count_if(flights.begin(), flights.end(), [&](const flight& each) {
            return each.wanted.kind == kind && (descriptor == -1 || each.wanted.descriptor == descriptor);
        }));
    }
    [[nodiscard]] std::size_t buffers_free() const { return free_.size(); }
    [[nodiscard]] std::size_t buffers_out() const {
        return static_cast<std::size_t>(std::count(is_out_.begin(), is_out_.end(), true));
    }
    [[nodiscard]] bool is_open(int descriptor) const {
        const auto found = descriptors.find(descriptor);
        return found != descriptors.end() && found->second.open;
    }

    // --- what the test does
    // -----------------------------------------------------------------------------------------------

    /// A connection comes on a listening socket: the accept in flight gets it. Returns its descriptor.
    int connection(int listener) {
        const int made = make_descriptor(false);
        end(find(operation_kind::accept, listener), made);
        return made;
    }
    void accept_fails(int listener, int error) { end(find(operation_kind::accept, listener), error); }
    /// The oldest connect ends. Returns its descriptor.
    int connected(int result = 0) {
        const std::size_t which = find(operation_kind::connect, -1);
        const int descriptor = flights[which].wanted.descriptor;
        end(which, result);
        return descriptor;
    }
    /// Bytes come, at most as many as the receive in flight asked for.
    void bytes_come(int descriptor, std::string_view text) {
        const std::size_t which = find(operation_kind::receive, descriptor);
        BOOST_REQUIRE(!free_.empty());
        BOOST_REQUIRE(text.size() <= flights[which].wanted.bytes);
        end_with_bytes(which, text);
    }
    /// A receive ends without bytes: 0 for the end of the stream, or an error.
    void receive_ends(int descriptor, int result) { end(find(operation_kind::receive, descriptor), result); }
    void send_ends(int descriptor, int result) { end(find(operation_kind::send, descriptor), result); }
    void close_ends(int descriptor) { end(find(operation_kind::close, descriptor), 0); }

    /// Ends flight `which`.
    void end(std::size_t which, std::int32_t result) {
        flight& ending = flights[which];
        if (ending.wanted.kind == operation_kind::send) check_send(ending, result);
        done_.push_back({.token = ending.wanted.token, .result = result});
        flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(which));
    }
    void end_with_bytes(std::size_t which, std::string_view text) {
        const std::uint16_t buffer = free_.front();
        free_.pop_front();
        BOOST_TEST(!is_out_[buffer], "a buffer is handed out that is out already");
        is_out_[buffer] = true;
        std::memcpy(options_.buffers + std::size_t{buffer} * options_.buffer_bytes, text.data(), text.size());
        done_.push_back(
            {.token = flights[which].wanted.token, .result = static_cast<std::int32_t>(text.size()), .buffer = buffer});
        flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(which));
    }
    /// Ends all that was asked to end, and all closes.
    void end_cancelled() {
        for (std::size_t i = 0; i < flights.size();) {
            const bool closes = flights[i].wanted.kind == operation_kind::close;
            if (flights[i].wanted.kind == operation_kind::accept && connections_come_late) {
                end(i, make_descriptor(false));
            } else if (flights[i].cancelled || closes) {
                end(i, closes ? 0 : -ECANCELED);
            } else {
                ++i;
            }
        }
    }
    /// The flight of a kind on a descriptor.
    [[nodiscard]] std::size_t find(operation_kind kind, int descriptor) const {
        for (std::size_t i = 0; i < flights.size(); ++i) {
            const operation& wanted = flights[i].wanted;
            if (wanted.kind == kind && (descriptor == -1 || wanted.descriptor == descriptor)) return i;
        }
        BOOST_REQUIRE_MESSAGE(false,
                              "no operation of kind " << static_cast<int>(kind) << " is in flight on " << descriptor);
        return 0;
    }

    // --- reactor
    // ----------------------------------------------------------------------------------------------------------

    std::int64_t now_ns() noexcept override { return time_ns; }

    void submit(const operation& wanted) noexcept override {
        ++submitted[static_cast<std::size_t>(wanted.kind)];
        flight made{.wanted = wanted, .peer = {}, .bytes = {}};
        if (wanted.kind != operation_kind::cancel) {
            BOOST_TEST(is_open(wanted.descriptor), "an operation names descriptor " << wanted.descriptor);
            BOOST_TEST(wanted.token != 0u);
        }
        if (wanted.peer != nullptr) made.peer = *wanted.peer;
        made.wanted.peer = nullptr;
        if (wanted.kind == operation_kind::send) made.bytes.assign(wanted.memory, wanted.memory + wanted.bytes);
        if (wanted.kind == operation_kind::close) descriptors[wanted.descriptor].open = false;
        queued_.push_back(std::move(made));
    }
    void flush() noexcept override {
        for (const std::uint16_t buffer : returned_) free_.push_back(buffer);
        returned_.clear();
        for (flight& each : std::exchange(queued_, {})) take_in(std::move(each));
    }
    std::size_t collect(std::span<completion> out) noexcept override {
        std::size_t count = 0;
        for (; count < out.size() && !done_.empty(); ++count) {
            out[count] = done_.front();
            done_.pop_front();
        }
        return count;
    }
    bool has_events() const noexcept override { return !done_.empty(); }

    void wait(std::int64_t deadline_ns) noexcept override {
        flush();
        if (!done_.empty()) return;
        if (deadline_ns != tina::detail::wait_forever) {
            time_ns = std::max(time_ns, deadline_ns);
            return;
        }
        end_cancelled();
        if (!done_.empty()) return;
        BOOST_ERROR("the shard waits for ever");
        while (!flights.empty()) end(0, -ECANCELED);
    }
    void wake() noexcept override {}

    void return_buffer(std::uint16_t index) noexcept override {
        BOOST_TEST(is_out_[index], "buffer " << index << " came back that was not out");
        is_out_[index] = false;
        // Whoever still looks at it sees that it is no longer his.
        std::memset(options_.buffers + std::size_t{index} * options_.buffer_bytes, 0xdd, options_.buffer_bytes);
        returned_.push_back(index);
    }

    int listen(const tina::detail::listen_options&) noexcept override {
        return refusal < 0 ? refusal : make_descriptor(true);
    }
    int open_stream(tina::address_family) noexcept override { return refusal < 0 ? refusal : make_descriptor(false); }
    void close_now(int descriptor) noexcept override {
        BOOST_TEST(is_open(descriptor), "descriptor " << descriptor << " is closed twice");
        for (const flight& each : flights) {
            BOOST_TEST(each.wanted.descriptor != descriptor, "closed with an operation in flight");
        }
        descriptors[descriptor].open = false;
    }
    void reset_on_close(int descriptor) noexcept override {
        BOOST_TEST(is_open(descriptor));
        descriptors[descriptor].reset = true;
    }
    int shutdown(int descriptor, bool, bool sending) noexcept override {
        BOOST_TEST(is_open(descriptor));
        descriptors[descriptor].finished_sending |= sending;
        return 0;
    }
    int set_option(int, tina::socket_option, std::int32_t) noexcept override { return 0; }
    int get_option(int, tina::socket_option, std::int32_t& value) noexcept override { return value = 0; }
    /// The port is the descriptor's number, so that an isolate can say which one it has.
    int local_address(int descriptor, tina::address& out) noexcept override {
        out = {};
        out.port = static_cast<std::uint16_t>(descriptor);
        return 0;
    }
    int peer_address(int descriptor, tina::address& out) noexcept override {
        return peers_are_gone ? -ENOTCONN : local_address(descriptor, out);
    }

private:
    int make_descriptor(bool listening) {
        const int number = next_++;
        descriptors[number].listening = listening;
        return number;
    }
    void check_send(const flight& ending, std::int32_t result) {
        BOOST_TEST(std::memcmp(ending.bytes.data(), ending.wanted.memory, ending.bytes.size()) == 0,
                   "the bytes of a send changed before it was complete");
        if (result <= 0) return;
        BOOST_TEST(result <= static_cast<std::int32_t>(ending.wanted.bytes));
        descriptors[ending.wanted.descriptor].sent.append(reinterpret_cast<const char*>(ending.bytes.data()),
                                                          static_cast<std::size_t>(result));
    }
    /// What the kernel does with an operation when it gets it.
    void take_in(flight each) {
        const operation wanted = each.wanted;
        switch (wanted.kind) {
        case operation_kind::cancel:
            for (std::size_t i = 0; i < flights.size(); ++i) {
                if (flights[i].wanted.token == wanted.target) return cancel(i);
            }
            return;
        case operation_kind::close:
            for (std::size_t i = flights.size(); i-- > 0;) {
                if (flights[i].wanted.descriptor == wanted.descriptor) cancel(i);
            }
            flights.push_back(std::move(each));
            if (cancels_at_once) end(flights.size() - 1, 0);
            return;
        case operation_kind::receive:
            flights.push_back(std::move(each));
            // A buffer is chosen before it is known whether there are bytes.
            if (free_.empty()) {
                ++dry_answers;
                end(flights.size() - 1, -ENOBUFS);
            } else if (std::string& waiting = descriptors[wanted.descriptor].waiting; !waiting.empty()) {
                end_with_bytes(flights.size() - 1, waiting.substr(0, wanted.bytes));
                waiting.erase(0, wanted.bytes);
            }
            return;
        default: flights.push_back(std::move(each)); return;
        }
    }
    void cancel(std::size_t which) {
        flights[which].cancelled = true;
        if (cancels_at_once) end(which, -ECANCELED);
    }

    tina::detail::reactor_options options_;
    std::vector<flight> queued_;      ///< submitted, not flushed
    std::deque<completion> done_;     ///< not collected
    std::deque<std::uint16_t> free_;  ///< buffers that the kernel has
    std::vector<std::uint16_t> returned_;
    std::vector<bool> is_out_;  ///< buffers that the runtime has
    int next_ = 100;
};

}  // namespace io_test
