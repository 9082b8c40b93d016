# SPDX-License-Identifier: Apache-2.0
# What holds for the whole build only when tina is the top-level project: where programs go, the default build
# type, ccache, sanitizers. Never included when tina is a subproject.
include_guard(GLOBAL)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_VERIFY_INTERFACE_HEADER_SETS ${TINA_TESTS})

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Type of build" FORCE)
endif()

find_program(TINA_CCACHE ccache)
mark_as_advanced(TINA_CCACHE)
if(TINA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${TINA_CCACHE}")
endif()

# The reference of the public headers, made when it is asked for.
add_custom_target(reference
  COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${PROJECT_BINARY_DIR}/reference" -P "${CMAKE_CURRENT_LIST_DIR}/reference.cmake"
  VERBATIM)

# Sanitizers go on every target: a program that mixes instrumented and plain code reports what is not there.
if(TINA_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(TINA_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT TINA_SANITIZER STREQUAL "")
  message(FATAL_ERROR "tina: TINA_SANITIZER is \"${TINA_SANITIZER}\"; must be empty, address or thread")
endif()
