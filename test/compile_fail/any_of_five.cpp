// SPDX-License-Identifier: Apache-2.0
// Four are as many as there are places for.
// expect: any_of takes one to four arms
#include <tina/tina.hpp>

tina::isolate worker(tina::context) {
    const auto nap = tina::sleep(tina::duration(1));
    const auto event = co_yield tina::any_of(nap, nap, nap, nap, nap);
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
