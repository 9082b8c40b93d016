// SPDX-License-Identifier: Apache-2.0
// A protocol of a few lines over decisions and events alone, with bugs of known size: what the tests of exploring and
// shrinking run in place of a world. It must stay as deterministic as a world.
#pragma once

#include <cstdint>
#include <string>

#include "sim/decisions.hpp"
#include "sim/event_log.hpp"
#include "sim/run.hpp"
#include "sim/timeline.hpp"

namespace tina::sim::toy {

/// The protocol: transfers, one after the other, each by a teller that may crash, over a network that may lose.
struct settings {
    std::uint32_t transfers = 200;
    std::uint32_t tellers = 10;
    bool needs_large_amount = false;  ///< the bug shows only where the amount is above 500
    bool needs_late_order = false;    ///< … only where a teller has run out of its turn
    bool fresh_tellers = false;       ///< each transfer that takes place has a teller of its own, …
    bool needs_a_seventh = false;     ///< … and the bug shows only in the 8th, 18th, 28th … that is ordered
};

class protocol {
public:
    protocol(const settings& how, const run_request& wanted)
        : how_(how), wanted_(wanted), choices_(wanted.from, wanted.seed, wanted.edits), events_(time_, choices_) {
        client_ = {hash_of("client"), "client", {}};
        for (std::uint32_t i = 0; i < (how.fresh_tellers ? how.transfers : how.tellers); ++i) {
            const std::string name = "bank/0/teller/" + std::to_string(i);
            tellers_.push_back({hash_of(name), name, {}});
        }
        if (wanted.keep == recording::all) {
            events_.keep_all();
            choices_.keep_workload();
        }
        events_.set_listener([this](const event_record& what) {
            if (wanted_.on_event) wanted_.on_event(what);
            if (!wanted_.branch) return;
            if (const auto other = wanted_.branch(what)) choices_.reseed_at({what.number, *other});
        });
    }

    [[nodiscard]] run_outcome run() {
        try {
            for (std::uint32_t i = 0; i < how_.transfers && !out_.failed; ++i) transfer(i);
        } catch (const stopped&) { out_.failed.reset(); }
        return tell();
    }

private:
    struct stopped {};
    std::uint64_t record(event_kind kind, const entity& who, std::int64_t value) {
        if (events_.count() >= wanted_.stop_at_event) throw stopped{};
        time_.advance_to(time_.now_ns() + 1'000'000);
        return events_.record({.cause = events_.count(), .who = who.id, .value = value, .kind = kind});
    }
    /// A transfer: money is lost if the teller crashes after its withdrawal and once more in its restart.
    void transfer(std::uint32_t number) {
        if (!choices_.keeps_operation(client_)) return;
        entity& teller = tellers_[how_.fresh_tellers ? kept_++ : number % how_.tellers];
        const std::uint64_t amount = choices_.draw(site::workload, client_, 1000);
        record(event_kind::operation, client_, static_cast<std::int64_t>(amount));
        const bool is_late = choices_.pick(site::ready_pick, teller, 4) != 0;
        const std::uint64_t delay = choices_.value_if(site::net_loss, teller, {1, 5}, 200, 5000, 7);
        record(event_kind::dispatch, teller, static_cast<std::int64_t>(delay));
        const bool crashes = choices_.happens(site::crash_after_effect, teller, {1, 20});
        record(event_kind::receipt, teller, 0);
        const bool again = choices_.happens(site::crash_in_restart, teller, {1, 20});
        if (crashes) ++crashed_;
        if (!crashes || !again) return;
        ++lost_;
        record(event_kind::exit, teller, 1);
        if (how_.needs_large_amount && amount <= 500) return;
        if (how_.needs_late_order && !is_late) return;
        if (how_.needs_a_seventh && number % 10 != 7) return;
        fail(teller, amount);
    }
    void fail(const entity& teller, std::uint64_t amount) {
        const std::uint64_t at = record(event_kind::failure, teller, 0);
        out_.failed = failure{"money is conserved", std::to_string(amount) + " lost", at, time_.now_ns()};
    }
    [[nodiscard]] run_outcome tell() {
        out_.digest = events_.digest();
        out_.events = events_.count();
        out_.virtual_ns = time_.now_ns();
        out_.spec_digest = 0x70;
        out_.fired_log = choices_.log();
        out_.novelty = {hash_of("crashed") + crashed_, hash_of("lost") + lost_};
        out_.marks = {{"a teller crashed", 's', how_.transfers, crashed_}, {"money was lost", 's', crashed_, lost_}};
        for (const site each : {site::net_loss, site::crash_after_effect, site::crash_in_restart}) {
            out_.faults.push_back({each, choices_.asked(each), choices_.fired_count(each)});
        }
        if (wanted_.keep == recording::none) return std::move(out_);
        out_.operations = choices_.workload();
        out_.events_kept = std::move(events_.kept());
        out_.names[client_.id] = client_.name;
        for (const entity& each : tellers_) out_.names[each.id] = each.name;
        out_.machines = {"bank"};
        return std::move(out_);
    }

    settings how_;
    run_request wanted_;
    timeline time_;
    decisions choices_;
    event_log events_;
    entity client_;
    std::vector<entity> tellers_;
    std::uint32_t kept_ = 0;
    std::uint64_t crashed_ = 0;
    std::uint64_t lost_ = 0;
    run_outcome out_;
};

[[nodiscard]] inline run_outcome run(const settings& how, const run_request& wanted) {
    return protocol(how, wanted).run();
}

}  // namespace tina::sim::toy
