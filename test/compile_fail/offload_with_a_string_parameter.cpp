// SPDX-License-Identifier: Apache-2.0
// Arguments travel as bytes.
// expect: a parameter of an offloaded function must be trivially copyable
#include <tina/tina.hpp>

#include <string>

std::size_t length(std::string text) { return text.size(); }

tina::isolate worker(tina::context) { static_cast<void>(co_yield tina::offload(length, std::string("text"))); }

int main() { static_cast<void>(tina::type<worker>()); }
