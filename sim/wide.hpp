// SPDX-License-Identifier: Apache-2.0
// Integers of 128 bits, for products of two of 64. Both compilers have them; the standard does not.
#pragma once

namespace tina::sim {

__extension__ using wide_signed = __int128;
__extension__ using wide_unsigned = unsigned __int128;

}  // namespace tina::sim
