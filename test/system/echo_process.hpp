// SPDX-License-Identifier: Apache-2.0
// The sample echo_server as a process under test: started on a port that the system chooses, stopped by a signal, its
// counters read after its end. Owned by each test; it must never look into the server otherwise than from outside.
#pragma once

#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "echo_client.hpp"
#include "process.hpp"

namespace tina::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
#else
inline constexpr bool is_sanitized = false;
#endif

/// echo_server with these arguments, not necessarily one that gets as far as listening.
[[nodiscard]] process start_echo_server(const std::vector<std::string>& arguments, process_options options = {});

/// How often `part` occurs in `text`.
[[nodiscard]] std::size_t count_of(std::string_view text, std::string_view part);

/// A port on which nothing listens.
[[nodiscard]] std::uint16_t free_port();

/// What a server writes to its log when it listens, and the address thereafter: 127.0.0.1:4711, or [::1]:4711.
inline constexpr std::string_view announcement = "listening on ";
/// The address in the first such line; there must be one.
[[nodiscard]] endpoint announced_in(const std::string& text);

/// What a server has said about itself after its end; what it has not named is 0.
using counter_values = std::map<std::string, std::uint64_t, std::less<>>;
[[nodiscard]] counter_values parse_counters(const std::string& text);

/// echo_server, listening.
class echo_process {
public:
    /// On a port of its own unless `arguments` name one. Several shards need a port that is named.
    explicit echo_process(const std::vector<std::string>& arguments = {}, const process_options& options = {});

    [[nodiscard]] const endpoint& where() const { return where_; }
    [[nodiscard]] const process& self() const { return process_; }
    [[nodiscard]] process& self() { return process_; }

    [[nodiscard]] echo_client connect(const client_options& options = {}) const { return echo_client(where_, options); }
    [[nodiscard]] std::vector<echo_client> connect_many(std::size_t count, const client_options& options = {}) const;
    /// Whether a new connection is served.
    [[nodiscard]] bool serves() const { return connect().echoes("is anybody there?"); }
    /// How many of its descriptors are open, when it has had time to close those that are to be closed.
    [[nodiscard]] bool settles_at_descriptors(std::size_t count) const;

    /// Stops it and checks that it ends as it should, with everything that was taken given back.
    counter_values stop(int signal = SIGINT);

private:
    process process_;
    endpoint where_;
};

/// Checks that `connections` with `bytes` at a time get back what they send, `requests` times in all.
void check_load(const endpoint& server, std::uint32_t connections, std::uint32_t bytes, std::uint64_t requests);

}  // namespace tina::test
