// SPDX-License-Identifier: Apache-2.0
// The past of a process, for --twice: what a run must not depend on is made otherwise than usual.
#pragma once

#include <cstdint>

namespace tina::sim::host {

/// Leaves the heap as a long life would: with holes of all small sizes, which are filled again in no particular order.
/// Without it addresses differ from process to process, and which of two comes first does not.
void stir_heap();

/// Comes back in another second of the wall clock than the present one.
void wait_for_next_second() noexcept;

/// Adds to the options of the address sanitizer, for the program that this process becomes: fresh memory has other
/// contents, and memory that was freed is used again at once. Without the sanitizer it changes nothing.
void fill_fresh_memory_otherwise();

}  // namespace tina::sim::host
