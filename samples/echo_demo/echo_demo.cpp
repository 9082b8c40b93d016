// SPDX-License-Identifier: Apache-2.0
// A demonstration that ends by itself: shard 0 serves echoes over TCP, and has clients of its own; shard 1 has clients
// too, one of which crashes after so many round trips, again and again. What to watch: its supervisor starts it again,
// then its shard starts anew, then its shard is quarantined; shard 0 serves all the while; then shard 1 is revived.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "handlers.hpp"

using namespace std::chrono_literals;

namespace {

std::array<echo::tally, 2> of_shard;  // main() reads them at the end
std::atomic<std::uint64_t> trips_at_revival{0};

/// Until the revival.
[[nodiscard]] bool has_chaos() { return of_shard[1].may_crash; }

// --- who tells what happens -----------------------------------------------------------------------------------------

[[nodiscard]] const char* name_of(tina::shard_status status) {
    return status == tina::shard_status::quarantined ? "quarantined" : "running";
}

/// Says once a second what was served; has shard 1 revived when it has been quarantined for two seconds; ends it all
/// three seconds after that.
tina::isolate narrator(tina::context self) {
    std::array<std::uint64_t, 2> before{};
    int quarantined_for = 0;
    int revived_for = 0;
    for (int second = 1; revived_for < 3 && second <= 30; ++second) {
        if (const auto slept = co_yield tina::sleep(1s); !slept) co_return;
        const auto status = self.status_of(1);
        std::array<std::uint64_t, 2> now{of_shard[0].round_trips, of_shard[1].round_trips};
        tina::log(self, tina::info, "{} round trips by clients of shard 0, {} by those of shard 1, which is {}",
                  now[0] - before[0], now[1] - before[1], name_of(status));
        before = now;
        if (!has_chaos()) ++revived_for;
        if (status == tina::shard_status::quarantined && ++quarantined_for == 2) {
            tina::log(self, tina::info, "SIGUSR2: shard 1 is to be revived");
            trips_at_revival = now[1];
            of_shard[1].may_crash = false;
            kill(getpid(), SIGUSR2);
        }
    }
    for (echo::tally& each : of_shard) each.is_ending = true;
    self.request_stop();
}

tina::system_spec spec_of(std::uint16_t port, std::uint32_t clients, std::uint32_t crash_after) {
    const tina::address server = *tina::parse_ip("127.0.0.1", port);
    const tina::listening socket({.address = "127.0.0.1", .port = port});
    const auto client = [&](tina::restart mode, std::uint32_t shard, std::uint32_t crashes) {
        return tina::child<echo::client>(
            mode, echo::client_options{.server = server, .crash_after = crashes, .counts = &of_shard[shard]});
    };
    std::vector<tina::tree_node> serving{tina::child<echo::server>(tina::permanent, socket),
                                         tina::child<narrator>(tina::temporary)};
    std::vector<tina::tree_node> asking{client(tina::permanent, 1, crash_after)};
    for (std::uint32_t i = 0; i < clients; ++i) {
        serving.emplace_back(client(tina::temporary, 0, echo::crash_never));
        asking.emplace_back(client(tina::temporary, 1, echo::crash_never));
    }
    return {
        .types = {tina::type<echo::server>({.slots = 1}), tina::type<echo::connection>({.slots = 256}),
                  tina::type<echo::client>({.slots = 64, .nested_bytes = 1024}), tina::type<narrator>({.slots = 1})},
        .shards = {{.tree = {.children = serving}},
                   {.tree = tina::group_spec{.budget = {.restarts = 3, .within = 60s}, .children = asking}.back_off(
                        {.first = 50ms, .most = 200ms})}},
        .memory = tina::memory_mode::development,
        .recovery = {.restarts = 2, .within = 60s},
    };
}

/// Says how it went; whether it went as it should.
bool summarise() {
    const std::uint64_t wrong = of_shard[0].wrong_answers + of_shard[1].wrong_answers;
    const std::uint64_t after = of_shard[1].round_trips - trips_at_revival;
    std::printf("summary: %llu round trips by clients of shard 0, %llu by those of shard 1, %llu of these after its "
                "revival; %llu wrong answers, %llu failures on shard 0\n",
                static_cast<unsigned long long>(of_shard[0].round_trips.load()),
                static_cast<unsigned long long>(of_shard[1].round_trips.load()),
                static_cast<unsigned long long>(has_chaos() ? 0 : after), static_cast<unsigned long long>(wrong),
                static_cast<unsigned long long>(of_shard[0].failures.load()));
    return wrong == 0 && of_shard[0].failures == 0 && of_shard[0].round_trips > 0 && !has_chaos() && after > 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint32_t crash_after = 3'000;
    std::uint32_t clients = 4;
    std::uint16_t port = 9700;
    CLI::App app("A client that crashes until its shard is quarantined, while the other shard never stops serving.");
    app.add_option("--crash-after", crash_after, "round trips until it crashes")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--clients", clients, "clients on each shard that do not crash")
        ->capture_default_str()
        ->check(CLI::Range(1, 60));
    app.add_option("--port", port, "of the server")->capture_default_str()->check(CLI::Range(1, 65535));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    std::puts("shard 0 serves; a client on shard 1 crashes until its shard is quarantined; watch shard 0 go on");
    const int status = tina::run(spec_of(port, clients, crash_after));
    if (status != 0) return status;
    return summarise() ? 0 : 1;
}
