// SPDX-License-Identifier: Apache-2.0
// Waiting is done by co_yield.
// expect: a handler waits by co_yield of an effect
#include <tina/tina.hpp>

#include <coroutine>

tina::isolate worker(tina::context) { co_await std::suspend_always{}; }

int main() { static_cast<void>(tina::type<worker>()); }
