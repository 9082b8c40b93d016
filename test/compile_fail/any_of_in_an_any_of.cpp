// SPDX-License-Identifier: Apache-2.0
// Arms are written side by side.
// expect: an arm of any_of can be recv, accept, receive, sleep or call
#include <tina/tina.hpp>

struct remark {};

tina::isolate worker(tina::context) {
    const auto nap = tina::sleep(tina::duration(1));
    const auto event = co_yield tina::any_of(tina::any_of(nap), tina::receive<remark>());
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
