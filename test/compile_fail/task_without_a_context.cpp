// SPDX-License-Identifier: Apache-2.0
// A task's frame lies in its isolate, which the context says.
// expect: a task takes the context of its isolate first
#include <tina/tina.hpp>

tina::task<int> load(int key) { co_return key; }

int main() {}
