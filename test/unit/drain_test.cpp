// SPDX-License-Identifier: Apache-2.0
// The same promises with the kernel that is here and real sockets: an owner dies with a send and a receive in flight,
// and neither do bytes of the next tenant of its memory leave on the old connection, nor bytes of the old one reach it;
// the peer sees the end at once; a listener whose acceptor dies again and again refuses nobody. Every wait has a bound.
#include "shard_bench.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace io_test;

namespace {

constexpr std::chrono::seconds limit{5};

[[nodiscard]] std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

/// A client of a listener on loopback, without tina.
class client {
public:
    explicit client(std::uint16_t port, int receive_buffer_bytes = 0) : number_(::socket(AF_INET, SOCK_STREAM, 0)) {
        BOOST_REQUIRE(number_ >= 0);
        if (receive_buffer_bytes > 0) {
            ::setsockopt(number_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
        }
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // The backlog takes it: a blocking connect on loopback is answered by the kernel alone.
        error_ = ::connect(number_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() { ::close(number_); }

    [[nodiscard]] int error() const { return error_; }
    void write(std::string_view bytes) const {
        static_cast<void>(::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    /// Takes what there is. Returns false once the connection has ended, by an end of stream or a reset.
    bool read() {
        std::array<char, 65'536> some;
        for (;;) {
            const auto count = ::recv(number_, some.data(), some.size(), MSG_DONTWAIT);
            if (count > 0) {
                text.append(some.data(), static_cast<std::size_t>(count));
                continue;
            }
            return count < 0 && errno == EAGAIN;
        }
    }
    /// Waits until the connection has ended; whether it did within `span`.
    bool ends_within(std::chrono::milliseconds span) {
        const auto end = now() + span;
        while (read()) {
            if (now() >= end) return false;
            pollfd readable{.fd = number_, .events = POLLIN, .revents = 0};
            ::poll(&readable, 1, 10);
        }
        return true;
    }

    std::string text;  ///< received

private:
    int number_;
    int error_ = 0;
};

/// A shard on the kernel, moved by the test's thread.
class kernel_bench : public stage_bench {
public:
    explicit kernel_bench(const bench_sizes& sizes)
        : stage_bench(std::make_unique<stage>(), sizes, [](const tina::detail::reactor_options& options) {
              auto made = tina::detail::make_host_reactor(tina::io_backend::automatic, options);
              BOOST_REQUIRE_MESSAGE(made.made != nullptr, made.reason);
              return std::move(made.made);
          }) {}

    /// Moves the shard until `done`, for at most the limit.
    template <class Condition>
    void until(Condition done) {
        const auto end = now() + limit;
        while (!done()) {
            BOOST_REQUIRE(now() < end);
            settle();
            shard().io_reactor->wait(shard().io_reactor->now_ns() + 200'000);
        }
    }
    /// Gives an order and waits until it is done.
    void obey(script& who, order what) {
        const std::size_t done = who.outcomes.size();
        tell(who, std::move(what));
        until([&] { return who.outcomes.size() > done; });
    }
    [[nodiscard]] std::uint16_t port_of(const script& who) {
        const auto local = who.from.local_address();
        return local ? local->port : std::uint16_t{0};
    }
};

/// Sends until the kernel takes no more, then leaves a send in flight.
void send_until_stuck(kernel_bench& at, script& who, const std::string& text) {
    for (int i = 0; i < 20'000; ++i) {
        const std::size_t done = who.outcomes.size();
        at.tell(who, {.kind = order_kind::send_all, .text = text});
        if (who.outcomes.size() > done) continue;
        // It may only be slow; after a while it is stuck.
        const auto end = now() + 20ms;
        while (who.outcomes.size() == done && now() < end) {
            at.settle();
            at.shard().io_reactor->wait(at.shard().io_reactor->now_ns() + 1'000'000);
        }
        if (who.outcomes.size() == done) return;
    }
    BOOST_REQUIRE_MESSAGE(false, "a send never got stuck");
}

[[nodiscard]] bool consists_of(const std::string& text, char what) {
    return text.find_first_not_of(what) == std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(draining)

BOOST_AUTO_TEST_CASE(nothing_passes_between_the_dead_and_the_next_tenant_of_its_memory) {
    for (const std::uint32_t slots_draining : {0u, 1u}) {
        script tenant;
        kernel_bench at({.slots = 1, .slots_draining = slots_draining, .buffers = 16});
        at.enter(tenant, tina::restart::permanent);
        const std::uint16_t port = at.port_of(tenant);
        for (int round = 0; round < 8; ++round) {
            const char old_byte = static_cast<char>('a' + round % 26);
            const char new_byte = static_cast<char>('A' + round % 26);
            client before(port, 4096);
            at.obey(tenant, {.kind = order_kind::accept});
            BOOST_REQUIRE(!tenant.last().error);
            // A receive stays armed after its deadline, a send gets stuck: both are in flight.
            at.obey(tenant, {.kind = order_kind::recv, .within = 100us});
            send_until_stuck(at, tenant, std::string(4096, old_byte));
            const tina::handle dead = tenant.self;
            const std::uint32_t runs = tenant.runs;
            before.write("for the dead");

            tina::detail::end_isolate(at.shard(), at.slot_of(dead));
            tenant.orders.clear();
            before.write("for the dead");
            at.until([&] { return tenant.runs > runs; });
            BOOST_TEST(!at.is_alive(dead));

            client after(port);
            at.obey(tenant, {.kind = order_kind::accept});
            BOOST_REQUIRE(!tenant.last().error);
            at.obey(tenant, {.kind = order_kind::send_all, .text = std::string(4096, new_byte)});
            BOOST_TEST(!tenant.last().error);
            before.write("for the dead");
            after.write("for the living");
            at.obey(tenant, {.kind = order_kind::recv});
            BOOST_TEST(tenant.last().text == "for the living");
            at.obey(tenant, {.kind = order_kind::drop_lease, .bytes = 0});

            BOOST_TEST(before.ends_within(1s));
            BOOST_TEST(consists_of(before.text, old_byte));
            at.obey(tenant, {.kind = order_kind::drop_socket});
            BOOST_TEST(after.ends_within(1s));
            BOOST_TEST(after.text == std::string(4096, new_byte));
            at.until([&] { return at.shard().io.operations == 0 && at.counts().slots_draining.get() == 0; });
            BOOST_TEST(at.shard().io.buffers_in_use == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_peer_of_a_killed_owner_sees_the_end_at_once) {
    for (const bool sends : {false, true}) {
        script who;
        kernel_bench at({});
        at.enter(who);
        client peer(at.port_of(who), 4096);
        at.obey(who, {.kind = order_kind::accept});
        if (sends) {
            at.obey(who, {.kind = order_kind::recv, .within = 100us});
            send_until_stuck(at, who, std::string(4096, 'x'));
        } else {
            at.tell(who, {.kind = order_kind::recv});
        }
        at.kill(who.self);
        at.until([&] { return at.shard().io.operations == 0; });
        BOOST_TEST(peer.ends_within(1s));
    }
}

BOOST_AUTO_TEST_CASE(a_stuck_writer_that_is_killed_drains_while_the_reader_goes_on) {
    script first;
    script reader;
    script writer;
    kernel_bench at({});
    at.enter(first);
    client peer(at.port_of(first), 4096);
    at.obey(first, {.kind = order_kind::accept});
    at.obey(first, {.kind = order_kind::split});
    at.obey(first, {.kind = order_kind::give_reading, .heir = &reader});
    at.obey(first, {.kind = order_kind::give_writing, .heir = &writer});
    at.tell(reader, {.kind = order_kind::recv});
    send_until_stuck(at, writer, std::string(4096, 'x'));
    at.kill(writer.self);
    at.until([&] { return at.counts().slots_draining.get() == 0; });
    BOOST_TEST(at.is_alive(reader.self));
    at.kill(reader.self);
    at.until([&] { return at.shard().io.operations == 0; });
    BOOST_TEST(peer.ends_within(1s));
    BOOST_TEST(consists_of(peer.text, 'x'));
}

BOOST_AUTO_TEST_CASE(a_stop_with_a_stuck_send_ends_the_connection_and_returns) {
    script who;
    kernel_bench at({});
    at.enter(who);
    client peer(at.port_of(who), 4096);
    at.obey(who, {.kind = order_kind::accept});
    send_until_stuck(at, who, std::string(4096, 'x'));
    const auto begin = now();
    at.stop();
    BOOST_TEST((now() - begin < 1s));
    BOOST_TEST(peer.ends_within(1s));
}

BOOST_AUTO_TEST_SUITE_END()

// ---- a whole system

namespace {

struct front {
    std::atomic<std::uint16_t> port{0};
    std::atomic<std::uint32_t> acceptors{0};
    std::atomic<std::uint32_t> refused{0};  ///< spawns
};

tina::isolate echo_once(tina::context, tina::socket peer) {
    auto received = co_yield tina::recv(peer, 64).within(limit).or_crash();
    const auto sent = co_yield tina::send_all(peer, received);
    if (sent) static_cast<void>((co_yield tina::close(peer, limit)).error());
}

/// Crashes after each connection, before or after it has passed it on.
tina::isolate fragile_acceptor(tina::context self, front* shared, tina::listener from) {
    const auto local = from.local_address();
    shared->port.store(local ? local->port : std::uint16_t{0});
    shared->acceptors.fetch_add(1);
    auto made = co_yield tina::accept(from).or_crash();
    if (!self.spawn<echo_once>(std::move(made))) shared->refused.fetch_add(1);
    co_yield tina::crash("once more");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(restarting)

BOOST_AUTO_TEST_CASE(a_listener_whose_acceptor_crashes_every_time_refuses_nobody, *boost::unit_test::label("threads")) {
    constexpr int connections = 1000;
    front shared;
    tina::shard_spec shard{
        .tree = tina::one_for_one({.restarts = tina::unlimited},
                                  {tina::child<fragile_acceptor>(tina::restart::permanent, &shared,
                                                                 tina::listening({.address = "127.0.0.1"}))}),
        .limits = {.messages = 64, .messages_reserved = 16, .descriptors = 128, .buffers = 64}};
    tina::system system({.types = {tina::type<fragile_acceptor>({.slots = 1}), tina::type<echo_once>({.slots = 64})},
                         .shards = {shard},
                         .memory = tina::memory_mode::development,
                         .log = {.level = tina::log_level::error},
                         .process = {.pin_threads = false}});
    const tina::boot_result booted = system.start();
    for (const std::string& error : booted.errors) BOOST_ERROR(error);
    BOOST_REQUIRE(static_cast<bool>(booted));
    const auto end = now() + 60s;
    while (shared.port.load() == 0 && now() < end) std::this_thread::sleep_for(1ms);
    int served = 0;
    for (; served < connections && now() < end; ++served) {
        client peer(shared.port.load());
        BOOST_REQUIRE_EQUAL(peer.error(), 0);
        const std::string text = "hello " + std::to_string(served);
        peer.write(text);
        const auto patience = now() + limit;
        while (peer.text.size() < text.size() && peer.read() && now() < patience) std::this_thread::yield();
        BOOST_REQUIRE_EQUAL(peer.text, text);
    }
    BOOST_TEST(served == connections);
    system.request_stop();
    system.join();
    const auto counters = system.counters();
    BOOST_TEST(counters["connections_accepted"] == static_cast<std::uint64_t>(connections));
    BOOST_TEST(counters["connections_closed"] == counters["connections_accepted"]);
    BOOST_TEST(counters["isolates_restarted"] == static_cast<std::uint64_t>(connections));
    BOOST_TEST(shared.acceptors.load() == connections + 1u);
    BOOST_TEST(shared.refused.load() == 0u);
    for (const char* gauge : {"descriptors_open", "buffers_in_use", "operations_in_flight", "slots_draining",
                              "timers_armed", "restarts_pending", "isolates_live"}) {
        BOOST_TEST(counters[gauge] == 0u, gauge);
    }
}

BOOST_AUTO_TEST_SUITE_END()
