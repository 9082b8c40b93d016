// SPDX-License-Identifier: Apache-2.0
// A coroutine has no stack to wait on.
// expect: a handler that takes tina::stackful is an ordinary function and returns void; a coroutine takes
#include <tina/tina.hpp>

tina::isolate worker(tina::stackful) { co_return; }

int main() { static_cast<void>(tina::type<worker>()); }
