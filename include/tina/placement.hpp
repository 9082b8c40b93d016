// SPDX-License-Identifier: Apache-2.0
// Which shard owns a key. Pure functions of the key and the number of shards: the same answer in every process, on
// every machine and in every version, so that what was placed yesterday is found today. They ask nothing of the
// runtime.
#pragma once

#include <cstdint>
#include <string_view>

#include "tina/assert.hpp"

namespace tina {

/// How a key chooses its shard.
enum class placement : std::uint8_t {
    modulo,  ///< the remainder: a few instructions, even for dense numbers; another number of shards moves most keys
    jump,    ///< jump consistent hash: even for all numbers; the n-th shard takes 1/n of the keys and moves no others
};

/// 64 bits of `text` by FNV-1a: stable for ever, not for keys that an adversary chooses.
///
/// Cost:   a multiplication for each byte.
/// Source: RFC 9923.
[[nodiscard]] constexpr std::uint64_t hash_key(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const char each : text) hash = (hash ^ static_cast<unsigned char>(each)) * 0x0000'0100'0000'01b3;
    return hash;
}

namespace detail {

/// The bucket, from 0, that is the last to which `key` jumps while buckets are added one by one up to `bucket_count`.
/// With b + 1 buckets in place, a random number decides which of those to come is the next one to take the key.
/// Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", arXiv:1406.2294.
[[nodiscard]] constexpr std::uint32_t jump_bucket(std::uint64_t key, std::uint32_t bucket_count) noexcept {
    constexpr std::uint64_t multiplier = 2'862'933'555'777'941'757;  // the paper's generator: all must draw alike
    constexpr double range = 2'147'483'648.0;                        // 2^31
    std::uint32_t bucket = 0;
    double next = 0;
    while (next < bucket_count) {
        bucket = static_cast<std::uint32_t>(next);
        key = key * multiplier + 1;
        next = (bucket + 1.0) * (range / static_cast<double>((key >> 33) + 1));
    }
    return bucket;
}

}  // namespace detail

/// The shard, from 0, that owns `key` among `shard_count`, which must be at least 1; `context::shard_count()` is.
///
/// Take `modulo` where the number of shards is that of this process and keys live no longer than it. Take `jump` where
/// it will grow while what belongs to the keys stays where it is (files by shard, other machines), and where keys have
/// a pattern: modulo gives all multiples of 8 to the first of 8 shards.
///
/// Cost: modulo one division; jump about ln(`shard_count`) rounds with two each.
[[nodiscard]] constexpr std::uint32_t key_to_shard(std::uint64_t key, std::uint32_t shard_count,
                                                   placement how = placement::modulo) noexcept {
    TINA_ASSERT(shard_count > 0, "a key was to be placed on one of 0 shards; pass the number of shards there are");
    if (how == placement::jump) return detail::jump_bucket(key, shard_count);
    return static_cast<std::uint32_t>(key % shard_count);
}

/// The same for a text, by its hash_key().
[[nodiscard]] constexpr std::uint32_t key_to_shard(std::string_view key, std::uint32_t shard_count,
                                                   placement how = placement::modulo) noexcept {
    return key_to_shard(hash_key(key), shard_count, how);
}

}  // namespace tina
