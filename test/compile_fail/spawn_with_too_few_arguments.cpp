// SPDX-License-Identifier: Apache-2.0
// Every argument after the context is given.
// expect: spawn needs exactly the arguments that the handler takes after its context
#include <tina/tina.hpp>

tina::isolate worker(tina::context, int, int) { co_return; }

tina::isolate parent(tina::context self) {
    static_cast<void>(self.spawn<worker>(1));
    co_return;
}

int main() { static_cast<void>(tina::type<parent>()); }
