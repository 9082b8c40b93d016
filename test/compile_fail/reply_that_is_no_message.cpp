// SPDX-License-Identifier: Apache-2.0
// An answer travels as bytes, like any message.
// expect: a tina message must be trivially copyable
#include <tina/tina.hpp>

#include <chrono>
#include <string>

struct question {};
struct answer {
    std::string text;
};

tina::isolate worker(tina::context, tina::handle target) {
    static_cast<void>(co_yield tina::call<answer>(target, question{}).within(std::chrono::seconds{1}));
}

int main() { static_cast<void>(tina::type<worker>()); }
