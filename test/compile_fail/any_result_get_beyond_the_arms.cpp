// SPDX-License-Identifier: Apache-2.0
// There is no such arm.
// expect: this any_of has fewer arms
#include <tina/tina.hpp>

struct remark {};

tina::isolate worker(tina::context) {
    const auto event = co_yield tina::any_of(tina::receive<remark>(), tina::sleep(tina::duration(1)));
    static_cast<void>(event.get<2>());
}

int main() { static_cast<void>(tina::type<worker>()); }
