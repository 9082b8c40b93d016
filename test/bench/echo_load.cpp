// SPDX-License-Identifier: Apache-2.0
//
// The program around the load generator: options, descriptor limit, pinning, and one line of result. Owned by
// the benchmarks; it must never report success for a run with a wrong byte, a stall or a lost connection.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "affinity.hpp"
#include "load_generator.hpp"

namespace {

using tina::bench::latency_histogram;
using tina::bench::load_options;
using tina::bench::load_result;

struct program_options {
    load_options load;
    int cpu = -1;
    bool is_json = false;
};

void declare(CLI::App& app, program_options& chosen) {
    load_options& load = chosen.load;
    app.add_option("--host", load.host, "server's name or address")->capture_default_str();
    app.add_option("--port", load.port, "server's port")->capture_default_str();
    app.add_option("--connections", load.connections, "busy connections")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--idle", load.idle, "further connections that stay silent")->capture_default_str();
    app.add_option("--bytes", load.bytes, "bytes per request")->check(CLI::Range(1, 1 << 30))->capture_default_str();
    app.add_option("--seconds", load.seconds, "how long to count")
        ->check(CLI::Range(0.01, 86'400.0))
        ->capture_default_str();
    app.add_option("--warmup", load.warmup_seconds, "seconds of load before counting")
        ->check(CLI::Range(0.0, 3'600.0))
        ->capture_default_str();
    app.add_option("--requests", load.requests, "exactly so many requests, instead of --seconds and --warmup");
    app.add_option("--stall-ms", load.stall_ms, "longest wait without a byte")->capture_default_str();
    app.add_option("--pid", load.pid, "server's process, for its processor time");
    app.add_option("--cpu", chosen.cpu, "core to run on");
    app.add_flag("--json", chosen.is_json, "print the result as JSON");
}

// Descriptors for every connection; an unprivileged process cannot go beyond its hard limit.
bool raise_descriptor_limit(std::uint64_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    if (limit.rlim_cur >= wanted) return true;
    limit.rlim_cur = wanted;
    limit.rlim_max = std::max<rlim_t>(limit.rlim_max, wanted);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }

void print(const program_options& chosen, const load_result& result) {
    const load_options& load = chosen.load;
    const latency_histogram& times = result.latencies;
    const auto requests = static_cast<double>(times.count());
    const double per_second = result.elapsed_seconds > 0 ? requests / result.elapsed_seconds : 0;
    const char* const head =
        chosen.is_json ? R"({"connections":%u,"idle":%u,"bytes":%u,"requests":%llu,"requests_total":%llu,)"
                         R"("seconds":%.6f,"requests_per_s":%.1f,"p50_us":%.3f,"p99_us":%.3f,"p99_9_us":%.3f,)"
                         R"("max_us":%.3f,"mismatches":%llu,"stalls":%llu,"closed_by_server":%llu)"
                       : "connections=%u idle=%u bytes=%u requests=%llu total=%llu seconds=%.3f req/s=%.0f "
                         "p50=%.1fus p99=%.1fus p99.9=%.1fus max=%.1fus mismatches=%llu stalls=%llu closed=%llu";
    using wide = unsigned long long;
    std::printf(head, load.connections, load.idle, load.bytes, wide{times.count()}, wide{result.requests_total},
                result.elapsed_seconds, per_second, microseconds(times.quantile_ns(0.5)),
                microseconds(times.quantile_ns(0.99)), microseconds(times.quantile_ns(0.999)),
                microseconds(times.max_ns()), wide{result.mismatches}, wide{result.stalls},
                wide{result.closed_by_server});
    if (result.server_cpu && requests > 0 && result.elapsed_seconds > 0) {
        const char* const tail = chosen.is_json
                                     ? R"(,"server_cpu_us_per_request":%.4f,"server_user_us_per_request":%.4f,)"
                                       R"("server_cpu_percent":%.2f)"
                                     : " server_cpu=%.3fus/req server_user=%.3fus/req server_cpu_share=%.1f%%";
        std::printf(tail, result.server_cpu->total_ns / 1e3 / requests, result.server_cpu->user_ns / 1e3 / requests,
                    result.server_cpu->total_ns / 1e7 / result.elapsed_seconds);
    }
    std::puts(chosen.is_json ? "}" : "");
}

int complain(const char* what) {
    std::fprintf(stderr, "echo_load: %s\n", what);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    program_options chosen;
    CLI::App app{"Closed-loop load for an echo server: every echo is compared, every wait is timed"};
    declare(app, chosen);
    CLI11_PARSE(app, argc, argv);

    const std::uint64_t descriptors = std::uint64_t{chosen.load.connections} + chosen.load.idle + 64;
    if (!raise_descriptor_limit(descriptors)) {
        return complain(("needs " + std::to_string(descriptors) + " descriptors: raise ulimit -Hn").c_str());
    }
    if (chosen.cpu >= 0 && !tina::bench::pin_this_thread(chosen.cpu)) return complain("--cpu: no such core");
    if (chosen.load.pid != 0 && !tina::bench::cpu_time_of(chosen.load.pid)) return complain("--pid: no such process");

    tina::bench::load_generator generator(chosen.load);
    if (const auto problem = generator.connect_all()) return complain(problem->c_str());
    const load_result result = generator.run();
    print(chosen, result);
    if (result.mismatches > 0) return complain("an echo differed from what was sent");
    if (result.stalls > 0) return complain("no byte came back for longer than --stall-ms");
    if (result.closed_by_server > 0) return complain("the server closed a connection");
    return 0;
}
