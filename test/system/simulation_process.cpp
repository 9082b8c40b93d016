// SPDX-License-Identifier: Apache-2.0
// Runs samples that simulate, through a shell that goes to their folder first.
#include "simulation_process.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <utility>

#include "process.hpp"

namespace tina::test {

simulation_process::simulation_process(std::string program) : program_(std::move(program)) {
    std::string name = (std::filesystem::temp_directory_path() / "tina.XXXXXX").string();
    BOOST_REQUIRE_MESSAGE(mkdtemp(name.data()) != nullptr, "no folder can be made: " << name);
    folder_ = name;
}

simulation_process::~simulation_process() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

int simulation_process::run(const std::string& arguments) {
    const std::string line = "cd '" + folder_.string() + "' && exec '" + program_ + "' " + arguments;
    process running({.command = {"/bin/sh", "-c", line}});
    const int status = running.wait(std::chrono::seconds{100}).value_or(-1);
    output_ = running.output();
    errors_ = running.errors();
    return status;
}

std::string simulation_process::file_that_ends(const std::string& end) const {
    std::string found;
    for (const auto& each : std::filesystem::directory_iterator(folder_)) {
        const std::string name = each.path().filename().string();
        if (!name.ends_with(end)) continue;
        if (!found.empty()) return {};
        found = name;
    }
    return found;
}

}  // namespace tina::test
