// SPDX-License-Identifier: Apache-2.0
// The desk for real.
#include <cstdio>

#include "desk.hpp"

int main() {
    desk::tally seen;
    const int status = tina::run(desk::spec(&seen, 1000, true));
    std::printf("%u numbers, %u out of order\n", static_cast<unsigned>(seen.numbers),
                static_cast<unsigned>(seen.out_of_order));
    return status == 0 && seen.numbers == 1000 && seen.out_of_order == 0 ? 0 : 1;
}
