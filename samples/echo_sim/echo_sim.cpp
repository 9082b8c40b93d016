// SPDX-License-Identifier: Apache-2.0
// The echo handlers in simulation: a machine that serves, two with clients, and a network between them that fails. The
// handlers are those of echo_demo, in the same library. What to watch: `echo_sim run echoes --seed 1` takes seconds of
// virtual time and a moment of ours.
#include <tina/harness.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../echo_demo/handlers.hpp"

using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t port = 9000;
constexpr std::uint32_t clients_each = 4;

tina::system_spec server_spec() {
    return {
        .types = {tina::type<echo::server>({.slots = 1}), tina::type<echo::connection>({.slots = 64})},
        .shards = {{.tree =
                        tina::one_for_one({.restarts = tina::unlimited},
                                          {tina::child<echo::server>(tina::permanent, tina::listening({.port = port}))})
                            .back_off({.first = 10ms, .most = 100ms})}},
        .memory = tina::memory_mode::development,
    };
}

/// Clients, the first of which writes to address 0 after so many echoes, if that is not `echo::crash_never`.
tina::system_spec client_spec(const tina::address& server, echo::tally& counts, std::uint32_t crash_after) {
    std::vector<tina::tree_node> children;
    for (std::uint32_t i = 0; i < clients_each; ++i) {
        const echo::client_options what{.server = server,
                                        .crash_after = i == 0 ? crash_after : echo::crash_never,
                                        .asks_anew = 1,
                                        .counts = &counts};
        children.emplace_back(tina::child<echo::client>(tina::permanent, what));
    }
    const tina::group_spec tree{.budget = {.restarts = tina::unlimited}, .children = children};
    return {
        .types = {tina::type<echo::client>({.slots = clients_each, .nested_bytes = 1024})},
        .shards = {{.tree = tree.back_off({.first = 10ms, .most = 100ms})}},
        .memory = tina::memory_mode::development,
    };
}

using tallies = std::array<echo::tally, 2>;

/// A server, and a machine with clients for each tally. A machine is 1 ms from the next.
void boot(tina::sim::world& world, tallies& counts, std::uint32_t crash_after) {
    world.network({.latency = 1ms});
    const auto& server = world.machine("server", server_spec());
    for (std::size_t i = 0; i < counts.size(); ++i) {
        world.machine("client" + std::to_string(i), client_spec(server.at(port), counts[i], crash_after));
    }
}

/// What holds of all echoes.
void check(tina::sim::world& world, const std::shared_ptr<tallies>& counts) {
    world.always("no answer is wrong", [counts] {
        return std::ranges::all_of(*counts, [](const echo::tally& each) { return each.wrong_answers == 0; });
    });
    // What each has counted when it is first asked, which is after the faults have ended.
    const auto before = std::make_shared<std::vector<std::uint64_t>>();
    world.eventually(
        "all machines are served",
        [counts, before] {
            if (before->empty()) before->assign({(*counts)[0].round_trips, (*counts)[1].round_trips});
            return (*counts)[0].round_trips > (*before)[0] + 10 && (*counts)[1].round_trips > (*before)[1] + 10;
        },
        10s);
}

}  // namespace

TINA_SCENARIO(echoes, "what clients get back is what they sent, or nothing, over a network that fails") {
    const auto counts = std::make_shared<tallies>();
    boot(world, *counts, echo::crash_never);
    world.faults({.crash_isolate = {1, 2000, tina::types<echo::connection, echo::server>},
                  .net_latency = {0us, 3ms},
                  .net_loss = {1, 100},
                  .net_reset = {1, 500},
                  .net_refuse = {1, 10},
                  .net_silence = {1, 20},
                  .net_segment = {1, 5},
                  .partial_write = {1, 5},
                  .net_partition = {1, 50},
                  .net_partition_for = {100ms, 1s}});
    check(world, counts);
    world.run_for(3s);
}

TINA_SCENARIO(wild_writes,
              "a client that writes to address 0 after each hundredth echo ends alone, and is started again") {
    const auto counts = std::make_shared<tallies>();
    boot(world, *counts, 100);
    check(world, counts);
    world.run_for(2s);
}

int main(int argc, char** argv) { return tina::harness_main(argc, argv); }
