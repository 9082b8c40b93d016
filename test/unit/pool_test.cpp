// SPDX-License-Identifier: Apache-2.0
// The fixed pool of indexes: each is out once at most, all come back, the rest of the memory stays untouched.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "lib/descriptor.hpp"

namespace {

using tina::detail::nothing;

struct item {
    tina::detail::list_links links;
    std::uint64_t value = 7;
};
using item_pool = tina::detail::pool<item>;

}  // namespace

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(an_empty_pool_has_nothing_to_give) {
    item_pool empty;
    empty.start({});
    BOOST_TEST(empty.take() == nothing);
    BOOST_TEST(empty.free_count() == 0u);
    BOOST_TEST(empty.capacity() == 0u);
}

BOOST_AUTO_TEST_CASE(each_index_is_given_once_until_it_comes_back) {
    std::array<item, 5> items;
    item_pool made;
    made.start(items);
    std::set<std::uint32_t> seen;
    for (std::size_t i = 0; i < items.size(); ++i) BOOST_TEST(seen.insert(made.take()).second);
    BOOST_TEST(*seen.rbegin() == 4u);
    BOOST_TEST(made.take() == nothing);
    made.give_back(3);
    BOOST_TEST(made.take() == 3u);
    BOOST_TEST(made.take() == nothing);
}

BOOST_AUTO_TEST_CASE(the_index_used_last_is_given_first) {
    std::array<item, 4> items;
    item_pool made;
    made.start(items);
    for (int i = 0; i < 3; ++i) static_cast<void>(made.take());
    made.give_back(0);
    made.give_back(2);
    BOOST_TEST(made.take() == 2u);
    BOOST_TEST(made.take() == 0u);
    BOOST_TEST(made.take() == 3u);
}

BOOST_AUTO_TEST_CASE(memory_that_nobody_needed_is_not_touched) {
    std::array<item, 8> items;
    std::memset(static_cast<void*>(items.data()), 0x5a, sizeof items);
    item_pool made;
    made.start(items);
    for (int round = 0; round < 10; ++round) {
        const auto first = made.take();
        const auto second = made.take();
        made.give_back(first);
        made.give_back(second);
    }
    BOOST_TEST(made.watermark() == 2u);
    BOOST_TEST(made[0].value == 7u);
    const auto* raw = reinterpret_cast<const unsigned char*>(items.data());
    for (std::size_t i = 2 * sizeof(item); i < sizeof items; ++i) BOOST_REQUIRE(raw[i] == 0x5a);
}

BOOST_AUTO_TEST_CASE(an_item_and_its_index_name_each_other) {
    std::array<item, 3> items;
    item_pool made;
    made.start(items);
    for (std::uint32_t i = 0; i < 3; ++i) {
        const auto index = made.take();
        BOOST_TEST(made.index_of(made[index]) == index);
    }
}

BOOST_AUTO_TEST_CASE(a_long_random_run_gives_each_index_to_one_owner) {
    constexpr std::uint32_t seed = 20;
    std::mt19937 random(seed);
    std::array<item, 16> items;
    item_pool made;
    made.start(items);
    std::vector<std::uint32_t> out;
    for (int step = 0; step < 100'000; ++step) {
        if (random() % 2 == 0) {
            const auto index = made.take();
            BOOST_REQUIRE_EQUAL(index == nothing, out.size() == items.size());
            if (index == nothing) continue;
            BOOST_REQUIRE_MESSAGE(std::find(out.begin(), out.end(), index) == out.end(), "seed " << seed);
            out.push_back(index);
        } else if (!out.empty()) {
            const std::size_t which = random() % out.size();
            made.give_back(out[which]);
            out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
        }
        BOOST_REQUIRE_EQUAL(made.free_count(), items.size() - out.size());
    }
}

BOOST_AUTO_TEST_SUITE_END()
