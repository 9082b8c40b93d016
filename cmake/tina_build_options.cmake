# SPDX-License-Identifier: Apache-2.0
# `tina_build_options`: what every target of this tree is compiled and linked with, and no user's target is.
# Link it as  target_link_libraries(<target> PRIVATE $<BUILD_INTERFACE:tina_build_options>).
include_guard(GLOBAL)

if(NOT CMAKE_CXX_COMPILER_ID MATCHES "^(GNU|Clang)$")
  message(WARNING "tina: ${CMAKE_CXX_COMPILER_ID} is not tested; g++ 12 and clang++ 19 are")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "tina: g++ ${CMAKE_CXX_COMPILER_VERSION} is too old; use g++ 12 or later")
endif()

add_library(tina_build_options INTERFACE)
target_compile_features(tina_build_options INTERFACE cxx_std_20)
target_compile_options(tina_build_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  # A large frame must touch the guard page below a stack, not step over it.
  -fstack-clash-protection
  # A null access of a handler is a fault to be contained; the compiler may not assume it away.
  -fno-delete-null-pointer-checks
  -fvisibility=hidden -fvisibility-inlines-hidden)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 at -O3 takes `"text" + std::string` for a copy of 2^63 bytes onto itself (GCC bug 105651); the test
  # package.whole.find_package.gcc shows it.
  target_compile_options(tina_build_options INTERFACE -Wno-restrict)
endif()
if(TINA_SANITIZER AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns of uninitialised variables in code that the instrumentation itself has made, and of fences,
  # which TSan does not follow; what the fences order here is published by acquire and release as well.
  target_compile_options(tina_build_options INTERFACE -Wno-maybe-uninitialized
    $<$<STREQUAL:${TINA_SANITIZER},thread>:-Wno-tsan>)
endif()
# Nothing is bound lazily: the loader would take its lock in the middle of a handler.
target_link_options(tina_build_options INTERFACE -Wl,-z,now)

# Extensions off: `target_compile_features` alone gives -std=gnu++20. The subproject case stays untouched,
# since a variable set here ends with this project's folder.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
