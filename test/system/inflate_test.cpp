// SPDX-License-Identifier: Apache-2.0
// The sample inflate_server as a process: what zlib has packed comes back plain, however it arrives, and what is broken
// or breaks off costs its own connection only. Owns its servers; it must never leave one behind.
#include <boost/test/unit_test.hpp>

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

/// Raw deflate data, as compressobj(wbits=-15) of Python's zlib makes it.
std::string packed(std::string_view plain) {
    z_stream stream{};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::runtime_error("deflateInit2 failed");
    }
    std::string made(deflateBound(&stream, plain.size()), '\0');
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<unsigned>(plain.size());
    stream.next_out = reinterpret_cast<unsigned char*>(made.data());
    stream.avail_out = static_cast<unsigned>(made.size());
    const int outcome = deflate(&stream, Z_FINISH);
    made.resize(stream.total_out);
    deflateEnd(&stream);
    if (outcome != Z_STREAM_END) throw std::runtime_error("deflate failed");
    return made;
}

/// Text that packs well, with distances up to the whole window.
std::string text_of(std::size_t bytes) {
    const std::string part = pattern(20'000, bytes);
    std::string made;
    while (made.size() < bytes) {
        made += part;
        made += std::to_string(made.size());
    }
    made.resize(bytes);
    return made;
}

class inflate_process {
public:
    inflate_process()
        : process_({.command = {TINA_INFLATE_SERVER, "--port", "0", "--connections", "120", "--counters"}}) {
        const auto is_up = [&] { return count_of(process_.errors(), announcement) > 0; };
        if (!eventually(is_up, patience)) throw std::runtime_error("it does not listen: " + process_.errors());
        where_ = announced_in(process_.errors());
    }

    [[nodiscard]] echo_client connect() const { return echo_client(where_); }
    [[nodiscard]] const process& self() const { return process_; }
    [[nodiscard]] bool serves() const { return unpacks("is anybody there?"); }
    [[nodiscard]] bool unpacks(const std::string& plain) const {
        auto client = connect();
        return client.send_all(packed(plain)) && client.receive(plain.size()) == plain;
    }
    /// Whether the log comes to hold `text`.
    [[nodiscard]] bool says(std::string_view text) const {
        return eventually([&] { return count_of(process_.errors(), text) > 0; }, patience);
    }
    counter_values stop() {
        process_.signal(SIGINT);
        const auto status = process_.wait(patience);
        BOOST_TEST((status == 0), "exit status " << status.value_or(-1) << "; it says: " << process_.errors());
        counter_values values = parse_counters(process_.output());
        BOOST_TEST(values["isolates_spawned"] == values["isolates_ended"]);
        BOOST_TEST(values["connections_accepted"] == values["connections_closed"]);
        for (const auto* now : {"isolates_live", "descriptors_open", "buffers_in_use", "operations_in_flight"}) {
            BOOST_TEST(values[now] == 0U, now << " is " << values[now] << " at the end");
        }
        return values;
    }

private:
    process process_;
    endpoint where_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(inflate)

BOOST_AUTO_TEST_CASE(what_was_packed_comes_back_plain) {
    inflate_process server;
    for (const std::size_t bytes : {0U, 1U, 100U, 32'768U, 32'769U, 1'000'000U}) {
        const std::string plain = text_of(bytes);
        auto client = server.connect();
        BOOST_TEST(client.send_all(packed(plain)));
        BOOST_TEST((client.receive(plain.size()) == plain), bytes << " bytes");
        client.finish_sending();
        BOOST_TEST(client.receive_to_end().empty());
        BOOST_TEST((client.state() == connection_state::end_of_stream));
    }
    BOOST_TEST(server.stop()["isolates_crashed"] == 0U);
}

BOOST_AUTO_TEST_CASE(what_comes_byte_by_byte_is_unpacked_too) {
    inflate_process server;
    const std::string plain = text_of(40'000);
    auto client = server.connect();
    for (const char each : packed(plain).substr(0, 3000)) BOOST_REQUIRE(client.send_all({&each, 1}));
    BOOST_TEST(client.send_all(packed(plain).substr(3000)));
    BOOST_TEST((client.receive(plain.size()) == plain));
    BOOST_TEST(server.stop()["isolates_crashed"] == 0U);
}

BOOST_AUTO_TEST_CASE(many_connections_wait_in_the_middle_of_their_stacks_side_by_side) {
    inflate_process server;
    const std::string plain = text_of(100'000);
    const std::string data = packed(plain);
    std::vector<echo_client> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(server.connect());
    for (std::size_t at = 0; at < data.size(); at += 1000) {
        for (auto& client : clients) BOOST_REQUIRE(client.send_all(std::string_view(data).substr(at, 1000)));
    }
    for (auto& client : clients) BOOST_TEST((client.receive(plain.size()) == plain));
    BOOST_TEST(server.stop()["isolates_crashed"] == 0U);
}

BOOST_AUTO_TEST_CASE(broken_data_resets_its_connection_and_no_other) {
    inflate_process server;
    const std::string plain = text_of(50'000);
    const std::string data = packed(plain);
    auto bystander = server.connect();
    BOOST_TEST(bystander.send_all(data.substr(0, data.size() / 2)));
    for (int i = 0; i < 20; ++i) {
        auto client = server.connect();
        // Bits 1 and 2 of the first byte say a type of block that does not exist.
        BOOST_TEST(client.send_all("\xff garbage that no deflate stream begins with"));
        static_cast<void>(client.receive_to_end());
        BOOST_TEST((client.state() == connection_state::reset));
    }
    BOOST_TEST(server.says("invalid block type"));
    BOOST_TEST(bystander.send_all(data.substr(data.size() / 2)));
    BOOST_TEST((bystander.receive(plain.size()) == plain));
    BOOST_TEST(server.stop()["isolates_crashed"] == 20U);
}

BOOST_AUTO_TEST_CASE(a_peer_that_goes_away_in_the_middle_leaves_nothing_behind) {
    inflate_process server;
    BOOST_TEST(server.serves());
    const std::string data = packed(text_of(200'000));
    for (int i = 0; i < 20; ++i) {
        auto client = server.connect();
        BOOST_TEST(client.send_all(data.substr(0, data.size() / 2)));
        if (i % 2 == 0) {
            client.close();
        } else {
            client.reset();
        }
    }
    BOOST_TEST(eventually([&] { return count_of(server.self().errors(), "the peer went away") == 20; }, patience));
    BOOST_TEST(server.serves());
    BOOST_TEST(server.stop()["isolates_crashed"] == 20U);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_while_connections_wait_at_depth) {
    inflate_process server;
    const std::string data = packed(text_of(200'000));
    std::vector<echo_client> clients;
    for (int i = 0; i < 50; ++i) {
        clients.push_back(server.connect());
        BOOST_TEST(clients.back().send_all(data.substr(0, data.size() - 5)));
        BOOST_TEST(clients.back().receive(1000).size() == 1000U);
    }
    BOOST_TEST(server.stop()["connections_accepted"] == 50U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
