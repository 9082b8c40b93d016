// SPDX-License-Identifier: Apache-2.0
// A sample that runs in simulation, as its user calls it: in a folder of its own, for the files that it leaves. Owned
// by each test; the folder is gone with it.
#pragma once

#include <filesystem>
#include <string>

namespace tina::test {

class simulation_process {
public:
    explicit simulation_process(std::string program);
    simulation_process(const simulation_process&) = delete;
    simulation_process& operator=(const simulation_process&) = delete;
    ~simulation_process();

    /// Runs it with these arguments until it ends; 128 and the signal that ended it, -1 if it went on for too long.
    int run(const std::string& arguments);
    /// What the last run has written to its standard output, and to its standard error output.
    [[nodiscard]] const std::string& output() const { return output_; }
    [[nodiscard]] const std::string& errors() const { return errors_; }
    /// The name of the only file there that ends so; empty if there is none, or several.
    [[nodiscard]] std::string file_that_ends(const std::string& end) const;

private:
    std::string program_;
    std::filesystem::path folder_;
    std::string output_;
    std::string errors_;
};

}  // namespace tina::test
