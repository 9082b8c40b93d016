// SPDX-License-Identifier: Apache-2.0
// A task is not a handler.
// expect: a handler must be a function `tina::isolate name(tina::context self, ...)`
#include <tina/tina.hpp>

tina::task<> worker(tina::context) { co_return; }

int main() { static_cast<void>(tina::type<worker>()); }
