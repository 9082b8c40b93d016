// SPDX-License-Identifier: Apache-2.0
// A client sends readings of eight bytes and waits for a byte after each. The bug: the server takes what one receive
// brings for a whole reading, though a stream may bring it in pieces. The cure: it reads on until it is whole.
#include "zoo.hpp"

#include <cstring>
#include <span>

using namespace std::chrono_literals;

namespace zoo::partial_read {

struct plan {
    bool is_fixed = false;
    tina::address server{};
    std::uint64_t broken = 0;
};
struct reading {
    std::uint32_t value;
    std::uint32_t complement;
};

tina::isolate session(tina::context, tina::socket peer, plan* known) {
    std::array<std::byte, sizeof(reading)> bytes{};
    for (std::size_t count = 0;;) {
        const auto received = co_yield tina::recv_into(peer, std::span(bytes).subspan(count));
        if (!received) co_return;
        count += *received;
        if (known->is_fixed && count < sizeof(reading)) continue;
        reading whole{};
        std::memcpy(&whole, bytes.data(), sizeof whole);
        if (whole.complement != ~whole.value) ++known->broken;
        count = 0;
        if (auto sent = co_yield tina::send_all(peer, "."); !sent) co_return;
    }
}
tina::isolate server(tina::context self, tina::listener from, plan* known) {
    for (;;) {
        auto peer = co_yield tina::accept(from);
        if (peer) static_cast<void>(self.spawn<session>(std::move(*peer), known));
    }
}
tina::isolate client(tina::context, const plan* known) {
    auto peer = co_yield tina::connect(known->server).within(1s).or_crash();
    for (std::uint32_t value = 1; value <= 30; ++value) {
        const reading made{value * 0x0101'0101u, ~(value * 0x0101'0101u)};
        co_yield tina::send_all(peer, std::as_bytes(std::span(&made, 1))).or_crash();
        const auto answer = co_yield tina::recv(peer, 1).within(1s);
        if (!answer) co_return;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& serving = world.machine(
        "server", system({tina::type<server>({.slots = 1}), tina::type<session>({.slots = 4})},
                         {shard({tina::child<server>(tina::permanent, tina::listening({.port = 9000}), told)})}));
    known.server = serving.at(9000);
    world.machine("client",
                  system({tina::type<client>({.slots = 1})}, {shard({tina::child<client>(tina::transient, told)})}));
    world.faults({.net_latency = {0us, 200us}, .net_segment = {1, 20}});
    world.always("every reading is whole", [&] { return known.broken == 0; });
    world.run_for(100ms);
}

ZOO_ANIMAL(partial_read, "a part of a message is taken for the whole")

}  // namespace zoo::partial_read
