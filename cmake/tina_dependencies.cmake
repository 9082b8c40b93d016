# SPDX-License-Identifier: Apache-2.0
# The packages that tina needs, each asked for only where something is built that uses it. A missing one ends
# the configuration with its name and the Debian package that brings it.
include_guard(GLOBAL)

# Whoever links tina::tina from another folder must see the targets behind it.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

# Ends the configuration unless `found`: `what` is missing, `package` brings it, `option` says what needs it.
function(tina_require found what package needed_by)
  if(NOT found)
    message(FATAL_ERROR
      "tina: ${what} was not found; ${needed_by} needs it. On Debian: apt-get install ${package}")
  endif()
endfunction()

# Also asked for by the package file of an installed tina.
set(liburing_VERSION_MINIMUM 2.3)
set(fmt_VERSION_MINIMUM 9.1)
set(CLI11_VERSION_MINIMUM 2.1)
set(Boost_VERSION_MINIMUM 1.74)

find_package(Threads REQUIRED)

find_package(liburing ${liburing_VERSION_MINIMUM} QUIET)
tina_require("${liburing_FOUND}" "liburing ${liburing_VERSION_MINIMUM} or later" liburing-dev "the reactor")

find_package(fmt ${fmt_VERSION_MINIMUM} QUIET)
tina_require("${fmt_FOUND}" "fmt ${fmt_VERSION_MINIMUM} or later" libfmt-dev "the log")

find_package(Boost ${Boost_VERSION_MINIMUM} QUIET COMPONENTS context)
tina_require("${Boost_CONTEXT_FOUND}" "Boost.Context ${Boost_VERSION_MINIMUM} or later" libboost-context-dev
  "stackful handlers")

if(TINA_TESTS)
  find_package(Boost 1.74 QUIET COMPONENTS unit_test_framework)
  tina_require("${Boost_UNIT_TEST_FRAMEWORK_FOUND}" "Boost.Test 1.74 or later" libboost-test-dev "TINA_TESTS")
  find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
  tina_require("${Python3_Interpreter_FOUND}" "Python 3.9 or later" python3 "TINA_TESTS")
endif()

if(TINA_HARNESS OR TINA_TOOLS OR TINA_SAMPLES OR TINA_BENCHMARKS)
  find_package(CLI11 ${CLI11_VERSION_MINIMUM} QUIET)
  tina_require("${CLI11_FOUND}" "CLI11 ${CLI11_VERSION_MINIMUM} or later" libcli11-dev
    "the command line of harness, samples and tools")
  # Headers alone, or a library where it was built as one: that is also behind a static tina::harness.
  get_target_property(tina_cli11_type CLI11::CLI11 TYPE)
  set(tina_cli11_linked OFF)
  if(NOT tina_cli11_type STREQUAL "INTERFACE_LIBRARY")
    set(tina_cli11_linked ON)
  endif()
endif()

if(TINA_SAMPLES OR TINA_TESTS)
  find_package(ZLIB 1.2.11 QUIET)
  tina_require("${ZLIB_FOUND}" "zlib" zlib1g-dev "samples/inflate_server and its guide")
endif()

if(TINA_BENCHMARKS)
  find_package(benchmark 1.7 QUIET)
  tina_require("${benchmark_FOUND}" "Google Benchmark 1.7 or later" libbenchmark-dev "TINA_BENCHMARKS")
endif()
