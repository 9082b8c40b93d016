// SPDX-License-Identifier: Apache-2.0
// The connections between the machines of the replicated log, and its clients.
#include "machine.hpp"

#include <bit>
#include <string>
#include <vector>

namespace replicated_log {

namespace {

using packet_reader =
    tina::basic_frame_reader<tina::frame_format{.length_bytes = 4, .order = std::endian::big, .bytes_max = 96}>;

[[nodiscard]] tina::address address_of(std::uint32_t machine) {
    return {.bytes = {10, 0, 0, static_cast<std::uint8_t>(machine + 1)}, .port = port};
}

}  // namespace

tina::isolate client::run(tina::context, std::uint32_t own) {
    for (;;) {
        const auto wanted = co_yield tina::receive<submit>();
        for (bool is_done = false; !is_done;) {
            const propose what{own, wanted->sequence, wanted->value};
            const auto answer = co_yield tina::call<progress>(node_role, what).within(200ms);
            is_done = answer && answer->is_committed != 0;
            if (!is_done) static_cast<void>(co_yield tina::sleep(20ms));
        }
        ++done;
    }
}

tina::isolate carrier(tina::context, std::uint32_t to) {
    auto peer = co_yield tina::connect(address_of(to)).within(500ms).or_crash();
    for (;;) {
        const auto received = co_yield tina::receive<packet>();
        const frame made = encode(*received);
        co_yield tina::send_all(peer, made.bytes()).within(1s).or_crash();
    }
}

tina::isolate inbound(tina::context self, tina::socket peer) {
    packet_reader reader;
    while (auto received = co_yield tina::recv(peer, 1024)) {
        reader.feed(std::move(*received));
        while (const auto found = reader.next()) {
            const auto what = *found ? decode(**found) : std::nullopt;
            if (!what) co_yield tina::crash("this is no packet");
            static_cast<void>(self.send(node_role, *what));  // where there is no room it is lost
        }
    }
}

tina::isolate acceptor(tina::context self, tina::listener listener) {
    while (auto peer = co_yield tina::accept(listener)) {
        static_cast<void>(self.spawn<inbound>(std::move(*peer)));  // where there is no slot the peer comes again
    }
}

tina::system_spec machine_spec(const node_options& options) {
    std::vector<tina::tree_node> carriers{
        tina::child<acceptor>(tina::permanent, tina::listening({.port = port, .backlog = 16}))};
    for (std::uint32_t each = 0; each < machine_count; ++each) {
        if (each != options.own)
            carriers.emplace_back(tina::child<carrier>(tina::permanent, each).role(carrier_roles[each]));
    }
    const auto memory =
        tina::one_for_one({.restarts = 0}, {tina::child<node>(tina::permanent, options).role(node_role),
                                            tina::child<client>(tina::permanent, options.own).role(client_role)});
    const auto network = tina::group_spec{.budget = {.restarts = tina::unlimited}, .children = carriers}.back_off(
        {.first = 10ms, .most = 200ms});
    const tina::shard_limits limits{.messages = 512,
                                    .messages_reserved = 64,
                                    .message_timers = 16,
                                    .monitors = 16,
                                    .descriptors = 64,
                                    .buffers = 64,
                                    .calls = 16,
                                    .leases = 16};
    return {
        .types = {tina::type<node>({.slots = 1}), tina::type<client>({.slots = 1}), tina::type<acceptor>({.slots = 1}),
                  tina::type<carrier>({.slots = 2, .accepts = tina::messages<packet>{}}),
                  tina::type<inbound>({.slots = 16})},
        .shards = {{.tree = tina::one_for_all({.restarts = 0}, {memory, network}), .limits = limits}},
        .memory = tina::memory_mode::development,
    };
}

}  // namespace replicated_log
