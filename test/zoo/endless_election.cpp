// SPDX-License-Identifier: Apache-2.0
// Two nodes, one of which leads and says so in every term; the other stands for election when it hears nothing. The
// bug: a leader takes no notice of whoever stands, since there is a leader; a node that was cut off comes back with a
// higher term and never follows again, and never wins. The cure: a leader steps down before a higher term.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::endless_election {

struct plan {
    bool is_fixed = false;
    tina::address peer{};
};
/// What is said, in one byte with the term.
enum class word : std::uint8_t { i_lead, i_stand, i_vote };

struct node {
    std::uint8_t term = 1;
    bool leads = false;

    tina::isolate run(tina::context self, tina::socket peer, const plan* known, bool begins) {
        leads = begins;
        auto due = self.now() + (leads ? 0ms : 300ms);
        for (std::array<std::byte, 1> said{};;) {
            const auto event = co_yield tina::any_of(tina::recv(peer, 1), tina::sleep_until(due));
            if (const auto* received = event.get<0>()) {
                if (!*received) co_return;
                said[0] = answer(std::to_integer<std::uint8_t>(*(*received)->begin()), known->is_fixed);
                if (said[0] == std::byte{0xff}) continue;
            } else {
                if (!leads && term < 60) ++term;
                said[0] = say(leads ? word::i_lead : word::i_stand);
            }
            due = self.now() + (leads ? 50ms : begins ? 200ms : 300ms);
            const auto sent = co_yield tina::send_all(peer, said);
            if (!sent) co_return;
        }
    }
    [[nodiscard]] std::byte say(word what) const { return std::byte(static_cast<unsigned>(what) << 6 | term); }
    /// What to say in turn; 0xff: what was heard changes nothing.
    std::byte answer(std::uint8_t heard, bool is_fixed) {
        const auto what = static_cast<word>(heard >> 6);
        const auto its_term = static_cast<std::uint8_t>(heard & 63);
        const bool is_newer = its_term > term;
        if (what == word::i_vote && its_term == term && !leads) return leads = true, say(word::i_lead);
        if (what == word::i_vote || its_term < term || (leads && !(is_newer && is_fixed))) return std::byte{0xff};
        if (what == word::i_stand && !is_newer) return std::byte{0xff};
        term = its_term;
        leads = false;
        return say(word::i_vote);  // to a leader it means: heard
    }
};

tina::isolate acceptor(tina::context self, tina::listener from, const plan* known) {
    for (;;) {
        auto peer = co_yield tina::accept(from);
        if (peer) static_cast<void>(self.spawn<node>(std::move(*peer), known, false));
    }
}
tina::isolate connector(tina::context self, const plan* known) {
    auto peer = co_yield tina::connect(known->peer).within(1s);
    if (peer) static_cast<void>(self.spawn<node>(std::move(*peer), known, true));
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    const plan* const told = &known;
    const auto types = {tina::type<node>({.slots = 1}), tina::type<acceptor>({.slots = 1}),
                        tina::type<connector>({.slots = 1})};
    auto& follower = world.machine(
        "follower",
        system(types, {shard({tina::child<acceptor>(tina::permanent, tina::listening({.port = 9000}), told)})}));
    known.peer = follower.at(9000);
    auto& leader = world.machine("leader", system(types, {shard({tina::child<connector>(tina::transient, told)})}));
    const auto look_at = [](tina::sim::machine& where) {
        node seen;
        where.each<node>([&](const node& each) { seen.term = each.term, seen.leads = each.leads; });
        return seen;
    };
    world.advance_until([&] { return leader.count<node>() == 1 && follower.count<node>() == 1; }, 1s);
    world.faults({.net_partition = {1, 40}, .net_partition_for = {500ms, 2s}});
    world.eventually(
        "one leads and the other follows",
        [&] {
            const node one = look_at(leader);
            const node other = look_at(follower);
            return one.leads != other.leads && one.term == other.term;
        },
        5s);
    world.run_for(2s);
}

ZOO_ANIMAL(endless_election, "an election never ends after a partition, one way or both")

}  // namespace zoo::endless_election
