# SPDX-License-Identifier: Apache-2.0
# `tina_add_test`: one Boost.Test executable, registered with CTest. Nothing here knows what is tested.
include_guard(GLOBAL)

# Environment of every test: sanitizers end the program at the first report, with readable stacks, and
# Boost.Test keeps its hands off the signals, which belong to the runtime under test and to the sanitizers.
set(TINA_TEST_ENVIRONMENT "BOOST_TEST_CATCH_SYSTEM_ERRORS=no" "BOOST_TEST_COLOR_OUTPUT=no")
if(TINA_SANITIZER)
  find_program(TINA_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
  mark_as_advanced(TINA_SYMBOLIZER)
  set(symbolizer "")
  if(TINA_SYMBOLIZER)
    set(symbolizer ":external_symbolizer_path=${TINA_SYMBOLIZER}")
  endif()
endif()
if(TINA_SANITIZER STREQUAL "address")
  list(APPEND TINA_TEST_ENVIRONMENT
    "ASAN_OPTIONS=halt_on_error=1:abort_on_error=0:detect_leaks=1:strict_init_order=1${symbolizer}"
    "UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1${symbolizer}")
elseif(TINA_SANITIZER STREQUAL "thread")
  set(suppressions "${PROJECT_SOURCE_DIR}/test/tsan_suppressions.txt")
  if(EXISTS "${suppressions}")
    string(APPEND symbolizer ":suppressions=${suppressions}")
  endif()
  list(APPEND TINA_TEST_ENVIRONMENT
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:history_size=4${symbolizer}")
endif()

# Where each test leaves the outcome of its cases; `./dev test` adds them up.
set(TINA_TEST_RESULTS "${PROJECT_BINARY_DIR}/results")
file(MAKE_DIRECTORY "${TINA_TEST_RESULTS}")

# Registers `command` (a list) as the CTest `name`: labels, timeout in seconds, the common environment.
# Exit status 77 means: cannot run here.
function(tina_register_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "COMMAND;LABELS;PROPERTIES")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "${TINA_TEST_ENVIRONMENT}")
  if(arg_PROPERTIES)
    set_tests_properties(${name} PROPERTIES ${arg_PROPERTIES})
  endif()
endfunction()

# tina_add_test(<name> SOURCES <files> [LABELS <labels>] [LIBRARIES <targets>] [TIMEOUT <seconds>]
#               [CASE_LABELS <labels>] [DEPENDS <targets>] [PROPERTIES <CTest properties>])
#
# Builds the Boost.Test executable <name> and registers it. The sources need no main and no BOOST_TEST_MODULE.
# CASE_LABELS: test cases with one of these Boost.Test labels become CTests of their own, <name>.<label>,
#              with that label added, so that `slow` ones can be left out and `threads` ones run under TSan.
# DEPENDS:     programs that the test starts; built before it.
# Target tests_<label> builds all tests of one label.
function(tina_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT"
    "SOURCES;LABELS;LIBRARIES;CASE_LABELS;DEPENDS;PROPERTIES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "tina_add_test(${name}): SOURCES missing, or unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()

  tina_test_main(${name} main ${arg_SOURCES})
  add_executable(${name} ${arg_SOURCES} ${main})
  target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK)
  target_link_libraries(${name} PRIVATE
    ${arg_LIBRARIES} tina_build_options Boost::unit_test_framework Threads::Threads)
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()

  set(others "")
  foreach(label IN LISTS arg_CASE_LABELS)
    list(APPEND others "--run_test=!@${label}")
    tina_boost_command(command ${name} ${name}.${label} "--run_test=@${label}")
    tina_register_test(${name}.${label} COMMAND ${command} LABELS ${arg_LABELS} ${label}
      TIMEOUT ${arg_TIMEOUT} PROPERTIES ${arg_PROPERTIES})
  endforeach()
  tina_boost_command(command ${name} ${name} ${others})
  tina_register_test(${name} COMMAND ${command} LABELS ${arg_LABELS}
    TIMEOUT ${arg_TIMEOUT} PROPERTIES ${arg_PROPERTIES})

  foreach(label IN LISTS arg_LABELS arg_CASE_LABELS)
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
endfunction()

# Sets `result` to the command that runs `target` as the CTest `test`: cases named in the log as they begin,
# their outcome in the results folder.
function(tina_boost_command result target test)
  set(${result} $<TARGET_FILE:${target}>
    --logger=HRF,test_suite,stdout "--logger=JUNIT,warning,${TINA_TEST_RESULTS}/${test}.xml" ${ARGN}
    PARENT_SCOPE)
endfunction()

# Sets `result` to a generated file with Boost.Test's entry point, or to nothing if a source has its own.
function(tina_test_main name result)
  set(${result} "" PARENT_SCOPE)
  foreach(source IN LISTS ARGN)
    get_filename_component(path "${source}" ABSOLUTE)
    if(EXISTS "${path}")
      file(STRINGS "${path}" found REGEX "define BOOST_TEST_(MODULE|MAIN|NO_MAIN)" LIMIT_COUNT 1)
      if(found)
        return()
      endif()
    endif()
  endforeach()
  set(path "${CMAKE_CURRENT_BINARY_DIR}/${name}_main.cpp")
  file(CONFIGURE OUTPUT "${path}" CONTENT
    "#define BOOST_TEST_MODULE @name@\n#include <boost/test/unit_test.hpp>\n" @ONLY)
  set(${result} "${path}" PARENT_SCOPE)
endfunction()
