// SPDX-License-Identifier: Apache-2.0
// Nothing could ever be found.
// expect: this receive was not for messages of that type
#include <tina/tina.hpp>

struct question {};
struct remark {};

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<question>();
    static_cast<void>(got.get<remark>());
}

int main() { static_cast<void>(tina::type<worker>()); }
