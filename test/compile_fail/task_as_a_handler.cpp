// SPDX-License-Identifier: Apache-2.0
// A task is not a handler.
// expect: a handler that takes tina::context is a coroutine and returns tina::isolate
#include <tina/tina.hpp>

tina::task<> worker(tina::context) { co_return; }

int main() { static_cast<void>(tina::type<worker>()); }
