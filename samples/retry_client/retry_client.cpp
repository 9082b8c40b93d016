// SPDX-License-Identifier: Apache-2.0
// A client that asks until it is answered: a line there, a line back, with longer and longer pauses between attempts
// and one deadline for it all. What to watch: each attempt says what became of it and when the next one is. Start it
// before its server, `retry_client --to 127.0.0.1:9000`, then start echo_server.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

using namespace std::chrono_literals;

namespace {

/// What to ask, how patiently, and what came of it. The client's while the system runs, main's otherwise.
struct question {
    tina::address server;
    std::string request;
    tina::duration deadline;
    tina::duration attempt_max;
    tina::duration pause_first;
    tina::duration pause_max;
    std::string answer{};
    bool is_answered = false;
};

std::int64_t in_ms(tina::duration span) { return std::chrono::duration_cast<std::chrono::milliseconds>(span).count(); }

/// Somewhere between half of `pause` and all of it, so that clients that failed together do not come back together.
tina::duration jittered(tina::context self, tina::duration pause) {
    const auto half = static_cast<std::uint64_t>(pause.count() / 2);
    return tina::duration(static_cast<std::int64_t>(half + self.random() % (half + 1)));
}

tina::isolate client(tina::context self, question* what) {
    const auto end = self.now() + what->deadline;
    auto pause = what->pause_first;
    for (std::uint32_t attempt = 1; self.now() < end && !what->is_answered; ++attempt) {
        const auto until = std::min(end, self.now() + what->attempt_max);
        std::error_code failure;
        auto server = co_yield tina::connect(what->server).by(until);
        if (!server) {
            failure = server.error();
        } else if (auto sent = co_yield tina::send_all(*server, what->request).by(until); !sent) {
            failure = sent.error();
        }
        for (tina::line_reader reader; !failure && !what->is_answered;) {
            if (auto found = reader.next()) {
                what->is_answered = found->has_value();
                failure = found->error();
                if (*found) what->answer = **found;
            } else if (auto received = co_yield tina::recv(*server, 1024).by(until)) {
                reader.feed(std::move(*received));
            } else {
                failure = received.error();
            }
        }
        if (what->is_answered) {
            tina::log(self, tina::info, "attempt {}: answered", attempt);
        } else {
            const auto next = std::min(end, self.now() + jittered(self, pause));
            const auto* const what_then = next < end ? "the next one is in" : "no more: the deadline is in";
            tina::log(self, tina::info, "attempt {}: {}; {} {} ms", attempt, failure, what_then,
                      in_ms(next - self.now()));
            if (failure == tina::errc::interrupted) break;
            const auto slept = co_yield tina::sleep_until(next);
            if (!slept) break;
            pause = std::min(2 * pause, what->pause_max);
        }
    }
    if (!what->is_answered) {
        const auto left = in_ms(end - self.now());
        if (left > 0) tina::log(self, tina::warning, "not answered, {} ms before the deadline", left);
        else tina::log(self, tina::warning, "not answered in {} ms", in_ms(what->deadline));
    }
    self.request_stop();
}

struct options {
    std::string to;
    std::string say = "hello";
    std::uint32_t deadline_ms = 30'000;
    std::uint32_t attempt_ms = 5'000;
    std::uint32_t pause_ms = 100;
    std::uint32_t pause_max_ms = 5'000;
};

void add_options(CLI::App& app, options& wanted) {
    const CLI::Validator is_address(
        [](const std::string& text) {
            const auto found = tina::parse_address(text);
            return found && found->port != 0 ? "" : '"' + text + "\" is no address with a port, as 127.0.0.1:80";
        },
        "ADDRESS:PORT");
    const CLI::Range milliseconds(1, 86'400'000);
    app.add_option("--to", wanted.to, "the server")->required()->check(is_address);
    app.add_option("--say", wanted.say, "the line to send")->capture_default_str();
    app.add_option("--deadline-ms", wanted.deadline_ms, "for the whole of it")
        ->capture_default_str()
        ->check(milliseconds);
    app.add_option("--attempt-ms", wanted.attempt_ms, "for one attempt")->capture_default_str()->check(milliseconds);
    app.add_option("--pause-ms", wanted.pause_ms, "after the first attempt; doubled after each that follows")
        ->capture_default_str()
        ->check(milliseconds);
    app.add_option("--pause-max-ms", wanted.pause_max_ms, "no pause is longer")
        ->capture_default_str()
        ->check(milliseconds);
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("Asks a server until it answers. Exit status 0: answered, 1: not.");
    add_options(app, wanted);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    question asked{.server = *tina::parse_address(wanted.to),
                   .request = wanted.say + "\n",
                   .deadline = std::chrono::milliseconds{wanted.deadline_ms},
                   .attempt_max = std::chrono::milliseconds{wanted.attempt_ms},
                   .pause_first = std::chrono::milliseconds{wanted.pause_ms},
                   .pause_max = std::chrono::milliseconds{wanted.pause_max_ms}};
    const int status = tina::run({.types = {tina::type<client>({.slots = 1})},
                                  .shards = {{.tree = {.children = {tina::child<client>(tina::temporary, &asked)}}}},
                                  .memory = tina::memory_mode::development});
    if (asked.is_answered) std::puts(asked.answer.c_str());
    if (status != 0) return status;
    return asked.is_answered ? 0 : 1;
}
