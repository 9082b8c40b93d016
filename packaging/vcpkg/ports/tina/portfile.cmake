# SPDX-License-Identifier: Apache-2.0
# An overlay port builds the source tree that it lies in; one of a registry the commit that publish.py writes here.
set(PUBLISHED_URL "")
set(PUBLISHED_REF "")

get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
if(NOT EXISTS "${SOURCE_PATH}/include/tina/tina.hpp")
    if(NOT PUBLISHED_URL)
        message(FATAL_ERROR "This port was not published: run packaging/vcpkg/publish.py, see docs/guides/install.md")
    endif()
    vcpkg_from_git(
        OUT_SOURCE_PATH SOURCE_PATH
        URL "${PUBLISHED_URL}"
        REF "${PUBLISHED_REF}"
    )
endif()

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
    FEATURES
        tools TINA_TOOLS
)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${FEATURE_OPTIONS}
        -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
        -DTINA_BENCHMARKS=OFF
        -DTINA_CCACHE=OFF
        -DTINA_GUARD_DIR=lib/manual-link
        -DTINA_SAMPLES=OFF
        -DTINA_TESTS=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/tina)
vcpkg_fixup_pkgconfig()

if("tools" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES tina_check AUTO_CLEAN)
endif()

file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/debug/include"
    "${CURRENT_PACKAGES_DIR}/debug/share"
)
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
