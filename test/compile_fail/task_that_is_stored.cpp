// SPDX-License-Identifier: Apache-2.0
// A task is not kept for later.
// expect-clang: call to deleted constructor of
// expect-clang: tina::task<int>
// expect-gcc: use of deleted function
// expect-gcc: tina::task<T>::task(const tina::task<T>&) [with T = int]
#include <tina/tina.hpp>

#include <vector>

tina::task<int> load(tina::context) { co_return 1; }

tina::isolate worker(tina::context self) {
    std::vector<tina::task<int>> loading;
    loading.push_back(load(self));
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
