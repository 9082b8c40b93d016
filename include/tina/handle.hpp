// SPDX-License-Identifier: Apache-2.0
// Names of isolates: a handle is a plain value that stays valid as a name after its isolate has ended, and then reaches
// nobody, never the slot's next tenant.
#pragma once

#include <cstdint>
#include <functional>

#include "tina/fwd.hpp"

namespace tina {

/// The name of one life of one isolate: its shard (10 bits), slot (22 bits) and generation (32 bits). The default
/// names nobody.
class handle {
public:
    constexpr handle() = default;
    /// The name made of these parts; whether anybody has it, nobody says. Those of living isolates come from spawn().
    constexpr handle(std::uint32_t shard, std::uint32_t slot, std::uint32_t generation) noexcept
        : bits_((std::uint64_t{shard} << 54) | (std::uint64_t{slot} << 32) | generation) {}

    /// Which shard the isolate lives on, from 0.
    [[nodiscard]] constexpr std::uint32_t shard() const noexcept { return static_cast<std::uint32_t>(bits_ >> 54); }
    /// Which of the shard's slots it has.
    [[nodiscard]] constexpr std::uint32_t slot() const noexcept {
        return static_cast<std::uint32_t>(bits_ >> 32) & 0x3f'ffff;
    }
    /// Which tenant of the slot it is; 0 names nobody.
    [[nodiscard]] constexpr std::uint32_t generation() const noexcept { return static_cast<std::uint32_t>(bits_); }
    /// Whether this names an isolate at all, alive or not.
    explicit constexpr operator bool() const noexcept { return generation() != 0; }

    friend constexpr bool operator==(handle, handle) = default;
    friend constexpr auto operator<=>(handle, handle) = default;

    /// All 64 bits, for printing and hashing.
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    /// A handle from its bits().
    [[nodiscard]] static constexpr handle from_bits(std::uint64_t bits) noexcept {
        handle made;
        made.bits_ = bits;
        return made;
    }

private:
    std::uint64_t bits_ = 0;
};

static_assert(sizeof(handle) == 8);

/// The most shards of a system: one number is left for what is outside.
inline constexpr std::uint32_t shards_max = 1023;
/// The most isolates of a shard, of all types together.
inline constexpr std::uint32_t slots_per_shard_max = 1u << 22;

/// A handle that knows which handler it names, so that a message it does not accept is refused at compile time.
template <class Handler>
class handle_to : public handle {
public:
    constexpr handle_to() = default;
    /// States that `untyped` names an isolate of this handler; nothing checks it until a message is refused.
    constexpr explicit handle_to(handle untyped) noexcept : handle(untyped) {}
};

}  // namespace tina

template <>
struct std::hash<tina::handle> {
    std::size_t operator()(tina::handle value) const noexcept {
        return static_cast<std::size_t>((value.bits() ^ (value.bits() >> 29)) * 0x9e37'79b9'7f4a'7c15u);
    }
};
template <class Handler>
struct std::hash<tina::handle_to<Handler>> : std::hash<tina::handle> {};
