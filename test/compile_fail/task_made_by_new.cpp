// SPDX-License-Identifier: Apache-2.0
// A task is not allocated.
// expect-clang: call to deleted function 'operator new'
// expect-gcc: use of deleted function
// expect-gcc: static void* tina::task<T>::operator new(std::size_t)
#include <tina/tina.hpp>

tina::task<int> load(tina::context) { co_return 1; }

tina::isolate worker(tina::context self) {
    auto* kept = new tina::task<int>(load(self));
    delete kept;
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
