// SPDX-License-Identifier: Apache-2.0
// A restart would have no socket to give.
// expect: an isolate with a descriptor argument can only be temporary: a restart would have none to give
#include <tina/tina.hpp>

#include <utility>

void connection(tina::stackful, tina::socket) {}

void parent(tina::stackful self) {
    tina::socket peer;
    static_cast<void>(self.spawn<connection>(tina::permanent, std::move(peer)));
}

int main() { static_cast<void>(tina::type<parent>()); }
