// SPDX-License-Identifier: Apache-2.0
// A typed handle knows what its handler accepts.
// expect: this handler does not accept such a message: it is not in its `accepts`
#include <tina/tina.hpp>

struct question {};
struct remark {};

struct clerk {
    using accepts = tina::messages<question>;
    tina::isolate run(tina::context) { co_return; }
};

tina::isolate worker(tina::context self, tina::handle_to<clerk> target) {
    static_cast<void>(self.send(target, remark{}));
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
