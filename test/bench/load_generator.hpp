// SPDX-License-Identifier: Apache-2.0
//
// A closed loop of echo requests: each busy connection has one request on its way, each idle one has none.
// Owned by the load generator; it must never count a request whose echo it has not compared byte by byte.
#pragma once

#include <netinet/in.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latency_histogram.hpp"
#include "process_cpu.hpp"

namespace tina::bench {

struct load_options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9000;
    std::uint32_t connections = 64;
    std::uint32_t idle = 0;
    std::uint32_t bytes = 64;
    double seconds = 3;
    double warmup_seconds = 0.5;
    std::uint64_t requests = 0;  ///< 0: as many as fit into the time; else exactly so many, all counted
    std::uint32_t stall_ms = 1000;
    int pid = 0;  ///< 0: no server whose processor time is read
};

struct load_result {
    latency_histogram latencies;
    double elapsed_seconds = 0;
    std::uint64_t requests_total = 0;  ///< with those of the warm-up and of the end
    std::uint64_t mismatches = 0;
    std::uint64_t stalls = 0;
    std::uint64_t closed_by_server = 0;
    std::optional<cpu_time> server_cpu;
};

class load_generator {
public:
    explicit load_generator(const load_options& options);
    ~load_generator();
    load_generator(const load_generator&) = delete;
    load_generator& operator=(const load_generator&) = delete;

    /// Opens all connections, the idle ones first; what went wrong, or nothing.
    [[nodiscard]] std::optional<std::string> connect_all();

    /// Runs the load to its end, to the first stall, or to the first connection that the server closes.
    [[nodiscard]] load_result run();

private:
    using clock = std::chrono::steady_clock;
    enum class phase { warming_up, counting, draining };

    struct connection {
        int fd = -1;
        bool is_waiting = false;  // for an echo
        bool is_blocked = false;  // the socket takes no more of the request
        bool is_intact = true;    // so far, this echo is what was sent
        std::uint32_t sent = 0;
        std::uint32_t received = 0;
        std::uint64_t request = 0;  // decides the content
        clock::time_point started;
        clock::time_point progressed;
    };

    [[nodiscard]] std::optional<std::string> resolve();
    [[nodiscard]] std::optional<std::string> open_socket(std::size_t index);
    [[nodiscard]] bool has_more_sources() const;
    void use_next_source();
    [[nodiscard]] int connect_from(std::uint32_t source) const;
    void start_request(std::size_t index, clock::time_point now);
    void push(std::size_t index);
    void on_event(std::size_t index, std::uint32_t events, clock::time_point now);
    void pull(std::size_t index, clock::time_point now);
    void finish_request(std::size_t index);
    void watch(std::size_t index, int change, std::uint32_t events) const;
    void advance_phase(clock::time_point now);
    void begin_counting(clock::time_point now);
    void end_counting(clock::time_point now);
    void look_for_stalls(clock::time_point now);
    [[nodiscard]] bool is_over() const;
    [[nodiscard]] const char* content(std::size_t index) const;

    load_options options_;
    sockaddr_storage address_{};
    socklen_t address_bytes_ = 0;
    std::uint32_t source_ = 0;  // which local address new connections start from
    std::uint32_t source_connections_ = 0;
    int epoll_fd_ = -1;
    std::vector<connection> connections_;  // the busy ones, then the idle ones
    std::vector<char> pattern_;
    std::vector<char> echo_;
    std::uint64_t started_count_ = 0;
    std::uint64_t waiting_count_ = 0;
    phase phase_ = phase::warming_up;
    clock::time_point counting_from_;
    clock::time_point counting_until_;
    clock::time_point stalls_looked_for_;
    cpu_time cpu_before_;
    load_result result_;
};

}  // namespace tina::bench
