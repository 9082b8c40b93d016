// SPDX-License-Identifier: Apache-2.0
// A result has 96 bytes.
// expect: the result of an offloaded function must not exceed 96 bytes
#include <tina/tina.hpp>

#include <array>

std::array<char, 97> make() { return {}; }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(make)); }

int main() { static_cast<void>(tina::type<worker>()); }
