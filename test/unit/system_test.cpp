// SPDX-License-Identifier: Apache-2.0
// Tests of a system as an object: starting, failing to start, stopping whatever is going on, its counters while it
// runs, and what it does with memory. Listening is on loopback only, at ports that the kernel chooses.
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "test_system.hpp"

namespace {

using namespace system_test;

const auto threads = boost::unit_test::label("threads");

tina::isolate stopper(tina::context self, std::atomic<int>* runs) {
    ++*runs;
    self.request_stop();
    co_return;
}

tina::isolate patient(tina::context, std::atomic<int>* runs) {
    ++*runs;
    static_cast<void>(co_yield tina::sleep(1h));
}

tina::system_spec stopping_spec(std::atomic<int>& runs, std::uint32_t shards = 1) {
    return spec_of({tina::type<stopper>()},
                   std::vector<tina::shard_spec>(shards, shard_of({tina::child<stopper>(tina::temporary, &runs)})));
}

tina::system_spec patient_spec(std::atomic<int>& runs, std::uint32_t shards = 1) {
    return spec_of({tina::type<patient>()},
                   std::vector<tina::shard_spec>(shards, shard_of({tina::child<patient>(tina::permanent, &runs)})));
}

/// A listening socket of the test's own.
class taken_port {
public:
    taken_port() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t bytes = sizeof name;
        BOOST_REQUIRE_EQUAL(bind(descriptor_, reinterpret_cast<sockaddr*>(&name), bytes), 0);
        BOOST_REQUIRE_EQUAL(listen(descriptor_, 8), 0);
        BOOST_REQUIRE_EQUAL(getsockname(descriptor_, reinterpret_cast<sockaddr*>(&name), &bytes), 0);
        number = ntohs(name.sin_port);
    }
    taken_port(const taken_port&) = delete;
    taken_port& operator=(const taken_port&) = delete;
    ~taken_port() { close(descriptor_); }

    std::uint16_t number = 0;

private:
    int descriptor_;
};

std::size_t thread_count() {
    std::size_t count = 0;
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/status", "r"), &std::fclose);
    std::array<char, 256> line{};
    while (std::fgets(line.data(), static_cast<int>(line.size()), file.get()) != nullptr) {
        if (std::sscanf(line.data(), "Threads: %zu", &count) == 1) break;
    }
    return count;
}

/// Whether so many threads are left. Not at once: one that has been joined is still seen for a moment.
bool comes_down_to(std::size_t wanted) {
    for (int tries = 0; tries < 5000 && thread_count() > wanted; ++tries) std::this_thread::sleep_for(1ms);
    return thread_count() <= wanted;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(systems)

BOOST_AUTO_TEST_CASE(one_system_after_the_other_runs_in_one_process) {
    std::atomic<int> runs{0};
    for (int i = 1; i <= 20; ++i) {
        static_cast<void>(run_system(stopping_spec(runs)));
        BOOST_TEST(runs == i);
    }
}

BOOST_AUTO_TEST_CASE(two_systems_run_beside_each_other, *threads) {
    std::atomic<int> runs{0};
    tina::system first(patient_spec(runs, 2));
    tina::system second(patient_spec(runs, 2));
    must_start(first);
    must_start(second);
    static_cast<void>(run_system(stopping_spec(runs, 2)));
    for (int i = 0; i < 2000 && runs < 5; ++i) std::this_thread::sleep_for(1ms);
    BOOST_TEST(runs >= 5);  // of the third system's two shards one may be stopped before its child has run
    BOOST_TEST(!first.stopping());
    stop_and_join(second);
    BOOST_TEST(!first.stopping());
    stop_and_join(first);
    BOOST_TEST(first.stopping());
    check_at_rest(first.counters());
    check_at_rest(second.counters());
}

BOOST_AUTO_TEST_CASE(a_destructor_stops_a_system_that_runs, *threads) {
    std::atomic<int> runs{0};
    {
        tina::system system(patient_spec(runs, 2));
        must_start(system);
        BOOST_TEST(system.shard_count() == 2);
    }
    {
        const tina::system never_started(patient_spec(runs));
        BOOST_TEST(never_started.stopping());
    }
    BOOST_TEST(comes_down_to(2));
}

BOOST_AUTO_TEST_CASE(a_stop_is_taken_from_any_thread_at_any_time, *threads) {
    for (int i = 0; i < (sanitized ? 10 : 50); ++i) {
        std::atomic<int> runs{0};
        tina::system system(patient_spec(runs, 2));
        must_start(system);
        std::array<std::thread, 3> stopping;
        for (std::thread& each : stopping) {
            each = std::thread([&] {
                std::this_thread::sleep_for(std::chrono::microseconds{i * 7});
                system.request_stop();
                static_cast<void>(system.counters());
            });
        }
        BOOST_TEST(stopped_within(system, 20s));
        for (std::thread& each : stopping) each.join();
        stop_and_join(system);
        check_at_rest(system.counters());
        system.request_stop();  // does no harm
    }
}

namespace {

tina::isolate guest(tina::context, tina::listener) { static_cast<void>(co_yield tina::sleep(1h)); }

}  // namespace

BOOST_AUTO_TEST_CASE(a_port_in_use_is_one_clear_line_and_leaves_nothing_running) {
    const taken_port taken;
    const std::size_t before = thread_count();
    std::atomic<int> runs{0};
    const tina::listening there({.address = "127.0.0.1", .port = taken.number});
    tina::system system(spec_of(
        {tina::type<patient>(), tina::type<guest>()},
        {shard_of({tina::child<patient>(tina::permanent, &runs)}),
         shard_of({tina::child<patient>(tina::permanent, &runs), tina::child<guest>(tina::permanent, there)})}));
    const auto booted = system.start();
    BOOST_REQUIRE_EQUAL(booted.errors.size(), 1);
    BOOST_TEST_MESSAGE(booted.errors[0]);
    BOOST_TEST(contains(booted.errors[0], std::to_string(taken.number)));
    BOOST_TEST(booted.errors[0].find('\n') == std::string::npos);
    BOOST_TEST(system.stopping());
    BOOST_TEST(comes_down_to(before));
    BOOST_TEST(runs == 0);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_not_there_or_none_at_all_is_one_clear_line) {
    for (const char* address : {"192.0.2.1", "not an address"}) {
        const tina::listening there({.address = address});
        tina::system system(spec_of({tina::type<guest>()}, {shard_of({tina::child<guest>(tina::permanent, there)})}));
        const auto booted = system.start();
        BOOST_REQUIRE_EQUAL(booted.errors.size(), 1);
        BOOST_TEST_MESSAGE(booted.errors[0]);
        BOOST_TEST(contains(booted.errors[0], address));
    }
}

BOOST_AUTO_TEST_CASE(more_descriptors_than_the_process_may_have_is_one_clear_line) {
    std::atomic<int> runs{0};
    auto spec = patient_spec(runs, 2);
    for (auto& shard : spec.shards.each) shard.limits.descriptors = 1u << 20;
    tina::system system(spec);
    const auto booted = system.start();
    if (booted) return stop_and_join(system);  // a process without such a limit
    BOOST_REQUIRE_EQUAL(booted.errors.size(), 1);
    BOOST_TEST(contains(booted.errors[0], "ulimit -n"));
}

// --- stopping in the middle of everything
// -------------------------------------------------------------------------------

namespace {

/// Counts frames' locals that live.
struct local {
    std::atomic<int>* alive;
    explicit local(std::atomic<int>* counter) : alive(counter) { ++*alive; }
    local(const local&) = delete;
    local& operator=(const local&) = delete;
    ~local() { --*alive; }
};

struct shared_state {
    std::atomic<int> alive{0};
    std::atomic<int> waiting{0};
    std::atomic<std::uint16_t> port{0};
    std::atomic<std::uint64_t> full{0};
};

enum class in { receive, receive_within, sleep, recv, recv_into, send, accept, deliver, deliver_across };

tina::handle handle_of(std::uint64_t bits) {
    return {static_cast<std::uint32_t>(bits >> 54), static_cast<std::uint32_t>(bits >> 32) & 0x3f'ffff,
            static_cast<std::uint32_t>(bits)};
}

tina::isolate stuck(tina::context self, shared_state* on, in where) {
    const local counted(&on->alive);
    if (where == in::deliver || where == in::deliver_across) {
        while (on->full == 0) static_cast<void>(co_yield tina::sleep(100us));
        ++on->waiting;
        static_cast<void>(co_yield tina::deliver(handle_of(on->full), number{1}));
    } else if (where == in::receive) {
        ++on->waiting;
        static_cast<void>(co_yield tina::receive<number>());
    } else if (where == in::receive_within) {
        ++on->waiting;
        static_cast<void>(co_yield tina::receive<number>().within(1h));
    } else if (where == in::sleep) {
        ++on->waiting;
        static_cast<void>(co_yield tina::sleep(1h));
    } else {
        while (on->port == 0) static_cast<void>(co_yield tina::sleep(100us));
        auto peer = co_yield tina::connect(*tina::parse_ip("127.0.0.1", on->port)).or_crash();
        std::array<std::byte, 4096> bytes{};
        ++on->waiting;
        if (where == in::recv) static_cast<void>(co_yield tina::recv(peer, 100));
        if (where == in::recv_into) static_cast<void>(co_yield tina::recv_into(peer, bytes).within(1h));
        while (where == in::send && (co_yield tina::send_all(peer, bytes))) continue;
    }
    static_cast<void>(self);
}

/// Full, and never receives.
tina::isolate brimful(tina::context self, shared_state* on) {
    const local counted(&on->alive);
    expect(self.send(self.handle(), number{1}), tina::send_result::ok);
    on->full = self.handle().bits();
    static_cast<void>(co_yield tina::sleep(1h));
}

tina::isolate silent_server(tina::context self, tina::listener server, shared_state* on) {
    const local counted(&on->alive);
    on->port = server.local_address()->port;
    std::array<tina::socket, 16> kept;
    for (std::size_t i = 0;; ++i) {
        auto peer = co_yield tina::accept(server).or_crash();
        kept[i % kept.size()] = std::move(peer);
    }
    static_cast<void>(self);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stop_destroys_the_locals_of_isolates_that_wait_in_anything, *threads) {
    for (int round = 0; round < (sanitized ? 2 : 5); ++round) {
        shared_state on;
        const auto child = [&](in where) { return tina::child<stuck>(tina::permanent, &on, where); };
        tina::system system(spec_of(
            {tina::type<stuck>({.slots = 16, .accepts = tina::messages<number>{}}),
             tina::type<brimful>({.mailbox_capacity = 1, .accepts = tina::messages<number>{}}),
             tina::type<silent_server>()},
            {shard_of({tina::child<silent_server>(tina::permanent, tina::listening({.address = "127.0.0.1"}), &on),
                       tina::child<brimful>(tina::permanent, &on), child(in::receive), child(in::receive_within),
                       child(in::sleep), child(in::recv), child(in::recv_into), child(in::send), child(in::deliver),
                       child(in::deliver)}),
             shard_of({child(in::deliver_across), child(in::recv), child(in::send), child(in::deliver_across)})}));
        must_start(system);
        for (int i = 0; i < 5000 && on.waiting < 12; ++i) std::this_thread::sleep_for(1ms);
        std::this_thread::sleep_for(5ms);
        BOOST_TEST(on.waiting == 12);
        BOOST_TEST(on.alive == 14);
        stop_and_join(system);
        BOOST_TEST(on.alive == 0);
        check_at_rest(system.counters());
    }
}

// --- counters
// -----------------------------------------------------------------------------------------------------------

namespace {

tina::isolate busy(tina::context self) {
    for (;;) {
        static_cast<void>(self.send(self.handle(), number{1}));
        static_cast<void>(co_yield tina::receive<number>());
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(counters_can_be_read_while_the_system_runs_and_only_grow, *threads) {
    const tina::type_options options{.accepts = tina::messages<number>{}};
    tina::system system(spec_of({tina::type<busy>(options)}, {shard_of({tina::child<busy>(tina::permanent)}),
                                                              shard_of({tina::child<busy>(tina::permanent)})}));
    must_start(system);
    std::uint64_t before = 0;
    for (int i = 0; i < 100; ++i) {
        const auto counters = system.counters();
        BOOST_TEST(counters["messages_sent"] >= before);
        before = counters["messages_sent"];
        BOOST_TEST(counters.on_shard(0, "messages_sent") + counters.on_shard(1, "messages_sent") == before);
        std::this_thread::sleep_for(100us);
    }
    BOOST_TEST(before > 0);
    stop_and_join(system, tina::stop_mode::now);  // they never come to an end
    const auto counters = system.counters();
    check_at_rest(counters);
    std::set<std::pair<std::string_view, std::uint32_t>> names;
    for (const auto& each : counters.values()) {
        BOOST_TEST(names.emplace(each.name, each.shard).second, each.name << " is there twice");
        BOOST_TEST(!each.description.empty());
    }
    BOOST_TEST(contains(counters.to_string(), "messages_sent " + std::to_string(counters["messages_sent"])));
}

// --- memory
// -------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_system_runs_in_either_mode_of_memory) {
    std::atomic<int> runs{0};
    auto spec = stopping_spec(runs);
    spec.memory = tina::memory_mode::production;
    static_cast<void>(run_system(spec));
    spec.memory = tina::memory_mode::development;
    static_cast<void>(run_system(spec));
    BOOST_TEST(runs == 2);
}

BOOST_AUTO_TEST_CASE(huge_pages_that_are_refused_are_advice_and_it_goes_on_without) {
    std::atomic<int> runs{0};
    auto spec = stopping_spec(runs);
    spec.huge_pages = true;
    spec.shards.each[0].limits.scratch_bytes = 1u << 30;  // more than anybody has set aside
    const std::string log = log_of(spec, tina::warning);
    BOOST_TEST(runs == 1);
    BOOST_TEST(contains(log, "huge_pages: "), log);
    BOOST_TEST(contains(log, "goes on with small pages"), log);
    BOOST_TEST(contains(log, "vm.nr_hugepages="), log);
}

BOOST_AUTO_TEST_SUITE_END()
