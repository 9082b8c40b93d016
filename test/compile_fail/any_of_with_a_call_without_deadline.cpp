// SPDX-License-Identifier: Apache-2.0
// A call needs its deadline here too.
// expect: a call needs a deadline: tina::call<reply>(target, request).within(50ms)
#include <tina/tina.hpp>

struct question {};
struct answer {};

tina::isolate worker(tina::context self) {
    const auto event = co_yield tina::any_of(tina::call<answer>(self.handle(), question{}), tina::receive<answer>());
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
