// SPDX-License-Identifier: Apache-2.0
// Tests of the text form of addresses: what is read, what is refused, and that what is printed is read back
// the same. They must never need a network.
#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

#include "tina/address.hpp"

namespace {

using tina::address;
using tina::address_family;
using tina::parse_address;
using tina::parse_ip;

constexpr std::uint64_t seed = 20'260'704;

address random_address(std::mt19937_64& random) {
    address made;
    made.family = random() % 2 == 0 ? address_family::ip4 : address_family::ip6;
    made.port = static_cast<std::uint16_t>(random());
    const std::size_t count = made.family == address_family::ip4 ? 4 : 16;
    // Many zero groups, for the shortened form.
    for (std::size_t index = 0; index < count; index += 2) {
        if (random() % 2 == 0) {
            made.bytes[index] = static_cast<std::uint8_t>(random());
            made.bytes[index + 1] = static_cast<std::uint8_t>(random());
        }
    }
    if (made.family == address_family::ip6 && random() % 4 == 0) {
        made.scope_id = static_cast<std::uint32_t>(random());
    }
    return made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(address_text)

BOOST_AUTO_TEST_CASE(ip4_is_read_in_network_order) {
    const auto read = parse_ip("192.168.1.20", 8080);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((read->family == address_family::ip4));
    BOOST_TEST(read->bytes[0] == 192);
    BOOST_TEST(read->bytes[3] == 20);
    BOOST_TEST(read->bytes[4] == 0);
    BOOST_TEST(read->port == 8080);
}

BOOST_AUTO_TEST_CASE(ip6_is_read_with_its_scope) {
    const auto read = parse_ip("fe80::1%2", 1);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((read->family == address_family::ip6));
    BOOST_TEST(read->bytes[0] == 0xfe);
    BOOST_TEST(read->bytes[15] == 1);
    BOOST_TEST(read->scope_id == 2);
}

BOOST_AUTO_TEST_CASE(ip6_that_embeds_ip4_is_read) {
    const auto read = parse_ip("::ffff:10.0.0.1", 1);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((read->family == address_family::ip6));
    BOOST_TEST(read->bytes[12] == 10);
}

BOOST_AUTO_TEST_CASE(the_default_is_any_interface_and_any_port) {
    BOOST_TEST((address{} == parse_ip("0.0.0.0", 0)));
    BOOST_TEST(tina::to_string(address{}) == "0.0.0.0:0");
}

BOOST_AUTO_TEST_CASE(every_octet_is_read_and_256_is_not) {
    for (unsigned octet = 0; octet <= 255; ++octet) {
        const auto read = parse_ip("1.2." + std::to_string(octet) + ".4", 0);
        BOOST_REQUIRE_MESSAGE(read.has_value(), "octet " << octet);
        BOOST_TEST(read->bytes[2] == octet);
    }
    BOOST_TEST(!parse_ip("1.2.256.4", 0).has_value());
}

BOOST_AUTO_TEST_CASE(every_port_is_read_and_printed_and_65536_is_not) {
    for (std::uint32_t port = 0; port <= 65'535; ++port) {
        const auto text = "127.0.0.1:" + std::to_string(port);
        const auto read = parse_address(text);
        BOOST_REQUIRE_MESSAGE(read.has_value() && read->port == port, text);
        BOOST_REQUIRE_EQUAL(tina::to_string(*read), text);
    }
    BOOST_TEST(!parse_address("127.0.0.1:65536").has_value());
}

BOOST_AUTO_TEST_CASE(ip6_needs_brackets_beside_a_port) {
    BOOST_TEST((parse_address("[::1]:80") == parse_ip("::1", 80)));
    BOOST_TEST((parse_address("[fe80::1%7]:80") == parse_ip("fe80::1%7", 80)));
    BOOST_TEST(!parse_address("::1:80").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_not_a_numeric_address_is_refused) {
    const std::vector<std::string> texts{"",
                                         " ",
                                         "localhost",
                                         "1",
                                         "1.2.3",
                                         "1.2.3.4.5",
                                         "1.2.3.",
                                         ".1.2.3",
                                         "1..2.3",
                                         "01.2.3.4",
                                         "1.2.3.4 ",
                                         " 1.2.3.4",
                                         "1.2.3.-4",
                                         "1.2.3.4%1",
                                         "0x1.2.3.4",
                                         "1,2,3,4",
                                         ":",
                                         ":::",
                                         "1::2::3",
                                         "12345::",
                                         "::g",
                                         "1:2:3:4:5:6:7",
                                         "1:2:3:4:5:6:7:8:9",
                                         "::1%",
                                         "::1%eth0",
                                         "::1%-1",
                                         "::1%1%2",
                                         "::1% 1",
                                         "::1%4294967296",
                                         "[::1]",
                                         "::1 ",
                                         "::256.1.1.1",
                                         std::string("1.2.3.4\0", 8),
                                         std::string("::1\0", 4),
                                         std::string("\0", 1),
                                         std::string(500, '1'),
                                         std::string(500, ':'),
                                         "%1",
                                         "1.2.3.4:80"};
    for (const auto& text : texts) {
        BOOST_TEST(!parse_ip(text, 1).has_value(), "read as an address: \"" << text << '"');
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_an_address_with_a_port_is_refused) {
    const std::vector<std::string> texts{"",
                                         ":",
                                         ":80",
                                         "127.0.0.1",
                                         "127.0.0.1:",
                                         "127.0.0.1:+80",
                                         "127.0.0.1:-1",
                                         "127.0.0.1: 80",
                                         "127.0.0.1:80 ",
                                         "127.0.0.1:80a",
                                         "127.0.0.1:0x50",
                                         "127.0.0.1:99999999999999999",
                                         "localhost:80",
                                         "[127.0.0.1]:80",
                                         "[::1]",
                                         "[::1]80",
                                         "[::1:80",
                                         "::1]:80",
                                         "[]:80",
                                         "[:80",
                                         "]:80",
                                         "[[::1]]:80",
                                         "[::1]:",
                                         "[::1]:65536",
                                         "[::1] :80",
                                         "[fe80::1%]:80",
                                         std::string("127.0.0.1:80\0", 13)};
    for (const auto& text : texts) {
        BOOST_TEST(!parse_address(text).has_value(), "read as an address: \"" << text << '"');
    }
}

BOOST_AUTO_TEST_CASE(ip6_is_printed_in_its_short_form) {
    BOOST_TEST(tina::to_string(*parse_ip("0:0:0:0:0:0:0:1", 443)) == "[::1]:443");
    BOOST_TEST(tina::to_string(*parse_ip("2001:DB8::0:0:1%9", 1)) == "[2001:db8::1%9]:1");
}

BOOST_AUTO_TEST_CASE(what_is_printed_is_read_back_the_same) {
    std::mt19937_64 random(seed);
    for (int round = 0; round < 20'000; ++round) {
        const address made = random_address(random);
        const auto text = tina::to_string(made);
        BOOST_REQUIRE_MESSAGE(parse_address(text) == made, "seed " << seed << ", round " << round << ": " << text);
    }
}

BOOST_AUTO_TEST_CASE(text_with_a_wrong_byte_is_refused_or_means_something_else) {
    std::mt19937_64 random(seed);
    for (int round = 0; round < 20'000; ++round) {
        const address made = random_address(random);
        auto text = tina::to_string(made);
        text[random() % text.size()] = static_cast<char>(random());
        const auto read = parse_address(text);
        // Whatever is read from damaged text must be a proper address, which prints and reads as itself.
        BOOST_REQUIRE_MESSAGE(!read || parse_address(tina::to_string(*read)) == read,
                              "seed " << seed << ", round " << round << ": " << text);
    }
}

BOOST_AUTO_TEST_SUITE_END()
