// SPDX-License-Identifier: Apache-2.0
// Captures would be gone when the isolate runs.
// expect-gcc: a lambda with captures is not: its captures would be gone when the isolate runs
// expect-clang: no matching function for call to 'type'
#include <tina/tina.hpp>

int main() {
    static constexpr int captured = 1;
    static constexpr auto worker = [value = captured](tina::context) -> tina::isolate {
        static_cast<void>(value);
        co_return;
    };
    static_cast<void>(tina::type<worker>());
}
