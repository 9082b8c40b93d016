// SPDX-License-Identifier: Apache-2.0
// Its name would not be the same in two programs.
// expect: a tina message must be named at namespace scope
#include <tina/tina.hpp>

namespace {
struct nameless {
    int value;
};
}  // namespace

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<nameless>();
    static_cast<void>(got);
}

int main() { static_cast<void>(tina::type<worker>()); }
