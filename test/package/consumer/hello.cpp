// SPDX-License-Identifier: Apache-2.0
// The desk for real.
#include <cstdio>

#include "desk.hpp"

int main() {
    desk::tally seen;
    std::uint64_t crashed = 0;
    const int status = tina::run(desk::spec(&seen, 1000, true), [&crashed](const tina::counter_snapshot& counters) {
        crashed = counters["isolates_crashed"];
    });
    std::printf("%d numbers, %d out of order, %d crash\n", static_cast<int>(seen.numbers),
                static_cast<int>(seen.out_of_order), static_cast<int>(crashed));
    return status == 0 && seen.numbers == 1000 && seen.out_of_order == 0 && crashed == 1 ? 0 : 1;
}
