// SPDX-License-Identifier: Apache-2.0
// The result says whether there is an error, of the arm that came first.
// expect: an arm of any_of cannot say .or_crash()
#include <tina/tina.hpp>

tina::isolate worker(tina::context, tina::socket peer) {
    const auto event = co_yield tina::any_of(tina::recv(peer, 1).or_crash(), tina::sleep(tina::duration(1)));
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
