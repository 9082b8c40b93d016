// SPDX-License-Identifier: Apache-2.0
// A task is awaited, not yielded.
// expect: co_yield takes an effect of tina, such as tina::receive<a_message>()
#include <tina/tina.hpp>

tina::task<int> load(tina::context) { co_return 1; }

tina::isolate worker(tina::context self) { co_yield load(self); }

int main() { static_cast<void>(tina::type<worker>()); }
