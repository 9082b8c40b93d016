// SPDX-License-Identifier: Apache-2.0
// A typed handle knows what its handler accepts, also outside of the shards.
// expect: this handler does not accept such a request
#include <tina/tina.hpp>

struct deposit {
    int cents;
};
struct news {};

struct account {
    using accepts = tina::messages<deposit>;
    tina::isolate run(tina::context) { co_return; }
};

int main() {
    tina::system system(tina::system_spec{.types = {tina::type<account>()}});
    return system.call<deposit>(tina::handle_to<account>{}, news{}, tina::duration{1}) ? 0 : 1;
}
