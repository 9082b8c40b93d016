// SPDX-License-Identifier: Apache-2.0
// Tests of calls: each outcome, within a shard and across, moved by hand so that every order of events is a sequence of
// steps; and many calls on real threads, whose outcomes must add up. Owned by the unit tests.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <cstring>
#include <system_error>
#include <vector>

#include "lib/mailbox.hpp"
#include "lib/slots.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace call_test {

struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};
struct other_answer {
    std::uint64_t value;
};
struct passed_on {};
/// Tells a server what to do with what it has and gets.
enum class manner : std::uint8_t {
    at_once,
    later,
    drop,
    keep,
    crash,
    end,
    dies_in_call,
    ends_in_call,
    pass_on,
    twice,
    wrong_type
};
struct order {
    manner how;
    tina::handle to;
};

}  // namespace call_test

namespace {

using namespace system_test;
using namespace call_test;
using tina::errc;

struct server {
    using accepts = tina::messages<question, order, passed_on>;
    manner how = manner::at_once;
    tina::handle other;

    tina::isolate run(tina::context self) {
        tina::reply_token kept;
        for (;;) {
            auto message = co_yield tina::receive<question, order, passed_on>();
            if (const auto* told = message.get<order>()) {
                if (told->how == manner::crash) co_yield tina::crash("as told");
                if (told->how == manner::end) co_return;
                if (told->how == manner::later && kept) kept.reply(answer{1000});
                if (told->how == manner::drop) kept = {};
                how = told->how;
                other = told->to;
                continue;
            }
            if (message.get<passed_on>() != nullptr) {
                auto token = message.take<tina::reply_token>();
                token.reply(answer{77});
                continue;
            }
            const std::uint64_t value = message.get<question>()->value;
            switch (how) {
            case manner::at_once: BOOST_TEST(message.reply(answer{value + 1})); break;
            case manner::twice:
                BOOST_TEST(message.reply(answer{value + 2}));
                BOOST_TEST(!message.reply(answer{value + 3}));
                break;
            case manner::wrong_type: BOOST_TEST(message.reply(other_answer{value})); break;
            case manner::keep: kept = message.take<tina::reply_token>(); break;
            case manner::pass_on: {
                auto token = message.take<tina::reply_token>();
                BOOST_TEST(!message.awaits_reply());
                expect(self.send(other, passed_on{}, std::move(token)), tina::send_result::ok);
                break;
            }
            case manner::dies_in_call: co_yield tina::crash("in the middle of a call");
            case manner::ends_in_call: co_return;
            default: break;
            }
        }
    }
};

struct outcome {
    int count = 0;
    std::error_code error;
    std::uint64_t value = 0;
};

tina::isolate caller(tina::context, const tina::handle* target, outcome* got) {
    auto reply = co_yield tina::call<answer>(*target, question{41}).within(100ms);
    ++got->count;
    got->error = reply.error();
    if (reply) got->value = reply->value;
}

tina::isolate idle(tina::context) { static_cast<void>(co_yield tina::sleep(24h)); }

/// Two shards; servers and callers are spawned as the test wants.
struct stage {
    explicit stage(tina::shard_limits limits = small_limits(), std::uint16_t mailbox = 8)
        : shards(spec_of({tina::type<server>({.slots = 4, .mailbox_capacity = mailbox}),
                          tina::type<caller>({.slots = 16}), tina::type<idle>({.slots = 2})},
                         {shard_of({tina::child<idle>(tina::temporary)}, limits),
                          shard_of({tina::child<idle>(tina::temporary)}, limits)})) {}

    template <class Handler, class... Arguments>
    tina::handle spawn(std::uint32_t shard, const tina::detail::handler_info& what, Arguments... arguments) {
        auto& at = shards[shard];
        auto pack = Handler::pack(arguments...);
        const auto made =
            tina::detail::start_isolate(at, tina::detail::find_type(at, what), tina::detail::no_restart, &pack);
        BOOST_REQUIRE_EQUAL(made.error, 0);
        return made.child;
    }
    tina::handle start_server(std::uint32_t shard) {
        using handler = tina::detail::struct_handler<server>;
        const tina::handle made = spawn<handler>(shard, handler::info());
        shards.settle();
        return made;
    }
    void start_call(std::uint32_t shard, const tina::handle* target, outcome* got) {
        using handler = tina::detail::function_handler<caller>;
        static_cast<void>(spawn<handler>(shard, handler::info(), target, got));
    }
    void tell(tina::handle who, manner how, tina::handle to = {}) {
        auto& at = shards[who.shard()];
        const auto placed = tina::detail::place_message(at, who, tina::detail::message_key_of<order>, {});
        BOOST_REQUIRE(placed.payload != nullptr);
        const order content{how, to};
        std::memcpy(placed.payload, &content, sizeof content);
        at.messages_sent.add();
        shards.settle();
    }
    void expect_nothing_left() {
        for (const auto& each : shards.shards) {
            BOOST_TEST(each->calls.taken_count() == 0u);
            BOOST_TEST(each->wheel.armed_count() <= 1u);  // the idle one's
            BOOST_TEST(each->envelopes.taken_count() == 0u);
        }
    }

    hand_moved shards;
};

void expect_outcome(const outcome& got, errc wanted) {
    BOOST_TEST(got.count == 1);
    BOOST_TEST(got.error == make_error_code(wanted), got.error.message()
                                                         << " instead of " << make_error_code(wanted).message());
}

/// Where the server is: on the caller's shard or on the other.
const auto places = boost::unit_test::data::make({0u, 1u});

}  // namespace

BOOST_AUTO_TEST_SUITE(calls)

BOOST_DATA_TEST_CASE(a_call_gets_its_answer, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    BOOST_TEST(got.count == 1);
    BOOST_TEST(!got.error);
    BOOST_TEST(got.value == 42u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(only_the_first_answer_counts, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::twice);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    BOOST_TEST(got.value == 43u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(an_answer_of_another_type_is_an_error_of_the_call, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::wrong_type);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    expect_outcome(got, errc::unexpected_reply);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_request_that_is_dropped_ends_the_call_at_once, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::drop);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    expect_outcome(got, errc::unanswered);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_kept_token_answers_later, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::keep);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    BOOST_TEST(got.count == 0);
    on.tell(target, manner::later);
    BOOST_TEST(got.value == 1000u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_kept_token_that_is_dropped_ends_the_call, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::keep);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    on.tell(target, manner::drop);
    expect_outcome(got, errc::unanswered);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(another_isolate_can_answer_where_the_token_was_passed_to,
                     places* boost::unit_test::data::make({0u, 1u}), place, other) {
    stage on;
    const tina::handle target = on.start_server(place);
    const tina::handle second = on.start_server(other);
    on.tell(target, manner::pass_on, second);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    BOOST_TEST(got.value == 77u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(the_deadline_ends_a_call_and_a_late_answer_is_discarded, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::keep);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    on.shards.advance(101ms);
    on.shards.settle();
    expect_outcome(got, errc::deadline);
    BOOST_TEST(on.shards[0].calls.taken_count() == 1u);  // the token is still out
    on.tell(target, manner::later);
    BOOST_TEST(on.shards.counts(0).replies_late.get() == 1u);
    BOOST_TEST(got.count == 1);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_stale_handle_fails_a_call_at_once, places, place) {
    stage on;
    const tina::handle target = on.start_server(place);
    on.tell(target, manner::end);
    outcome got;
    on.start_call(0, &target, &got);
    on.shards.settle();
    expect_outcome(got, errc::target_gone);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_target_that_ends_with_the_request_in_hand_or_in_its_mailbox_fails_the_call, places, place) {
    for (const manner how : {manner::dies_in_call, manner::ends_in_call}) {
        stage on;
        const tina::handle target = on.start_server(place);
        on.tell(target, how);
        outcome got[2];
        for (outcome& each : got) on.start_call(0, &target, &each);
        on.shards.settle();
        for (const outcome& each : got) expect_outcome(each, errc::target_gone);
        on.expect_nothing_left();
    }
}

BOOST_DATA_TEST_CASE(a_target_that_dies_with_a_token_fails_the_call, places, place) {
    for (const manner how : {manner::crash, manner::end}) {
        stage on;
        const tina::handle target = on.start_server(place);
        on.tell(target, manner::keep);
        outcome got;
        on.start_call(0, &target, &got);
        on.shards.settle();
        on.tell(target, how);
        expect_outcome(got, errc::target_gone);
        on.expect_nothing_left();
    }
}

BOOST_AUTO_TEST_CASE(a_caller_that_dies_leaves_nothing_behind) {
    stage on;
    const tina::handle target = on.start_server(1);
    on.tell(target, manner::keep);
    outcome got;
    using handler = tina::detail::function_handler<caller>;
    const tina::handle dying = on.spawn<handler>(0, handler::info(), static_cast<const tina::handle*>(&target), &got);
    on.shards.settle();
    tina::detail::end_isolate(on.shards[0], on.shards[0].slots[dying.slot()]);
    on.tell(target, manner::later);
    BOOST_TEST(got.count == 0);
    BOOST_TEST(on.shards.counts(0).calls_abandoned.get() == 1u);
    BOOST_TEST(on.shards.counts(0).replies_late.get() == 1u);
    on.expect_nothing_left();
}

BOOST_DATA_TEST_CASE(a_full_mailbox_fails_the_call_and_not_its_answer, places, place) {
    stage on(small_limits(), 1);
    const tina::handle target = on.start_server(place);
    outcome got[3];
    // Two callers at once: one request is handed over or queued, the other finds the mailbox full.
    for (outcome& each : got) on.start_call(0, &target, &each);
    on.shards.settle();
    int answered = 0;
    for (const outcome& each : got) {
        BOOST_TEST(each.count == 1);
        if (!each.error) ++answered;
        if (each.error) BOOST_TEST(each.error == make_error_code(errc::mailbox_full));
    }
    BOOST_TEST(answered >= 1);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_CASE(without_a_free_record_a_call_fails_at_once) {
    tina::shard_limits limits = small_limits();
    limits.calls = 1;
    stage on(limits);
    const tina::handle target = on.start_server(0);
    on.tell(target, manner::keep);
    outcome first;
    outcome second;
    on.start_call(0, &target, &first);
    on.start_call(0, &target, &second);
    on.shards.settle();
    BOOST_TEST(first.count == 0);
    expect_outcome(second, errc::no_calls);
    on.tell(target, manner::later);
    BOOST_TEST(first.value == 1000u);
    on.expect_nothing_left();
}

BOOST_AUTO_TEST_SUITE_END()
