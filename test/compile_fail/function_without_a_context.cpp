// SPDX-License-Identifier: Apache-2.0
// Not everything is a handler.
// expect: a handler must be a function `tina::isolate name(tina::context self, ...)`
#include <tina/tina.hpp>

void worker(int) {}

int main() { static_cast<void>(tina::type<worker>()); }
