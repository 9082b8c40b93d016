// SPDX-License-Identifier: Apache-2.0
// A socket belongs to its shard.
// expect: a descriptor cannot go to another shard
#include <tina/tina.hpp>

#include <utility>

tina::isolate connection(tina::context, tina::socket) { co_return; }

tina::isolate parent(tina::context, tina::socket peer) {
    static_cast<void>(co_yield tina::spawn_on<connection>(1, std::move(peer)));
}

int main() { static_cast<void>(tina::type<parent>()); }
