// SPDX-License-Identifier: Apache-2.0
// Says whether systems of tina run on this machine, in this container: it boots the smallest one, has its isolate take
// a turn around a timer, and stops it. What is refused is told with its cause and its cure, as any boot error is. To be
// run first where a program is to be deployed; it must change nothing.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>
#include <tina/version.hpp>

#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;

namespace {

tina::isolate visitor(tina::context self) {
    const auto slept = co_yield tina::sleep(1ms);
    if (slept) tina::log(self, tina::info, "an isolate has waited for a timer");
    self.request_stop();
}

void say_where_this_is() {
    utsname names{};
    const bool known = uname(&names) == 0;
    std::printf("tina %d.%d.%d on %s %s, %s\n", TINA_VERSION_MAJOR, TINA_VERSION_MINOR, TINA_VERSION_PATCH,
                known ? names.sysname : "an unknown system", names.release, names.machine);
}

}  // namespace

int main(int argc, char** argv) {
    std::uint32_t shards = 1;
    CLI::App command_line{"Says whether systems of tina run here. Exit status 0: they do; 1: they do not."};
    command_line.add_option("--shards", shards, "how many to boot")->check(CLI::Range(1, 1023))->capture_default_str();
    CLI11_PARSE(command_line, argc, argv);

    say_where_this_is();
    std::fflush(stdout);
    const int status = tina::run({
        .types = {tina::type<visitor>({.slots = 1})},
        .shards = tina::on_cores(shards, {.tree = tina::one_for_one({}, {tina::child<visitor>(tina::temporary)})}),
    });
    std::puts(status == 0 ? "systems of tina run here" : "systems of tina do not run here");
    return status == 0 ? 0 : 1;
}
