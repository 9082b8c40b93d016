// SPDX-License-Identifier: Apache-2.0
// An answer must be looked at, or be thrown away in words.
// expect-clang: ignoring return value of function declared with 'nodiscard' attribute
// expect-gcc: ignoring return value of
#include <tina/tina.hpp>

struct remark {};

#pragma GCC diagnostic error "-Wunused-result"
tina::isolate worker(tina::context self) {
    self.send(self.handle(), remark{});
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
