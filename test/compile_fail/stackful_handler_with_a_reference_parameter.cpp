// SPDX-License-Identifier: Apache-2.0
// A reference would outlive what it refers to, on a stack as in a frame.
// expect: a handler's parameter must be a value, not a reference: what it refers to would be gone when the
#include <tina/tina.hpp>

void worker(tina::stackful, const int&) {}

int main() { static_cast<void>(tina::type<worker>()); }
