// SPDX-License-Identifier: Apache-2.0
// Tests of leases: they travel without being copied, go home from wherever they are dropped, and are lost by nobody's
// death. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace lease_test {

struct parcel {
    std::uint64_t number;
};
struct go {};

}  // namespace lease_test

namespace {

using namespace system_test;
using lease_test::go;
using lease_test::parcel;
using tina::errc;
using tina::send_result;

struct seen {
    std::vector<std::string> texts;
    const std::byte* data = nullptr;
};

/// Takes what comes, and keeps up to `keep` of it.
struct taker {
    using accepts = tina::messages<parcel, go>;
    tina::isolate run(tina::context, seen* on, std::uint32_t keep, bool take) {
        std::vector<tina::lease> kept;
        kept.reserve(16);
        for (;;) {
            auto message = co_yield tina::receive<parcel, go>();
            if (message.get<go>() != nullptr) co_yield tina::crash("as told");
            if (!take) {
                on->texts.emplace_back("left");
                continue;
            }
            auto bytes = message.take<tina::lease>();
            if (bytes) {
                on->data = bytes.data();
                on->texts.emplace_back(bytes.text());
                BOOST_TEST(!message.take<tina::lease>());
                if (kept.size() < keep) kept.push_back(std::move(bytes));
                continue;
            }
            auto share = message.take<tina::shared_lease>();
            if (!share) continue;
            on->data = share.data();
            on->texts.emplace_back(share.text());
        }
    }
};

struct giver {
    using accepts = tina::messages<go>;
    tina::isolate run(tina::context self, const tina::handle* target, const std::byte** data,
                      void (*act)(tina::context, tina::handle, tina::lease)) {
        static_cast<void>(co_yield tina::receive<go>());
        auto bytes = self.allocate(5);
        BOOST_TEST(bytes.has_value());
        if (!bytes) co_return;
        std::memcpy(bytes->data(), "hello", 5);
        *data = bytes->data();
        act(self, *target, std::move(*bytes));
    }
};

tina::isolate idle(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

struct stage {
    explicit stage(tina::shard_limits limits = small_limits())
        : shards(spec_of({tina::type<taker>({.slots = 4, .mailbox_capacity = 4}), tina::type<giver>({.slots = 4}),
                          tina::type<idle>({.slots = 2})},
                         {shard_of({tina::child<idle>(tina::temporary)}, limits),
                          shard_of({tina::child<idle>(tina::temporary)}, limits)})) {}

    template <class Object, class... Arguments>
    tina::handle start(std::uint32_t shard, Arguments... arguments) {
        using handler = tina::detail::struct_handler<Object>;
        auto& at = shards[shard];
        auto pack = handler::pack(arguments...);
        const auto made = tina::detail::start_isolate(at, tina::detail::find_type(at, handler::info()),
                                                      tina::detail::no_restart, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        shards.settle();
        return made.child;
    }
    void tell(tina::handle who) {
        auto& at = shards[who.shard()];
        BOOST_REQUIRE(tina::detail::place_message(at, who, tina::detail::message_key_of<go>, {}).answer ==
                      send_result::ok);
        at.messages_sent.add();
        shards.settle();
    }
    /// Runs `act` in an isolate on shard 0 with a lease that says hello.
    void act(tina::handle target, void (*what)(tina::context, tina::handle, tina::lease)) {
        target_ = target;
        tell(start<giver>(0, static_cast<const tina::handle*>(&target_), &sent, what));
    }
    [[nodiscard]] std::uint32_t in_use(std::uint32_t shard = 0) { return shards[shard].lease_blocks.taken_count(); }

    hand_moved shards;
    const std::byte* sent = nullptr;

private:
    tina::handle target_;
};

void send_it(tina::context self, tina::handle target, tina::lease bytes) {
    expect(self.send(target, parcel{1}, std::move(bytes)), send_result::ok);
    BOOST_TEST(!bytes);
}

const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(leases)

BOOST_DATA_TEST_CASE(a_lease_travels_without_being_copied_and_goes_home, places, place) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(place, &got, 0u, true);
    on.act(target, send_it);
    BOOST_TEST(got.texts == std::vector<std::string>{"hello"});
    BOOST_TEST(got.data == on.sent);
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_DATA_TEST_CASE(a_lease_that_nobody_takes_goes_back_with_its_message, places, place) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(place, &got, 0u, false);
    on.act(target, send_it);
    BOOST_TEST(got.texts == std::vector<std::string>{"left"});
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_DATA_TEST_CASE(the_death_of_the_holder_gives_a_lease_back, places, place) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(place, &got, 4u, true);
    on.act(target, send_it);
    BOOST_TEST(on.in_use() == 1u);
    on.tell(target);
    BOOST_TEST(on.in_use() == 0u);
    BOOST_TEST(on.shards[place].envelopes.taken_count() == 0u);
}

BOOST_DATA_TEST_CASE(a_lease_sent_to_the_dead_goes_home, places, place) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(place, &got, 0u, true);
    on.tell(target);
    on.act(target, [](tina::context self, tina::handle to, tina::lease bytes) {
        const send_result answer = self.send(to, parcel{1}, std::move(bytes));
        if (to.shard() == self.shard_index()) {
            BOOST_TEST((answer == send_result::stale_handle));
            BOOST_TEST(bytes.text() == "hello");  // not used up
        }
    });
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_DATA_TEST_CASE(shares_reach_many_and_the_last_one_goes_home, places, place) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(place, &got, 0u, true);
    on.act(target, [](tina::context self, tina::handle to, tina::lease bytes) {
        bytes.shrink(4);
        auto share = std::move(bytes).share();
        BOOST_TEST(share.has_value());
        for (std::uint64_t i = 0; i < 3; ++i) expect(self.send(to, parcel{i}, *share), send_result::ok);
        auto second = share->share();
        BOOST_TEST(second.has_value());
        expect(self.send(to, parcel{9}, std::move(*second)), send_result::ok);
    });
    BOOST_TEST(got.texts == (std::vector<std::string>{"hell", "hell", "hell", "hell"}));
    BOOST_TEST(got.data == on.sent);
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_leaves_the_lease_with_its_owner) {
    stage on;
    seen got;
    const tina::handle target = on.start<taker>(0, &got, 0u, true);
    on.act(target, [](tina::context self, tina::handle to, tina::lease bytes) {
        for (std::uint64_t i = 0; i < 5; ++i) expect(self.send(to, parcel{i}), send_result::ok);
        expect(self.send(to, parcel{5}, std::move(bytes)), send_result::mailbox_full);
        BOOST_TEST(bytes.text() == "hello");
    });
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_AUTO_TEST_CASE(what_there_is_not_is_an_error) {
    tina::shard_limits limits = small_limits();
    limits.leases = 2;
    stage on(limits);
    seen got;
    const tina::handle target = on.start<taker>(0, &got, 0u, true);
    on.act(target, [](tina::context self, tina::handle, tina::lease) {
        auto second = self.allocate(4096);
        BOOST_TEST(second.has_value());
        expect_error(self.allocate(1), errc::no_leases);
        expect_error(self.allocate(4097), errc::too_large);
    });
    BOOST_TEST(on.in_use() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
