// SPDX-License-Identifier: Apache-2.0
// With co_yield it would be a coroutine.
// expect: it waits by self.wait(effect), not by
#include <tina/tina.hpp>

void worker(tina::stackful) { co_yield tina::yield(); }

int main() { static_cast<void>(tina::type<worker>()); }
