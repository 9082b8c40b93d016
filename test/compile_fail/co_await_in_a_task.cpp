// SPDX-License-Identifier: Apache-2.0
// In a task, too, waiting is done by co_yield.
// expect: a handler waits by co_yield of an effect; co_await takes a tina::task only
#include <tina/tina.hpp>

tina::task<> wait(tina::context) { co_await tina::receive<int>(); }

int main() {}
