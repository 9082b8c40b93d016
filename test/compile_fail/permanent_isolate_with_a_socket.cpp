// SPDX-License-Identifier: Apache-2.0
// A restart would have no socket to give.
// expect: an isolate with a descriptor argument can only be temporary
#include <tina/tina.hpp>

#include <utility>

tina::isolate connection(tina::context, tina::socket) { co_return; }

tina::isolate parent(tina::context self, tina::listener server) {
    while (auto peer = co_yield tina::accept(server)) {
        static_cast<void>(self.spawn<connection>(tina::permanent, std::move(*peer)));
    }
}

int main() { static_cast<void>(tina::type<parent>()); }
