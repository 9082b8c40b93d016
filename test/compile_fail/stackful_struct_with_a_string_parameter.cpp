// SPDX-License-Identifier: Apache-2.0
// A string cannot be kept as bytes.
// expect: a handler's parameter must be trivially copyable or a descriptor
#include <tina/tina.hpp>

#include <string>

struct worker {
    void run(tina::stackful, std::string) {}
};

int main() { static_cast<void>(tina::type<worker>()); }
