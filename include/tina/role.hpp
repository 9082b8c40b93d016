// SPDX-License-Identifier: Apache-2.0
// Roles: names for children of the tree that outlive their restarts, `inline constexpr tina::role boss{"boss"};`.
#pragma once

#include <cstdint>
#include <string_view>

#include "tina/detail/runtime.hpp"
#include "tina/detail/type_name.hpp"
#include "tina/handle.hpp"

namespace tina {

/// What a child of the tree is there for. A role is given with child_spec::role(); each shard may have one child in it,
/// and context::whereis() tells from any shard which isolate that is at present.
///
/// Lifetime: `name` is not copied; use a literal.
class role {
public:
    /// The role of that name; two of one name are the same role.
    constexpr explicit role(std::string_view name) noexcept : name_(name), tag_(detail::name_hash(name)) {}

    /// The name it was made with.
    [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }
    /// A number for the name; boot refuses two names with the same one.
    [[nodiscard]] constexpr std::uint32_t tag() const noexcept { return tag_; }

private:
    std::string_view name_;
    std::uint32_t tag_;
};

namespace detail {

/// The target of an effect that was given a role: whoever has it when the effect is yielded.
struct role_target {
    std::uint32_t tag;
};

[[nodiscard]] inline handle resolve(slot_header&, handle target) noexcept { return target; }
/// A handle that names nobody where nobody has the role at present.
[[nodiscard]] inline handle resolve(slot_header& self, role_target target) noexcept {
    return find_role(self, target.tag, nothing).who;
}

}  // namespace detail
}  // namespace tina
