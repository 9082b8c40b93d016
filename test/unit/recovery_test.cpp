// SPDX-License-Identifier: Apache-2.0
// Tests of shards that fail: started anew, quarantined, revived, and what their peers see of it. Owned by the unit
// tests.
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <atomic>
#include <csignal>

#include "lib/recovery.hpp"
#include "supervised_tree.hpp"
#include "test_actor.hpp"

namespace recovery_test {

struct question {
    std::uint64_t value;
};
struct answer {
    std::uint64_t value;
};

}  // namespace recovery_test

namespace {

using namespace system_test;
using recovery_test::answer;
using recovery_test::question;
using tina::errc;

constexpr tina::role server_role{"server"};

/// What the server does with the next question.
enum class mood { answers, keeps, crashes };

struct service {
    mood does = mood::answers;
    int begun = 0;
    int ended = 0;
};

tina::isolate server(tina::context, service* what) {
    ++what->begun;
    const frame_guard guard(what->ended);
    for (;;) {
        auto asked = co_yield tina::receive<question>();
        if (what->does == mood::crashes) co_yield tina::crash("not again");
        if (what->does == mood::keeps) static_cast<void>(co_yield tina::sleep(1h));
        asked.reply(answer{asked->value + 1});
    }
}

struct client_notes {
    std::vector<std::error_code> errors;
    std::uint64_t answered = 0;
};

tina::isolate one_call(tina::context, tina::handle whom, client_notes* notes) {
    const auto got = co_yield tina::call<answer>(whom, question{1}).within(1h);
    got ? static_cast<void>(++notes->answered) : notes->errors.push_back(got.error());
}

tina::isolate remote_spawner(tina::context, service* what, client_notes* notes) {
    const auto made = co_yield tina::spawn_on<server>(1, what);
    made ? static_cast<void>(++notes->answered) : notes->errors.push_back(made.error());
}

/// An actor on shard 0; on shard 1 a server whose every crash fails the shard.
class two_shards {
public:
    explicit two_shards(tina::recovery_options recovery) : on(spec(recovery)) { on.settle(); }

    [[nodiscard]] tina::system_spec spec(tina::recovery_options recovery) {
        auto second = shard_of({tina::child<server>(tina::permanent, &serves).role(server_role)});
        second.tree.budget = {.restarts = 0};
        auto made = spec_of({tina::type<server>({.slots = 4, .accepts = tina::messages<question>{}}),
                             tina::type<one_call>(), tina::type<remote_spawner>(), tina::type<actor>()},
                            {shard_of({tina::child<actor>(tina::permanent, &acts)}), second});
        made.recovery = recovery;
        return made;
    }
    [[nodiscard]] tina::handle actor_handle() { return on[0].slots[on[0].children[0].slot].own_handle(); }
    [[nodiscard]] tina::handle server_handle() {
        const auto& child = on[1].children[0];
        return child.slot == tina::detail::nothing ? tina::handle{} : on[1].slots[child.slot].own_handle();
    }
    template <auto Handler, class... Arguments>
    void start(const Arguments&... arguments) {
        using handler = tina::detail::function_handler<Handler>;
        auto pack = handler::pack(arguments...);
        BOOST_REQUIRE_EQUAL(tina::detail::start_dynamic(on[0], handler::info(), 2, &pack).error, 0);
    }
    /// Has the server crash by a call of shard 0's.
    void fail() {
        const mood before = std::exchange(serves.does, mood::crashes);
        start<one_call>(server_handle(), &notes);
        on.settle();
        serves.does = before;
    }
    template <class What>
    void in_actor(What what) {
        auto& at = on[0];
        const auto placed = tina::detail::place_message(at, actor_handle(), tina::detail::message_key_of<act>, {});
        BOOST_REQUIRE(placed.payload != nullptr);
        const act content{[](tina::context self, void* with) { (*static_cast<What*>(with))(self); }, &what};
        std::memcpy(placed.payload, &content, sizeof content);
        at.messages_sent.add();
        on.settle();
    }
    [[nodiscard]] tina::shard_status status() { return on.shared.port(1).status.load(); }
    [[nodiscard]] bool revive() {
        const bool asked = on.shared.request_revival(1);
        on.settle();
        return asked;
    }

    service serves;
    actor_notes acts;
    client_notes notes;
    hand_moved on;
};

constexpr tina::recovery_options once{.restarts = 1, .within = std::chrono::seconds{60}};
constexpr tina::recovery_options at_once{.restarts = 0};

}  // namespace

BOOST_AUTO_TEST_SUITE(recovery)

BOOST_AUTO_TEST_CASE(a_shard_that_fails_starts_its_tree_anew_until_it_does_so_too_often) {
    two_shards at(once);
    const tina::handle first = at.server_handle();
    at.fail();
    BOOST_TEST((at.status() == tina::shard_status::running));
    BOOST_TEST(at.serves.begun == 2);
    BOOST_TEST(at.server_handle().bits() != first.bits());  // generations are kept
    BOOST_TEST(at.on[1].live(first) == nullptr);
    at.on.advance(61s);
    at.fail();  // the window slides
    BOOST_TEST(at.serves.begun == 3);
    at.fail();
    BOOST_TEST((at.status() == tina::shard_status::quarantined));
    BOOST_TEST(at.serves.begun == 3);
    BOOST_TEST(at.serves.ended == 3);
    BOOST_TEST(at.on.counts(1).shard_restarts.get() == 2u);
    BOOST_TEST(at.on.counts(1).shard_quarantines.get() == 1u);
    BOOST_TEST(at.on.counts(1).quarantined.get() == 1u);
    BOOST_TEST((at.on.shared.port(0).status.load() == tina::shard_status::running));
}

BOOST_AUTO_TEST_CASE(calls_to_a_shard_that_is_quarantined_fail_at_once_also_those_pending) {
    two_shards at(at_once);
    at.serves.does = mood::keeps;
    const tina::handle dead = at.server_handle();
    for (int i = 0; i < 3; ++i) at.start<one_call>(dead, &at.notes);  // one kept, two in the mailbox
    at.on.settle();
    BOOST_TEST(at.notes.errors.empty());
    BOOST_TEST(tina::detail::doom(at.on[1], at.on[1].slots[dead.slot()], true));
    at.on.settle();
    BOOST_TEST((at.status() == tina::shard_status::quarantined));
    at.start<one_call>(dead, &at.notes);
    at.on.settle();
    BOOST_REQUIRE(at.notes.errors.size() == 4u);
    for (const auto& error : at.notes.errors) BOOST_TEST(error == make_error_code(errc::target_gone));
}

BOOST_AUTO_TEST_CASE(a_quarantined_shard_keeps_draining_what_its_peers_send) {
    two_shards at(at_once);
    const tina::handle dead = at.server_handle();
    at.fail();
    at.in_actor([&](tina::context self) {
        for (int i = 0; i < 100; ++i) expect(self.send(dead, question{1}), tina::send_result::ok);
    });
    at.in_actor([&](tina::context self) {  // more than the channel holds, in all
        for (int i = 0; i < 100; ++i) expect(self.send(dead, question{1}), tina::send_result::ok);
    });
    BOOST_TEST(at.on.counts(1).messages_dropped_stale_handle.get() == 200u);
}

BOOST_AUTO_TEST_CASE(peers_are_told_of_a_quarantine_by_monitors_roles_spawns_and_status) {
    two_shards at(at_once);
    const tina::handle dead = at.server_handle();
    at.in_actor([&](tina::context self) {
        BOOST_TEST(self.monitor(dead).has_value());
        BOOST_TEST((*self.whereis(server_role) == dead));
        BOOST_TEST((self.status_of(1) == tina::shard_status::running));
    });
    at.fail();
    BOOST_REQUIRE(at.acts.downs.size() == 1u);
    BOOST_TEST((at.acts.downs[0].reason == tina::exit_reason::crashed));
    at.start<remote_spawner>(&at.serves, &at.notes);
    at.on.settle();
    BOOST_TEST(at.notes.errors.back() == make_error_code(errc::quarantined));
    at.in_actor([&](tina::context self) {
        expect_error(self.whereis(server_role), errc::unknown_role);
        BOOST_TEST((self.status_of(1) == tina::shard_status::quarantined));
        BOOST_TEST((self.status_of(0) == tina::shard_status::running));
    });
}

BOOST_AUTO_TEST_CASE(a_revived_shard_runs_its_tree_anew_with_its_whole_budget) {
    two_shards at(once);
    BOOST_TEST(!at.revive());
    for (int i = 0; i < 2; ++i) at.fail();
    BOOST_TEST((at.status() == tina::shard_status::quarantined));
    BOOST_TEST(at.revive());
    BOOST_TEST((at.status() == tina::shard_status::running));
    BOOST_TEST(at.on.counts(1).shard_revivals.get() == 1u);
    BOOST_TEST(at.on.counts(1).quarantined.get() == 0u);
    at.start<one_call>(at.server_handle(), &at.notes);
    at.in_actor([&](tina::context self) { BOOST_TEST((*self.whereis(server_role) == at.server_handle())); });
    BOOST_TEST(at.notes.answered == 1u);
    at.fail();
    BOOST_TEST((at.status() == tina::shard_status::running));
    at.fail();
    BOOST_TEST((at.status() == tina::shard_status::quarantined));
}

BOOST_AUTO_TEST_CASE(leases_that_are_elsewhere_come_home_to_a_quarantined_shard) {
    two_shards at(at_once);
    auto& second = at.on[1];
    auto& holder = second.slots[at.server_handle().slot()];
    BOOST_TEST(tina::detail::allocate_lease(holder, 100).error == 0);
    BOOST_TEST(second.lease_blocks.taken_count() == 1u);
    at.fail();
    BOOST_TEST(second.lease_blocks.taken_count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_quarantined_shard_stops_and_what_is_asked_of_it_then_starts_nothing) {
    two_shards at(at_once);
    at.fail();
    at.on.shared.request_revival(1);
    at.on.stop();
    BOOST_TEST(at.serves.begun == 1);
    BOOST_TEST(at.on[1].types[0].live.get() == 0u);
}

BOOST_AUTO_TEST_CASE(the_abort_policy_ends_the_process_with_a_report) {
    const log_pipe errors;
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // Boost.Test may have its own
        dup2(errors.writing_end(), STDERR_FILENO);
        two_shards at({.restarts = 0, .within = 10s, .then = tina::last_resort::abort});
        at.fail();
        _exit(0);
    }
    int status = 0;
    BOOST_REQUIRE_EQUAL(waitpid(child, &status, 0), child);
    BOOST_TEST(WIFSIGNALED(status));
    const std::string said = errors.text();
    BOOST_TEST(contains(said, "tina: shard 1 failed more than 0 times within 10000 ms; recovery.then is abort\n"),
               said);
}

BOOST_AUTO_TEST_CASE(mistakes_in_recovery_are_found_before_anything_starts) {
    service serves;
    auto spec = spec_of({tina::type<server>({.accepts = tina::messages<question>{}})},
                        {shard_of({tina::child<server>(tina::permanent, &serves)})});
    spec.recovery = {.restarts = 2000, .within = 0s};
    const std::string errors = joined(tina::detail::validate(spec).errors);
    BOOST_TEST(contains(errors, "recovery: restarts is 2000; must be 0..1024"), errors);
    BOOST_TEST(contains(errors, "recovery: within is 0 ns"), errors);
}

// --- on threads -----------------------------------------------------------------------------------------------------

namespace {

std::atomic<std::uint64_t> answers{0};
std::atomic<std::uint64_t> failed_calls{0};
std::atomic<std::uint64_t> wrong{0};

/// Answers a few questions and crashes, again and again.
tina::isolate mayfly_server(tina::context) {
    for (int i = 0; i < 20; ++i) {
        auto asked = co_yield tina::receive<question>();
        asked.reply(answer{asked->value + 1});
    }
    co_yield tina::crash("enough");
}

tina::isolate asker(tina::context self) {
    for (std::uint64_t i = 0;; ++i) {
        const auto who = self.whereis(server_role, 1);
        if (!who) {
            static_cast<void>(co_yield tina::sleep(50us));
            continue;
        }
        const auto got = co_yield tina::call<answer>(*who, question{i}).within(10s);
        if (!got && got.error() != make_error_code(errc::target_gone)) wrong.fetch_add(1);
        got ? answers.fetch_add(1) : failed_calls.fetch_add(1);
        if (got && got->value != i + 1) wrong.fetch_add(1);
    }
}

tina::system_spec threaded_spec() {
    answers = failed_calls = wrong = 0;
    auto frail = shard_of({tina::child<mayfly_server>(tina::permanent).role(server_role)});
    frail.tree.budget = {.restarts = 1, .within = 1h};
    auto spec = spec_of({tina::type<mayfly_server>({.accepts = tina::messages<question>{}}), tina::type<asker>()},
                        {shard_of(std::vector<tina::tree_node>(4, tina::child<asker>(tina::permanent))), frail});
    spec.recovery = {.restarts = 2, .within = 1h};
    return spec;
}

std::atomic<int> seen{0};

/// Waits for the quarantine of shard 1, asks for its revival by signal, and waits for answers from there.
tina::isolate watch(tina::context self) {
    while (self.status_of(1) == tina::shard_status::running) static_cast<void>(co_yield tina::sleep(1ms));
    ++seen;
    const std::uint64_t before = answers;
    kill(getpid(), SIGUSR2);
    while (answers == before) static_cast<void>(co_yield tina::sleep(1ms));
    ++seen;
    self.request_stop(tina::stop_mode::now);  // who asks never ends by himself
    static_cast<void>(co_yield tina::sleep(1h));
}

template <class Condition>
[[nodiscard]] bool comes_true(Condition condition) {
    for (int i = 0; i < 20'000; ++i) {
        if (condition()) return true;
        usleep(1000);
    }
    return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(two_threads_quarantine_and_revival_with_calls_under_way, *boost::unit_test::label("threads")) {
    tina::system system(threaded_spec());
    must_start(system);
    for (std::uint64_t round = 1; round <= 20; ++round) {
        BOOST_REQUIRE(comes_true([&] { return system.status(1) == tina::shard_status::quarantined; }));
        BOOST_TEST((system.status(0) == tina::shard_status::running));
        BOOST_TEST(system.counters().on_shard(1, "shard_quarantines") == round);
        BOOST_TEST(!system.revive(0));
        BOOST_TEST(system.revive(1));
        BOOST_REQUIRE(comes_true([&] { return system.counters().on_shard(1, "shard_revivals") == round; }));
    }
    system.request_stop(tina::stop_mode::now);  // who asks never ends by himself
    stop_and_join(system);
    check_at_rest(system.counters());
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(answers >= 20u * 6 * 20);  // two lives of a tree, three times each
}

BOOST_AUTO_TEST_CASE(sigusr2_revives_under_run, *boost::unit_test::label("threads")) {
    seen = 0;
    auto spec = threaded_spec();
    spec.types.push_back(tina::type<watch>());
    spec.shards.each[0].tree.children.emplace_back(tina::child<watch>(tina::temporary));
    spec.process.handle_signals = true;
    BOOST_TEST(tina::run(std::move(spec)) == 3);
    BOOST_TEST(seen == 2);
}

BOOST_AUTO_TEST_SUITE_END()
