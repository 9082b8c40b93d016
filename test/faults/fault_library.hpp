// SPDX-License-Identifier: Apache-2.0
// A library of somebody else's, as far as the runtime can tell: an object of its own, with locks that nobody knows of.
#pragma once

extern "C" {
/// Calls back while it holds a lock of its own.
void fault_library_call_back(void (*callback)());
/// Never returns.
void fault_library_loop();
}
