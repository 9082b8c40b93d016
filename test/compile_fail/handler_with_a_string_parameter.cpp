// SPDX-License-Identifier: Apache-2.0
// Arguments are kept as bytes, which a string is not.
// expect: a handler's parameter must be trivially copyable or a descriptor
#include <tina/tina.hpp>

#include <string>

tina::isolate worker(tina::context, std::string name) {
    static_cast<void>(name);
    co_return;
}

int main() { static_cast<void>(tina::type<worker>()); }
