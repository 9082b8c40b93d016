// SPDX-License-Identifier: Apache-2.0
// A message is copied as bytes.
// expect: a tina message must be trivially copyable
#include <tina/tina.hpp>

#include <string>

struct with_a_string {
    std::string text;
};

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<with_a_string>();
    static_cast<void>(got);
}

int main() { static_cast<void>(tina::type<worker>()); }
