// SPDX-License-Identifier: Apache-2.0
// Every argument is given.
// expect: offload needs exactly the arguments that the function takes
#include <tina/tina.hpp>

int sum(int left, int right) { return left + right; }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(sum, 1)); }

int main() { static_cast<void>(tina::type<worker>()); }
