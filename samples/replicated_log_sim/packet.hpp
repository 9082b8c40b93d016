// SPDX-License-Identifier: Apache-2.0
// What the machines of the replicated log say to one another: entries and packets, as messages between isolates and as
// frames between machines. Numbers only, none with padding; a frame from a peer is believed in nothing before it was
// checked.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace replicated_log {

inline constexpr std::uint32_t machine_count = 3;
inline constexpr std::uint32_t majority = machine_count / 2 + 1;
inline constexpr std::uint32_t nobody = ~std::uint32_t{0};

/// A command of a client, and the term in which a leader took it into its log.
struct entry {
    std::uint32_t term;
    std::uint32_t client;  ///< `nobody`: a leader's first word, which commands nothing
    std::uint32_t sequence;
    std::uint32_t value;

    friend bool operator==(const entry&, const entry&) = default;
};
inline constexpr std::uint32_t packet_entries_max = 3;

enum class packet_kind : std::uint32_t {
    ask_vote,   ///< of a candidate, with the index and term of its last entry
    give_vote,  ///< `answer`: whether
    append,     ///< of a leader: entries behind `index`, and how much is committed; without entries, that it is there
    appended,   ///< `answer`: the logs agree up to `index`; if not, they may agree up to there
    forward,    ///< a client's command, for the leader
    count_,
};

struct packet {
    packet_kind kind{};
    std::uint32_t from = 0;
    std::uint32_t term = 0;
    std::uint32_t index = 0;
    std::uint32_t index_term = 0;
    std::uint32_t commit = 0;
    std::uint32_t answer = 0;
    std::uint32_t stamp_ms = 0;  ///< the leader's clock when it asked, given back with the answer
    std::uint32_t entry_count = 0;
    std::array<entry, packet_entries_max> entries{};
};

using packet_words = std::array<std::uint32_t, sizeof(packet) / sizeof(std::uint32_t)>;
inline constexpr std::size_t packet_head_words = (sizeof(packet) - sizeof(packet::entries)) / sizeof(std::uint32_t);
inline constexpr std::size_t entry_words = sizeof(entry) / sizeof(std::uint32_t);

/// A packet behind its length.
struct frame {
    std::array<std::byte, sizeof(std::uint32_t) + sizeof(packet)> storage{};
    std::size_t size = 0;
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {storage.data(), size}; }
};

inline void write_word(std::byte* to, std::uint32_t word) noexcept {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<std::byte>(word >> (24 - 8 * i));
}
[[nodiscard]] inline std::uint32_t read_word(const std::byte* from) noexcept {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | static_cast<std::uint32_t>(from[i]);
    return word;
}

[[nodiscard]] inline frame encode(const packet& what) noexcept {
    const auto words = std::bit_cast<packet_words>(what);
    const std::size_t count = packet_head_words + what.entry_count * entry_words;
    frame made;
    made.size = 4 * (1 + count);
    write_word(made.storage.data(), static_cast<std::uint32_t>(4 * count));
    for (std::size_t i = 0; i < count; ++i) write_word(made.storage.data() + 4 * (1 + i), words[i]);
    return made;
}

/// The packet in the content of a frame, if it is one.
[[nodiscard]] inline std::optional<packet> decode(std::span<const std::byte> content) noexcept {
    if (content.size() < 4 * packet_head_words || content.size() > sizeof(packet)) return std::nullopt;
    packet_words words{};
    for (std::size_t i = 0; 4 * i + 4 <= content.size(); ++i) words[i] = read_word(content.data() + 4 * i);
    const auto found = std::bit_cast<packet>(words);
    const bool is_known = found.kind < packet_kind::count_ && found.from < machine_count;
    if (!is_known || found.entry_count > packet_entries_max) return std::nullopt;
    if (content.size() != 4 * (packet_head_words + found.entry_count * entry_words)) return std::nullopt;
    return found;
}

}  // namespace replicated_log
