// SPDX-License-Identifier: Apache-2.0
// Tests of the memory that handlers allocate from: the working arena of an isolate and the scratch arena of its shard.
// They must fail when they are full, never grow.
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <memory_resource>
#include <string>
#include <vector>

#include "test_system.hpp"

namespace {

using namespace system_test;

tina::isolate hoarder(tina::context self, std::uint32_t* lives) {
    ++*lives;
    BOOST_TEST(self.working().used() == 0);  // fresh after a restart
    BOOST_TEST(self.working().capacity() == 4096);
    std::pmr::vector<std::uint64_t> kept(&self.working());
    for (std::uint64_t i = 0; i < 100; ++i) kept.push_back(i);
    static_cast<void>(co_yield tina::sleep(1us));
    for (std::uint64_t i = 0; i < 100; ++i) BOOST_TEST(kept[i] == i);
    if (*lives == 3) {
        self.request_stop();
        static_cast<void>(co_yield tina::sleep(1h));
    }
    co_yield tina::crash("again");
}

tina::isolate glutton(tina::context self) {
    std::pmr::vector<std::uint8_t> kept(&self.working());
    kept.reserve(4000);
    static_cast<void>(self.working().allocate(200, 1));
    co_return;
}

tina::isolate scratch_glutton(tina::context self) {
    static_cast<void>(self.scratch().allocate(17 * 1024, 1));
    co_return;
}

tina::isolate without_arena(tina::context self) {
    static_cast<void>(self.working().allocate(1, 1));
    co_return;
}

tina::isolate scribbler(tina::context self, std::uint32_t* rounds) {
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(self.scratch().used() == 0);  // empty at each activation
        std::pmr::string text("something that is too long for the small buffer of a string", &self.scratch());
        BOOST_TEST(self.scratch().used() > 0);
        ++*rounds;
        text += text;
        static_cast<void>(co_yield tina::sleep(1us));
    }
    if (*rounds == 100) self.request_stop();
}

tina::isolate stop_after(tina::context self, tina::duration span) {
    static_cast<void>(co_yield tina::sleep(span));
    self.request_stop();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(arenas)

BOOST_AUTO_TEST_CASE(a_working_arena_lives_as_long_as_its_isolate_and_is_fresh_after_a_restart) {
    std::uint32_t lives = 0;
    static_cast<void>(
        run_system(spec_of({tina::type<hoarder>({.slots = 1, .slots_draining = 0, .working_arena_bytes = 4096})},
                           {shard_of({tina::child<hoarder>(tina::permanent, &lives)})})));
    BOOST_TEST(lives == 3);
}

BOOST_AUTO_TEST_CASE(an_arena_that_is_full_says_how_much_was_asked_for_and_what_to_raise) {
    const std::string log =
        log_of(spec_of({tina::type<glutton>({.working_arena_bytes = 4096}), tina::type<scratch_glutton>(),
                        tina::type<without_arena>(), tina::type<stop_after>()},
                       {shard_of({tina::child<glutton>(tina::temporary), tina::child<scratch_glutton>(tina::temporary),
                                  tina::child<without_arena>(tina::temporary),
                                  tina::child<stop_after>(tina::temporary, tina::duration(5ms))})}),
               tina::warning);
    BOOST_TEST(contains(log, "the working arena is full: 200 bytes asked for, 96 left; raise "
                             "type_options::working_arena_bytes"),
               log);
    BOOST_TEST(contains(log, "the scratch arena is full: 17408 bytes asked for, 16384 left; raise "
                             "shard_limits::scratch_bytes"),
               log);
    BOOST_TEST(contains(log, "the working arena is full: 1 bytes asked for, 0 left; raise "
                             "type_options::working_arena_bytes"),
               log);
}

BOOST_AUTO_TEST_CASE(the_scratch_arena_is_empty_at_each_activation) {
    std::uint32_t rounds = 0;
    const auto child = tina::child<scribbler>(tina::temporary, &rounds);
    static_cast<void>(run_system(spec_of({tina::type<scribbler>()}, {shard_of({child, child})})));
    BOOST_TEST(rounds == 100);
}

BOOST_AUTO_TEST_CASE(an_arena_gives_aligned_pieces_in_order_and_takes_back_the_last) {
    alignas(64) std::byte memory[1024];
    tina::arena arena("test arena", "nothing", memory, sizeof memory);
    for (const std::size_t alignment : {1u, 2u, 8u, 16u, 64u}) {
        void* const piece = arena.allocate(3, alignment);
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(piece) % alignment == 0);
    }
    const std::size_t used = arena.used();
    void* const last = arena.allocate(100, 8);
    arena.deallocate(last, 100, 8);
    BOOST_TEST(arena.used() <= used + 8);
    BOOST_TEST(arena.used_peak() >= used + 100);
    BOOST_CHECK_THROW(static_cast<void>(arena.allocate(1025, 1)), tina::arena_exhausted);
    const volatile std::size_t too_many = SIZE_MAX;  // g++ at -O0 warns of a constant
    BOOST_CHECK_THROW(static_cast<void>(arena.allocate(too_many, 64)), tina::arena_exhausted);
    arena.reset();
    BOOST_TEST(arena.allocate(1024, 64) == memory);
    BOOST_TEST(arena.allocate(0, 1) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
