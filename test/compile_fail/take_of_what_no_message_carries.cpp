// SPDX-License-Identifier: Apache-2.0
// What can be attached to a message is a short list.
// expect: a message can carry a tina::lease, a tina::shared_lease or a tina::reply_token
#include <tina/tina.hpp>

struct parcel {};

tina::isolate worker(tina::context) {
    auto message = co_yield tina::receive<parcel>();
    static_cast<void>(message.take<int>());
}

int main() { static_cast<void>(tina::type<worker>()); }
