// SPDX-License-Identifier: Apache-2.0
// The program of the zoo: the harness with all its scenarios, and a list of what must be found for the test beside it.
#include "zoo.hpp"

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "animals") {
        for (const zoo::animal& each : zoo::animals) {
            std::printf("%.*s %u %u %s\n", static_cast<int>(each.id.size()), each.id.data(), each.seeds_max,
                        each.edits_max, each.is_guided ? "guided" : "plain");
        }
        return 0;
    }
    return tina::harness_main(argc, argv);
}
