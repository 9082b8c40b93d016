// SPDX-License-Identifier: Apache-2.0
// Tests of where keys go: fixed values, since what was placed once must be found for ever; an independent account of
// the jump hash that asks for every number of shards in turn; balance, and how few keys move when a shard is added.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tina/placement.hpp"

namespace {

using tina::key_to_shard;
using tina::placement;

constexpr std::uint64_t seed = 20'261'120;

static_assert(key_to_shard(std::uint64_t{17}, 5) == 2);
static_assert(key_to_shard("foobar", 10) == 0x8594'4171'f739'67e8 % 10);
static_assert(key_to_shard(std::uint64_t{256}, 1024, placement::jump) == 520);
static_assert(noexcept(key_to_shard("foobar", 10)));

/// Where `key` is while shards are added one by one up to `shards_max`: in whole numbers, one shard at a time. A draw
/// r in (0, 1] sends the key on from shard b when there are more than (b + 1) / r shards.
std::vector<std::uint32_t> jumps_of(std::uint64_t key, std::uint32_t shards_max) {
    std::vector<std::uint32_t> places{0};
    std::uint32_t now = 0;
    std::uint64_t state = key;
    const auto draw = [&] { return ((state = state * 2'862'933'555'777'941'757 + 1) >> 33) + 1; };
    std::uint64_t drawn = draw();  // of 2^31
    for (std::uint32_t added = 1; added < shards_max; ++added) {
        if ((added + 1) * drawn > (std::uint64_t{now} + 1) << 31) {
            now = added;
            drawn = draw();
        }
        places.push_back(now);
    }
    return places;
}

/// How far from even `counts` are: the largest deviation from the mean, as a part of it.
double unevenness(const std::vector<std::uint32_t>& counts) {
    double sum = 0;
    for (const auto count : counts) sum += count;
    const double mean = sum / static_cast<double>(counts.size());
    double worst = 0;
    for (const auto count : counts) worst = std::max(worst, std::abs(count - mean) / mean);
    return worst;
}

template <class Key>
std::vector<std::uint32_t> counts_of(const std::vector<Key>& keys, std::uint32_t shards, placement how) {
    std::vector<std::uint32_t> counts(shards);
    for (const Key& key : keys) ++counts.at(key_to_shard(key, shards, how));
    return counts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(placement_of_keys)

BOOST_AUTO_TEST_CASE(texts_hash_to_the_published_values_of_fnv_1a) {
    BOOST_TEST(tina::hash_key("") == 0xcbf2'9ce4'8422'2325);
    BOOST_TEST(tina::hash_key("a") == 0xaf63'dc4c'8601'ec8c);
    BOOST_TEST(tina::hash_key("foobar") == 0x8594'4171'f739'67e8);
    BOOST_TEST(tina::hash_key("\xff") != tina::hash_key("\x7f"));
}

BOOST_AUTO_TEST_CASE(modulo_is_the_remainder) {
    for (std::uint64_t key : {0ULL, 1ULL, 7ULL, 1ULL << 40, ~0ULL}) {
        for (std::uint32_t shards : {1U, 2U, 3U, 64U, 1024U}) {
            BOOST_TEST(key_to_shard(key, shards) == key % shards);
            BOOST_TEST(key_to_shard(key, shards, placement::modulo) == key % shards);
        }
    }
}

BOOST_AUTO_TEST_CASE(jump_gives_the_values_that_other_implementations_give) {
    BOOST_TEST(key_to_shard(std::uint64_t{1}, 1, placement::jump) == 0U);
    BOOST_TEST(key_to_shard(std::uint64_t{42}, 57, placement::jump) == 43U);
    BOOST_TEST(key_to_shard(std::uint64_t{0xdead'10cc}, 1, placement::jump) == 0U);
    BOOST_TEST(key_to_shard(std::uint64_t{0xdead'10cc}, 666, placement::jump) == 361U);
    BOOST_TEST(key_to_shard(std::uint64_t{256}, 1024, placement::jump) == 520U);
}

BOOST_AUTO_TEST_CASE(jump_is_what_adding_shards_one_by_one_comes_to) {
    std::mt19937_64 random(seed);
    for (std::uint32_t round = 0; round < 2000; ++round) {
        const std::uint64_t key = round < 500 ? round : random();
        const auto places = jumps_of(key, 1024);
        for (std::uint32_t shards = 1; shards <= 1024; ++shards) {
            const std::uint32_t got = key_to_shard(key, shards, placement::jump);
            BOOST_REQUIRE_MESSAGE(got == places[shards - 1], "key " << key << " with " << shards << " shards: " << got
                                                                    << " instead of " << places[shards - 1]);
        }
    }
}

BOOST_AUTO_TEST_CASE(jump_spreads_numbers_in_a_row_numbers_with_a_pattern_and_texts) {
    std::vector<std::uint64_t> in_a_row;
    std::vector<std::uint64_t> multiples;
    std::vector<std::string> texts;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        in_a_row.push_back(i);
        multiples.push_back(i * 4096);
        texts.push_back("user:" + std::to_string(i));
    }
    // Three standard deviations of the fullest of 16 shards are about 5 %.
    for (const std::uint32_t shards : {2U, 7U, 16U}) {
        BOOST_TEST(unevenness(counts_of(in_a_row, shards, placement::jump)) < 0.06);
        BOOST_TEST(unevenness(counts_of(multiples, shards, placement::jump)) < 0.06);
        BOOST_TEST(unevenness(counts_of(texts, shards, placement::jump)) < 0.06);
        BOOST_TEST(unevenness(counts_of(texts, shards, placement::modulo)) < 0.06);
        BOOST_TEST(unevenness(counts_of(in_a_row, shards, placement::modulo)) < 0.001);
    }
}

BOOST_AUTO_TEST_CASE(a_shard_more_takes_its_part_of_the_keys_and_moves_no_other) {
    constexpr std::uint32_t keys = 100'000;
    for (std::uint32_t shards = 1; shards < 64; ++shards) {
        std::uint32_t moved = 0;
        for (std::uint64_t key = 0; key < keys; ++key) {
            const std::uint32_t before = key_to_shard(key, shards, placement::jump);
            const std::uint32_t after = key_to_shard(key, shards + 1, placement::jump);
            if (before == after) continue;
            ++moved;
            BOOST_REQUIRE_EQUAL(after, shards);
        }
        const double expected = static_cast<double>(keys) / (shards + 1);
        BOOST_TEST(std::abs(moved - expected) < expected / 8, moved << " keys moved to shard " << shards);
    }
}

BOOST_AUTO_TEST_SUITE_END()
