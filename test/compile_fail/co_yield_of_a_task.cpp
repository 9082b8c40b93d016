// SPDX-License-Identifier: Apache-2.0
// A task is awaited, not yielded.
// expect: a tina::task is awaited: co_await load(self, ...), not co_yield
#include <tina/tina.hpp>

tina::task<int> load(tina::context) { co_return 1; }

tina::isolate worker(tina::context self) { co_yield load(self); }

int main() { static_cast<void>(tina::type<worker>()); }
