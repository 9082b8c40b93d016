// SPDX-License-Identifier: Apache-2.0
// An integer does not say what it means.
// expect: a tina message must be a struct, so that its name says what it is
#include <tina/tina.hpp>

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<int>();
    static_cast<void>(got);
}

int main() { static_cast<void>(tina::type<worker>()); }
