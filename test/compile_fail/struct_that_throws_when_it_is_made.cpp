// SPDX-License-Identifier: Apache-2.0
// A handler's struct is made where no exception can go anywhere.
// expect: a handler's struct must be default constructible without throwing
// expect: name() noexcept = default;
#include <tina/tina.hpp>

struct keeper {
    int* kept;
    keeper() : kept(new int(1)) {}
    ~keeper() { delete kept; }
    tina::isolate run(tina::context) { co_return; }
};

int main() { static_cast<void>(tina::type<keeper>()); }
