// SPDX-License-Identifier: Apache-2.0
// Arguments have 64 bytes in all.
// expect: the arguments of an offloaded function must not exceed 64 bytes in all
#include <tina/tina.hpp>

#include <array>

int first_of(std::array<char, 65> bytes) { return bytes[0]; }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(first_of, std::array<char, 65>{})); }

int main() { static_cast<void>(tina::type<worker>()); }
