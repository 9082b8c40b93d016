// SPDX-License-Identifier: Apache-2.0
// Tests of the stacks of stackful handlers: their sizes, their guards, what boot says when there cannot be so many, and
// what ends the process.
#include <boost/test/unit_test.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/validate.hpp"
#include "test_shards.hpp"
#include "test_system.hpp"

namespace {

using namespace system_test;

/// One shard.
tina::system_spec spec_with(std::vector<tina::type_spec> types, std::vector<tina::tree_node> children) {
    return spec_of(std::move(types), {shard_of(std::move(children))});
}

/// How a process ends that does `what`: its status as wait(2) has it, and what it wrote to stderr.
template <class What>
std::pair<int, std::string> fate_of(What what) {
    const log_pipe errors;
    const pid_t child = fork();
    if (child == 0) {
        for (const int signal : {SIGSEGV, SIGABRT}) std::signal(signal, SIG_DFL);  // Boost.Test may have its own
        dup2(errors.writing_end(), STDERR_FILENO);
        what();
        _exit(0);
    }
    int status = 0;
    BOOST_REQUIRE_EQUAL(waitpid(child, &status, 0), child);
    return {status, errors.text()};
}

struct kept_stackful {
    const tina::stackful* self = nullptr;
};

void lender(tina::stackful self, kept_stackful* out) {
    out->self = &self;
    static_cast<void>(self.wait(tina::sleep(1h)));
}

tina::isolate borrower(tina::context self, kept_stackful* from) {
    static_cast<void>(co_yield tina::sleep(1ms));
    from->self->wait(tina::yield());
    static_cast<void>(self);
}

[[gnu::noinline]] std::uint64_t overflow(tina::stackful self, std::uint64_t depth) {
    std::array<volatile std::uint8_t, 512> room;
    room[depth % room.size()] = 1;
    if (depth == UINT64_MAX) return 0;
    return overflow(self, depth + 1) + room[depth % room.size()];
}

void overflower(tina::stackful self) { static_cast<void>(overflow(self, 0)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(stacks)

BOOST_AUTO_TEST_CASE(a_stack_that_overflows_meets_its_guard_and_no_neighbour) {
    const auto [status, text] = fate_of([] {
        hand_moved shards(spec_with({tina::type<overflower>()}, {tina::child<overflower>(tina::permanent)}));
        shards.settle();
    });
    // A sanitizer reports it and ends the process in its own way.
    BOOST_TEST((sanitized ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV),
               "status " << status << "; it said: " << text);
}

BOOST_AUTO_TEST_CASE(a_wait_on_behalf_of_another_isolate_is_refused) {
    const auto [status, text] = fate_of([] {
        kept_stackful kept;
        hand_moved shards(
            spec_with({tina::type<lender>(), tina::type<borrower>()},
                      {tina::child<lender>(tina::permanent, &kept), tina::child<borrower>(tina::permanent, &kept)}));
        shards.settle();
        shards.advance(10ms);
        shards.settle();
    });
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT), "status " << status);
    BOOST_TEST(contains(text, "wait() was called outside of the isolate that its tina::stackful belongs to"), text);
}

// --- sizes
// --------------------------------------------------------------------------------------------------------------------

namespace {

void small(tina::stackful) {}
void runner(tina::stackful self, int* runs) {
    self.wait(tina::yield());
    ++*runs;
}
tina::isolate coroutine(tina::context) { co_return; }

tina::system_spec sized(std::uint32_t stack_bytes, std::uint32_t slots = 8) {
    return spec_with({tina::type<small>({.slots = slots, .slots_draining = 0, .stack_bytes = stack_bytes})},
                     {tina::child<small>(tina::temporary)});
}

void expect_mistakes(const tina::system_spec& spec, const std::vector<std::string>& wanted) {
    BOOST_TEST(tina::detail::validate(spec).errors == wanted, boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stack_has_its_range_and_a_coroutine_has_none) {
    for (const std::uint32_t good : {0u, 16u * 1024, 20u * 1024, 64u << 20}) expect_mistakes(sized(good), {});
    for (const std::uint32_t bad : {1u, 12u * 1024, 16u * 1024 + 1, (64u << 20) + 4096}) {
        expect_mistakes(sized(bad), {"type \"small\": stack_bytes is " + std::to_string(bad) +
                                     "; must be a multiple of 4096, 16384..67108864, or 0 for 65536"});
    }
    expect_mistakes(
        spec_with({tina::type<coroutine>({.stack_bytes = 65536})}, {tina::child<coroutine>(tina::temporary)}),
        {"type \"coroutine\": stack_bytes is 65536; must be 0: the handler is a coroutine and has no stack "
         "of its own"});
}

BOOST_AUTO_TEST_CASE(there_are_30000_stacks_at_most_on_all_shards_together) {
    expect_mistakes(sized(0, 30'000), {});
    auto spec = sized(0, 15'001);
    spec.shards.each.push_back(spec.shards.each.front());
    expect_mistakes(spec, {"slots and slots_draining of stackful types, on all shards together, is 30002; must be "
                           "0..30000: each needs two mappings of memory; lower slots, or make a coroutine of what can "
                           "be one"});
}

BOOST_AUTO_TEST_CASE(more_stacks_than_the_system_has_mappings_for_are_refused) {
    const auto spec = sized(0, 1000);
    BOOST_TEST(tina::detail::check_mappings(spec, 65'530, 1000) == "");
    BOOST_TEST(tina::detail::check_mappings(spec, 3000, 1000) == "");
    BOOST_TEST(tina::detail::check_mappings(spec, 2999, 1000) ==
               "slots and slots_draining of stackful types, on all shards together, is 1000; the system allows 999: "
               "each needs two mappings of memory, and vm.max_map_count is 2999; lower slots, or sysctl -w "
               "vm.max_map_count=3000");
    BOOST_TEST(tina::detail::check_mappings(spec_with({tina::type<coroutine>()}, {}), 0, 1000) == "");
}

BOOST_AUTO_TEST_CASE(the_report_of_the_layout_shows_the_stacks) {
    const std::string report = tina::layout_report(sized(32 * 1024, 100));
    BOOST_TEST(contains(report, "stacks small"), report);
    BOOST_TEST(contains(report, "100      32768     3200 KiB"), report);
}

BOOST_AUTO_TEST_CASE(as_many_stacks_as_are_allowed_can_be_had) {
    int runs = 0;
    auto spec = spec_with({tina::type<runner>({.slots = 29'992, .stack_bytes = 16 * 1024})},
                          {tina::child<runner>(tina::temporary, &runs)});
    hand_moved shards(std::move(spec));
    shards.settle();
    BOOST_TEST(runs == 1);
}

BOOST_AUTO_TEST_CASE(stacks_are_there_from_the_start_in_production) {
    int runs = 0;
    auto spec = spec_with({tina::type<runner>({.slots = 4, .slots_draining = 0})},
                          {tina::child<runner>(tina::temporary, &runs)});
    spec.memory = tina::memory_mode::production;
    hand_moved shards(std::move(spec));
    const auto& plan = shards.plans.front();
    std::vector<unsigned char> resident(plan.types.front().stack_bytes / 4096);
    for (std::size_t i = 0; i < 4; ++i) {
        std::byte* const stack = shards[0].stacks.data() + plan.types.front().stack_offset +
                                 i * (plan.types.front().stack_bytes + tina::detail::stack_guard_bytes);
        BOOST_REQUIRE_EQUAL(mincore(stack, plan.types.front().stack_bytes, resident.data()), 0);
        BOOST_TEST(std::count(resident.begin(), resident.end(), 1) == 16);
        BOOST_REQUIRE_EQUAL(mincore(stack - 4096, 4096, resident.data()), 0);
        BOOST_TEST(resident.front() == 0);
    }
    shards.settle();
    BOOST_TEST(runs == 1);
}

BOOST_AUTO_TEST_SUITE_END()
