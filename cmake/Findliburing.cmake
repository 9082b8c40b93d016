# SPDX-License-Identifier: Apache-2.0
# Finds liburing, which brings a pkg-config file and no package file of CMake. Used by the build of tina, and installed
# beside tina's package file. It must not need pkg-config, and it never looks outside the usual search paths.
#
# Target:    liburing::liburing
# Variables: liburing_FOUND, liburing_VERSION
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
  pkg_check_modules(PC_LIBURING QUIET liburing)
endif()

find_path(liburing_INCLUDE_DIR NAMES liburing.h HINTS ${PC_LIBURING_INCLUDE_DIRS})
find_library(liburing_LIBRARY NAMES uring HINTS ${PC_LIBURING_LIBRARY_DIRS})
mark_as_advanced(liburing_INCLUDE_DIR liburing_LIBRARY)

# Since 2.4 a header says the version; before that only the pkg-config file does.
set(liburing_VERSION "")
set(header "${liburing_INCLUDE_DIR}/liburing/io_uring_version.h")
if(EXISTS "${header}")
  file(STRINGS "${header}" lines REGEX "IO_URING_VERSION_(MAJOR|MINOR) +[0-9]+")
  string(REGEX REPLACE "[^;]*MAJOR +([0-9]+);[^;]*MINOR +([0-9]+).*" "\\1.\\2" liburing_VERSION "${lines}")
elseif(PC_LIBURING_VERSION)
  set(liburing_VERSION "${PC_LIBURING_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(liburing
  REQUIRED_VARS liburing_LIBRARY liburing_INCLUDE_DIR
  VERSION_VAR liburing_VERSION)

if(liburing_FOUND AND NOT TARGET liburing::liburing)
  set(scope "")
  if(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
    set(scope GLOBAL)
  endif()
  add_library(liburing::liburing UNKNOWN IMPORTED ${scope})
  set_target_properties(liburing::liburing PROPERTIES
    IMPORTED_LOCATION "${liburing_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${liburing_INCLUDE_DIR}")
endif()
