// SPDX-License-Identifier: Apache-2.0
// Bytes that are on their way cannot be left behind: a send cannot lose.
// expect: an arm of any_of can be recv, accept, receive, sleep or call
#include <tina/tina.hpp>

tina::isolate worker(tina::context, tina::socket peer) {
    const auto event = co_yield tina::any_of(tina::send_all(peer, "late"), tina::sleep(tina::duration(1)));
    static_cast<void>(event);
}

int main() { static_cast<void>(tina::type<worker>()); }
