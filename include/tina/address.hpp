// SPDX-License-Identifier: Apache-2.0
// Network addresses: an IPv4 or IPv6 address with a port, as a plain value. Owned by whoever holds it; parsing and
// printing never resolve names and never touch the network.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tina/export.hpp"

namespace tina {

/// Which protocol an `address` belongs to.
enum class address_family : std::uint8_t {
    ip4,  ///< IPv4
    ip6,  ///< IPv6
};

/// An IPv4 or IPv6 address and a port. The default is 0.0.0.0:0, "any interface, any port".
///
/// Units: `port` in host byte order; `bytes` in network order.
struct address {
    std::array<std::uint8_t, 16> bytes{};         ///< of the address; IPv4 uses the first four
    std::uint32_t scope_id = 0;                   ///< the interface of a link-local IPv6 address; 0: none
    std::uint16_t port = 0;                       ///< 0: any
    address_family family = address_family::ip4;  ///< what `bytes` are

    friend bool operator==(const address&, const address&) = default;
};

/// Reads "127.0.0.1", "::1" or "fe80::1%2" (a numeric scope); nothing if the text is not a numeric address.
[[nodiscard]] TINA_EXPORT std::optional<address> parse_ip(std::string_view text, std::uint16_t port) noexcept;

/// Reads "127.0.0.1:80" or "[::1]:80"; nothing if the text is not a numeric address with a port.
[[nodiscard]] TINA_EXPORT std::optional<address> parse_address(std::string_view text) noexcept;

/// Writes "127.0.0.1:80" or "[::1]:80".
[[nodiscard]] TINA_EXPORT std::string to_string(const address& value);

}  // namespace tina
