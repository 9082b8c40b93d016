// SPDX-License-Identifier: Apache-2.0
// A reference would outlive what it refers to.
// expect: a handler's parameter must be a value, not a reference: what it refers to would be gone when the
#include <tina/tina.hpp>

tina::isolate worker(tina::context, const int& number) {
    static_cast<void>(number);
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
