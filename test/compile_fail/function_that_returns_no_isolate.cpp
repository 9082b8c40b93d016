// SPDX-License-Identifier: Apache-2.0
// An ordinary function cannot wait with a context.
// expect: a handler that takes tina::context is a coroutine and returns tina::isolate; an ordinary function
#include <tina/tina.hpp>

void worker(tina::context) {}

int main() { static_cast<void>(tina::type<worker>()); }
