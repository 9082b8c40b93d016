// SPDX-License-Identifier: Apache-2.0
// Only effects are yielded.
// expect: co_yield takes an effect of tina, such as tina::receive<a_message>()
#include <tina/tina.hpp>

tina::isolate worker(tina::context) { co_yield 42; }

int main() { static_cast<void>(tina::type<worker>()); }
