// SPDX-License-Identifier: Apache-2.0
// What owns something is attached to a message, never part of it.
// expect: a tina message must be trivially copyable
#include <tina/tina.hpp>

struct parcel {
    tina::lease bytes;
};

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::receive<parcel>()); }

int main() { static_cast<void>(tina::type<worker>()); }
