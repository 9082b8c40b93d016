// SPDX-License-Identifier: Apache-2.0
// A server reads a request to the end of the stream and answers then. The bug: a client that tries again, since its
// connection was lost, forgets to end its sending; both wait for ever. The cure: it ends it each time.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::half_close_forgotten {

struct plan {
    bool is_fixed = false;
    tina::address server{};
    std::uint64_t answered = 0;
};

tina::isolate session(tina::context, tina::socket peer) {
    for (;;) {
        const auto piece = co_yield tina::recv(peer, 256);
        if (piece) continue;
        if (piece.error() != tina::errc::end_of_stream) co_return;
        static_cast<void>(co_yield tina::send_all(peer, "answer"));
        co_return;
    }
}
tina::isolate server(tina::context self, tina::listener from) {
    for (;;) {
        auto peer = co_yield tina::accept(from);
        if (peer) static_cast<void>(self.spawn<session>(std::move(*peer)));
    }
}
tina::isolate client(tina::context, plan* known) {
    bool is_again = false;
    while (known->answered < 10) {
        static_cast<void>(co_yield tina::sleep(1ms));
        auto peer = co_yield tina::connect(known->server).within(1s);
        if (!peer) continue;
        const auto sent = co_yield tina::send_all(*peer, "question");
        if (sent && (known->is_fixed || !is_again)) static_cast<void>(peer->shutdown_send());
        const auto answer = co_yield tina::recv(*peer, 256);
        is_again = !answer;
        if (answer) ++known->answered;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& serving = world.machine(
        "server", system({tina::type<server>({.slots = 1}), tina::type<session>({.slots = 16})},
                         {shard({tina::child<server>(tina::permanent, tina::listening({.port = 9000}))})}));
    known.server = serving.at(9000);
    world.machine("client",
                  system({tina::type<client>({.slots = 1})}, {shard({tina::child<client>(tina::transient, told)})}));
    world.faults({.net_reset = {1, 50}});
    world.eventually("all questions are answered", [&] { return known.answered == 10; }, 2s);
    world.run_for(50ms);
}

ZOO_ANIMAL(half_close_forgotten, "both ends of a connection wait for the other")

}  // namespace zoo::half_close_forgotten
