// SPDX-License-Identifier: Apache-2.0
// Compilers spell the names of templates differently.
// expect: a template must state `static constexpr std::string_view tina_name`
#include <tina/tina.hpp>

template <class T>
struct generic {
    T value;
};

tina::isolate worker(tina::context) {
    const auto got = co_yield tina::receive<generic<int>>();
    static_cast<void>(got);
}

int main() { static_cast<void>(tina::type<worker>()); }
