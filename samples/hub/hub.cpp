// SPDX-License-Identifier: Apache-2.0
// A hub within one process: every few milliseconds a buffer of 4 KiB goes to ten thousand subscribers without a copy. A
// part of them is slow; what finds the mailbox of such a one full is shed, and nobody else waits for it. What to watch:
// the slow ones lose publications, the quick ones none, and the buffers in use stay few.
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace hub {

/// Carries the content as a shared lease.
struct publication {
    std::uint64_t number;
    std::uint64_t checksum;
};
/// A distributor's word to the publisher: it has gone to each subscriber of a shard.
struct distributed {};

/// Asks a subscriber what it has seen.
struct get_tally {};
struct tally {
    std::uint64_t received;
    std::uint64_t wrong;
};

/// Asks a distributor what its subscribers have seen.
struct get_summary {
    std::uint64_t published;
};
struct summary {
    std::uint64_t kept_up = 0;      ///< subscribers that every publication was sent to
    std::uint64_t fell_behind = 0;  ///< those that something was shed of
    std::uint64_t unaccounted = 0;  ///< those that did not see just what was sent to them
    std::uint64_t wrong = 0;        ///< contents that were not what was published
};

}  // namespace hub

namespace {

using namespace hub;

constexpr std::size_t content_bytes = 4096;
constexpr std::uint32_t mailbox_capacity = 4;

std::atomic<int> interruptions{0};  ///< by Ctrl-C: after the second nothing is waited for

/// What the command line asks for.
struct options {
    std::uint32_t subscribers = 10'000;
    std::uint32_t slow = 500;
    std::uint32_t slow_ms = 200;
    std::uint32_t period_ms = 10;
    std::uint32_t shards = 1;
    std::uint32_t seconds = 10;
};

/// What the isolates tell the main thread, and in the end what it tells the world.
struct progress {
    std::atomic<std::uint64_t> published{0};
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> shed{0};
    std::atomic<bool> must_end{false};
    summary result{};  ///< the publisher's until the system has stopped
};

std::uint64_t checksum_of(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::uint64_t word = 0; bytes.size() >= sizeof word; bytes = bytes.subspan(sizeof word)) {
        std::memcpy(&word, bytes.data(), sizeof word);
        sum += word;
    }
    return sum;
}

void write_content(std::span<std::byte> bytes, std::uint64_t number) {
    for (std::uint64_t word = number; bytes.size() >= sizeof word; bytes = bytes.subspan(sizeof word)) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        std::memcpy(bytes.data(), &word, sizeof word);
    }
}

/// What one shard has of `total` things.
std::uint32_t share_of(std::uint32_t total, std::uint32_t shard, std::uint32_t shards) {
    return total / shards + (shard < total % shards ? 1 : 0);
}

struct subscriber {
    using accepts = tina::messages<publication, get_tally>;

    tina::isolate run(tina::context, tina::duration pause) {
        tally seen{};
        for (std::uint64_t last = 0;;) {
            auto received = co_yield tina::receive<publication, get_tally>();
            const auto* const what = received.get<publication>();
            if (what == nullptr) {
                received.reply(seen);
                continue;
            }
            const auto content = received.take<tina::shared_lease>();
            const bool is_right = what->number > last && content.size() == content_bytes &&
                                  checksum_of(content.bytes()) == what->checksum;
            last = what->number;
            ++seen.received;
            if (!is_right) ++seen.wrong;
            if (pause > 0s) static_cast<void>(co_yield tina::sleep(pause));  // holding the content, as slow ones do
        }
    }
};

/// The subscribers of one shard. The publisher sends to each shard once; all that is many stays on the shard.
struct distributor {
    using accepts = tina::messages<publication, get_summary>;
    struct member {
        tina::handle_to<subscriber> who;
        std::uint64_t shed = 0;
    };
    std::vector<member> members;

    tina::isolate run(tina::context self, const options* wanted, progress* all) {
        subscribe(self, *wanted);
        for (;;) {
            auto received = co_yield tina::receive<publication, get_summary>();
            if (const auto* what = received.get<publication>()) {
                distribute(self, *what, received.take<tina::shared_lease>(), *all);
                // Isolates of a type take turns in the order in which they became ready, and the last one is quick:
                // when it answers, all quick ones have read theirs.
                co_yield tina::call<tally>(members.back().who, get_tally{}).within(1min).or_crash();
                co_yield tina::deliver(received.sender(), distributed{}).within(1min).or_crash();
                continue;
            }
            summary found;
            for (const member& each : members) {
                auto seen = co_yield tina::call<tally>(each.who, get_tally{}).within(1min);
                while (seen.error() == tina::errc::mailbox_full) {  // a slow one; it will have read them
                    static_cast<void>(co_yield tina::sleep(10ms));
                    seen = co_yield tina::call<tally>(each.who, get_tally{}).within(1min);
                }
                if (!seen) co_yield tina::crash("a subscriber does not answer");
                (each.shed == 0 ? found.kept_up : found.fell_behind) += 1;
                if (seen->received + each.shed != received.get<get_summary>()->published) ++found.unaccounted;
                found.wrong += seen->wrong;
            }
            received.reply(found);
        }
    }

    void subscribe(tina::context self, const options& wanted) {
        const std::uint32_t count = share_of(wanted.subscribers, self.shard_index(), wanted.shards);
        const std::uint32_t slow = share_of(wanted.slow, self.shard_index(), wanted.shards);
        members.reserve(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            const tina::duration pause = i < slow ? std::chrono::milliseconds{wanted.slow_ms} : 0ms;
            if (const auto child = self.spawn<subscriber>(pause)) members.push_back({.who = *child});
        }
    }

    void distribute(tina::context self, const publication& what, const tina::shared_lease& content, progress& all) {
        std::uint64_t shed = 0;
        for (member& each : members) {
            if (self.send(each.who, what, content) == tina::send_result::ok) continue;  // one more share, no copy
            ++each.shed;
            ++shed;
        }
        all.delivered += members.size() - shed;
        all.shed += shed;
    }
};

/// Stops the system at the end of its scope, be it a crash.
struct stop_at_end {
    tina::context self;
    ~stop_at_end() { self.request_stop(); }
};

struct publisher {
    using accepts = tina::messages<distributed>;

    tina::isolate run(tina::context self, const options* wanted, progress* all) {
        const stop_at_end stopping{self};
        std::vector<tina::handle_to<distributor>> shards;
        for (std::uint32_t i = 0; i < self.shard_count(); ++i) {
            shards.push_back(co_yield tina::spawn_on<distributor>(i, wanted, all).or_crash());
        }
        std::uint64_t number = 0;
        const auto end = self.now() + std::chrono::seconds{wanted->seconds};
        while (self.now() < end && !all->must_end) {
            const auto next = self.now() + std::chrono::milliseconds{wanted->period_ms};
            if (auto content = self.allocate(content_bytes)) {  // slow ones have all buffers: wait, they read
                publish(self, ++number, *std::move(content), shards);
                for (std::size_t left = shards.size(); left > 0; --left) {
                    static_cast<void>(co_yield tina::receive<distributed>().within(1min).or_crash());
                }
                all->published = number;
            }
            static_cast<void>(co_yield tina::sleep_until(next));
        }
        for (const auto each : shards) {
            const auto part = co_yield tina::call<summary>(each, get_summary{number}).within(5min).or_crash();
            all->result.kept_up += part.kept_up;
            all->result.fell_behind += part.fell_behind;
            all->result.unaccounted += part.unaccounted;
            all->result.wrong += part.wrong;
        }
    }

    /// Writes 4 KiB once; from then on they are only shared.
    static void publish(tina::context self, std::uint64_t number, tina::lease content,
                        std::span<const tina::handle_to<distributor>> shards) {
        write_content(content.bytes(), number);
        const publication what{number, checksum_of(content.bytes())};
        const auto shared = std::move(content).share();
        for (const auto each : shards) {
            const auto answer = self.send(each, what, *shared);
            // Each shard has said that it is done with the one before.
            if (answer != tina::send_result::ok) throw std::runtime_error(tina::to_string(answer));
        }
    }
};

/// A tree must have a child; on the other shards it is the publisher who starts what is needed.
tina::isolate nothing_more(tina::context) { co_return; }

tina::system_spec spec_of(const options& wanted, progress& all) {
    const std::uint32_t each = share_of(wanted.subscribers, 0, wanted.shards);  // no shard has more
    // The oldest buffer that a slow one has is as old as its pauses for a whole mailbox, and for the one it reads.
    const std::uint32_t leases = (mailbox_capacity + 2) * (wanted.slow_ms / wanted.period_ms + 1) + 16;
    const tina::shard_limits limits{.messages = each * (mailbox_capacity + 2) + 1024, .leases = leases};
    std::vector<tina::shard_spec> shards(
        wanted.shards, {.tree = {.children = {tina::child<nothing_more>(tina::temporary)}}, .limits = limits});
    const options* const asked = &wanted;
    progress* const told = &all;
    shards.front().tree = tina::one_for_one({}, {tina::child<publisher>(tina::temporary, asked, told)});
    return {
        .types = {tina::type<publisher>({.slots = 1}), tina::type<distributor>({.slots = 1}),
                  tina::type<nothing_more>({.slots = 1}),
                  tina::type<subscriber>({.slots = each, .mailbox_capacity = mailbox_capacity})},
        .shards = shards,
        .memory = tina::memory_mode::development,
    };
}

using printable = unsigned long long;  // what printf knows

/// A line each second, until the system has stopped.
void watch(tina::system& running, progress& all) {
    printable published = 0;
    printable delivered = 0;
    printable shed = 0;
    for (int tick = 1; running.status() != tina::system_status::stopped; ++tick) {
        std::this_thread::sleep_for(50ms);
        if (interruptions > 0) all.must_end = true;
        if (interruptions > 1) running.request_stop(tina::stop_mode::now);
        if (tick % 20 != 0) continue;
        const printable delivered_before = std::exchange(delivered, all.delivered);
        const printable published_before = std::exchange(published, all.published);
        const printable shed_before = std::exchange(shed, all.shed);
        std::printf("%llu published, %llu delivered, %llu shed, %llu MiB not copied, %llu transfer buffers in use\n",
                    published - published_before, delivered - delivered_before, shed - shed_before,
                    (delivered - delivered_before) * content_bytes >> 20,
                    printable{running.counters()["leases_in_use"]});
        std::fflush(stdout);
    }
}

/// Says how it ended; the exit status.
int summarise(const options& wanted, const progress& all, std::uint64_t leases_left) {
    const summary& seen = all.result;
    std::printf("summary: %llu published, %llu delivered, %llu shed, %llu MiB not copied\n", printable{all.published},
                printable{all.delivered}, printable{all.shed}, printable{all.delivered} * content_bytes >> 20);
    std::printf("%llu of %u subscribers kept up and got every publication, %llu slow ones lost some\n",
                printable{seen.kept_up}, wanted.subscribers, printable{seen.fell_behind});
    std::printf("%llu wrong contents, %llu subscribers that got more or less than was sent, %llu buffers left over\n",
                printable{seen.wrong}, printable{seen.unaccounted}, printable{leases_left});
    const bool is_complete = seen.kept_up + seen.fell_behind == wanted.subscribers && seen.fell_behind <= wanted.slow;
    return is_complete && seen.wrong == 0 && seen.unaccounted == 0 && leases_left == 0 && all.published > 0 ? 0 : 1;
}

void add_options(CLI::App& app, options& wanted) {
    const auto add = [&](const char* name, std::uint32_t& value, const char* what, std::uint32_t least,
                         std::uint32_t most) {
        app.add_option(name, value, what)->capture_default_str()->check(CLI::Range(least, most));
    };
    add("--subscribers", wanted.subscribers, "on all shards together", 1, 1'000'000);
    add("--slow", wanted.slow, "so many of them pause after each publication", 0, 1'000'000);
    add("--slow-ms", wanted.slow_ms, "for so long", 1, 10'000);
    add("--period-ms", wanted.period_ms, "between publications", 1, 10'000);
    add("--shards", wanted.shards, "threads", 1, 64);
    add("--seconds", wanted.seconds, "how long; Ctrl-C ends it earlier", 1, 86'400);
    app.callback([&] {
        if (wanted.slow + wanted.shards <= wanted.subscribers) return;
        throw CLI::ValidationError("--slow", "must leave a quick subscriber for each shard");
    });
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app(
        "One buffer to many subscribers without a copy. Exit status 0: all who kept up got all, 1: not, 3: forced.");
    add_options(app, wanted);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    for (const int each : {SIGINT, SIGTERM}) std::signal(each, [](int) { ++interruptions; });
    std::printf("%u subscribers, %u of them slow; watch the slow ones lose publications, the others none\n",
                wanted.subscribers, wanted.slow);
    progress all;
    tina::system running(spec_of(wanted, all));
    if (const auto booted = running.start(); !booted) {
        for (const std::string& error : booted.errors) std::fprintf(stderr, "%s\n", error.c_str());
        return 1;
    }
    watch(running, all);
    running.join();
    if (running.outcome() == tina::stop_outcome::forced) return 3;
    return summarise(wanted, all, running.counters()["leases_in_use"]);
}
