// SPDX-License-Identifier: Apache-2.0
// A result comes back without a chance of failing.
// expect: the result of an offloaded function must be movable without an exception
#include <tina/tina.hpp>

struct throwing {
    throwing() = default;
    throwing(throwing&&) noexcept(false) {}
};
throwing make() { return {}; }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(make)); }

int main() { static_cast<void>(tina::type<worker>()); }
