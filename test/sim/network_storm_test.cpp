// SPDX-License-Identifier: Apache-2.0
// Storms: everything that can be done to a network, at random and under all faults. Whatever happens, bytes come in
// order or not at all, no operation ends twice, and nothing is left when all is closed.
#include <boost/test/unit_test.hpp>

#include <optional>
#include <random>

#include "net_stage.hpp"

using namespace net_test;

namespace {

constexpr std::size_t host_count = 3;

/// The byte at a position of every stream.
char byte_at(std::size_t position) { return static_cast<char>('a' + (position * 7 + position / 251) % 26); }

struct stream {
    int number = -1;
    std::optional<std::uint64_t> connecting;
    std::optional<std::uint64_t> sending;
    std::optional<std::uint64_t> receiving;
    std::shared_ptr<std::string> text;
    std::size_t sent = 0;
    std::size_t received = 0;
};

/// A host with its shard, and what it has open.
struct party {
    party(net_stage& in, host& on) : at(&on), shard(in.net, on, in.time) { listen(); }
    void listen() {
        listener = shard.io->listen({.local = ip("0.0.0.0", 80), .backlog = 3});
        accepting = shard.accept(listener);
    }
    host* at;
    node shard;
    int listener = -1;
    std::uint64_t accepting = 0;
    std::vector<stream> streams;
};

class storm : public net_stage {
public:
    explicit storm(std::uint64_t seed, const faults& wanted) : net_stage(base::seed, seed), draw_(seed) {
        for (const char* name : {"one", "two", "three"}) parties_.push_back(std::make_unique<party>(*this, add(name)));
        net.set_options({.window_bytes = 20'000, .segment_bytes = 4000});
        net.set_faults(wanted);
    }
    void blow(int steps) {
        for (int i = 0; i < steps; ++i) {
            party& who = *parties_[pick(host_count)];
            if (who.at->is_up()) {
                act(who);
            } else if (pick(5) == 0) {
                net.power_on(*who.at);
                who.shard.boot();
                who.listen();
            }
            run_for(static_cast<std::int64_t>(pick(3'000'000)));
            for (auto& each : parties_) look(*each);
        }
    }
    void end() {
        net.set_faults(faults{});
        net.heal();
        for (auto& each : parties_) {
            if (!each->at->is_up()) continue;
            each->shard.give({.kind = operation_kind::close, .descriptor = each->listener});
            close_all(*each);
        }
        run_out();
        // What was accepted at the very end.
        for (auto& each : parties_) {
            look(*each);
            if (each->at->is_up()) close_all(*each);
        }
        run_out();
    }
    int ended_twice() const {
        int count = 0;
        for (const auto& each : parties_) count += each->shard.ended_twice;
        return count;
    }
    bool in_order = true;

private:
    unsigned pick(std::size_t count) { return static_cast<unsigned>(draw_() % count); }

    void close_all(party& who) {
        for (stream& one : who.streams) who.shard.give({.kind = operation_kind::close, .descriptor = one.number});
        who.streams.clear();
    }
    void act(party& who) {
        const unsigned what = pick(100);
        if (what < 20 || who.streams.empty()) return open(who);
        const std::size_t index = pick(who.streams.size());
        stream& one = who.streams[index];
        if (what < 50) return send(who, one);
        if (what < 70) return receive(who, one);
        if (what < 74) return static_cast<void>(who.shard.io->shutdown(one.number, pick(4) == 0, pick(2) == 0));
        if (what < 84) return close(who, index);
        if (what < 88 && one.sending) return who.shard.cancel(*one.sending);
        if (what < 90 && one.receiving) return who.shard.cancel(*one.receiving);
        if (what < 92 && one.connecting) return who.shard.cancel(*one.connecting);
        if (what < 94) return net.cut(*who.at, *parties_[pick(host_count)]->at);
        if (what < 97) return net.join(*who.at, *parties_[pick(host_count)]->at);
        if (what == 97) return net.heal();
        if (what == 98) return lose_power(who);
        who.shard.give({.kind = operation_kind::close, .descriptor = who.listener});
        who.listen();
    }
    void open(party& who) {
        stream made;
        made.number = who.shard.io->open_stream(address_family::ip4);
        const std::string to = "10.0.0." + std::to_string(pick(host_count + 1) + 1);
        made.connecting = who.shard.connect(made.number, ip(to, pick(10) == 0 ? 81 : 80));
        who.streams.push_back(made);
    }
    void send(party& who, stream& one) {
        if (one.sending) return;
        one.text = std::make_shared<std::string>(1 + pick(pick(4) == 0 ? 60'000 : 600), '\0');
        for (std::size_t i = 0; i < one.text->size(); ++i) (*one.text)[i] = byte_at(one.sent + i);
        kept_.push_back(one.text);
        one.sending = who.shard.send(one.number, *one.text, pick(2) == 0);
    }
    void receive(party& who, stream& one) {
        if (!one.receiving) one.receiving = who.shard.receive(one.number, 1 + pick(4096));
    }
    void close(party& who, std::size_t index) {
        stream& one = who.streams[index];
        if (pick(3) == 0) who.shard.io->reset_on_close(one.number);
        who.shard.give({.kind = operation_kind::close, .descriptor = one.number});
        take(who, one);
        who.streams.erase(who.streams.begin() + static_cast<std::ptrdiff_t>(index));
    }
    void lose_power(party& who) {
        net.power_off(*who.at);
        if (pick(2) == 0) who.shard.io.reset();
        who.streams.clear();
    }
    void look(party& who) {
        if (!who.at->is_up()) return;
        who.shard.io->flush();
        if (who.shard.has_ended(who.accepting)) {
            const int made = who.shard.ended[who.accepting].result;
            if (made >= 0) who.streams.emplace_back().number = made;
            who.accepting = who.shard.accept(who.listener);
        }
        for (stream& one : who.streams) take(who, one);
    }
    void take(party& who, stream& one) {
        if (one.connecting && who.shard.has_ended(*one.connecting)) one.connecting.reset();
        if (one.sending && who.shard.has_ended(*one.sending)) {
            const int went = who.shard.result(*one.sending);
            one.sent += went > 0 ? static_cast<std::size_t>(went) : 0;
            one.sending.reset();
        }
        if (!one.receiving || !who.shard.has_ended(*one.receiving)) return;
        if (who.shard.result(*one.receiving) > 0) {
            for (const char each : who.shard.text(*one.receiving)) in_order &= each == byte_at(one.received++);
        }
        one.receiving.reset();
    }

    std::mt19937_64 draw_;
    std::vector<std::unique_ptr<party>> parties_;
    std::vector<std::shared_ptr<std::string>> kept_;  ///< what is sent stays as it is until the end
};

faults some_faults() {
    faults wanted;
    wanted.net_latency = {0ms, 2ms};
    wanted.net_loss = {1, 30};
    wanted.net_reset = {1, 200};
    wanted.net_refuse = {1, 20};
    wanted.net_silence = {1, 20};
    wanted.net_segment = {1, 5};
    wanted.partial_write = {1, 5};
    wanted.net_partition = {1, 50};
    wanted.net_clog = {1, 50};
    return wanted;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_storms)

BOOST_AUTO_TEST_CASE(bytes_come_in_order_or_not_at_all) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        storm at(seed, seed % 4 == 0 ? faults{} : some_faults());
        at.blow(1500);
        BOOST_TEST(at.in_order, "seed " << seed);
        BOOST_TEST(at.ended_twice() == 0, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(nothing_is_left_when_all_is_closed) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        storm at(seed, seed % 4 == 0 ? faults{} : some_faults());
        at.blow(800);
        at.end();
        BOOST_TEST(at.net.connection_count() == 0u, "seed " << seed);
        BOOST_TEST(at.net.at_rest(), "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(a_storm_is_the_same_each_time) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        std::uint64_t digests[2] = {};
        for (std::uint64_t& each : digests) {
            storm at(seed, some_faults());
            at.blow(500);
            each = at.log.digest();
        }
        BOOST_TEST(digests[0] == digests[1], "seed " << seed);
    }
}

BOOST_AUTO_TEST_SUITE_END()
