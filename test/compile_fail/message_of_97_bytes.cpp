// SPDX-License-Identifier: Apache-2.0
// A message has 96 bytes.
// expect: a tina message must not exceed 96 bytes
#include <tina/tina.hpp>

struct too_large {
    char bytes[97];
};

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<too_large>();
    static_cast<void>(got);
}

int main() { static_cast<void>(tina::type<worker>()); }
