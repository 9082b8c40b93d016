// SPDX-License-Identifier: Apache-2.0
// Walks at random over what can be done with a connection, the same on all arms, which must give the same account of
// it. A failure prints the seed and the first step that differs.
#include <boost/test/unit_test.hpp>

#include <optional>
#include <random>

#include "stage.hpp"

using namespace conformance;

namespace {

constexpr std::int64_t step_ns = 2'000'000;  ///< more than anything takes on either arm

class walker {
public:
    walker(stage& at, std::uint64_t seed) : at_(at), draw_(seed), listener_(at.listen({.local = {}, .backlog = 2})) {
        begin();
    }
    std::vector<std::string> walk(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            at_.settle(step_ns);
            look();
        }
        return std::move(account_);
    }

private:
    struct one_end {
        sock socket;
        std::optional<flight> receiving;
        std::optional<flight> sending;
    };

    void note(const std::string& what) { account_.push_back(what); }
    void note(const char* what, int which, int result) {
        note(std::string(what) + " " + std::to_string(which) + ": " + std::to_string(result));
    }
    unsigned pick(unsigned count) { return static_cast<unsigned>(draw_() % count); }

    void begin() {
        for (one_end& each : ends_) {
            if (each.socket.number >= 0) at_.close_now(each.socket);
            each = one_end{};
        }
        at_.settle(step_ns);
        const ends made = at_.connect_pair(listener_);
        ends_[0].socket = made.server;
        ends_[1].socket = made.client;
        // Without it the kernel holds small segments back until others are acknowledged, which takes up to 40 ms.
        static_cast<void>(at_.io(1).set_option(made.client.number, socket_option::no_delay, 1));
        note("connected");
    }
    void step() {
        const int which = static_cast<int>(pick(2));
        one_end& end = ends_[static_cast<std::size_t>(which)];
        if (end.socket.number < 0) {
            if (pick(4) == 0 && ends_[static_cast<std::size_t>(1 - which)].socket.number < 0) begin();
            return;
        }
        const unsigned what = pick(20);
        if (what < 6) {
            receive(which, end);
        } else if (what < 12) {
            send(which, end);
        } else if (what < 16) {
            shut(which, end);
        } else {
            end_somehow(which, end, what);
        }
    }
    void receive(int which, one_end& end) {
        const unsigned bytes = 1 + pick(400);
        if (end.receiving) {
            note("cancels a receive of " + std::to_string(which));
            at_.cancel(*end.receiving);
        } else {
            note("receives on " + std::to_string(which) + " up to " + std::to_string(bytes));
            end.receiving = at_.receive(end.socket, bytes);
        }
    }
    void send(int which, one_end& end) {
        const unsigned bytes = pick(500);
        const bool whole = pick(2) == 0;
        if (end.sending) return;
        note("sends on " + std::to_string(which) + " " + std::to_string(bytes));
        end.sending = at_.send(end.socket, std::string_view(bytes_).substr(0, bytes), whole);
    }
    void shut(int which, one_end& end) {
        const bool receiving = pick(3) == 0;
        const bool sending = pick(3) != 0;
        note(receiving && sending ? "shuts both of"
             : receiving          ? "shuts receiving of"
                                  : "shuts sending of",
             which, at_.shutdown(end.socket, receiving, sending));
    }
    void end_somehow(int which, one_end& end, unsigned what) {
        address peer;
        if (what == 16) return note("peer of", which, at_.io(end.socket).peer_address(end.socket.number, peer));
        if (what == 17) {
            const std::int32_t value = static_cast<std::int32_t>(1 + pick(100));
            return note("sets an option of", which,
                        at_.io(end.socket).set_option(end.socket.number, socket_option::keep_alive_probes, value));
        }
        if (what == 18) {
            note("resets", which, 0);
            at_.io(end.socket).reset_on_close(end.socket.number);
        }
        if (end.receiving || end.sending || pick(2) == 0) {
            closing_ = at_.close(end.socket);
        } else {
            at_.close_now(end.socket);
        }
        note("closes", which, 0);
    }
    /// What has come of what is in flight.
    void look() {
        if (closing_ && at_.has_ended(*closing_)) {
            note("close ended", 0, at_.result(*closing_));
            closing_.reset();
        }
        for (int which : {0, 1}) {
            one_end& end = ends_[static_cast<std::size_t>(which)];
            if (end.sending && at_.has_ended(*end.sending)) {
                note("send ended", which, at_.result(*end.sending));
                end.sending.reset();
            }
            if (end.receiving && at_.has_ended(*end.receiving)) {
                note("receive ended on " + std::to_string(which) + " with " + at_.text(*end.receiving));
                end.receiving.reset();
            }
        }
    }

    stage& at_;
    std::mt19937_64 draw_;
    sock listener_;
    one_end ends_[2];
    std::optional<flight> closing_;
    std::string bytes_ = pattern(500);
    std::vector<std::string> account_;
};

std::vector<std::string> account_of(std::uint64_t seed, std::unique_ptr<arm> on) {
    stage at(std::move(on));
    try {
        return walker(at, seed).walk(40);
    } catch (const cannot_go_on&) { return at.failures(); }
}

using account = std::vector<std::string>;

void compare(std::uint64_t seed, const account& wanted, const char* arm, const account& seen) {
    std::size_t same = 0;
    while (same < seen.size() && same < wanted.size() && seen[same] == wanted[same]) ++same;
    if (same == seen.size() && same == wanted.size()) return;
    std::string before;
    for (std::size_t i = same < 25 ? 0 : same - 25; i < same; ++i) before += "\n  " + wanted[i];
    BOOST_ERROR("seed " << seed << ", step " << same << ":" << before
                        << "\nreal: " << (same < wanted.size() ? wanted[same] : "nothing") << "\n"
                        << arm << ": " << (same < seen.size() ? seen[same] : "nothing"));
}

void compare_arms(std::uint64_t seed) {
    const account wanted = account_of(seed, real_arm(tina::io_backend::automatic));
    compare(seed, wanted, "epoll", account_of(seed, real_arm(tina::io_backend::epoll)));
    for (const auto where : {layout::one_machine, layout::two_machines}) {
        compare(seed, wanted, "simulated", account_of(seed, simulated_arm(where, tina::sim::mutant::none)));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(walks)

BOOST_AUTO_TEST_CASE(all_arms_give_the_same_account_of_a_walk_at_random) {
    const char* const many = std::getenv("TINA_WALKS");
    const int count = many != nullptr ? std::atoi(many) : 30;
    for (int seed = 1; seed <= count; ++seed) compare_arms(static_cast<std::uint64_t>(seed));
    BOOST_TEST(true);
}

BOOST_AUTO_TEST_SUITE_END()
