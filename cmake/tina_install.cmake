# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and the Debian packages that CPack makes of it. Everything can be moved afterwards:
# no file that is installed knows where it lies.
include_guard(GLOBAL)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(TINA_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/tina" CACHE STRING
  "Where the package files of CMake go, below the prefix")
set(TINA_PKGCONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/pkgconfig" CACHE STRING
  "Where the files of pkg-config go, below the prefix")
set(TINA_GUARD_DIR "${CMAKE_INSTALL_LIBDIR}" CACHE STRING
  "Where the library of tina::guard goes, which defines functions that others define too; below the prefix")
mark_as_advanced(TINA_CMAKE_DIR TINA_PKGCONFIG_DIR TINA_GUARD_DIR)

# ---- libraries and headers ------------------------------------------------------------------------------------------

set(tina_targets tina)
if(TINA_HARNESS)
  list(APPEND tina_targets tina_harness)
endif()
install(TARGETS ${tina_targets} EXPORT tina
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS tina_guard EXPORT tina ARCHIVE DESTINATION "${TINA_GUARD_DIR}" COMPONENT dev)
if(TARGET tina_check)
  if(BUILD_SHARED_LIBS AND NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    file(RELATIVE_PATH tina_bin_to_lib "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
    set_target_properties(tina_check PROPERTIES INSTALL_RPATH "$ORIGIN/${tina_bin_to_lib}")
  endif()
  install(TARGETS tina_check RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
endif()

# ---- package files of CMake -----------------------------------------------------------------------------------------

install(EXPORT tina NAMESPACE tina:: FILE tina-targets.cmake DESTINATION "${TINA_CMAKE_DIR}" COMPONENT dev)
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tina-config.cmake.in"
  "${PROJECT_BINARY_DIR}/tina-config.cmake"
  INSTALL_DESTINATION "${TINA_CMAKE_DIR}"
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change anything.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/tina-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/tina-config.cmake"
  "${PROJECT_BINARY_DIR}/tina-config-version.cmake"
  "${CMAKE_CURRENT_LIST_DIR}/Findliburing.cmake"
  DESTINATION "${TINA_CMAKE_DIR}" COMPONENT dev)

# ---- files of pkg-config --------------------------------------------------------------------------------------------

# Sets `result` to a folder below the prefix, or anywhere if it is absolute, as pkg-config is to say it.
function(tina_pkgconfig_path result folder)
  if(IS_ABSOLUTE "${folder}")
    set(${result} "${folder}" PARENT_SCOPE)
  else()
    set(${result} "\${prefix}/${folder}" PARENT_SCOPE)
  endif()
endfunction()

tina_pkgconfig_path(tina_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
tina_pkgconfig_path(tina_pc_guarddir "${TINA_GUARD_DIR}")
tina_pkgconfig_path(tina_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${TINA_PKGCONFIG_DIR}")
  set(tina_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH tina_pc_prefix "/${TINA_PKGCONFIG_DIR}" "/")
  string(REGEX REPLACE "/$" "" tina_pc_prefix "\${pcfiledir}/${tina_pc_prefix}")
endif()

# A static library is of no use without what is behind it; a shared one brings that itself. Boost has no such file.
set(tina_pc_requires "fmt >= ${fmt_VERSION_MINIMUM}")
set(tina_pc_libs "-Wl,-z,now")
set(tina_pc_cflags "")
set(tina_pc_harness_libs "")
set(tina_pc_harness_requires "")
if(BUILD_SHARED_LIBS)
  set(tina_pc_cflags " -DTINA_SHARED")
else()
  string(APPEND tina_pc_requires ", liburing >= ${liburing_VERSION_MINIMUM}")
  string(APPEND tina_pc_libs " -lboost_context")
  set(tina_pc_harness_libs "-L\${libdir} -ltina_harness")
  if(tina_cli11_linked)
    set(tina_pc_harness_requires ", CLI11 >= ${CLI11_VERSION_MINIMUM}")
  endif()
endif()

set(tina_pc_files tina tina-guard)
if(TINA_HARNESS)
  list(APPEND tina_pc_files tina-harness)
endif()
foreach(name IN LISTS tina_pc_files)
  configure_file("${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${TINA_PKGCONFIG_DIR}" COMPONENT dev)
endforeach()

# ---- Debian packages ------------------------------------------------------------------------------------------------

if(PROJECT_IS_TOP_LEVEL)
  include(tina_cpack)
endif()
