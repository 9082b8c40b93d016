// SPDX-License-Identifier: Apache-2.0
// Many isolates do random things with connections while a scripted world ends their operations in random order, with
// random results, and kills some of them. Bytes must come whole and in order as long as a connection lives, and
// everything must be back at the end. Every failure names the seed that repeats it.
#include "shard_bench.hpp"

#include <random>

using namespace io_test;

namespace {

/// Both directions of one connection, as counted by each side.
struct connection {
    std::uint64_t brought = 0;  ///< bytes that the world has sent in
    std::uint64_t taken = 0;    ///< bytes that isolates have received
    std::uint64_t claimed = 0;  ///< bytes that isolates were told have gone
};

struct chaos_world {
    std::map<int, connection> connections;
    tina::handle acceptor;
    std::uint64_t checks = 0;
    bool crashes = false;  ///< isolates may crash

    [[nodiscard]] static char in_byte(int number, std::uint64_t at) {
        return static_cast<char>('a' + (at * 7 + at / 26 + static_cast<std::uint64_t>(number)) % 26);
    }
    [[nodiscard]] static char out_byte(int number, std::uint64_t at) {
        return static_cast<char>('A' + (at * 11 + at / 26 + static_cast<std::uint64_t>(number)) % 26);
    }
    /// Bytes that an isolate received are the next ones of their connection.
    void check_received(int number, const char* bytes, std::size_t count) {
        connection& its = connections[number];
        for (std::size_t i = 0; i < count; ++i) {
            if (bytes[i] == in_byte(number, its.taken + i)) continue;
            BOOST_ERROR("descriptor " << number << ": byte " << its.taken + i << " is wrong");
            break;
        }
        its.taken += count;
        BOOST_TEST(its.taken <= its.brought);
        ++checks;
    }
};

/// A lease and where its bytes stand in their connection.
struct kept_lease {
    tina::buffer_lease lease;
    int number;
    std::uint64_t at;

    void check() const {
        for (std::size_t i = 0; i < lease.size(); ++i) {
            if (lease.text()[i] == chaos_world::in_byte(number, at + i)) continue;
            BOOST_ERROR("a lease shows other bytes than when it came");
            break;
        }
    }
};

tina::isolate chaos(tina::context self, chaos_world* world, tina::socket peer, tina::read_half reading, int number);
tina::isolate chaos_writer(tina::context self, chaos_world* world, tina::write_half writing, int number);

/// A deadline now and then.
template <class Effect>
[[nodiscard]] Effect perhaps_limited(Effect what, std::uint64_t draw) {
    return draw % 3 == 0 ? what : what.within(std::chrono::microseconds(draw % 1000));
}

std::size_t fill(const chaos_world& world, int number, std::span<std::byte> out, std::size_t count) {
    const auto found = world.connections.find(number);
    const std::uint64_t from = found == world.connections.end() ? 0 : found->second.claimed;
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(chaos_world::out_byte(number, from + i));
    return count;
}

tina::isolate chaos_writer(tina::context self, chaos_world* world, tina::write_half writing, int number) {
    std::array<std::byte, 300> bytes;
    for (std::uint64_t turns = self.random() % 20; turns > 0; --turns) {
        const std::size_t count = fill(*world, number, bytes, 1 + self.random() % bytes.size());
        const std::span<const std::byte> out = std::span(bytes).first(count);
        auto effect = self.random() % 2 == 0 ? tina::send(writing, out) : tina::send_all(writing, out);
        auto went = co_yield perhaps_limited(effect, self.random());
        world->connections[number].claimed += went.bytes();
        if (!went && went.error() != errc::deadline) co_return;
        if (world->crashes && self.random() % 16 == 0) co_yield tina::crash("writer");
    }
}

/// Owns a whole connection, or the reading half of one.
tina::isolate chaos(tina::context self, chaos_world* world, tina::socket peer, tina::read_half reading, int number) {
    std::vector<kept_lease> leases;
    std::array<std::byte, 300> bytes;
    if (peer) number = number_of(peer);
    for (std::uint64_t turns = 2 + self.random() % 30; turns > 0; --turns) {
        for (const kept_lease& each : leases) each.check();
        const auto bytes_max = static_cast<std::uint32_t>(1 + self.random() % bytes.size());
        switch (self.random() % 16) {
        case 0:
        case 1:
        case 2:
        case 3: {
            auto effect = reading ? tina::recv(reading, bytes_max) : tina::recv(peer, bytes_max);
            auto came = co_yield perhaps_limited(effect, self.random());
            if (!came) {
                if (came.error() == errc::no_buffers) leases.clear();
                break;
            }
            const std::uint64_t at = world->connections[number].taken;
            world->check_received(number, came->text().data(), came->size());
            if (self.random() % 2 == 0) leases.push_back({std::move(*came), number, at});
            break;
        }
        case 4:
        case 5: {
            const std::span<std::byte> room = std::span(bytes).first(bytes_max);
            auto effect = reading ? tina::recv_into(reading, room) : tina::recv_into(peer, room);
            auto came = co_yield perhaps_limited(effect, self.random());
            if (came) world->check_received(number, reinterpret_cast<const char*>(bytes.data()), *came);
            break;
        }
        case 6:
        case 7:
        case 8: {
            if (!peer) break;
            const std::size_t count = fill(*world, number, bytes, bytes_max);
            const std::span<const std::byte> out = std::span(bytes).first(count);
            auto effect = self.random() % 2 == 0 ? tina::send(peer, out) : tina::send_all(peer, out);
            auto went = co_yield perhaps_limited(effect, self.random());
            world->connections[number].claimed += went.bytes();
            break;
        }
        case 9: {
            auto slept = co_yield tina::sleep(std::chrono::microseconds(self.random() % 500));
            if (!slept) co_return;
            break;
        }
        case 10: co_yield tina::yield(); break;
        case 11:
            if (!leases.empty())
                leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(self.random() % leases.size()));
            break;
        case 12: {
            if (!peer || self.random() % 2 == 0) break;
            auto closed = co_yield tina::close(peer, std::chrono::microseconds(self.random() % 2000));
            static_cast<void>(closed.error());
            co_return;
        }
        case 13: {  // to another isolate; then one more connection
            static_cast<void>(self.spawn<chaos>(world, std::move(peer), std::move(reading), number));
            auto made = co_yield perhaps_limited(tina::connect({}), self.random());
            if (!made) co_return;
            peer = std::move(*made);
            number = number_of(peer);
            break;
        }
        case 14: {
            if (!peer) break;
            auto halves = std::move(peer).split();
            static_cast<void>(self.spawn<chaos_writer>(world, std::move(halves.writing), number));
            reading = std::move(halves.reading);
            break;
        }
        default:
            if (world->crashes && self.random() % 4 == 0) co_yield tina::crash("chaos");
            if (self.random() % 4 == 0) co_return;
            break;
        }
    }
}

tina::isolate chaos_acceptor(tina::context self, chaos_world* world, tina::listener from) {
    world->acceptor = self.handle();
    for (;;) {
        auto made = co_yield perhaps_limited(tina::accept(from), self.random());
        if (made) static_cast<void>(self.spawn<chaos>(world, std::move(*made), tina::read_half{}, 0));
        if (world->crashes && self.random() % 8 == 0) co_yield tina::crash("acceptor");
    }
}

[[nodiscard]] tina::system_spec chaos_spec(chaos_world& world, std::uint64_t seed) {
    const tina::type_options some{.slots = 12, .slots_draining = static_cast<std::uint32_t>(seed % 3)};
    tina::shard_spec shard{
        .tree = tina::one_for_one(
            {.restarts = tina::unlimited},
            {tina::child<chaos_acceptor>(tina::restart::permanent, &world, tina::listening({.address = "::1"}))}),
        .limits = {.messages = 64,
                   .messages_reserved = 16,
                   .timers = seed % 4 == 0 ? 6u : 0u,
                   .descriptors = 8 + static_cast<std::uint32_t>(seed % 10),
                   .buffers = seed % 2 == 0 ? 4u : 16u,
                   .buffer_bytes = 256,
                   .leases_per_isolate = 3}};
    return {.types = {tina::type<chaos_acceptor>({.slots = 1, .slots_draining = 0}), tina::type<chaos>(some),
                      tina::type<chaos_writer>(some)},
            .shards = {shard},
            .memory = tina::memory_mode::development,
            .log = {.level = tina::log_level::error},
            .seed = seed + 1};
}

/// The world's side: ends operations, lets time pass, kills.
class chaos_run {
public:
    chaos_run(std::uint64_t seed, bool crashes, bool kills)
        : kills_(kills), random_(seed), at_(spec(seed, crashes), [this](const tina::detail::reactor_options& options) {
              auto made = std::make_unique<scripted_reactor>(options);
              io_ = made.get();
              io_->cancels_at_once = false;
              return made;
          }) {}

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step();
            check();
        }
        BOOST_TEST(world_.checks > 0u);
        at_.stop();
    }

private:
    tina::system_spec spec(std::uint64_t seed, bool crashes) {
        world_.crashes = crashes;
        return chaos_spec(world_, seed);
    }
    [[nodiscard]] std::uint64_t draw(std::uint64_t below) { return random_() % below; }

    void step() {
        switch (draw(8)) {
        case 0: io_->time_ns += static_cast<std::int64_t>(draw(300'000)); break;
        case 1:
            if (draw(40) == 0) io_->time_ns += 150'000'000;
            if (kills_ && draw(4) == 0) kill_somebody();
            break;
        case 2:
        case 3: at_.shard().cycle(); break;
        default:
            if (io_->flights.empty()) {
                at_.shard().cycle();
            } else {
                end_one(static_cast<std::size_t>(draw(io_->flights.size())));
            }
        }
    }
    void end_one(std::size_t which) {
        const flight& ending = io_->flights[which];
        const int number = ending.wanted.descriptor;
        if (ending.cancelled && draw(3) != 0) return io_->end(which, -ECANCELED);
        switch (ending.wanted.kind) {
        case operation_kind::accept:
            if (!io_->is_open(number)) return io_->end(which, -ECANCELED);
            if (draw(4) > 0) {
                io_->connection(number);
                return;
            }
            return io_->end(which, std::array{-EMFILE, -ECONNABORTED, -EINTR, -ENOBUFS}[draw(4)]);
        case operation_kind::connect: return io_->end(which, draw(5) > 0 ? 0 : -ECONNREFUSED);
        case operation_kind::receive: return end_receive(which, number);
        case operation_kind::send: return end_send(which);
        default: return io_->end(which, 0);
        }
    }
    void end_receive(std::size_t which, int number) {
        const std::uint64_t what = draw(40);
        if (what == 0) return io_->end(which, 0);
        if (what == 1) return io_->end(which, -ECONNRESET);
        if (what < 4) return io_->end(which, -EINTR);
        if (io_->buffers_free() == 0) return io_->end(which, -ENOBUFS);
        connection& its = world_.connections[number];
        std::string text(1 + draw(io_->flights[which].wanted.bytes), ' ');
        if (text.size() > 256) text.resize(256);
        for (std::size_t i = 0; i < text.size(); ++i) text[i] = chaos_world::in_byte(number, its.brought + i);
        its.brought += text.size();
        io_->end_with_bytes(which, text);
    }
    void end_send(std::size_t which) {
        const std::uint64_t what = draw(20);
        if (what == 0) return io_->end(which, -EPIPE);
        if (what == 1) return io_->end(which, -EINTR);
        const std::uint32_t bytes = io_->flights[which].wanted.bytes;
        io_->end(which, static_cast<std::int32_t>(draw(2) == 0 ? bytes : 1 + draw(bytes)));
    }
    void kill_somebody() {
        auto& shard = at_.shard();
        const auto slot = static_cast<std::uint32_t>(draw(shard.slot_count));
        auto& chosen = shard.slots[slot];
        if (!waits(chosen)) return;
        tina::detail::end_isolate(shard, chosen);
        if (shard.io.closing != tina::detail::nothing) tina::detail::close_dropped(shard, false);
    }
    void check() {
        const auto& io = at_.shard().io;
        if (!io_->has_events()) BOOST_REQUIRE_EQUAL(io.buffers_in_use, io_->buffers_out());
        BOOST_REQUIRE(io.unattended <= io.records.capacity());
        for (const auto& [number, state] : io_->descriptors) {
            // What went is what isolates were told, or more while a send is still in flight, or its end not yet known.
            BOOST_REQUIRE(world_.connections[number].claimed <= state.sent.size());
        }
        for (const auto& [number, state] : io_->descriptors) check_sent(number, state.sent);
    }
    void check_sent(int number, const std::string& sent) {
        std::size_t& seen = checked_[number];
        for (; seen < sent.size(); ++seen) {
            BOOST_REQUIRE_MESSAGE(sent[seen] == chaos_world::out_byte(number, seen),
                                  "descriptor " << number << ": byte " << seen << " went out wrong");
        }
    }

    bool kills_;
    std::mt19937_64 random_;
    chaos_world world_;
    std::map<int, std::size_t> checked_;
    scripted_reactor* io_ = nullptr;
    shard_bench at_;
};

constexpr int steps = 4'000;
constexpr std::uint64_t seeds = 8;

void run_seeds(std::uint64_t first, std::uint64_t count, bool crashes, bool kills) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        BOOST_TEST_CONTEXT("seed " << seed << ", crashes " << crashes << ", kills " << kills) {
            chaos_run(seed, crashes, kills).run(steps);
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(io_stress)

BOOST_AUTO_TEST_CASE(random_effects_and_completions_lose_and_mix_up_nothing) { run_seeds(0, seeds, false, false); }

BOOST_AUTO_TEST_CASE(crashes_among_them_lose_and_mix_up_nothing) { run_seeds(100, seeds, true, false); }

BOOST_AUTO_TEST_CASE(isolates_killed_while_they_wait_leave_everything_behind_in_order) {
    run_seeds(200, seeds, true, true);
}

BOOST_AUTO_TEST_SUITE_END()
