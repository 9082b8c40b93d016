# SPDX-License-Identifier: Apache-2.0
# Makes the reference of the public headers:  cmake -DOUTPUT=<folder> -P cmake/reference.cmake
# It needs doxygen and python3, and no configured build. Fails if doxygen has anything to say.
cmake_minimum_required(VERSION 3.25)

get_filename_component(SOURCE "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
if(NOT OUTPUT)
  message(FATAL_ERROR "say where the reference goes: -DOUTPUT=<folder>")
endif()
get_filename_component(OUTPUT "${OUTPUT}" ABSOLUTE)
find_program(DOXYGEN doxygen)
find_program(PYTHON python3)
if(NOT DOXYGEN OR NOT PYTHON)
  message(FATAL_ERROR "reference: doxygen is not installed, or python3 is not")
endif()

file(STRINGS "${SOURCE}/include/tina/version.hpp" VERSION REGEX "#define TINA_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^;0-9]+" "" VERSION "${VERSION}")
list(JOIN VERSION "." VERSION)
file(STRINGS "${SOURCE}/CMakeLists.txt" DESCRIPTION REGEX "^  DESCRIPTION ")
string(REGEX REPLACE "^  DESCRIPTION \"(.*)\"$" "\\1" DESCRIPTION "${DESCRIPTION}")

file(REMOVE_RECURSE "${OUTPUT}")
configure_file("${SOURCE}/docs/reference/Doxyfile.in" "${OUTPUT}/Doxyfile" @ONLY)
execute_process(COMMAND "${DOXYGEN}" Doxyfile WORKING_DIRECTORY "${OUTPUT}" RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "doxygen has found what stands above (status ${status})")
endif()
message(STATUS "the reference: ${OUTPUT}/html/index.html")
