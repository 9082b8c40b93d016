// SPDX-License-Identifier: Apache-2.0
// A message that is half on its way cannot be left behind.
// expect: an arm of any_of can be recv, accept, receive, sleep or call
#include <tina/tina.hpp>

struct remark {};

tina::isolate worker(tina::context self) {
    const auto event = co_yield tina::any_of(tina::deliver(self.handle(), remark{}), tina::receive<remark>());
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
