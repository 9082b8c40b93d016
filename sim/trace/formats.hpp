// SPDX-License-Identifier: Apache-2.0
// The three formats of a trace, each in its own file; write_trace() chooses.
#pragma once

#include <iosfwd>

#include "sim/trace/trace.hpp"

namespace tina::sim {

void write_text_trace(std::ostream& out, const run_outcome& run, const trace_title& title);
void write_perfetto_trace(std::ostream& out, const run_outcome& run, const trace_title& title);
void write_html_trace(std::ostream& out, const run_outcome& run, const trace_title& title);

}  // namespace tina::sim
