// SPDX-License-Identifier: Apache-2.0
// How tests of faults let an isolate die again and again beside one that must not notice: a spec, the neighbour, and
// what must be true when all deaths are over. Owned by the unit tests of faults.
#pragma once

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <array>
#include <cfenv>
#include <csignal>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "test_system.hpp"

/// For code that dies on purpose: the sanitizers would have their say before the processor.
#define TINA_DIES [[gnu::noinline]] __attribute__((no_sanitize("address", "undefined")))

namespace fault_test {

using namespace system_test;

/// What isolates of one shard do and have seen; the test reads it when they have stopped. One test at a time.
struct script {
    void (*die)() = nullptr;   ///< in the place that the victim's type says; returns if the victim is to end otherwise
    std::uint32_t deaths = 0;  ///< wanted
    std::uint32_t begun = 0;   ///< lives
    std::uint32_t survived = 0;     ///< times that somebody came back from die()
    std::uint32_t destroyed = 0;    ///< destructors of victims that ran
    bool is_known_as_crash = true;  ///< to whoever watches; else its end came before, or another way
    std::uint64_t reports = 0;      ///< that the neighbour has had
    failures wrong{};
};
inline script* now_played = nullptr;

inline constexpr tina::role neighbour_role{"neighbour"};

/// What a victim tells its neighbour before it dies.
struct last_will {
    std::uint64_t number;
    tina::handle who;
};
/// What a victim leaves behind in its own mailbox.
struct reminder {
    std::uint64_t number;
};

/// As large as a message can be.
struct parcel {
    std::array<std::uint64_t, 12> words;
};

/// The control words of the floating-point units, and what is blocked: whatever a thread may find changed.
struct thread_state {
    std::uint32_t mxcsr = 0;
    std::uint16_t x87 = 0;
    sigset_t signals{};

    [[nodiscard]] static thread_state now() noexcept {
        thread_state found;
        asm volatile("stmxcsr %0" : "=m"(found.mxcsr));
        asm volatile("fnstcw %0" : "=m"(found.x87));
        pthread_sigmask(SIG_BLOCK, nullptr, &found.signals);
        return found;
    }
    [[nodiscard]] bool is_same(const thread_state& other) const noexcept {
        constexpr std::uint32_t flags = 0x3f;  // what has happened; not what is to happen
        bool same = (mxcsr | flags) == (other.mxcsr | flags) && x87 == other.x87;
        for (int signal = 1; signal < 65; ++signal) {
            same = same && sigismember(&signals, signal) == sigismember(&other.signals, signal);
        }
        return same;
    }
};

/// A `throw;` where nothing has been caught must find nothing.
inline bool nothing_is_caught() { return std::current_exception() == nullptr && std::uncaught_exceptions() == 0; }

/// Lives on the same shard, keeps state in all places, and looks at it after each death.
struct neighbour {
    using accepts = tina::messages<last_will, tina::down>;
    std::array<std::uint64_t, 64> members{};

    tina::isolate run(tina::context self, script* of) {
        std::array<std::uint64_t, 64> locals{};
        const thread_state before = thread_state::now();
        auto block = self.allocate(1024);
        if (!block) co_yield tina::crash("no lease");
        for (std::size_t i = 0; i < members.size(); ++i) members[i] = locals[i] = i * i + 7;
        for (std::size_t i = 0; i < block->size(); ++i) block->data()[i] = static_cast<std::byte>(i);
        for (;;) {
            auto told = co_yield tina::receive<last_will>();
            of->wrong.expect(told->number == ++of->reports, "a message to the neighbour was lost or came twice");
            const auto watched = self.monitor(told->who);
            of->wrong.expect(watched.has_value(), "there are no monitors left");
            auto ended = co_yield tina::receive<tina::down>().within(5s);
            of->wrong.expect(ended && (*ended)->who == told->who, "the neighbour was not told of the death");
            of->wrong.expect(ended && (!of->is_known_as_crash || tina::is_crash((*ended)->reason)),
                             "the death was no crash");
            for (std::size_t i = 0; i < members.size(); ++i) {
                of->wrong.expect(members[i] == i * i + 7 && locals[i] == i * i + 7, "the neighbour's state changed");
            }
            for (std::size_t i = 0; i < block->size(); ++i) {
                of->wrong.expect(block->data()[i] == static_cast<std::byte>(i), "the neighbour's lease changed");
            }
            of->wrong.expect(thread_state::now().is_same(before), "the neighbour found another's control words");
            of->wrong.expect(nothing_is_caught(), "the neighbour found another's exception");
            int caught = 0;
            try {
                throw 42;
            } catch (int value) { caught = value; }
            of->wrong.expect(caught == 42 && nothing_is_caught(), "the neighbour cannot throw any more");
        }
    }
};

/// What every victim does first in each of its lives. False: it has died often enough, and the system stops.
[[nodiscard]] inline bool begin_life(tina::context self, script& of) {
    if (++of.begun > of.deaths) {
        self.request_stop();
        return false;
    }
    return true;
}

/// What a victim holds when it dies, so that something can be lost.
class belongings {
public:
    belongings(tina::context self, script& of) : block_(self.allocate(512)) {
        of.wrong.expect(block_.has_value(), "leases were lost");
        of.wrong.expect(self.set_timer(1h, reminder{1}).has_value(), "timers were lost");
        of.wrong.expect(self.send(self.handle(), reminder{2}) == tina::send_result::ok, "messages were lost");
        const auto other = self.whereis(neighbour_role);
        of.wrong.expect(other && self.monitor(*other).has_value(), "monitors were lost");
        of.wrong.expect(other && self.send(*other, last_will{of.begun, self.handle()}) == tina::send_result::ok,
                        "the neighbour cannot be reached");
    }

private:
    tina::result<tina::lease> block_;
};

/// Dies in its second activation. Most other victims are variations of this.
struct victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            co_yield tina::yield();
            of->die();
            ++of->survived;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

template <class Victim>
inline constexpr bool is_known_as_crash = !requires { Victim::dies_unseen; };

/// A shard on which `Victim` dies beside the neighbour.
template <class Victim>
tina::system_spec stage_of(script& of, tina::type_options options = {}) {
    options.slots = 1;
    options.slots_draining = 2;
    tina::system_spec spec = spec_of({tina::type<neighbour>({.slots = 1}), tina::type<Victim>(options)},
                                     {shard_of({tina::child<neighbour>(tina::permanent, &of).role(neighbour_role),
                                                tina::child<Victim>(tina::permanent, &of)})});
    spec.shards.each[0].tree.budget = {.restarts = 1'000'000, .within = 1s};
    spec.faults = {.contain = tina::containment::on};
    return spec;
}

/// Whatever is true of all deaths, looked at when the system has stopped.
inline void check_deaths(const script& of, const tina::counter_snapshot& counters, bool is_fault = true) {
    of.wrong.check();
    BOOST_CHECK_EQUAL(of.begun, of.deaths + 1);
    BOOST_CHECK_EQUAL(of.survived, 0);
    BOOST_CHECK_EQUAL(of.reports, of.deaths);
    BOOST_CHECK_EQUAL(counters["isolates_crashed"], of.deaths);
    BOOST_CHECK_EQUAL(counters["isolates_restarted"], of.deaths);
    if (is_fault) BOOST_CHECK_EQUAL(counters["faults_contained"], of.deaths);
}

/// Lets a `Victim` die a thousand times, and twice more to see what the log says of it.
template <class Victim = victim>
void dies_a_thousand_times(void (*die)(), const std::string& text, std::uint32_t deaths = scaled(1000, 100),
                           const tina::type_options& options = {}) {
    script played{.die = die, .deaths = deaths, .is_known_as_crash = is_known_as_crash<Victim>};
    now_played = &played;
    const tina::counter_snapshot counters = run_system(stage_of<Victim>(played, options));
    check_deaths(played, counters);

    script twice{.die = die, .deaths = 2, .is_known_as_crash = is_known_as_crash<Victim>};
    now_played = &twice;
    const std::string log = log_of(stage_of<Victim>(twice, options), tina::warning);
    BOOST_CHECK_MESSAGE(contains(log, text), "the log says \"" << log << "\" and not \"" << text << "\"");
    now_played = nullptr;
}

}  // namespace fault_test
