// SPDX-License-Identifier: Apache-2.0
// Looking things up in a snapshot of counters.
#include <string>

#include "tina/assert.hpp"
#include "tina/system.hpp"

namespace tina {

std::uint64_t counter_snapshot::operator[](std::string_view name) const noexcept {
    std::uint64_t sum = 0;
    bool found = false;
    for (const counter_value& each : values_) {
        if (each.name != name) continue;
        sum += each.value;
        found = true;
    }
    TINA_ASSERT(found || values_.empty(), "there is no counter of that name; see counter_snapshot::values()");
    return sum;
}

std::uint64_t counter_snapshot::on_shard(std::uint32_t shard, std::string_view name) const noexcept {
    for (const counter_value& each : values_) {
        if (each.shard == shard && each.name == name) return each.value;
    }
    TINA_ASSERT(values_.empty(), "there is no counter of that name on that shard");
    return 0;
}

std::string counter_snapshot::to_string() const {
    std::string text;
    for (const counter_value& each : values_) {
        if (each.shard != 0) continue;
        const std::uint64_t sum = (*this)[each.name];
        if (sum != 0) text += std::string(each.name) + " " + std::to_string(sum) + "\n";
    }
    return text;
}

}  // namespace tina
