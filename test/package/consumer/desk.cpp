// SPDX-License-Identifier: Apache-2.0
// The handlers. The clerk keeps its last number in the tally, so that it goes on from there when it is started again.
#include "desk.hpp"

#include <tina/fmt.hpp>
#include <tina/marks.hpp>

#include <chrono>

using namespace std::chrono_literals;

namespace desk {

struct next_please {};
struct number {
    std::uint64_t value;
};

namespace {

inline constexpr tina::role front{"front"};

tina::isolate clerk(tina::context self, tally* seen) {
    tina::log(self, tina::info, "the desk is open, after number {}", seen->last);
    for (std::uint64_t last = seen->last;;) {
        auto request = co_yield tina::receive<next_please>();
        request.reply(number{++last});
    }
}

tina::isolate visitor(tina::context self, tally* seen, std::uint64_t wanted) {
    while (seen->numbers < wanted) {
        auto given = co_yield tina::call<number>(front, next_please{}).within(1s);
        if (!given) {
            TINA_REACHABLE("nobody was at the desk");
            auto slept = co_yield tina::sleep(1ms);
            if (!slept) co_return;
            continue;
        }
        if (given->value <= seen->last) ++seen->out_of_order;
        seen->last = given->value;
        ++seen->numbers;
    }
    self.request_stop();
}

tina::isolate careless_one(tina::context) {
    *static_cast<volatile int*>(nullptr) = 1;  // this ends the isolate, and nothing else
    co_return;
}

}  // namespace

tina::system_spec spec(tally* seen, std::uint64_t wanted, bool careless) {
    tina::group_spec everybody{.budget = {.restarts = tina::unlimited},
                               .children = {tina::child<clerk>(tina::permanent, seen).role(front),
                                            tina::child<visitor>(tina::permanent, seen, wanted)}};
    if (careless) everybody.children.emplace_back(tina::child<careless_one>(tina::temporary));
    return {
        .types = {tina::type<clerk>({.slots = 1, .accepts = tina::messages<next_please>{}}),
                  tina::type<visitor>({.slots = 1}), tina::type<careless_one>({.slots = 1})},
        .shards = {{.tree = everybody.back_off({.first = 1ms, .most = 10ms})}},
        .memory = tina::memory_mode::development,
    };
}

}  // namespace desk
