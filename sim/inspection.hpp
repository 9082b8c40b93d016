// SPDX-License-Identifier: Apache-2.0
// Looking into a machine's runtime between two cycles: for the predicates of scenarios. Changes nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "sim/machine.hpp"

namespace tina::sim {

void visit_objects(sim_machine& machine, const tina::detail::handler_info& what,
                   const std::function<void(const std::byte*)>& visit);
[[nodiscard]] std::size_t count_isolates(sim_machine& machine, const tina::detail::handler_info& what);
/// Messages in mailboxes and in channels; not those that a handler holds.
void visit_messages(sim_machine& machine, std::uint64_t key, const std::function<void(const std::byte*)>& visit);
[[nodiscard]] result<handle> find_role(sim_machine& machine, std::uint32_t tag, std::uint32_t shard);
[[nodiscard]] counter_snapshot counters_of(sim_machine& machine);

}  // namespace tina::sim
