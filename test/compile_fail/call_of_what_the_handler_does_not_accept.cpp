// SPDX-License-Identifier: Apache-2.0
// A typed handle knows what its handler can be asked.
// expect: this handler does not accept such a request: it is not in its `accepts`
#include <tina/tina.hpp>

#include <chrono>

struct question {};
struct remark {};
struct answer {};

struct clerk {
    using accepts = tina::messages<question>;
    tina::isolate run(tina::context) { co_return; }
};

tina::isolate worker(tina::context, tina::handle_to<clerk> target) {
    static_cast<void>(co_yield tina::call<answer>(target, remark{}).within(std::chrono::seconds{1}));
}

int main() { static_cast<void>(tina::type<worker>()); }
