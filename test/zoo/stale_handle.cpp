// SPDX-License-Identifier: Apache-2.0
// A client asks a server that may crash and is started again. The bug: it looks the server up once and keeps the
// handle, which names nobody after the restart. The cure: it asks for the role each time.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::stale_handle {

struct plan {
    bool is_fixed = false;
    std::uint64_t answered = 0;
};
struct question {};

constexpr tina::role server_role{"server"};

struct server {
    using accepts = tina::messages<question>;
    tina::isolate run(tina::context) {
        for (;;) {
            const auto request = co_yield tina::receive<question>();
            request.reply(done{});
        }
    }
};

tina::isolate client(tina::context self, plan* known) {
    tina::handle target;
    while (known->answered < 20) {
        static_cast<void>(co_yield tina::sleep(2ms));
        if (const auto found = self.whereis(server_role); found && (!target || known->is_fixed)) target = *found;
        const auto answer = co_yield tina::call<done>(target, question{}).within(5ms);
        if (answer) ++known->answered;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    world.machine("host", system({tina::type<server>({.slots = 1}), tina::type<client>({.slots = 1})},
                                 {shard({tina::child<client>(tina::transient, &known)}),
                                  shard({tina::child<server>(tina::permanent).role(server_role)})}));
    world.faults({.crash_isolate = {1, 100, tina::types<server>}});
    world.eventually("all questions are answered", [&] { return known.answered == 20; }, 5s);
    world.run_for(40ms);
}

ZOO_ANIMAL(stale_handle, "a handle is kept after its isolate was started again")

}  // namespace zoo::stale_handle
