// SPDX-License-Identifier: Apache-2.0
// A bank: accounts on several shards, and tellers who move money between them by calls. A teller who crashes is started
// again with the same transfer and goes through all of it once more; the accounts see by its number what they have
// carried out already. What accounts and desks remember is in memory only: they must not end, tellers may at any time.
// Nothing here knows of simulation but for its marks.
#pragma once

#include <tina/marks.hpp>
#include <tina/tina.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bank {

using namespace std::chrono_literals;

inline constexpr std::int64_t opening_cents = 100'00;
inline constexpr std::uint32_t shards_max = 8;
inline constexpr std::uint32_t lanes_per_desk = 4;  ///< transfers that a desk has under way at once
inline constexpr std::uint32_t lane_count_max = shards_max * lanes_per_desk;
inline constexpr std::uint32_t accounts_per_branch_max = 256;

inline constexpr tina::role branch_role{"branch"};  ///< one on each shard: knows the accounts there
inline constexpr tina::role desk_role{"desk"};      ///< one on each shard: has transfers carried out

// --- messages: none of them has padding, so that their bytes say all there is to say --------------------------------

/// An order for a desk.
struct transfer {
    std::uint32_t from;
    std::uint32_t to;
    std::int64_t cents;
};
/// The desk's answer.
struct order_answer {
    std::uint64_t is_accepted;
};

/// What a transfer is known by. Numbers rise within a lane, and a lane begins the next transfer only when all of the
/// one before is done; so an account needs to remember one number for each lane, however many transfers there are.
struct slip {
    std::uint64_t lane;
    std::uint64_t number;  ///< from 1; `no_number`: carried out whenever it comes
};
inline constexpr std::uint64_t no_number = 0;

struct withdraw {
    slip what;
    std::int64_t cents;
};
struct deposit {
    slip what;
    std::int64_t cents;
};
enum class outcome : std::uint64_t {
    carried_out,
    refused,  ///< there is not that much on the account
    over,     ///< a later transfer of its lane was here, so all of it is done
};
struct receipt {
    outcome how;
};

struct find_account {
    std::uint64_t number;
};
struct account_at {
    tina::handle who;
};

/// A teller's last word.
struct finished {
    slip what;
};
struct noted {};

// --- accounts -------------------------------------------------------------------------------------------------------

/// What came last from one lane.
struct last_slip {
    std::uint64_t number = 0;
    outcome how = outcome::carried_out;
};
using last_slips = std::array<last_slip, lane_count_max>;

struct account {
    using accepts = tina::messages<withdraw, deposit>;
    std::uint32_t number = 0;
    std::int64_t cents = opening_cents;
    last_slips withdrawals{};
    last_slips deposits{};

    tina::isolate run(tina::context, std::uint32_t own_number) {
        number = own_number;
        for (;;) {
            auto asked = co_yield tina::receive<withdraw, deposit>();
            if (const auto* out = asked.get<withdraw>()) asked.reply(receipt{take(*out)});
            else asked.reply(receipt{put(*asked.get<deposit>())});
        }
    }

    outcome take(const withdraw& wanted) {
        last_slip& last = withdrawals[wanted.what.lane];
        const bool is_again = wanted.what.number != no_number && wanted.what.number <= last.number;
        TINA_SOMETIMES("a teller comes again for a withdrawal that was carried out", is_again);
        if (is_again) return wanted.what.number == last.number ? last.how : outcome::over;
        const outcome how = cents >= wanted.cents ? outcome::carried_out : outcome::refused;
        TINA_SOMETIMES("there is too little on an account", how == outcome::refused);
        if (how == outcome::carried_out) cents -= wanted.cents;
        if (wanted.what.number != no_number) last = {wanted.what.number, how};
        return how;
    }

    outcome put(const deposit& wanted) {
        last_slip& last = deposits[wanted.what.lane];
        const bool is_again = wanted.what.number != no_number && wanted.what.number <= last.number;
        TINA_SOMETIMES("a teller comes again with a deposit that was carried out", is_again);
        if (is_again) return last.how;
        cents += wanted.cents;
        if (wanted.what.number != no_number) last = {wanted.what.number, outcome::carried_out};
        return outcome::carried_out;
    }
};

/// Opens the accounts of its shard, and says where they are: account n is on shard n modulo the number of shards.
struct branch {
    using accepts = tina::messages<find_account>;
    std::array<tina::handle, accounts_per_branch_max> accounts{};

    tina::isolate run(tina::context self, std::uint32_t account_count) {
        for (std::uint32_t number = self.shard_index(); number < account_count; number += self.shard_count()) {
            const auto opened = self.spawn<account>(number);
            if (!opened) co_yield tina::crash("an account cannot be opened");
            accounts[number / self.shard_count()] = *opened;
        }
        for (;;) {
            auto asked = co_yield tina::receive<find_account>();
            asked.reply(account_at{accounts[asked->number / self.shard_count()]});
        }
    }
};

// --- tellers --------------------------------------------------------------------------------------------------------

/// What a teller is started with, each time.
struct job {
    transfer order;
    slip what;
    slip shown;  ///< to accounts; the same, unless the bank has its bug
};

inline tina::task<tina::handle> find(tina::context self, std::uint32_t number, tina::duration patience) {
    const auto where = self.whereis(branch_role, number % self.shard_count());
    if (!where) co_yield tina::crash("the branch is closed");
    const auto found = co_yield tina::call<account_at>(*where, find_account{number}).within(patience).or_crash();
    co_return found.who;
}

/// Carries out one transfer. Whatever does not go as it should is a crash, and the next teller begins anew.
inline tina::isolate teller(tina::context self, job what, tina::duration patience) {
    const tina::handle from = co_await find(self, what.order.from, patience);
    const tina::handle to = co_await find(self, what.order.to, patience);
    const auto taken =
        co_yield tina::call<receipt>(from, withdraw{what.shown, what.order.cents}).within(patience).or_crash();
    if (taken.how == outcome::carried_out) {
        co_yield tina::call<receipt>(to, deposit{what.shown, what.order.cents}).within(patience).or_crash();
    }
    co_yield tina::call<noted>(desk_role, finished{what.what}).within(patience).or_crash();
}

/// What a desk is started with.
struct desk_options {
    tina::duration patience;
    std::uint32_t account_count;
    std::uint32_t is_buggy;
    tina::restart mode;  ///< of tellers
};

/// Takes orders, and has a teller for each of its lanes that has one. With all lanes taken it refuses.
struct desk {
    using accepts = tina::messages<transfer, finished>;
    struct lane {
        std::uint64_t number = 0;
        bool is_busy = false;
    };
    std::array<lane, lanes_per_desk> lanes{};
    std::uint64_t accepted = 0;

    tina::isolate run(tina::context self, desk_options options) {
        for (;;) {
            auto asked = co_yield tina::receive<transfer, finished>();
            if (const auto* order = asked.get<transfer>()) {
                const bool is_begun = begin(self, *order, options);
                asked.reply(order_answer{is_begun});
                if (is_begun) ++accepted;
            } else {
                end(self, asked.get<finished>()->what);
                asked.reply(noted{});
            }
        }
    }

    bool begin(tina::context self, const transfer& order, const desk_options& options) {
        if (order.from >= options.account_count || order.to >= options.account_count || order.cents < 0) return false;
        for (std::uint32_t i = 0; i < lanes_per_desk; ++i) {
            if (lanes[i].is_busy) continue;
            const slip what{self.shard_index() * lanes_per_desk + i, ++lanes[i].number};
            const slip shown{what.lane, options.is_buggy != 0 ? no_number : what.number};
            const auto child = self.spawn<teller>(options.mode, job{order, what, shown}, options.patience);
            lanes[i].is_busy = static_cast<bool>(child);
            return lanes[i].is_busy;
        }
        TINA_REACHABLE("all lanes of a desk are taken");
        return false;
    }

    /// A teller may say it twice, the second time when his lane has the next transfer already.
    void end(tina::context self, const slip& what) {
        lane& done = lanes[what.lane - self.shard_index() * lanes_per_desk];
        if (done.number == what.number) done.is_busy = false;
    }
};

// --- the spec -------------------------------------------------------------------------------------------------------

struct bank_options {
    std::uint32_t shards = 4;        ///< 1 to `shards_max`
    std::uint32_t accounts = 1000;   ///< at most `accounts_per_branch_max` on each
    tina::duration patience = 50ms;  ///< of tellers, with each answer
    bool buggy = false;              ///< slips have no numbers: a teller who is started again withdraws anew
    bool restarts_tellers = true;
    std::uint32_t mailbox_capacity = 64;
    std::uint32_t channel_capacity = 128;
    tina::shard_limits limits{};
};

[[nodiscard]] inline tina::system_spec bank_spec(const bank_options& wanted = {}) {
    const desk_options at_desks{.patience = wanted.patience,
                                .account_count = wanted.accounts,
                                .is_buggy = wanted.buggy,
                                .mode = wanted.restarts_tellers ? tina::transient : tina::temporary};
    const auto books = tina::one_for_one({.restarts = 0, .within = 1s},
                                         {tina::child<branch>(tina::permanent, wanted.accounts).role(branch_role)});
    const auto tellers = tina::one_for_one({.restarts = tina::unlimited, .within = 1s},
                                           {tina::child<desk>(tina::permanent, at_desks).role(desk_role)})
                             .back_off({.first = 1ms, .most = 20ms});
    const tina::shard_spec each{.tree = tina::one_for_all({}, {books, tellers}), .limits = wanted.limits};
    return {
        .types = {tina::type<account>({.slots = accounts_per_branch_max, .mailbox_capacity = wanted.mailbox_capacity}),
                  tina::type<branch>({.slots = 1, .mailbox_capacity = wanted.mailbox_capacity}),
                  tina::type<desk>({.slots = 1, .mailbox_capacity = wanted.mailbox_capacity}),
                  tina::type<teller>({.slots = 2 * lanes_per_desk, .nested_bytes = 1024})},
        .shards = tina::on_cores(wanted.shards, each),
        .channels = {.capacity = wanted.channel_capacity},
        .memory = tina::memory_mode::development,
    };
}

}  // namespace bank
