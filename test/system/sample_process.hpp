// SPDX-License-Identifier: Apache-2.0
// Any sample as a process under test, and a plain server for those that connect to one. Owned by each test; it must
// never outlive the test.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "echo_client.hpp"
#include "echo_process.hpp"
#include "process.hpp"

namespace tina::test {

/// `program` with these arguments, not necessarily one that gets far.
[[nodiscard]] process start_sample(const std::string& program, const std::vector<std::string>& arguments);

/// Checks that `program` ends with status 2 and a word about `part` on its standard error output.
void check_bad_arguments(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& part);

/// A sample that says "listening on 127.0.0.1:4711" when it does.
class sample_process {
public:
    sample_process(const std::string& program, const std::vector<std::string>& arguments);

    [[nodiscard]] const endpoint& where() const { return where_; }
    [[nodiscard]] process& self() { return process_; }
    [[nodiscard]] echo_client connect(const client_options& options = {}) const { return echo_client(where_, options); }
    [[nodiscard]] bool settles_at_descriptors(std::size_t count) const;

    /// Stops it and checks that it ends as it should, with everything given back; needs the argument --counters.
    void stop(int signal = SIGINT);

private:
    process process_;
    endpoint where_;
};

/// A socket of this process that listens on 127.0.0.1.
class plain_server {
public:
    /// On `port`; 0: the system chooses.
    explicit plain_server(std::uint16_t port = 0);

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// The next connection; there must be one in time.
    [[nodiscard]] echo_client accept() const;

private:
    descriptor socket_;
    std::uint16_t port_ = 0;
};

}  // namespace tina::test
