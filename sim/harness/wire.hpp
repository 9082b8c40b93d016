// SPDX-License-Identifier: Apache-2.0
// Requests and outcomes as bytes, for pipes and temporary files between processes of one and the same program. No
// format of files: nothing but the program that wrote them reads them. A reader never trusts a length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/harness/guided.hpp"
#include "sim/run.hpp"

namespace tina::sim {

class wire_writer {
public:
    void number(std::uint64_t value);
    void text(std::string_view value);
    [[nodiscard]] std::string& bytes() noexcept { return bytes_; }

private:
    std::string bytes_;
};

class wire_reader {
public:
    explicit wire_reader(std::string_view bytes) : rest_(bytes) {}
    /// 0, and no longer `is_good()`, where there is none.
    [[nodiscard]] std::uint64_t number();
    [[nodiscard]] std::string text();
    /// A length of what follows: never more than there are bytes left.
    [[nodiscard]] std::size_t length();
    [[nodiscard]] bool is_good() const noexcept { return good_; }

private:
    std::string_view rest_;
    bool good_ = true;
};

/// Without its functions, which do not leave a process.
void encode(wire_writer& to, const run_request& request);
[[nodiscard]] run_request decode_request(wire_reader& from);
void encode(wire_writer& to, const family& what);
[[nodiscard]] family decode_family(wire_reader& from);
void encode(wire_writer& to, const run_outcome& outcome);
[[nodiscard]] run_outcome decode_outcome(wire_reader& from);

}  // namespace tina::sim
