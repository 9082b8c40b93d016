// SPDX-License-Identifier: Apache-2.0
// The desk in simulation: its isolates crash at any moment.
#include <tina/harness.hpp>

#include <memory>

#include "desk.hpp"

using namespace std::chrono_literals;

TINA_SCENARIO(numbers, "numbers rise, whoever crashes") {
    const auto seen = std::make_shared<desk::tally>();
    world.machine("desk", desk::spec(seen.get(), 200, false));
    world.faults({.crash_isolate = {1, 50}});
    world.always("numbers rise", [seen] { return seen->out_of_order == 0; });
    world.eventually("all is served", [seen] { return seen->numbers == 200; }, 10s);
    world.run_for(1s);
}

int main(int argc, char** argv) { return tina::harness_main(argc, argv); }
