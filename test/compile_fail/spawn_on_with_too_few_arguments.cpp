// SPDX-License-Identifier: Apache-2.0
// Every argument after the context is given, also where the child is started elsewhere.
// expect: spawn needs exactly the arguments that the handler takes after its context
#include <tina/tina.hpp>

tina::isolate worker(tina::context, int, int) { co_return; }

tina::isolate parent(tina::context) { static_cast<void>(co_yield tina::spawn_on<worker>(1, 1)); }

int main() { static_cast<void>(tina::type<parent>()); }
