// SPDX-License-Identifier: Apache-2.0
// A task is awaited in the expression that makes it.
// expect: a task is awaited where it is made, without a name
#include <tina/tina.hpp>

tina::task<int> load(tina::context) { co_return 1; }

tina::isolate worker(tina::context self) {
    auto loading = load(self);
    static_cast<void>(co_await loading);
}

int main() { static_cast<void>(tina::type<worker>()); }
