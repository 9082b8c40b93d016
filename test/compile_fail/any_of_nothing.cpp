// SPDX-License-Identifier: Apache-2.0
// Nothing could ever come.
// expect: any_of takes one to four arms
#include <tina/tina.hpp>

tina::isolate worker(tina::context) {
    const auto event = co_yield tina::any_of();
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
