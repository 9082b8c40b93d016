// SPDX-License-Identifier: Apache-2.0
// Whoever asks says how long it waits.
// expect: a call needs a deadline: tina::call<reply>(target, request).within(50ms)
#include <tina/tina.hpp>

struct question {};
struct answer {};

tina::isolate worker(tina::context, tina::handle target) {
    static_cast<void>(co_yield tina::call<answer>(target, question{}));
}

int main() { static_cast<void>(tina::type<worker>()); }
