// SPDX-License-Identifier: Apache-2.0
// A parameter is a value.
// expect: a parameter of an offloaded function must be a value, not a reference
#include <tina/tina.hpp>

int twice(const int& value) { return value * 2; }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(twice, 1)); }

int main() { static_cast<void>(tina::type<worker>()); }
