// SPDX-License-Identifier: Apache-2.0
// The example, event by event. Names have in them what a careless writer would not escape.
#include "test/sim/trace_example.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace tina::test {

namespace {

using sim::event_kind;
using sim::event_record;
using sim::run_outcome;

constexpr std::uint32_t transfer_tag = 7;
constexpr std::string_view teller = "bank/0/teller/3";
constexpr std::string_view account = "bank/1/account \"<7>\"";
constexpr std::string_view client = "office/0/client";

std::uint64_t named(run_outcome& run, std::string_view name) {
    run.names[sim::hash_of(name)] = name;
    return sim::hash_of(name);
}

void add(run_outcome& run, event_record what) {
    what.number = run.events_kept.size() + 1;
    run.events_kept.push_back(what);
    run.events = what.number;
    run.virtual_ns = what.at_ns;
}

void add_beginning(run_outcome& run) {
    const std::uint64_t client_id = named(run, client), teller_id = named(run, teller),
                        account_id = named(run, account);
    add(run, {.kind = event_kind::phase});
    add(run, {.cause = 1, .at_ns = 1'000, .who = client_id, .machine = 1, .kind = event_kind::spawn});
    add(run, {.cause = 1, .at_ns = 1'000, .who = teller_id, .detail = 1, .kind = event_kind::spawn});
    add(run, {.cause = 1, .at_ns = 1'000, .who = account_id, .detail = 2, .shard = 1, .kind = event_kind::spawn});
    add(run, {.cause = 3, .at_ns = 17'384, .who = teller_id, .detail = 1, .kind = event_kind::dispatch});
    add(run, {.cause = 5,
              .at_ns = 17'384,
              .who = teller_id,
              .payload = 99,
              .value = 1,
              .detail = transfer_tag,
              .kind = event_kind::send});
}

void add_end(run_outcome& run) {
    const std::uint64_t teller_id = named(run, teller), account_id = named(run, account);
    add(run, {.cause = 6,
              .at_ns = 40'000,
              .who = account_id,
              .value = 24,
              .detail = transfer_tag,
              .shard = 1,
              .kind = event_kind::delivery});
    add(run, {.cause = 5,
              .at_ns = 40'000,
              .who = teller_id,
              .detail = static_cast<std::uint32_t>(sim::site::crash_after_effect),
              .kind = event_kind::fault});
    add(run, {.cause = 8, .at_ns = 40'000, .who = teller_id, .detail = 1, .kind = event_kind::exit});
    add(run, {.cause = 9, .at_ns = 40'500, .who = teller_id, .value = 1, .detail = 1, .kind = event_kind::spawn});
    add(run, {.cause = 7,
              .at_ns = 12'418'000'000,
              .who = account_id,
              .value = 24,
              .detail = transfer_tag,
              .shard = 1,
              .kind = event_kind::receipt});
    add(run, {.cause = 11,
              .at_ns = 12'418'000'000,
              .who = account_id,
              .detail = 2,
              .shard = 1,
              .kind = event_kind::dispatch});
    add(run, {.cause = 12,
              .at_ns = 12'418'000'000,
              .who = teller_id,
              .value = 2,
              .detail = transfer_tag,
              .kind = event_kind::drop});
    add(run, {.cause = 12, .at_ns = 12'418'000'000, .kind = event_kind::failure});
}

sim::fired fault_at(std::uint64_t event, sim::site what, std::string_view whom, std::uint64_t value) {
    sim::fired made;
    made.what = what;
    made.entity = whom;
    made.value = value;
    made.event = event;
    return made;
}

}  // namespace

run_outcome example_run() {
    run_outcome run;
    run.machines = {"bank", "office"};
    run.types = {{"client", "teller", "account"}, {"client", "teller", "account"}};
    run.messages[transfer_tag] = "transfer_request";
    add_beginning(run);
    add_end(run);
    run.failed = sim::failure{"money is conserved", "99 990.00 instead of 100 000.00", example_failure, 12'418'000'000};
    run.fired_log = {fault_at(6, sim::site::clock_pause, teller, 22'616), fault_at(6, sim::site::random, teller, 5),
                     fault_at(7, sim::site::crash_after_effect, teller, 1)};
    run.log = {"20000 teller began \x1b[1m</script>\xff", "12418000000 account got 10.00"};
    run.digest = 0x0123'4567'89ab'cdef;
    return run;
}

run_outcome long_run(std::uint64_t count, std::uint32_t isolates) {
    run_outcome run;
    run.machines = {"a", "b"};
    run.types = {{"worker"}};
    run.messages[transfer_tag] = "token";
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint32_t>(i / 2 % isolates);
        const std::string machine = index % 2 == 0 ? "a" : "b";
        const std::string name = machine + "/" + std::to_string(index % 4 / 2) + "/worker/" + std::to_string(index);
        const auto machine_index = static_cast<std::uint16_t>(index % 2);
        add(run, {.cause = i,
                  .at_ns = static_cast<std::int64_t>(i / 6 * 16'384),
                  .who = named(run, name),
                  .value = 24,
                  .detail = i % 2 == 0 ? transfer_tag : 0,
                  .machine = machine_index,
                  .shard = static_cast<std::uint16_t>(index % 4 / 2),
                  .kind = i % 2 == 0 ? event_kind::delivery : event_kind::dispatch});
        if (i % 997 == 5) {
            run.events_kept.back().kind = event_kind::net_fault;
            run.events_kept.back().detail = static_cast<std::uint32_t>(sim::site::net_loss);
        }
    }
    return run;
}

}  // namespace tina::test
