// SPDX-License-Identifier: Apache-2.0
// The text form of addresses. Owns nothing; must never resolve a name, touch the network or depend on the
// locale.
#include "tina/address.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tina {
namespace {

/// Reads all of `text` as a decimal number of type `Number`: digits only, no sign, no blank.
template <class Number>
std::optional<Number> parse_number(std::string_view text) noexcept {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) { return std::nullopt; }
    return value;
}

/// inet_pton() for text that does not end in a zero byte; what contains one would be cut short, so it is
/// refused.
bool parse_bytes(int family, std::string_view text, void* out) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) { return false; }
    std::copy(text.begin(), text.end(), terminated.begin());
    return ::inet_pton(family, terminated.data(), out) == 1;
}

std::optional<address> parse_ip4(std::string_view text) noexcept {
    address value;
    if (!parse_bytes(AF_INET, text, value.bytes.data())) { return std::nullopt; }
    return value;
}

std::optional<address> parse_ip6(std::string_view text) noexcept {
    address value{.family = address_family::ip6};
    const auto percent = text.find('%');
    if (percent != std::string_view::npos) {
        const auto scope = parse_number<std::uint32_t>(text.substr(percent + 1));
        if (!scope) { return std::nullopt; }
        value.scope_id = *scope;
        text = text.substr(0, percent);
    }
    if (!parse_bytes(AF_INET6, text, value.bytes.data())) { return std::nullopt; }
    return value;
}

std::optional<address> with_port(std::optional<address> value, std::optional<std::uint16_t> port) noexcept {
    if (!value || !port) { return std::nullopt; }
    value->port = *port;
    return value;
}

}  // namespace

std::optional<address> parse_ip(std::string_view text, std::uint16_t port) noexcept {
    const bool has_colon = text.find(':') != std::string_view::npos;
    return with_port(has_colon ? parse_ip6(text) : parse_ip4(text), port);
}

std::optional<address> parse_address(std::string_view text) noexcept {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) { return std::nullopt; }
    const auto host = text.substr(0, colon);
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    // An IPv6 address without its brackets would leave open where the port begins.
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        return with_port(parse_ip6(host.substr(1, host.size() - 2)), port);
    }
    return with_port(parse_ip4(host), port);
}

std::string to_string(const address& value) {
    const bool is_ip6 = value.family == address_family::ip6;
    std::array<char, INET6_ADDRSTRLEN> host{};
    ::inet_ntop(is_ip6 ? AF_INET6 : AF_INET, value.bytes.data(), host.data(), host.size());
    const auto port = std::to_string(value.port);
    if (!is_ip6) { return std::string(host.data()) + ":" + port; }
    const auto scope = value.scope_id == 0 ? std::string() : "%" + std::to_string(value.scope_id);
    return "[" + std::string(host.data()) + scope + "]:" + port;
}

}  // namespace tina
