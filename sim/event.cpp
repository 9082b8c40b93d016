// SPDX-License-Identifier: Apache-2.0
// The names and sentences of the events.
#include "sim/event.hpp"

#include <array>

namespace tina::sim {

namespace {

constexpr std::array<event_info, static_cast<std::size_t>(event_kind::count_)> infos{{
#define TINA_SIM_EVENT(name, sentence, detail, value) {#name, sentence},
    TINA_SIM_EVENTS(TINA_SIM_EVENT)
#undef TINA_SIM_EVENT
}};

}  // namespace

const event_info& info_of(event_kind kind) noexcept { return infos[static_cast<std::size_t>(kind)]; }

}  // namespace tina::sim
