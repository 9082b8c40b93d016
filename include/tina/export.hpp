// SPDX-License-Identifier: Apache-2.0
// Which symbols a shared library of tina shows. All code is compiled with hidden visibility; what is declared with
// these macros is what programs link to. They mean nothing in a static library, so that a shared library which contains
// one does not show tina's symbols as its own.
#pragma once

// Defined by the build files of a shared library, for itself and for whoever links it.
#ifdef TINA_SHARED
/// The function, variable or class is part of the shared library's interface.
#define TINA_EXPORT [[gnu::visibility("default")]]
/// So is all that is declared from here to TINA_EXPORT_END.
#define TINA_EXPORT_BEGIN _Pragma("GCC visibility push(default)")
/// The end of what TINA_EXPORT_BEGIN began.
#define TINA_EXPORT_END _Pragma("GCC visibility pop")
#else
#define TINA_EXPORT
#define TINA_EXPORT_BEGIN
#define TINA_EXPORT_END
#endif
