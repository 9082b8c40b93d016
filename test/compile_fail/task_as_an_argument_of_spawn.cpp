// SPDX-License-Identifier: Apache-2.0
// A task belongs to the isolate that made it.
// expect: a handler's parameter must be trivially copyable or a descriptor
#include <tina/tina.hpp>

tina::isolate worker(tina::context, tina::task<int>) { co_return; }

int main() { static_cast<void>(tina::type<worker>()); }
