// SPDX-License-Identifier: Apache-2.0
// Who has which role on which shard: a word for each, which the shard itself writes and any shard reads. Owned by the
// system; the roles are those of its spec.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "tina/spec.hpp"

namespace tina::detail {

/// The bits of a handle; or one of these two, which are those of no isolate.
inline constexpr std::uint64_t role_vacant = 0;  ///< no child of the shard has it, or it has ended for good
inline constexpr std::uint64_t role_restarting = std::uint64_t{1} << 32;

class role_directory {
public:
    /// Makes a word for each role of each shard.
    void start(const system_spec& spec) {
        shard_count_ = static_cast<std::uint32_t>(spec.shards.each.size());
        for (const shard_spec& shard : spec.shards.each) add_roles(shard.tree);
        std::sort(tags_.begin(), tags_.end());
        tags_.erase(std::unique(tags_.begin(), tags_.end()), tags_.end());
        words_ = std::make_unique<std::atomic<std::uint64_t>[]>(tags_.size() * shard_count_);
    }
    /// The words of a role, one for each shard; null if the spec has no such role.
    [[nodiscard]] std::atomic<std::uint64_t>* words_of(std::uint32_t tag) const noexcept {
        const auto found = std::lower_bound(tags_.begin(), tags_.end(), tag);
        if (found == tags_.end() || *found != tag) return nullptr;
        return &words_[static_cast<std::size_t>(found - tags_.begin()) * shard_count_];
    }

private:
    void add_roles(const group_spec& group) {
        for (const tree_node& node : group.children) {
            if (!node.group.empty()) {
                add_roles(node.group.front());
            } else if (node.child.part) {
                tags_.push_back(node.child.part->tag());
            }
        }
    }

    std::uint32_t shard_count_ = 0;
    std::vector<std::uint32_t> tags_;
    std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

}  // namespace tina::detail
