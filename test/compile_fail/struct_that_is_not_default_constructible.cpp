// SPDX-License-Identifier: Apache-2.0
// A handler's struct is made by the runtime, which has nothing to give it.
// expect: what it needs to know comes as arguments of run()
#include <tina/tina.hpp>

struct keeper {
    int kept;
    explicit keeper(int given) : kept(given) {}
    tina::isolate run(tina::context) { co_return; }
};

int main() { static_cast<void>(tina::type<keeper>()); }
