// SPDX-License-Identifier: Apache-2.0
// Hashes of what messages say, and the names of their types: of all messages that the types of a world's specs accept,
// and of those that the program waits for as replies. Owned by the world.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/decisions.hpp"
#include "tina/detail/message_info.hpp"

namespace tina::sim {

/// Hash of bytes, eight at a time: of whole words, then of all.
[[nodiscard]] constexpr std::uint64_t begin_hash(std::size_t count) noexcept { return 0x243f'6a88'85a3'08d3u ^ count; }
[[nodiscard, gnu::always_inline]] inline std::uint64_t hash_word(std::uint64_t hash, const std::byte* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, 8);
    hash = (hash ^ word) * 0x9fb2'1c65'1e98'df25u;
    return hash ^ hash >> 32;
}
/// `count` is a multiple of 8.
[[nodiscard, gnu::always_inline]] inline std::uint64_t hash_words(const std::byte* bytes, std::size_t count) noexcept {
    if (count == 8) [[likely]]
        return mix(hash_word(begin_hash(8), bytes));
    std::uint64_t hash = begin_hash(count);
    for (const std::byte* const end = bytes + count; bytes != end; bytes += 8) hash = hash_word(hash, bytes);
    return mix(hash);
}
[[nodiscard]] inline std::uint64_t hash_bytes(const std::byte* bytes, std::size_t count) noexcept {
    std::uint64_t hash = begin_hash(count);
    for (; count >= 8; bytes += 8, count -= 8) hash = hash_word(hash, bytes);
    if (count == 0) return mix(hash);
    std::uint64_t rest = 0;
    std::memcpy(&rest, bytes, count);
    return mix(hash ^ rest);
}

/// Why a message type cannot be in a simulation, and what helps.
[[nodiscard]] inline std::string needs_digest(std::string_view message) {
    const std::string name(message);
    return "message \"" + name +
           "\" has padding, or members that say the same in two ways, so that its bytes do not tell two runs apart: "
           "give it  std::uint64_t tina_digest(const " +
           name + "&)  or make its members fill it";
}

/// "teller" of "bank::teller".
[[nodiscard]] constexpr std::string_view short_name(std::string_view name) noexcept {
    const std::size_t colon = name.rfind("::");
    return colon == std::string_view::npos ? name : name.substr(colon + 2);
}

class payloads {
public:
    /// Enters a message type. False if its bytes do not say it all and it has no tina_digest().
    [[nodiscard]] bool enter(const tina::detail::message_info& info) {
        known_[info.tag] = &info;
        plain_.fill(0);
        return info.is_plain || info.digest != nullptr;
    }
    /// Enters all replies that the program waits for, in whatever scenario.
    payloads() {
        for (auto* each = tina::detail::first_reply(); each != nullptr; each = each->next) {
            static_cast<void>(enter(*each->what));
        }
    }
    [[nodiscard]] std::uint64_t hash(std::uint32_t tag, std::uint32_t bytes, const std::byte* content) {
        const std::uint64_t key = std::uint64_t{bytes} << 32 | tag;
        const std::uint64_t& known = plain_of_late(key);
        if (known == key || known == (key | has_rest)) return hash_bytes(content, bytes);
        return hash_unusual(key, content);
    }
    /// Whether the hash of messages of such a key is known to be that of their bytes, by hash_words().
    [[nodiscard]] bool is_of_words(std::uint64_t key) const noexcept {
        return plain_[static_cast<std::uint32_t>(key) % plain_.size()] == key;
    }
    /// A message that came and that has no hash; empty: none did.
    [[nodiscard]] const std::string& unhashable() const noexcept { return unhashable_; }
    [[nodiscard]] std::string_view name_of(std::uint32_t tag) const {
        const auto found = known_.find(tag);
        return found == known_.end() ? std::string_view{} : found->second->name;
    }
    [[nodiscard]] const std::unordered_map<std::uint32_t, const tina::detail::message_info*>& known() const noexcept {
        return known_;
    }

private:
    /// In `plain_`: of bytes that are not whole words.
    static constexpr std::uint64_t has_rest = std::uint64_t{1} << 63;
    [[nodiscard]] std::uint64_t& plain_of_late(std::uint64_t key) noexcept {
        return plain_[static_cast<std::uint32_t>(key) % plain_.size()];
    }
    [[nodiscard, gnu::noinline]] std::uint64_t hash_unusual(std::uint64_t key, const std::byte* content) {
        const auto found = known_.find(static_cast<std::uint32_t>(key));
        if (found == known_.end() || found->second->is_plain) {
            const std::uint64_t bytes = key >> 32;
            plain_of_late(key) = bytes % 8 == 0 ? key : key | has_rest;
            return hash_bytes(content, bytes);
        }
        if (found->second->digest != nullptr) return found->second->digest(content);
        if (unhashable_.empty()) unhashable_ = found->second->name;
        return 0;
    }

    std::array<std::uint64_t, 64> plain_{};  ///< message keys of late whose hashes are those of their bytes
    std::unordered_map<std::uint32_t, const tina::detail::message_info*> known_;
    std::string unhashable_;
};

}  // namespace tina::sim
