// SPDX-License-Identifier: Apache-2.0
// One shard on the test's thread, moved cycle by cycle, and puppets: isolates that do what the test orders and write
// down what came of it. Owned by the tests of a shard's I/O. What a shard held must be back when the bench ends.
#pragma once

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/descriptors.hpp"
#include "lib/fabric.hpp"
#include "lib/log_ring.hpp"
#include "lib/plan.hpp"
#include "lib/ready.hpp"
#include "lib/shard.hpp"
#include "lib/slots.hpp"
#include "lib/turns.hpp"
#include "lib/validate.hpp"
#include "scripted_reactor.hpp"
#include "tina/tina.hpp"

namespace io_test {

using namespace std::chrono_literals;
using tina::errc;

/// Keeps what the shard logs.
class kept_log final : public tina::detail::log_sink {
public:
    std::size_t write(std::span<const char> lines) noexcept override {
        text.append(lines.data(), lines.size());
        return lines.size();
    }
    std::int64_t wall_ns() noexcept override { return 0; }
    std::string text;
};

using reactor_maker = std::function<std::unique_ptr<tina::detail::reactor>(const tina::detail::reactor_options&)>;

/// Whether a slot's isolate is suspended in an effect that is not complete.
[[nodiscard]] inline bool waits(const tina::detail::slot_header& slot) {
    using tina::detail::slot_state;
    switch (slot.state) {
    case slot_state::vacant:
    case slot_state::probing:
    case slot_state::draining:
    case slot_state::ended:
    case slot_state::running:
    case slot_state::ready: return false;
    default: return true;
    }
}

/// A shard with a reactor of the test's choice.
class shard_bench {
public:
    shard_bench(tina::system_spec wanted, const reactor_maker& make_reactor) : spec_(std::move(wanted)) {
        const auto found = tina::detail::validate(spec_);
        for (const std::string& error : found.errors) BOOST_ERROR(error);
        BOOST_REQUIRE(found.errors.empty());
        BOOST_REQUIRE_EQUAL(fabric_.start(1, spec_.channels, spec_.outside), "");
        plan_ = tina::detail::plan_shard(spec_, spec_.shards.each.front(), 0, 64, false);
        shard_ = std::make_unique<tina::detail::shard>(plan_, fabric_);
        BOOST_REQUIRE_EQUAL(shard_->prepare(spec_.memory, spec_.seed, spec_.log, log), "");
        auto made = make_reactor(shard_->reactor_needs());
        BOOST_REQUIRE(made != nullptr);
        BOOST_REQUIRE_EQUAL(shard_->start(std::move(made)), "");
    }
    shard_bench(const shard_bench&) = delete;
    shard_bench& operator=(const shard_bench&) = delete;
    ~shard_bench() { stop(); }

    [[nodiscard]] tina::detail::shard& shard() { return *shard_; }
    [[nodiscard]] const tina::detail::counters& counts() const { return shard_->counts; }
    [[nodiscard]] tina::detail::slot_header& slot_of(tina::handle isolate) { return shard_->slots[isolate.slot()]; }
    [[nodiscard]] bool is_alive(tina::handle isolate) { return shard_->live(isolate) != nullptr; }

    /// Cycles until there is nothing to do.
    void settle() {
        for (int i = 0; i < 10'000; ++i) {
            const bool any = shard_->cycle();
            if (!any && !tina::detail::has_ready(*shard_) && !shard_->io_reactor->has_events()) return;
        }
        BOOST_REQUIRE_MESSAGE(false, "the shard does not come to rest");
    }
    /// Ends a waiting isolate as if it had been killed.
    void kill(tina::handle isolate) {
        BOOST_REQUIRE(is_alive(isolate));
        BOOST_REQUIRE(waits(slot_of(isolate)));
        tina::detail::end_isolate(*shard_, slot_of(isolate));
        settle();
    }
    /// Stops the shard, and checks that everything came back.
    void stop() {
        if (std::exchange(stopped_, true)) return;
        fabric_.request_stop();
        shard_->stop();
        check_at_rest();
        shard_->io_reactor.reset();
    }
    void check_at_rest() {
        const tina::detail::io_state& io = shard_->io;
        BOOST_TEST(io.operations == 0u);
        BOOST_TEST(io.buffers_in_use == 0u);
        BOOST_TEST(io.unattended == 0u);
        BOOST_TEST(io.starved_for_buffer == tina::detail::nothing);
        BOOST_TEST(io.starved_for_descriptor == tina::detail::nothing);
        BOOST_TEST(io.records.free_count() == io.records.capacity());
        BOOST_TEST(shard_->envelopes.free_count() == shard_->envelopes.capacity());
        BOOST_TEST(shard_->wheel.armed_count() == 0u);
        BOOST_TEST(shard_->calls.taken_count() == 0u);
        BOOST_TEST(shard_->lease_blocks.taken_count() == 0u);
        BOOST_TEST(shard_->counts.slots_draining.get() == 0u);
        for (const auto& type : shard_->types) {
            BOOST_TEST(type.live.get() == 0u);
            for (std::uint32_t i = 0; i < type.never_used; ++i) {
                const auto& slot = shard_->slots[type.first_slot + i];
                BOOST_TEST((slot.state == tina::detail::slot_state::vacant), "slot " << i << " is not vacant");
            }
        }
    }

    kept_log log;

private:
    tina::system_spec spec_;
    tina::detail::fabric fabric_;
    tina::detail::shard_plan plan_;
    std::unique_ptr<tina::detail::shard> shard_;
    bool stopped_ = false;
};

// --- puppets
// --------------------------------------------------------------------------------------------------------------

/// Makes a puppet look for orders.
struct poke {};

enum class order_kind {
    accept,
    connect,
    recv,
    recv_into,
    send,
    send_all,
    close,
    drop_lease,
    drop_socket,
    drop_reading,
    drop_writing,
    drop_writing_by_exception,  ///< which is caught
    shutdown,
    split,
    give_socket,   ///< to a new puppet with the script `heir`
    give_reading,  ///< likewise
    give_writing,  ///< likewise
    sleep,
    wait,  ///< for a poke that comes later
    crash,
    leave,
};

struct script;

struct order {
    order_kind kind{};
    std::uint32_t bytes = 4096;           ///< recv, recv_into: at most; drop_lease: which
    std::chrono::nanoseconds within{-1};  ///< negative: no deadline
    std::string text{};                   ///< to send
    script* heir = nullptr;
};

/// What came of an order.
struct outcome {
    order_kind kind{};
    std::error_code error;
    std::string text;       ///< received
    std::size_t bytes = 0;  ///< sent
    int descriptor = -1;    ///< accepted or connected
};

/// What the test and one puppet share.
struct script {
    std::deque<order> orders;
    std::vector<outcome> outcomes;
    tina::listener from;
    tina::handle self;
    std::uint32_t runs = 0;         ///< how often a puppet started with this script
    bool repeats_at_start = false;  ///< a puppet that starts again follows `opening`
    std::vector<order> opening;
    bool busy = false;                ///< an order is being carried out
    std::vector<std::string> leased;  ///< bytes under each lease it holds, as they were when they came

    [[nodiscard]] const outcome& last() const {
        BOOST_REQUIRE(!outcomes.empty());
        return outcomes.back();
    }
};

struct none {};  ///< a puppet that starts without a socket

/// Deadline or not, as one expression.
template <class Effect>
[[nodiscard]] Effect limited(Effect what, std::chrono::nanoseconds within) {
    return within.count() < 0 ? what : what.within(within);
}

template <class Given>
tina::isolate puppet(tina::context self, script* my, Given given);

/// Which descriptor this is in the scripted world.
[[nodiscard]] inline int number_of(const tina::socket& peer) {
    const auto local = peer.local_address();
    return local ? local->port : -1;
}

/// Whether a lease still shows the bytes that came with it.
inline void check_leases(const script& my, const std::vector<tina::buffer_lease>& leases) {
    BOOST_REQUIRE(my.leased.size() == leases.size());
    for (std::size_t i = 0; i < leases.size(); ++i) BOOST_TEST(std::string(leases[i].text()) == my.leased[i]);
}

template <class Given>
tina::isolate puppet(tina::context self, script* my, Given given) {
    tina::socket peer;
    tina::read_half reading;
    tina::write_half writing;
    if constexpr (std::is_same_v<Given, tina::socket>) peer = std::move(given);
    if constexpr (std::is_same_v<Given, tina::read_half>) reading = std::move(given);
    if constexpr (std::is_same_v<Given, tina::write_half>) writing = std::move(given);
    std::vector<tina::buffer_lease> leases;
    std::array<std::byte, 4096> into;
    my->self = self.handle();
    my->leased.clear();
    ++my->runs;
    if (my->repeats_at_start) my->orders.assign(my->opening.begin(), my->opening.end());
    for (;;) {
        my->busy = false;
        while (my->orders.empty()) { [[maybe_unused]] auto woken = co_yield tina::receive<poke>(); }
        const order what = my->orders.front();
        my->orders.pop_front();
        my->busy = true;
        outcome done{.kind = what.kind, .error = {}, .text = {}};
        check_leases(*my, leases);
        switch (what.kind) {
        case order_kind::accept: {
            auto made = co_yield limited(tina::accept(my->from), what.within);
            done.error = made.error();
            if (made) peer = std::move(*made);
            done.descriptor = number_of(peer);
            break;
        }
        case order_kind::connect: {
            auto made = co_yield limited(tina::connect({}), what.within);
            done.error = made.error();
            if (made) peer = std::move(*made);
            done.descriptor = number_of(peer);
            break;
        }
        case order_kind::recv: {
            auto effect = reading ? tina::recv(reading, what.bytes) : tina::recv(peer, what.bytes);
            auto came = co_yield limited(effect, what.within);
            done.error = came.error();
            if (!came) break;
            done.text = came->text();
            my->leased.push_back(done.text);
            leases.push_back(std::move(*came));
            break;
        }
        case order_kind::recv_into: {
            const std::span<std::byte> room(into.data(), what.bytes);
            auto effect = reading ? tina::recv_into(reading, room) : tina::recv_into(peer, room);
            auto came = co_yield limited(effect, what.within);
            done.error = came.error();
            if (came) done.text.assign(reinterpret_cast<const char*>(into.data()), *came);
            break;
        }
        case order_kind::send:
        case order_kind::send_all: {
            // The bytes lie in the frame, where another tenant of the slot would write over them.
            std::memset(into.data(), 0, into.size());
            std::memcpy(into.data(), what.text.data(), what.text.size());
            const std::span<const std::byte> bytes(into.data(), what.text.size());
            const bool all = what.kind == order_kind::send_all;
            auto effect = writing ? (all ? tina::send_all(writing, bytes) : tina::send(writing, bytes))
                                  : (all ? tina::send_all(peer, bytes) : tina::send(peer, bytes));
            auto went = co_yield limited(effect, what.within);
            done.error = went.error();
            done.bytes = went.bytes();
            break;
        }
        case order_kind::close: {
            auto closed = co_yield tina::close(peer, what.within);
            done.error = closed.error();
            break;
        }
        case order_kind::drop_lease:
            leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(what.bytes));
            my->leased.erase(my->leased.begin() + static_cast<std::ptrdiff_t>(what.bytes));
            break;
        case order_kind::drop_socket: peer = {}; break;
        case order_kind::drop_reading: reading = {}; break;
        case order_kind::drop_writing: writing = {}; break;
        case order_kind::drop_writing_by_exception:
            try {
                const tina::write_half doomed = std::move(writing);
                throw errc::interrupted;
            } catch (errc) { done.text = "caught"; }
            break;
        case order_kind::shutdown: done.error = peer.shutdown_send().error(); break;
        case order_kind::split: {
            auto halves = std::move(peer).split();
            reading = std::move(halves.reading);
            writing = std::move(halves.writing);
            break;
        }
        case order_kind::give_socket:
            done.error = self.spawn<puppet<tina::socket>>(what.heir, std::move(peer)).error();
            break;
        case order_kind::give_reading:
            done.error = self.spawn<puppet<tina::read_half>>(what.heir, std::move(reading)).error();
            break;
        case order_kind::give_writing:
            done.error = self.spawn<puppet<tina::write_half>>(what.heir, std::move(writing)).error();
            break;
        case order_kind::sleep: {
            auto slept = co_yield tina::sleep(what.within);
            done.error = slept.error();
            break;
        }
        case order_kind::wait: {
            [[maybe_unused]] auto woken = co_yield tina::receive<poke>();
            break;
        }
        case order_kind::crash: co_yield tina::crash("as ordered"); break;
        case order_kind::leave: co_return;
        }
        check_leases(*my, leases);
        my->outcomes.push_back(std::move(done));
    }
}

/// What the bench and its first isolate share.
struct stage {
    tina::listener from;
    std::deque<std::pair<script*, tina::restart>> entrances;
    std::vector<std::error_code> answers;
    tina::handle self;
};

/// The child of the tree: has the listening socket, and starts puppets.
inline tina::isolate director(tina::context self, stage* at, tina::listener from) {
    at->from = from;
    at->self = self.handle();
    for (;;) {
        while (at->entrances.empty()) { [[maybe_unused]] auto woken = co_yield tina::receive<poke>(); }
        const auto [who, mode] = at->entrances.front();
        at->entrances.pop_front();
        who->from = from;
        at->answers.push_back(self.spawn<puppet<none>>(mode, who, none{}).error());
    }
}

struct bench_sizes {
    std::uint32_t slots = 8;
    std::uint32_t slots_draining = 2;
    std::uint32_t buffers = 8;
    std::uint32_t buffer_bytes = 4096;
    std::uint32_t descriptors = 16;
    std::uint32_t leases = 16;
    std::uint32_t timers = 0;
};

[[nodiscard]] inline tina::system_spec stage_spec(stage& at, const bench_sizes& sizes) {
    const tina::type_options puppets{
        .slots = sizes.slots, .slots_draining = sizes.slots_draining, .accepts = tina::messages<poke>{}};
    tina::shard_spec shard{
        .tree = tina::one_for_one(
            {.restarts = tina::unlimited},
            {tina::child<director>(tina::restart::temporary, &at, tina::listening({.address = "127.0.0.1"}))}),
        .limits = {.messages = 512,
                   .messages_reserved = 16,
                   .timers = sizes.timers,
                   .descriptors = sizes.descriptors,
                   .buffers = sizes.buffers,
                   .buffer_bytes = sizes.buffer_bytes,
                   .leases_per_isolate = sizes.leases}};
    return {.types = {tina::type<director>({.slots = 1, .accepts = tina::messages<poke>{}}),
                      tina::type<puppet<none>>(puppets), tina::type<puppet<tina::socket>>(puppets),
                      tina::type<puppet<tina::read_half>>(puppets), tina::type<puppet<tina::write_half>>(puppets)},
            .shards = {shard},
            .memory = tina::memory_mode::development,
            .log = {.level = tina::log_level::info},
            .seed = 1};
}

/// A shard with a director and puppets.
class stage_bench : public shard_bench {
public:
    stage_bench(std::unique_ptr<stage> theatre, const bench_sizes& sizes, const reactor_maker& make_reactor)
        : shard_bench(stage_spec(*theatre, sizes), make_reactor), theatre_(std::move(theatre)) {
        settle();
    }
    ~stage_bench() { stop(); }

    void poke_one(tina::handle whom) {
        // A context of its own slot: the test has no other way to send.
        if (is_alive(whom)) static_cast<void>(tina::context(slot_of(whom)).send(whom, poke{}));
    }
    /// A puppet enters.
    void enter(script& who, tina::restart mode = tina::restart::temporary) {
        theatre_->entrances.push_back({&who, mode});
        poke_one(theatre_->self);
        settle();
    }
    [[nodiscard]] std::error_code last_answer() const { return theatre_->answers.back(); }
    /// A puppet gets an order and goes as far as it can.
    void tell(script& who, order what) {
        who.orders.push_back(std::move(what));
        poke_one(who.self);
        settle();
    }

private:
    std::unique_ptr<stage> theatre_;
};

/// The same in the scripted world.
class scripted_bench : public stage_bench {
public:
    explicit scripted_bench(const bench_sizes& sizes = {})
        : scripted_bench(sizes, std::make_unique<slot_for_reactor>()) {}
    ~scripted_bench() { stop(); }

    [[nodiscard]] scripted_reactor& io() { return *io_; }
    /// Time passes.
    void pass(std::chrono::nanoseconds span) {
        io_->time_ns += span.count();
        settle();
    }
    /// A puppet with a connection. Returns the descriptor.
    int enter_connected(script& who) {
        enter(who);
        return connect(who);
    }
    int connect(script& who) {
        tell(who, {.kind = order_kind::connect});
        const int made = io_->connected();
        settle();
        BOOST_REQUIRE_EQUAL(who.last().descriptor, made);
        return made;
    }
    void bytes_come(int descriptor, std::string_view text) {
        io_->bytes_come(descriptor, text);
        settle();
    }
    void receive_ends(int descriptor, int result) {
        io_->receive_ends(descriptor, result);
        settle();
    }
    void send_ends(int descriptor, int result) {
        io_->send_ends(descriptor, result);
        settle();
    }
    [[nodiscard]] int listener() const {
        for (const auto& [number, state] : io_->descriptors) {
            if (state.listening) return number;
        }
        return -1;
    }

private:
    struct slot_for_reactor {
        scripted_reactor* made = nullptr;
    };
    scripted_bench(const bench_sizes& sizes, std::unique_ptr<slot_for_reactor> slot)
        : stage_bench(std::make_unique<stage>(), sizes,
                      [&slot](const tina::detail::reactor_options& options) {
                          auto made = std::make_unique<scripted_reactor>(options);
                          slot->made = made.get();
                          return made;
                      }),
          io_(slot->made) {}

    scripted_reactor* io_;
};

}  // namespace io_test
