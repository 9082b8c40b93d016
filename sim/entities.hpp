// SPDX-License-Identifier: Apache-2.0
// The entities of a world by name. They keep their place in memory until they are dropped. Owned by the world.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/decisions.hpp"

namespace tina::sim {

class entities {
public:
    /// The entity of that name, made if it is new.
    [[nodiscard]] entity& named(std::string name) {
        const std::uint64_t id = hash_of(name);
        std::unique_ptr<entity>& place = all_[id];
        if (place == nullptr) {
            place = std::make_unique<entity>();
            place->id = id;
            place->name = std::move(name);
            if (keep_names_) names_[id] = place->name;
        }
        return *place;
    }
    /// The entity of that number; null if there is none.
    [[nodiscard]] const entity* find(std::uint64_t id) const {
        const auto found = all_.find(id);
        return found == all_.end() ? nullptr : found->second.get();
    }
    /// The entity of a pair, e.g. of a sender and a target.
    [[nodiscard]] entity& pair(const entity& from, const entity& to) {
        const std::uint64_t key = combine(from.id, to.id);
        entity*& place = pairs_[key];
        if (place == nullptr) place = &named(from.name + " -> " + to.name);
        return *place;
    }
    /// Nobody will ask for that name again.
    void drop(const entity& whom) { all_.erase(whom.id); }
    void keep_names() noexcept { keep_names_ = true; }
    [[nodiscard]] std::unordered_map<std::uint64_t, std::string>& names() noexcept { return names_; }

private:
    std::unordered_map<std::uint64_t, std::unique_ptr<entity>> all_;
    std::unordered_map<std::uint64_t, entity*> pairs_;
    std::unordered_map<std::uint64_t, std::string> names_;
    bool keep_names_ = false;
};

}  // namespace tina::sim
