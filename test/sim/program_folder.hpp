// SPDX-License-Identifier: Apache-2.0
// For tests that call a program as its user does: a folder of its own, what it printed, and the files that it left.
#pragma once

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

namespace program_test {

/// A folder that a program runs in, gone with the test.
class folder {
public:
    explicit folder(std::string program = TINA_HARNESS_PROGRAM) : program_(std::move(program)) {
        std::string name = (std::filesystem::temp_directory_path() / "tina.XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;

    /// Runs the program, behind `before`, with its output and errors in `output`; the exit status.
    int run(const std::string& arguments, const std::string& before = "") {
        const std::string line =
            "cd '" + path_.string() + "' && " + before + " '" + program_ + "' " + arguments + " 2>&1";
        FILE* const pipe = popen(line.c_str(), "r");
        BOOST_REQUIRE(pipe != nullptr);
        output.clear();
        std::array<char, 4096> buffer{};
        for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) != 0;) {
            output.append(buffer.data(), got);
        }
        const int status = pclose(pipe);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    [[nodiscard]] bool says(const std::string& what) const { return output.find(what) != std::string::npos; }
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return path_ / name; }
    [[nodiscard]] std::string text_of(const std::string& name) const {
        std::ifstream in(path_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
    }

    std::string output;

private:
    std::string program_;
    std::filesystem::path path_;
};

}  // namespace program_test
