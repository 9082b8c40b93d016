// SPDX-License-Identifier: Apache-2.0
// Only effects can be waited for.
// expect: wait takes an effect of tina, such as tina::receive<a_message>()
#include <tina/tina.hpp>

void worker(tina::stackful self) { self.wait(5); }

int main() { static_cast<void>(tina::type<worker>()); }
