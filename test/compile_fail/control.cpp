// SPDX-License-Identifier: Apache-2.0
// The control of all cases here: what they get wrong, done right.
// expect-ok
#include <tina/tina.hpp>

#include <array>
#include <cstdint>
#include <utility>

namespace control {

struct question {
    std::array<std::uint8_t, 96> bytes;
};
template <class T>
struct answer {
    static constexpr std::string_view tina_name = "control::answer";
    T value;
};

struct clerk {
    using accepts = tina::messages<question>;
    tina::isolate run(tina::context self, std::array<std::uint8_t, 64> arguments) {
        static_cast<void>(arguments);
        const auto asked = co_yield tina::receive<question>();
        static_cast<void>(self.send(asked.sender(), answer<int>{1}));
    }
};

tina::task<tina::result<tina::buffer_lease>> next(tina::context, const tina::socket& peer) {
    co_return co_yield tina::recv(peer, 64);
}

tina::isolate connection(tina::context self, tina::socket peer) {
    while (auto got = co_await next(self, peer)) {
        if (auto sent = co_yield tina::send_all(peer, *got); !sent) break;
    }
}

tina::isolate parent(tina::context self, tina::listener server) {
    const auto child = self.spawn<clerk>(tina::permanent, std::array<std::uint8_t, 64>{});
    if (child && self.send(*child, question{}) != tina::send_result::ok) co_return;
    while (auto peer = co_yield tina::accept(server)) {
        if (!self.spawn<connection>(std::move(*peer))) break;
    }
}

void caller(tina::stackful self, tina::listener server) {
    while (auto peer = self.wait(tina::accept(server))) {
        if (!self.spawn<connection>(std::move(*peer))) break;
    }
}

inline constexpr auto lambda = [](tina::context) -> tina::isolate { co_return; };

}  // namespace control

int main() {
    const tina::system_spec spec{
        .types = {tina::type<control::clerk>(), tina::type<control::connection>(), tina::type<control::parent>(),
                  tina::type<+control::lambda>(), tina::type<control::caller>()},
        .shards = {tina::shard_spec{
            .tree = tina::one_for_one({}, {tina::child<control::parent>(tina::permanent, tina::listening({})),
                                           tina::child<+control::lambda>(tina::transient)})}}};
    return spec.types.size() == 5 ? 0 : 1;
}
