// SPDX-License-Identifier: Apache-2.0
// There is no socket at boot.
// expect: a child of the tree cannot take a socket: there is none at boot; take a tina::listener
#include <tina/tina.hpp>

tina::isolate connection(tina::context, tina::socket) { co_return; }

int main() { static_cast<void>(tina::child<connection>(tina::temporary, tina::socket{})); }
