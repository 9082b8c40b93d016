// SPDX-License-Identifier: Apache-2.0
//
// Latencies of a load run, counted in buckets of 0.2 %, so that an hour of requests takes no more memory than
// a second. Owned by the load generator; it must never lose the largest value to rounding.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tina::bench {

class latency_histogram {
public:
    void record(std::uint64_t latency_ns) {
        ++counts_[index_of(latency_ns)];
        ++count_;
        max_ns_ = std::max(max_ns_, latency_ns);
    }

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t max_ns() const { return max_ns_; }

    /// The latency that the share `quantile` (0 to 1) of the requests did not exceed, in ns; 0 without
    /// requests.
    [[nodiscard]] std::uint64_t quantile_ns(double quantile) const {
        const auto rank = static_cast<std::uint64_t>(quantile * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > rank) return std::min(middle_of(i), max_ns_);
        }
        return max_ns_;
    }

private:
    // Values below 2^9 have a bucket each; above, the nine leading bits choose, 256 buckets for each power of
    // two.
    static constexpr unsigned precise_bits = 9;
    static constexpr std::size_t half = std::size_t{1} << (precise_bits - 1);
    static constexpr std::size_t bucket_count = (64 - precise_bits + 2) * half;

    static std::size_t index_of(std::uint64_t value) {
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > precise_bits ? width - precise_bits : 0;
        return shift * half + static_cast<std::size_t>(value >> shift);
    }

    static std::uint64_t middle_of(std::size_t index) {
        const std::size_t shift = index < 2 * half ? 0 : index / half - 1;
        const std::uint64_t leading = index - shift * half;
        return (leading << shift) + ((std::uint64_t{1} << shift) >> 1);
    }

    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(bucket_count);
    std::uint64_t count_ = 0;
    std::uint64_t max_ns_ = 0;
};

}  // namespace tina::bench
