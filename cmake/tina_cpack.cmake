# SPDX-License-Identifier: Apache-2.0
# Debian packages, by `cpack` in the build folder: of a build with BUILD_SHARED_LIBS the runtime, what one needs to
# build with it, and the command-line programs; of a static build the last two. Configure with
# CMAKE_INSTALL_PREFIX=/usr, so that libraries go where Debian looks for them.
include_guard(GLOBAL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "tina")
set(CPACK_PACKAGE_CONTACT "The authors of tina <tina@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_STRIP_FILES ON)
# Where dpkg-shlibdeps finds the library that the programs need; that they depend on its package is said below.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/lib")

set(CPACK_COMPONENTS_ALL dev)
set(tina_runtime "libtina${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
set(tina_dev_depends
  "libfmt-dev (>= ${fmt_VERSION_MINIMUM}), liburing-dev (>= ${liburing_VERSION_MINIMUM}), libboost-context-dev")
if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL runtime)
  set(tina_dev_depends "${tina_runtime} (= ${PROJECT_VERSION}), libfmt-dev (>= ${fmt_VERSION_MINIMUM})")
endif()
if(TARGET tina_check)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "${tina_runtime}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared library.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libtina-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${tina_dev_depends}")
set(CPACK_COMPONENT_DEV_DESCRIPTION "Headers, package files, and the libraries to link to.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME tina-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "Command-line programs.")
if(BUILD_SHARED_LIBS)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${tina_runtime} (= ${PROJECT_VERSION})")
endif()

# Each package says under which license it is, where Debian wants it said.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER "${component}" upper)
    install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" RENAME copyright COMPONENT ${component}
      DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
  endforeach()
endif()

include(CPack)
