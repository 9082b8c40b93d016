// SPDX-License-Identifier: Apache-2.0
// Writes a trace of a run made by hand: trace_writer text|perfetto|html [EVENTS]. For check_trace.py, which reads it.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "sim/trace/trace.hpp"
#include "test/sim/trace_example.hpp"

int main(int argc, char** argv) {
    const std::string_view wanted = argc > 1 ? argv[1] : "text";
    const tina::sim::run_outcome run =
        argc > 2 ? tina::test::long_run(std::strtoull(argv[2], nullptr, 10), 64) : tina::test::example_run();
    const auto format = wanted == "html"       ? tina::sim::trace_format::html
                        : wanted == "perfetto" ? tina::sim::trace_format::perfetto
                                               : tina::sim::trace_format::text;
    tina::sim::write_trace(
        std::cout, run, format,
        {.scenario = "transfers", .seed = 4711, .reproduce = "./bank_sim run transfers --seed 4711"});
    return 0;
}
