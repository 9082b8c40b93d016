# SPDX-License-Identifier: Apache-2.0
# Makes the page of HTML traces a part of the library: its files, put together, become two strings in a source.
set(page_folder "${CMAKE_CURRENT_LIST_DIR}")
set(page_files page.html style.css model.js timeline.js table.js main.js)
foreach(file IN LISTS page_files)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page_folder}/${file}")
endforeach()

file(READ "${page_folder}/style.css" page_style)
set(page_script "")
foreach(file IN ITEMS model.js timeline.js table.js main.js)
  file(READ "${page_folder}/${file}" part)
  string(APPEND page_script "${part}")
endforeach()
set(page_data "@page_data@")
file(READ "${page_folder}/page.html" page)
string(CONFIGURE "${page}" page @ONLY)

string(FIND "${page}" "@page_data@" data_begin)
string(LENGTH "@page_data@" data_length)
math(EXPR data_end "${data_begin} + ${data_length}")
string(SUBSTRING "${page}" 0 ${data_begin} page_begin)
string(SUBSTRING "${page}" ${data_end} -1 page_end)
set(TINA_TRACE_PAGE "${CMAKE_CURRENT_BINARY_DIR}/trace_page_text.cpp")
file(CONFIGURE OUTPUT "${TINA_TRACE_PAGE}" @ONLY CONTENT
"// Made from sim/trace/page/ by embed.cmake.
#include \"sim/trace/page_text.hpp\"
namespace tina::sim {
std::string_view page_before_data() noexcept { return R\"tina_page(@page_begin@)tina_page\"; }
std::string_view page_after_data() noexcept { return R\"tina_page(@page_end@)tina_page\"; }
}  // namespace tina::sim
")
