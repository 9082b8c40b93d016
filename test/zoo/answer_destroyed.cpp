// SPDX-License-Identifier: Apache-2.0
// A client asks, says good-bye in the same breath, and reads the answer to its end. The bug: the server answers and
// closes as soon as it has read the question; where the good-bye comes later it meets a closed socket, and the reset
// destroys what is still to be sent. The cure: the server closes by tina::close(), which reads on.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::answer_destroyed {

struct plan {
    bool is_fixed = false;
    tina::address server{};
    std::uint64_t bytes_read = 0;
    bool is_over = false;
};
constexpr std::size_t answer_bytes = 4096;

tina::isolate session(tina::context, tina::socket peer, const plan* known) {
    static constexpr std::array<std::byte, answer_bytes> answer{};
    const auto question = co_yield tina::recv(peer, 64).within(1s);
    if (!question) co_return;
    const auto sent = co_yield tina::send_all(peer, answer).within(1s);
    if (sent && known->is_fixed) static_cast<void>(co_yield tina::close(peer, 1s));
}
tina::isolate server(tina::context self, tina::listener from, const plan* known) {
    for (;;) {
        auto peer = co_yield tina::accept(from);
        if (peer) static_cast<void>(self.spawn<session>(std::move(*peer), known));
    }
}
tina::isolate client(tina::context, plan* known) {
    auto peer = co_yield tina::connect(known->server).within(1s).or_crash();
    co_yield tina::send_all(peer, "question;bye").or_crash();
    for (;;) {
        const auto piece = co_yield tina::recv(peer, 256).within(1s);
        if (!piece) break;
        known->bytes_read += piece->size();
        static_cast<void>(co_yield tina::sleep(100us));  // it takes its time
    }
    known->is_over = true;
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.network({.window_bytes = 512, .segment_bytes = 256});
    auto& serving = world.machine(
        "server", system({tina::type<server>({.slots = 1}), tina::type<session>({.slots = 4})},
                         {shard({tina::child<server>(tina::permanent, tina::listening({.port = 9000}), told)})}));
    known.server = serving.at(9000);
    world.machine("client",
                  system({tina::type<client>({.slots = 1})}, {shard({tina::child<client>(tina::transient, told)})}));
    world.faults({.net_latency = {0us, 200us}, .net_segment = {1, 5}});
    world.always("an answer comes whole", [&] { return !known.is_over || known.bytes_read == answer_bytes; });
    world.run_for(3s);
}

ZOO_ANIMAL(answer_destroyed, "a close with bytes unread destroys the answer")

}  // namespace zoo::answer_destroyed
