// SPDX-License-Identifier: Apache-2.0
// Faults in all the places that belong to a user: while exceptions are on their way, in nested tasks, in constructors
// and destructors, in the first activation, at boot, and in what is being ended already.
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "fault_stage.hpp"

namespace {

using namespace fault_test;

TINA_DIES void fault() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}
TINA_DIES void end_by_abort() { std::abort(); }

const std::string null_write = "SIGSEGV: write to address 0x0";

// --- exceptions
// ---------------------------------------------------------------------------------------------------------

TINA_DIES void fault_in_catch() {
    try {
        throw std::runtime_error("caught by the dead");
    } catch (const std::exception&) { fault(); }
}

TINA_DIES void fault_in_two_catches() {
    try {
        throw 1;
    } catch (int) {
        try {
            throw std::runtime_error("caught by the dead in another catch");
        } catch (...) { fault(); }
    }
}

struct faults_in_destructor {
    ~faults_in_destructor() { fault(); }
};

TINA_DIES void fault_while_unwinding() {
    try {
        const faults_in_destructor unwound;
        throw std::runtime_error("on its way");
    } catch (const std::exception&) {}
}

TINA_DIES void fault_while_unwinding_in_catch() {
    try {
        throw 1;
    } catch (int) { fault_while_unwinding(); }
}

/// Faults when whoever caught it has done with it.
struct faulty_exception {
    faulty_exception() = default;
    faulty_exception(const faulty_exception&) = default;
    ~faulty_exception() { fault(); }
};

TINA_DIES void fault_in_the_destructor_of_an_exception() {
    try {
        throw faulty_exception();
    } catch (const faulty_exception&) {}
}

TINA_DIES void fault_in_the_destructor_of_a_kept_exception() {
    std::exception_ptr kept;
    try {
        throw faulty_exception();
    } catch (...) { kept = std::current_exception(); }
}

/// The exception is destroyed by the runtime, which ends what the dead had caught.
TINA_DIES void fault_with_a_faulty_exception_caught() {
    try {
        throw faulty_exception();
    } catch (const faulty_exception&) { fault(); }
}

// --- nested tasks
// -------------------------------------------------------------------------------------------------------

struct nested_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::task<int> inner(tina::context self, script* of, int depth) {
        if (depth > 0) co_return co_await inner(self, of, depth - 1) + 1;
        co_yield tina::yield();
        of->die();
        co_return 1;
    }
    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            of->survived += static_cast<std::uint32_t>(co_await inner(self, of, 5) > 0);
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

// --- what the runtime is given
// ------------------------------------------------------------------------------------------------------

/// Gives the runtime a bad address: that is a fault of the handler, found before anything was changed.
struct naming_victim {
    using accepts = tina::messages<reminder, parcel, tina::down>;

    inline static void (*use)(tina::context) = nullptr;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            co_yield tina::yield();
            use(self);
            ++of->survived;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

template <class T>
const T* bad() {
    static const volatile std::uintptr_t address = 0x40;
    return reinterpret_cast<const T*>(address);
}

TINA_DIES void send_small(tina::context self) { static_cast<void>(self.send(self.handle(), *bad<reminder>())); }
TINA_DIES void send_large(tina::context self) { static_cast<void>(self.send(self.handle(), *bad<parcel>())); }
TINA_DIES void send_to_who_waits(tina::context self) {
    static_cast<void>(self.send(*self.whereis(neighbour_role), *bad<last_will>()));
}
TINA_DIES void send_with_lease(tina::context self) {
    auto block = self.allocate(64);
    static_cast<void>(self.send(self.handle(), *bad<parcel>(), std::move(*block)));
}
TINA_DIES void set_timer(tina::context self) { static_cast<void>(self.set_timer(1h, *bad<parcel>())); }
TINA_DIES void log_text(tina::context self) { self.log(tina::error, std::string_view(bad<char>(), 100)); }

void dies_naming(void (*use)(tina::context)) {
    naming_victim::use = use;
    dies_a_thousand_times<naming_victim>(nullptr, "SIGSEGV: read of address");
}

// --- constructors, destructors, first activations
// -----------------------------------------------------------------------

/// Dies before it has waited for anything, so often in a row that the neighbour's mailbox would not hold its wills.
struct hasty_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const auto block = self.allocate(512);
            of->wrong.expect(block && self.set_timer(1h, reminder{1}).has_value(), "leases or timers were lost");
            ++of->reports;
            of->die();
            ++of->survived;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Dies when its frame is destroyed, at its end.
struct destroyed_victim {
    using accepts = tina::messages<reminder, tina::down>;
    struct last_local {
        script* of = nullptr;
        ~last_local() {
            if (of == nullptr) return;
            of->die();
            ++of->survived;
        }
    };

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            last_local local;
            local.of = of;
            co_yield tina::yield();
            co_return;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Is ended by itself while it waits, and dies in the destructor of a local.
struct stopped_victim {
    using accepts = tina::messages<reminder, tina::down>;

    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            destroyed_victim::last_local local;
            local.of = of;
            co_yield tina::yield();
            of->wrong.expect(self.stop(self.handle()) == tina::send_result::ok, "it could not be stopped");
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

/// Dies in the destructor of its struct.
struct struct_victim {
    using accepts = tina::messages<reminder, tina::down>;
    static constexpr bool dies_unseen = true;  // it had returned
    script* played = nullptr;

    ~struct_victim() {
        if (played == nullptr) return;
        played->die();
        ++played->survived;
    }
    tina::isolate run(tina::context self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            co_yield tina::yield();
            played = of;
            co_return;
        }
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

const std::thread::id thread_of_tests = std::this_thread::get_id();  // also that on which frames are measured

/// Dies before it has a context: its constructor does. It cannot tell anybody.
struct constructed_victim {
    constructed_victim() noexcept {
        if (std::this_thread::get_id() == thread_of_tests || now_played->begun == now_played->deaths) return;
        ++now_played->begun;
        now_played->die();
        ++now_played->survived;
    }
    tina::isolate run(tina::context self, script* of) {
        ++of->begun;
        self.request_stop();
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

// --- with a stack of their own
// -----------------------------------------------------------------------------------------------------

void stackful_victim(tina::stackful self, script* of) {
    if (begin_life(self, *of)) {
        self.wait(tina::yield());
        of->die();
    }
    static_cast<void>(self.wait(tina::sleep(1h)));
}

// --- ends of the system
// -----------------------------------------------------------------------------------------------

/// Dies when the system stops, and its frame is destroyed.
struct last_victim {
    tina::isolate run(tina::context self, script* of) {
        destroyed_victim::last_local local;
        local.of = of;
        if (++of->begun == 1) self.request_stop();
        static_cast<void>(co_yield tina::sleep(1h));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(places_of_faults)

BOOST_AUTO_TEST_CASE(a_fault_in_catch_leaves_no_exception_behind) {
    dies_a_thousand_times(&fault_in_catch, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_two_catches_leaves_no_exception_behind) {
    dies_a_thousand_times(&fault_in_two_catches, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_catch_in_a_stackful_handler_leaves_no_exception_behind) {
    script played{.die = &fault_in_two_catches, .deaths = scaled(1000, 100)};
    tina::system_spec spec = spec_of({tina::type<&stackful_victim>({.slots = 1, .stack_bytes = 128 * 1024})},
                                     {shard_of({tina::child<&stackful_victim>(tina::permanent, &played)})});
    spec.shards.each[0].tree.budget = {.restarts = 1'000'000, .within = 1s};
    spec.faults = {.contain = tina::containment::on};
    const tina::counter_snapshot counters = run_system(spec);
    played.reports = played.deaths;  // nobody is told here
    check_deaths(played, counters);
}
BOOST_AUTO_TEST_CASE(a_fault_in_a_destructor_during_unwinding_leaves_no_exception_behind) {
    dies_a_thousand_times(&fault_while_unwinding, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_during_unwinding_in_catch_leaves_no_exception_behind) {
    dies_a_thousand_times(&fault_while_unwinding_in_catch, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_the_destructor_of_an_exception_costs_its_isolate_only) {
    dies_a_thousand_times(&fault_in_the_destructor_of_an_exception, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_the_destructor_of_a_kept_exception_costs_its_isolate_only) {
    dies_a_thousand_times(&fault_in_the_destructor_of_a_kept_exception, null_write);
}
BOOST_AUTO_TEST_CASE(an_exception_of_the_dead_may_fault_when_it_is_destroyed) {
    dies_a_thousand_times(&fault_with_a_faulty_exception_caught, null_write);
}

BOOST_AUTO_TEST_CASE(a_fault_in_a_nested_task_costs_its_isolate_only) {
    dies_a_thousand_times<nested_victim>(&fault, null_write, scaled(1000, 100), {.nested_bytes = 8192});
}
BOOST_AUTO_TEST_CASE(a_fault_in_catch_in_a_nested_task_costs_its_isolate_only) {
    dies_a_thousand_times<nested_victim>(&fault_in_catch, null_write, scaled(1000, 100), {.nested_bytes = 8192});
}

BOOST_AUTO_TEST_CASE(a_bad_address_given_to_the_runtime_costs_its_isolate_only_and_nothing_is_sent) {
    dies_naming(&send_small);
    dies_naming(&send_large);
    dies_naming(&send_to_who_waits);
    dies_naming(&send_with_lease);
    dies_naming(&set_timer);
    // AddressSanitizer has a memcpy of its own, which is no leaf of the C library.
    if (!sanitized) dies_naming(&log_text);
}

BOOST_AUTO_TEST_CASE(a_fault_in_the_first_activation_costs_its_isolate_only) {
    dies_a_thousand_times<hasty_victim>(&fault, null_write);
}
BOOST_AUTO_TEST_CASE(abort_in_the_first_activation_costs_its_isolate_only) {
    dies_a_thousand_times<hasty_victim>(&end_by_abort, "SIGABRT: abort()");
}
BOOST_AUTO_TEST_CASE(a_fault_in_a_destructor_at_the_end_costs_its_isolate_only) {
    dies_a_thousand_times<destroyed_victim>(&fault, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_a_destructor_of_who_is_being_stopped_costs_its_isolate_only) {
    dies_a_thousand_times<stopped_victim>(&fault, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_the_destructor_of_a_struct_costs_its_isolate_only) {
    dies_a_thousand_times<struct_victim>(&fault, null_write);
}
BOOST_AUTO_TEST_CASE(a_fault_in_the_constructor_of_a_struct_costs_its_isolate_only_at_boot_too) {
    script played{.die = &fault, .deaths = scaled(1000, 100)};
    now_played = &played;
    const tina::counter_snapshot counters = run_system(stage_of<constructed_victim>(played));
    now_played = nullptr;
    played.reports = played.deaths;  // there is no context yet to tell the neighbour by
    check_deaths(played, counters);
}
BOOST_AUTO_TEST_CASE(a_fault_in_a_destructor_while_the_system_stops_does_not_stop_it) {
    script played{.die = &fault};
    tina::system_spec spec =
        spec_of({tina::type<last_victim>({.slots = 8})},
                {shard_of(std::vector<tina::tree_node>(8, tina::child<last_victim>(tina::permanent, &played)))});
    spec.faults = {.contain = tina::containment::on};
    const tina::counter_snapshot counters = run_system(spec);
    BOOST_CHECK_EQUAL(played.survived, 0);
    BOOST_CHECK_EQUAL(counters["faults_contained"], 8);
}

BOOST_AUTO_TEST_SUITE_END()
