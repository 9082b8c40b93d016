// SPDX-License-Identifier: Apache-2.0
// Addresses, as the simulated hosts compare them.
#include <algorithm>

#include "sim/network_tcp.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t mapped_prefix_bytes = 12;  ///< ten zeros and ffff

[[nodiscard]] bool is_mapped(const address& what) noexcept {
    const auto& bytes = what.bytes;
    return what.family == address_family::ip6 && bytes[10] == 0xff && bytes[11] == 0xff &&
           std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t each) { return each == 0; });
}

[[nodiscard]] std::size_t ip_bytes(const address& what) noexcept { return what.family == address_family::ip4 ? 4 : 16; }

}  // namespace

address canonical(const address& what) noexcept {
    if (!is_mapped(what)) return what;
    address plain;
    plain.port = what.port;
    std::copy_n(what.bytes.begin() + mapped_prefix_bytes, 4, plain.bytes.begin());
    return plain;
}

address as_family(const address& what, address_family family) noexcept {
    if (what.family == family || family == address_family::ip4) return what;
    address mapped;
    mapped.family = address_family::ip6;
    mapped.port = what.port;
    mapped.bytes[10] = mapped.bytes[11] = 0xff;
    std::copy_n(what.bytes.begin(), 4, mapped.bytes.begin() + mapped_prefix_bytes);
    return mapped;
}

bool is_any(const address& what) noexcept {
    return std::all_of(what.bytes.begin(), what.bytes.begin() + static_cast<std::ptrdiff_t>(ip_bytes(what)),
                       [](std::uint8_t each) { return each == 0; });
}

bool is_loopback(const address& what) noexcept {
    if (what.family == address_family::ip4) return what.bytes[0] == 127;
    return what.bytes[15] == 1 &&
           std::all_of(what.bytes.begin(), what.bytes.begin() + 15, [](std::uint8_t each) { return each == 0; });
}

bool same_ip(const address& one, const address& other) noexcept {
    return one.family == other.family &&
           std::equal(one.bytes.begin(), one.bytes.begin() + static_cast<std::ptrdiff_t>(ip_bytes(one)),
                      other.bytes.begin());
}

bool host_state::has(const address& what) const noexcept {
    return std::any_of(addresses.begin(), addresses.end(), [&](const address& each) { return same_ip(each, what); });
}

}  // namespace tina::sim
