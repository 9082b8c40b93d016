// SPDX-License-Identifier: Apache-2.0
// Tests of the network's faults: that each does what it says, and that they are decisions like all others: of one
// connection only, and replayed from the quiet base.
#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "net_stage.hpp"

using namespace net_test;

namespace {

constexpr chance always{1, 1};

/// Three hosts that talk for a while, reconnecting when they must, under the faults of `wanted`.
struct talk : net_stage {
    talk(base from, std::uint64_t seed, const faults& wanted, edit_list edits = {}, bool more = false)
        : net_stage(from, seed, std::move(edits)) {
        net.set_faults(wanted);
        for (int round = 0; round < 40; ++round) {
            for (std::size_t i = 0; i < 3; ++i) step(i, round);
            if (more && round % 3 == 0) chatter();
            run_for(50 * ms);
        }
        net.set_faults(faults{});
        net.heal();
        run_for(200 * second);
    }
    void step(std::size_t which, int round) {
        speaker& who = speakers[which];
        node& at = who.on;
        at.gather();
        if (who.stream < 0 || at.ended.contains(who.receiving)) {
            if (who.stream >= 0) static_cast<void>(at.give({.kind = operation_kind::close, .descriptor = who.stream}));
            who.stream = at.io->open_stream(address_family::ip4);
            at.connect(who.stream, ip("10.0.0." + std::to_string((which + 1) % 3 + 1), 80));
            who.receiving = at.receive(who.stream);
        }
        at.send(who.stream, texts[static_cast<std::size_t>(round % 3)], round % 2 == 0);
        for (auto& [listener, accepting, streams] : who.listening) serve(at, listener, accepting, streams);
    }
    void serve(node& at, int listener, std::uint64_t& accepting, std::map<int, std::uint64_t>& streams) {
        if (at.has_ended(accepting)) {
            const int made = at.ended[accepting].result;
            streams[made] = at.receive(made);
            accepting = at.accept(listener);
        }
        for (auto& [stream, receiving] : streams) {
            if (!at.has_ended(receiving) || at.ended[receiving].result <= 0) continue;
            static_cast<void>(at.text(receiving));
            receiving = at.receive(stream);
        }
    }
    /// Something that has nothing to do with the rest.
    void chatter() {
        speakers[0].on.owner_name = "one/0/stranger";
        const int stream = speakers[0].on.io->open_stream(address_family::ip4);
        speakers[0].on.owner_name.clear();
        speakers[0].on.connect(stream, ip("10.0.0.2", 99));
    }

    struct speaker {
        speaker(net_stage& in, host& at) : on(in.net, at, in.time) {
            const int listener = on.io->listen({.local = ip("0.0.0.0", 80)});
            listening.push_back({listener, on.accept(listener), {}});
        }
        struct listening_socket {
            int listener;
            std::uint64_t accepting;
            std::map<int, std::uint64_t> streams;
        };
        node on;
        int stream = -1;
        std::uint64_t receiving = 0;
        std::vector<listening_socket> listening;
    };
    std::string texts[3] = {std::string(30, 'a'), std::string(3000, 'b'), std::string(300, 'c')};
    host& one = add("one");
    host& two = add("two");
    host& three = add("three");
    std::array<speaker, 3> speakers{speaker{*this, one}, speaker{*this, two}, speaker{*this, three}};
};

faults all_faults() {
    faults wanted;
    wanted.net_latency = {0ms, 20ms};
    wanted.net_loss = {1, 20};
    wanted.net_reset = {1, 60};
    wanted.net_refuse = {1, 10};
    wanted.net_silence = {1, 10};
    wanted.net_segment = {1, 4};
    wanted.partial_write = {1, 4};
    wanted.net_partition = {1, 20};
    wanted.net_clog = {1, 20};
    return wanted;
}

edit_list edits_of(const net_stage& run) {
    edit_list made;
    for (const fired& each : run.choices.log()) made.edits.push_back(each);
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(network_faults)

BOOST_AUTO_TEST_CASE(a_refused_request_is_refused) {
    two_hosts at(base::seed);
    at.net.set_faults({.net_refuse = always});
    at.connect();
    BOOST_TEST(at.connected == -ECONNREFUSED);
    BOOST_TEST(at.count(event_kind::net_fault) == 1u);
    BOOST_TEST(at.last(event_kind::net_fault).detail == static_cast<std::uint32_t>(site::net_refuse));
}

BOOST_AUTO_TEST_CASE(a_silenced_request_times_out) {
    two_hosts at(base::seed);
    at.net.set_faults({.net_silence = always});
    at.connect();
    BOOST_TEST(at.connected == node::in_flight);
    at.run_for(127 * second);
    at.client.gather();
    BOOST_TEST(at.client.ended.begin()->second.result == -ETIMEDOUT);
}

BOOST_AUTO_TEST_CASE(a_hosts_own_faults_are_met_by_what_it_sends_instead_of_all_others) {
    two_hosts spared(base::seed);
    spared.net.set_faults({.net_refuse = always});
    spared.net.set_faults(spared.two, faults{});
    spared.connect();
    BOOST_TEST(spared.connected == 0);

    two_hosts stricken(base::seed);
    stricken.net.set_faults(stricken.one, {.net_refuse = always, .net_silence = always, .partial_write = always});
    stricken.connect();
    BOOST_TEST(stricken.connected == 0);  // it is the other one that asks
    const std::string text(21, 'x');
    BOOST_TEST(stricken.client.result(stricken.client.send(stricken.there, text, false)) == 21);
    BOOST_TEST(stricken.server.result(stricken.server.send(stricken.here, text, false)) < 21);
}

BOOST_AUTO_TEST_CASE(a_lost_segment_comes_late_and_in_order) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults({.net_loss = always});
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "first ");
    at.net.set_faults(faults{});
    at.client.send(at.there, "second");
    at.run_for(200 * ms);
    BOOST_TEST(!at.server.has_ended(receiving));
    at.run_for(13 * second);
    BOOST_TEST(at.server.text(receiving) == "first second");
}

BOOST_AUTO_TEST_CASE(each_further_loss_of_a_segment_takes_twice_as_long) {
    std::map<std::uint64_t, std::uint64_t> seen;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        two_hosts at(base::seed, seed);
        at.connect();
        at.net.set_faults({.net_loss = {1, 2}});
        const auto receiving = at.server.receive(at.here);
        const std::int64_t sent_ns = at.time.now_ns();
        at.client.send(at.there, "x");
        while (!at.server.has_ended(receiving)) at.time.run_next();
        const std::uint64_t losses = at.choices.log().empty() ? 0 : at.choices.log().back().value;
        BOOST_TEST(at.time.now_ns() - sent_ns == 50'000 + 200 * ms * ((std::int64_t{1} << losses) - 1));
        ++seen[losses];
    }
    // Each is about half as frequent as the one before, and there is a most.
    BOOST_TEST(seen[0] > seen[1]);
    BOOST_TEST(seen[1] > seen[2]);
    BOOST_TEST(seen[2] > 0u);
    BOOST_TEST(seen.rbegin()->first <= 6u);
}

BOOST_AUTO_TEST_CASE(a_reset_is_seen_by_both_sides) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults({.net_reset = always});
    const auto here = at.server.receive(at.here);
    const auto there = at.client.receive(at.there);
    at.client.send(at.there, "x");
    at.run_for(ms);
    BOOST_TEST(at.server.result(here) == -ECONNRESET);
    BOOST_TEST(at.client.result(there) == -ECONNRESET);
}

BOOST_AUTO_TEST_CASE(a_segment_is_cut_into_pieces) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults({.net_segment = always});
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "some text that is cut");
    at.run_for(20 * ms);
    BOOST_TEST(at.count(event_kind::net_data) > 1u);
    BOOST_TEST(at.server.text(receiving) == "some text that is cut");
}

/// How often a reader that waits has to read until it has all; what it is sent may be cut.
std::size_t reads_of(two_hosts& at, std::size_t bytes) {
    at.connect();
    at.net.set_faults({.net_segment = always});
    auto receiving = at.server.receive(at.here);
    at.client.send(at.there, std::string(bytes, 'x'));
    at.net.set_faults(faults{});
    std::size_t reads = 0;
    for (std::size_t got = 0; got < bytes; ++reads) {
        while (!at.server.has_ended(receiving)) at.time.run_next();
        got += at.server.text(receiving).size();
        receiving = at.server.receive(at.here);
    }
    return reads;
}

BOOST_AUTO_TEST_CASE(a_waiting_reader_sees_every_piece) {
    two_hosts at(base::seed);
    const std::size_t reads = reads_of(at, 21);
    BOOST_TEST(reads > 1u);
    BOOST_TEST(reads == at.count(event_kind::net_data));
}

BOOST_AUTO_TEST_CASE(a_cut_alone_is_seen_too) {
    two_hosts seeded(base::seed);
    static_cast<void>(reads_of(seeded, 21));
    edit_list one_cut;
    one_cut.edits = {seeded.choices.log().front()};
    BOOST_REQUIRE(one_cut.edits.front().what == site::net_segment);
    two_hosts quiet(base::quiet, 1, one_cut);
    BOOST_TEST(reads_of(quiet, 21) == 2u);
}

BOOST_AUTO_TEST_CASE(a_partial_write_takes_a_part) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults({.partial_write = always});
    const int went = at.client.result(at.client.send(at.there, "a text of some length", false));
    BOOST_TEST(went > 0);
    BOOST_TEST(went < 21);
    BOOST_TEST(at.client.result(at.client.send(at.there, "a whole one", true)) == 11);
}

BOOST_AUTO_TEST_CASE(latency_is_added_within_its_range) {
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        two_hosts at(base::seed, seed);
        at.connect();
        at.net.set_faults({.net_latency = {5ms, 9ms}});
        const auto receiving = at.server.receive(at.here);
        const std::int64_t sent_ns = at.time.now_ns();
        at.client.send(at.there, "x");
        while (!at.server.has_ended(receiving)) at.time.run_next();
        const std::int64_t took_ns = at.time.now_ns() - sent_ns;
        BOOST_TEST(took_ns >= 5 * ms + 50'000);
        BOOST_TEST(took_ns <= 9 * ms + 50'000);
    }
}

BOOST_AUTO_TEST_CASE(a_partition_comes_and_goes) {
    two_hosts at(base::seed, 4);
    at.connect();
    at.net.set_faults({.net_partition = {1, 2}, .net_partition_for = {300ms, 300ms}});
    at.run_for(second);
    BOOST_TEST(at.count(event_kind::net_fault) > 0u);
    at.net.set_faults(faults{});
    at.run_for(second);
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(healing_ends_partitions_and_clogs_at_once) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults(
        {.net_partition = always, .net_partition_for = {1h, 1h}, .net_clog = always, .net_clog_for = {1h, 1h}});
    at.run_for(100 * ms);
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.run_for(50 * ms);
    BOOST_TEST(!at.server.has_ended(receiving));
    at.net.set_faults(faults{});
    at.net.heal();
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(outside_the_core_partitions_last_until_all_is_healed) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults({.net_partition = always, .net_partition_for = {1s, 1s}});
    at.run_for(100 * ms);
    at.net.set_faults(faults{});
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.net.heal([&](const host& each) { return &each == &at.one; });
    at.run_for(5 * second);
    BOOST_TEST(!at.server.has_ended(receiving));
    at.net.thaw();
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(links_within_the_core_are_joined) {
    two_hosts at(base::seed);
    static_cast<void>(at.add("three"));
    at.connect();
    at.net.cut(at.two, at.one);
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "x");
    at.net.heal([&](const host& each) { return &each == &at.one || &each == &at.two; });
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(the_clock_of_faults_runs_only_while_there_are_some) {
    two_hosts at(base::seed);
    at.net.set_faults({.net_loss = always});
    BOOST_TEST(at.time.size() == 0u);
    at.net.set_faults({.net_clog = {1, 1'000'000}});
    BOOST_TEST(at.time.size() == 1u);
    at.net.set_faults(faults{});
    at.run_out();
    BOOST_TEST(at.time.now_ns() <= 100 * ms);
}

BOOST_AUTO_TEST_CASE(the_faults_of_a_sender_apply) {
    two_hosts at(base::seed);
    at.connect();
    at.net.set_faults(at.one, {.net_reset = always});
    const auto receiving = at.server.receive(at.here);
    at.client.send(at.there, "unharmed");
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "unharmed");
    const auto reset = at.client.receive(at.there);
    at.server.send(at.here, "x");
    at.run_for(ms);
    BOOST_TEST(at.client.result(reset) == -ECONNRESET);
}

BOOST_AUTO_TEST_CASE(a_host_has_no_faults_on_the_way_to_itself) {
    two_hosts at(base::seed);
    faults wanted = all_faults();
    wanted.net_reset = wanted.net_refuse = wanted.net_silence = wanted.net_loss = always;
    at.net.set_faults(wanted);
    const int listener = at.server.io->listen({.local = ip("0.0.0.0", 80)});
    const int number = at.server.io->open_stream(address_family::ip4);
    const auto connecting = at.server.connect(number, ip("10.0.0.1", 80));
    const auto accepting = at.server.accept(listener);
    at.run_for(ms);
    BOOST_TEST(at.server.result(connecting) == 0);
    const auto receiving = at.server.receive(at.server.result(accepting));
    at.server.send(number, "x");
    at.run_for(ms);
    BOOST_TEST(at.server.text(receiving) == "x");
}

BOOST_AUTO_TEST_CASE(nothing_fires_from_the_quiet_base) {
    const talk at(base::quiet, 1, all_faults());
    BOOST_TEST(at.choices.log().empty());
}

BOOST_AUTO_TEST_CASE(a_seed_gives_the_same_events_each_time) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        BOOST_TEST(talk(base::seed, seed, all_faults()).log.digest() ==
                   talk(base::seed, seed, all_faults()).log.digest());
    }
}

BOOST_AUTO_TEST_CASE(seeds_differ) {
    BOOST_TEST(talk(base::seed, 1, all_faults()).log.digest() != talk(base::seed, 2, all_faults()).log.digest());
}

BOOST_AUTO_TEST_CASE(a_run_is_replayed_from_the_quiet_base_by_what_fired) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const talk first(base::seed, seed, all_faults());
        BOOST_TEST(!first.choices.log().empty());
        const talk again(base::quiet, seed, all_faults(), edits_of(first));
        BOOST_TEST(again.log.digest() == first.log.digest(), "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(every_kind_of_fault_fires) {
    std::uint64_t fired_count[site_count] = {};
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const talk at(base::seed, seed, all_faults());
        for (std::size_t i = 0; i < site_count; ++i) fired_count[i] += at.choices.fired_count(static_cast<site>(i));
    }
    for (const site each : {site::net_latency, site::net_loss, site::net_segment, site::net_reset, site::net_refuse,
                            site::net_silence, site::net_partition, site::net_clog, site::partial_write}) {
        BOOST_TEST(fired_count[static_cast<std::size_t>(each)] > 0u, info_of(each).name);
    }
}

BOOST_AUTO_TEST_CASE(a_connection_more_changes_no_decision_of_others) {
    faults wanted;
    wanted.net_latency = {0ms, 20ms};
    wanted.net_loss = {1, 10};
    wanted.net_segment = {1, 4};
    const auto decided = [](const talk& at) {
        std::vector<std::string> found;
        for (const fired& each : at.choices.log()) {
            if (each.entity.find("stranger") != std::string::npos) continue;
            found.push_back(each.entity + " " + std::string(info_of(each.what).name) + " " +
                            std::to_string(each.ordinal) + " " + std::to_string(each.value));
        }
        return found;
    };
    const talk without(base::seed, 7, wanted);
    const talk with(base::seed, 7, wanted, {}, true);
    BOOST_TEST(with.choices.log().size() > decided(with).size());
    BOOST_TEST(decided(without) == decided(with), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(all_is_at_rest_in_the_end) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const talk at(base::seed, seed, all_faults());
        BOOST_TEST(at.net.at_rest(), "seed " << seed);
    }
}

BOOST_AUTO_TEST_SUITE_END()
