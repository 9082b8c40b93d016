// SPDX-License-Identifier: Apache-2.0
// Captures would be gone when the function runs.
// expect: offload takes a function, or a lambda without captures
#include <tina/tina.hpp>

tina::isolate worker(tina::context, int value) {
    static_cast<void>(co_yield tina::offload([value] { return value; }));
}

int main() { static_cast<void>(tina::type<worker>()); }
