// SPDX-License-Identifier: Apache-2.0
// Choices are the same on every compiler and for ever: frozen vectors, and the rules of edits.
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>

#include "sim/decisions.hpp"

using tina::sim::base;
using tina::sim::decide;
using tina::sim::decisions;
using tina::sim::edit;
using tina::sim::edit_list;
using tina::sim::entity;
using tina::sim::site;

namespace {

[[nodiscard]] entity named(const char* name) {
    entity made;
    made.name = name;
    made.id = tina::sim::hash_of(name);
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(choices)

// These never change: a replay file of today must mean the same in ten years. A site that is added goes to the end of
// what is frozen here, since its number decides.
BOOST_AUTO_TEST_CASE(the_hash_of_a_name_is_frozen) {
    BOOST_TEST(tina::sim::hash_of("") == 0xf52a15e9a9b5e89bu);
    BOOST_TEST(tina::sim::hash_of("bank/0/teller/3") == 0x5ef33e2418a877b9u);
}

BOOST_AUTO_TEST_CASE(choices_are_frozen) {
    struct vector {
        std::uint64_t seed;
        std::uint64_t site;
        std::uint64_t entity;
        std::uint64_t ordinal;
        std::uint64_t expected;
    };
    constexpr std::array vectors{
        vector{0x0u, 0, 0x0u, 0x0u, 0x7fb322ae0712699bu},
        vector{0x1u, 0, 0x0u, 0x0u, 0xb554c2f3e34db20bu},
        vector{0x1u, 1, 0x0u, 0x0u, 0x9819935ee05dfedfu},
        vector{0x1u, 0, 0x1u, 0x0u, 0xdfaee6fe726d998fu},
        vector{0x1u, 0, 0x0u, 0x1u, 0xa37d5f01a3151d04u},
        vector{0x2au, 7, 0x123456789abcdefu, 0xf4240u, 0x708ad6edfbaef8bfu},
        vector{0xffffffffffffffffu, 20, 0xffffffffffffffffu, 0xffffffffffffffffu, 0xdd6458a5324b1915u},
        vector{0x1267u, 3, 0x11u, 0x15895u, 0x810ba2daf0b092d1u}};
    for (const vector& each : vectors) {
        const std::uint64_t is = decide(each.seed, static_cast<site>(each.site), each.entity, each.ordinal);
        BOOST_TEST(is == each.expected, is << " for seed " << each.seed);
    }
}

BOOST_AUTO_TEST_CASE(a_chance_has_its_share) {
    decisions seeded(base::seed, 7, {});
    entity whom = named("somebody");
    int happened = 0;
    for (int i = 0; i < 100'000; ++i) happened += seeded.happens(site::crash_before, whom, {1, 50});
    BOOST_TEST(happened > 1'800);
    BOOST_TEST(happened < 2'200);
}

BOOST_AUTO_TEST_CASE(both_ends_of_a_range_are_taken) {
    decisions seeded(base::seed, 7, {});
    entity whom = named("somebody");
    bool low = false;
    bool high = false;
    for (int i = 0; i < 1'000; ++i) {
        const std::uint64_t value = seeded.between(site::channel_delay, whom, 3, 7);
        BOOST_TEST((value >= 3 && value <= 7));
        low |= value == 3;
        high |= value == 7;
    }
    BOOST_TEST(low);
    BOOST_TEST(high);
}

BOOST_AUTO_TEST_CASE(the_quiet_base_has_no_faults_and_least_delays) {
    decisions quiet(base::quiet, 7, {});
    entity whom = named("somebody");
    for (int i = 0; i < 1'000; ++i) {
        BOOST_TEST(!quiet.happens(site::crash_before, whom, {1, 2}));
        BOOST_TEST(quiet.between(site::channel_delay, whom, 3, 7) == 3u);
        BOOST_TEST(quiet.pick(site::ready_pick, whom, 5) == 0u);
    }
    BOOST_TEST(quiet.log().empty());
}

BOOST_AUTO_TEST_CASE(the_workload_is_the_same_in_both_bases) {
    decisions seeded(base::seed, 7, {});
    decisions quiet(base::quiet, 7, {});
    entity one = named("workload/from");
    entity other = named("workload/from");
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(seeded.draw(site::workload, one, 1000) == quiet.draw(site::workload, other, 1000));
    }
}

BOOST_AUTO_TEST_CASE(an_edit_changes_one_choice_and_no_other) {
    edit_list edits;
    edits.edits.push_back({.what = site::crash_before, .entity = "somebody", .ordinal = 3, .value = 1});
    decisions plain(base::seed, 7, {});
    decisions edited(base::seed, 7, edits);
    entity one = named("somebody");
    entity other = named("somebody");
    for (int i = 0; i < 100; ++i) {
        const bool is = edited.happens(site::crash_before, one, {1, 10});
        const bool was = plain.happens(site::crash_before, other, {1, 10});
        BOOST_TEST(is == (i == 3 ? true : was), "choice " << i);
    }
}

BOOST_AUTO_TEST_CASE(an_edit_by_kind_counts_that_kind_only) {
    edit_list edits;
    edits.edits.push_back({.what = site::channel_full, .entity = "somebody", .kind = 5, .kind_ordinal = 1, .value = 1});
    decisions edited(base::quiet, 7, edits);
    entity whom = named("somebody");
    constexpr std::array<std::uint32_t, 6> kinds{5, 6, 6, 5, 5, 6};
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        BOOST_TEST(edited.happens(site::channel_full, whom, {1, 10}, kinds[i]) == (i == 3), "choice " << i);
    }
}

BOOST_AUTO_TEST_CASE(what_is_asked_of_one_entity_moves_no_other) {
    decisions alone(base::seed, 7, {});
    decisions crowded(base::seed, 7, {});
    entity one = named("somebody");
    entity same = named("somebody");
    entity stranger = named("a stranger");
    for (int i = 0; i < 100; ++i) {
        static_cast<void>(crowded.happens(site::crash_before, stranger, {1, 2}));
        BOOST_TEST(alone.happens(site::crash_before, one, {1, 2}) == crowded.happens(site::crash_before, same, {1, 2}));
    }
}

BOOST_AUTO_TEST_SUITE_END()
