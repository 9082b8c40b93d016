// SPDX-License-Identifier: Apache-2.0
// Many isolates wait for random things at once, on real connections: every byte, every message and every connection
// must arrive once and in order, and every answer at the call that asked. Every failure names the seed. Owned by the
// unit tests.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <span>

#include "test_system.hpp"

namespace any_stress {

struct news {
    std::uint64_t number;
};
struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};

}  // namespace any_stress

namespace {

using namespace system_test;
using namespace any_stress;
using tina::errc;

constexpr std::uint32_t workers = 12;  // more than half of the buffers: receives are cancelled, too
constexpr std::uint32_t guests = scaled(300, 60);
constexpr std::uint64_t news_each = scaled(12'000, 1'200);
constexpr std::uint64_t bytes_each = scaled(250'000, 25'000);

/// What everybody here shares; they live on one shard.
struct world {
    failures found;
    tina::handle oracle;
    tina::address door;
    std::uint64_t waits = 0;
    std::uint64_t wins[4] = {};  ///< by what won: bytes, news, time, an answer
    std::uint64_t questions = 0;
    std::uint32_t connections = 0;
    std::uint32_t guests_seen = 0;
    std::uint32_t left = workers + guests + 1;

    void leave(tina::context self) {
        if (--left == 0) self.request_stop();
    }
};

enum winner { bytes, message, moment, reply };

[[nodiscard]] std::byte byte_of(std::uint32_t connection, std::uint64_t at) {
    return static_cast<std::byte>(at * 7 + at / 251 + connection);
}

[[nodiscard]] std::chrono::nanoseconds some_time(tina::context self) {
    return std::chrono::nanoseconds(self.random() % 4 == 0 ? 0 : self.random() % 200'000);
}

/// What has come to one isolate, in order.
class ledger {
public:
    ledger(tina::context self, world* all, std::uint32_t connection)
        : self_(self), all_(all), connection_(connection) {}

    [[nodiscard]] bool complete() const { return ended_ && news_ == news_each; }
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] std::uint64_t received() const { return received_; }

    void take(const tina::result<tina::buffer_lease>& got) {
        ++all_->wins[bytes];
        if (!got) {
            const bool end = got.error() == errc::end_of_stream;
            all_->found.expect(end || got.error() == errc::deadline, "a receive ended with an error");
            ended_ = ended_ || end;
            return;
        }
        for (const std::byte each : *got) {
            all_->found.expect(each == byte_of(connection_, received_++), "a byte is lost, doubled or mixed up");
        }
    }
    void take(const tina::message<news>& got) {
        ++all_->wins[message];
        all_->found.expect(got->number == news_++, "a message is lost, doubled or out of order");
    }
    void take(const tina::result<tina::message<news>>& got) {
        if (got) return take(*got);
        all_->found.expect(got.error() == errc::deadline, "a receive of messages ended with an error");
    }
    void take(const tina::result<void>& got) {
        ++all_->wins[moment];
        all_->found.expect(got.has_value(), "a sleep ended with an error");
    }
    void take(const tina::result<answer>& got) {
        ++all_->wins[reply];
        if (got) {
            all_->found.expect(got->value == asked_ * 3, "an answer came to another call");
        } else {
            const std::error_code error = got.error();
            all_->found.expect(error == errc::deadline || error == errc::unanswered || error == errc::mailbox_full ||
                                   error == errc::no_calls,
                               "a call ended with an error");
        }
    }
    template <class... Results>
    void take_any(const tina::any_result<Results...>& got) {
        ++all_->waits;
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            (take_arm(got.template get<Index>()), ...);
        }(std::index_sequence_for<Results...>{});
    }
    [[nodiscard]] auto ask() {
        asked_ = ++all_->questions;
        return tina::call<answer>(all_->oracle, question{asked_}).within(some_time(self_));
    }

private:
    template <class Result>
    void take_arm(const Result* got) {
        if (got != nullptr) take(*got);
    }

    tina::context self_;
    world* all_;
    std::uint32_t connection_;
    bool ended_ = false;
    std::uint64_t received_ = 0;
    std::uint64_t news_ = 0;
    std::uint64_t asked_ = 0;
};

tina::isolate worker(tina::context self, world* all, tina::socket peer, std::uint32_t number) {
    ledger my(self, all, number);
    while (!my.complete()) {
        const auto some = static_cast<std::uint32_t>(1 + self.random() % 64);
        const auto span = some_time(self);
        // After the end of the stream a recv would be ready always.
        switch (my.ended() ? self.random() % 3 : self.random() % 9) {
        case 0: {
            auto got = co_yield tina::any_of(tina::receive<news>(), tina::sleep(span));
            my.take_any(got);
            break;
        }
        case 1: {
            auto got = co_yield tina::any_of(my.ask(), tina::receive<news>());
            my.take_any(got);
            break;
        }
        case 2: my.take(co_yield tina::receive<news>().within(span)); break;
        case 3: {
            auto got = co_yield tina::any_of(tina::recv(peer, some), tina::receive<news>(), tina::sleep(span));
            my.take_any(got);
            break;
        }
        case 4: {
            auto got = co_yield tina::any_of(tina::receive<news>(), tina::recv(peer, some));
            my.take_any(got);
            break;
        }
        case 5: {
            auto got = co_yield tina::any_of(tina::sleep_until(self.now() + span), my.ask(), tina::recv(peer, some));
            my.take_any(got);
            break;
        }
        case 6: {
            auto got = co_yield tina::any_of(my.ask(), tina::recv(peer, some).within(span),
                                             tina::receive<news>().within(2 * span), tina::sleep(3 * span));
            my.take_any(got);
            break;
        }
        case 7: {
            auto got = co_yield tina::any_of(tina::recv(peer, some), tina::sleep(span));
            my.take_any(got);
            break;
        }
        default: my.take(co_yield tina::recv(peer, some).within(span)); break;
        }
    }
    all->found.expect(my.received() == bytes_each, "bytes are missing at the end of a stream");
    all->leave(self);
}

/// Reads its number, which is the place of its connection among all.
tina::isolate guest(tina::context self, world* all, tina::socket peer, std::uint32_t number) {
    std::array<std::byte, sizeof(number)> text;
    std::size_t filled = 0;
    for (;;) {
        auto got = co_yield tina::any_of(tina::sleep(some_time(self)), tina::recv(peer, 1));
        ++all->waits;
        const auto* const received = got.get<1>();
        if (received == nullptr) continue;
        if (!*received) break;
        if (filled < text.size()) text[filled] = *(*received)->begin();
        ++filled;
    }
    std::uint32_t sent = 0;
    std::memcpy(&sent, text.data(), sizeof(sent));
    all->found.expect(filled == text.size() && sent == number, "a connection is lost, or its bytes are");
    ++all->guests_seen;
    all->leave(self);
}

/// Sends a numbered stream, and ends.
tina::isolate pump(tina::context self, tina::socket peer, std::uint32_t number) {
    std::array<std::byte, 300> part;
    for (std::uint64_t sent = 0; sent < bytes_each;) {
        const std::size_t count = std::min<std::uint64_t>(1 + self.random() % part.size(), bytes_each - sent);
        for (std::size_t i = 0; i < count; ++i) part[i] = byte_of(number, sent + i);
        auto went = co_yield tina::send_all(peer, std::span<const std::byte>(part).first(count));
        sent += went.bytes();
        if (!went) co_return;
        if (self.random() % 4 == 0) co_yield tina::sleep(some_time(self)).or_crash();
    }
}

/// Sends numbered messages. Not one may be lost, so that a full mailbox is waited for.
tina::isolate gossip(tina::context self, tina::handle target) {
    for (std::uint64_t number = 0; number < news_each;) {
        const tina::send_result answer = self.send(target, news{number});
        if (answer == tina::send_result::ok) ++number;
        if (answer == tina::send_result::stale_handle) co_return;
        if (answer != tina::send_result::ok || self.random() % 4 == 0) co_yield tina::yield();
        if (self.random() % 64 == 0) co_yield tina::sleep(some_time(self)).or_crash();
    }
}

/// Answers, late or at once, or not at all.
tina::isolate oracle(tina::context self, world* all) {
    tina::reply_token kept;
    std::uint64_t kept_value = 0;
    all->oracle = self.handle();
    for (;;) {
        auto asked = co_yield tina::receive<question>();
        switch (self.random() % 4) {
        case 0: break;
        case 1:
            if (kept) kept.reply(answer{kept_value * 3});
            kept_value = asked->value;
            kept = asked.take<tina::reply_token>();
            break;
        default: asked.reply(answer{asked->value * 3}); break;
        }
    }
}

/// Accepts all connections: the first are the workers', the rest are guests.
tina::isolate door(tina::context self, world* all, tina::listener from) {
    all->door = *from.local_address();
    std::uint64_t heard = 0;
    while (all->connections < workers + guests || heard < news_each) {
        auto got = co_yield tina::any_of(tina::accept(from), tina::receive<news>(), tina::sleep(some_time(self)));
        ++all->waits;
        if (const auto* const told = got.get<1>()) {
            all->found.expect((*told)->number == heard++, "a message to the door is lost or out of order");
        }
        auto* const came = got.get<0>();
        if (came == nullptr || !*came) continue;
        const std::uint32_t number = all->connections++;
        if (number >= workers) {
            all->found.expect(self.spawn<guest>(all, std::move(**came), number).has_value(), "no slot for a guest");
        } else if (auto made = self.spawn<worker>(all, std::move(**came), number)) {
            all->found.expect(self.spawn<gossip>(static_cast<tina::handle>(*made)).has_value(), "no slot for gossip");
        }
    }
    all->leave(self);
}

tina::isolate starter(tina::context self, world* all, tina::handle door_of_all) {
    static_cast<void>(self.spawn<gossip>(door_of_all));
    for (std::uint32_t number = 0; number < workers + guests; ++number) {
        auto peer = co_yield tina::connect(all->door).or_crash();
        if (number < workers) {
            all->found.expect(self.spawn<pump>(std::move(peer), number).has_value(), "no slot for a pump");
            continue;
        }
        std::array<std::byte, sizeof(number)> text;
        std::memcpy(text.data(), &number, sizeof(number));
        static_cast<void>(co_yield tina::send_all(peer, std::span<const std::byte>(text)));
        co_yield tina::sleep(some_time(self)).or_crash();
    }
}

/// The one child of the tree, which starts the others.
tina::isolate host(tina::context self, world* all, tina::listener from) {
    static_cast<void>(self.spawn<oracle>(all));
    const tina::handle opened = *self.spawn<door>(all, from);
    co_yield tina::yield();
    static_cast<void>(self.spawn<starter>(all, opened));
}

void run_seed(std::uint64_t seed) {
    world all;
    tina::shard_limits limits = small_limits();
    limits.descriptors = 2 * (workers + guests) + 16;
    tina::system_spec spec = spec_of(
        {tina::type<host>({.slots = 1}),
         tina::type<oracle>({.slots = 1, .mailbox_capacity = 8, .accepts = tina::messages<question>{}}),
         tina::type<door>({.slots = 1, .accepts = tina::messages<news>{}}), tina::type<starter>({.slots = 1}),
         tina::type<worker>({.slots = workers, .mailbox_capacity = 16, .accepts = tina::messages<news>{}}),
         tina::type<guest>({.slots = guests}), tina::type<pump>({.slots = workers}),
         tina::type<gossip>({.slots = workers + 1})},
        {shard_of({tina::child<host>(tina::temporary, &all, tina::listening({.address = "127.0.0.1"}))}, limits)});
    spec.seed = seed;
    const tina::counter_snapshot counters = run_system(std::move(spec), 60s);
    all.found.check();
    BOOST_TEST(all.connections == workers + guests);
    BOOST_TEST(all.guests_seen == guests);
    BOOST_TEST(counters["isolates_crashed"] == 0u);
    BOOST_TEST(counters["connections_accepted"] == workers + guests);
    for (const std::uint64_t each : all.wins) BOOST_TEST(each > 0u);
    // What was waited for at once is at least as much as what came.
    BOOST_TEST(all.waits > news_each * workers / 2);
    BOOST_TEST_MESSAGE("seed " << seed << ": " << all.waits << " times any_of");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(any_of_stress)

BOOST_AUTO_TEST_CASE(random_arms_on_real_connections_lose_and_mix_up_nothing) {
    for (const std::uint64_t seed : {1u, 2u}) {
        BOOST_TEST_CONTEXT("seed " << seed) { run_seed(seed); }
    }
}

BOOST_AUTO_TEST_SUITE_END()
