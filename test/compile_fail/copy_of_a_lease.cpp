// SPDX-License-Identifier: Apache-2.0
// A lease has one owner.
// expect-clang: call to implicitly-deleted copy constructor of 'tina::lease'
// expect-gcc: use of deleted function
#include <tina/tina.hpp>

tina::isolate worker(tina::context self) {
    auto bytes = *self.allocate(16);
    auto copy = bytes;
    static_cast<void>(copy);
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
