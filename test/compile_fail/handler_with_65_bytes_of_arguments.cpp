// SPDX-License-Identifier: Apache-2.0
// Arguments have 64 bytes in all.
// expect: a handler's arguments must not exceed 64 bytes in all
#include <tina/tina.hpp>

#include <array>

tina::isolate worker(tina::context, std::array<char, 65>) { co_return; }

int main() { static_cast<void>(tina::type<worker>()); }
