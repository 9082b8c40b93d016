// SPDX-License-Identifier: Apache-2.0
// Only effects are arms.
// expect: an arm of any_of can be recv, accept, receive, sleep or call
#include <tina/tina.hpp>

tina::isolate worker(tina::context) {
    const auto event = co_yield tina::any_of(tina::sleep(tina::duration(1)), 42);
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
