// SPDX-License-Identifier: Apache-2.0
// Events in words. What `detail` and `value` of each kind are stands in sim/event.hpp.
#include "sim/trace/words.hpp"

#include <array>
#include <string_view>
#include <system_error>

#include "tina/detail/slot.hpp"
#include "tina/message.hpp"

namespace tina::sim {

namespace {

using tina::detail::wait_kind;

/// `value` in base ten with zeros before it.
[[nodiscard]] std::string padded(std::uint64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

/// Without the zeros at the end, but for `least` digits.
[[nodiscard]] std::string trimmed(std::string digits, std::size_t least) {
    while (digits.size() > least && digits.back() == '0') digits.pop_back();
    return digits;
}

[[nodiscard]] std::uint64_t size_of(std::int64_t value) noexcept {
    return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

[[nodiscard]] std::string signed_number(std::int64_t value) { return (value < 0 ? "-" : "") + grouped(size_of(value)); }

[[nodiscard]] std::string_view wait_name(std::uint32_t kind) noexcept {
    switch (static_cast<wait_kind>(kind)) {
    case wait_kind::none: return "nothing";
    case wait_kind::receive: return "receive";
    case wait_kind::deliver: return "deliver";
    case wait_kind::call: return "call";
    case wait_kind::spawn: return "spawn";
    case wait_kind::offload: return "offload";
    case wait_kind::yield: return "yield";
    case wait_kind::sleep: return "sleep";
    case wait_kind::accept: return "accept";
    case wait_kind::connect: return "connect";
    case wait_kind::recv: return "recv";
    case wait_kind::recv_into: return "recv_into";
    case wait_kind::send: return "send";
    case wait_kind::close: return "close";
    case wait_kind::any: return "any_of";
    }
    return "an effect";
}

[[nodiscard]] std::string message_name(const run_outcome& run, std::uint32_t tag) {
    const auto found = run.messages.find(tag);
    return found != run.messages.end() ? found->second : "message " + std::to_string(tag);
}

[[nodiscard]] std::string bytes(std::int64_t count) { return signed_number(count) + (count == 1 ? " byte" : " bytes"); }

[[nodiscard]] std::string spawned(const run_outcome& run, const event_record& what) {
    std::string text = what.value == 1 ? "was started in place of its predecessor" : "was started";
    if (what.machine >= run.types.size()) return text;
    const std::vector<std::string>& types = run.types[what.machine];
    if (what.detail < types.size()) text += " (" + types[what.detail] + ")";
    return text;
}

[[nodiscard]] std::string completed(const event_record& what) {
    const std::string begin = "had an operation on descriptor " + std::to_string(what.detail);
    if (what.value >= 0) return begin + " completed: " + signed_number(what.value);
    if (what.value < -4095) return begin + " fail: " + signed_number(what.value);
    return begin + " fail: " + std::generic_category().message(static_cast<int>(-what.value));
}

[[nodiscard]] std::string marked(const run_outcome& run, const event_record& what) {
    const auto named = run.names.find(what.payload);
    if (named == run.names.end() || what.payload == what.who) {
        return what.detail != 0 ? "was reached" : "was passed, and did not hold";
    }
    return (what.detail != 0 ? "reached \"" : "passed, without its holding, \"") + named->second + "\"";
}

[[nodiscard]] std::string failed_in(const run_outcome& run) {
    if (!run.failed) return "fails";
    const std::string detail = run.failed->detail.empty() ? "" : ": " + run.failed->detail;
    return "fails \"" + run.failed->property + "\"" + detail;
}

[[nodiscard]] std::string network_deed(const event_record& what) {
    const std::string number = "connection " + signed_number(what.value);
    const std::string detail = std::to_string(what.detail);
    switch (what.kind) {
    case event_kind::net_connect: return "asked for a connection to port " + detail + " (" + number + ")";
    case event_kind::net_accept: return "got a connection on port " + detail + " (" + number + ")";
    case event_kind::net_data: return "got " + bytes(what.detail) + " from the network (" + number + ")";
    case event_kind::net_end: return "got the end of a stream (" + number + ")";
    default: return "got a reset (" + number + ")";
    }
}

[[nodiscard]] std::string message_deed(const run_outcome& run, const event_record& what) {
    const std::string name = message_name(run, what.detail);
    switch (what.kind) {
    case event_kind::send: return "sent " + name + " to shard " + signed_number(what.value);
    case event_kind::delivery: return "was sent " + name + " (" + bytes(what.value) + ")";
    case event_kind::receipt: return "took " + name + " (" + bytes(what.value) + ")";
    default: break;
    }
    if (what.value <= 0 || what.value > static_cast<std::int64_t>(send_result::not_accepted)) {
        return "did not get " + name;
    }
    return "did not get " + name + ": " + to_string(static_cast<send_result>(what.value));
}

[[nodiscard]] std::string fault_deed(const run_outcome& run, const event_record& what) {
    if (what.detail >= site_count) return "has a fault of kind " + std::to_string(what.detail);
    return sentence_of(static_cast<site>(what.detail), what.value, name_of(run, what.who));
}

[[nodiscard]] std::string phase_deed(const run_outcome& run, const event_record& what) {
    switch (what.detail) {
    case 0:
        // Each healing is followed by faults again, unless nothing follows.
        if (what.number <= 1) return "begins, with faults";
        return what.number == run.events ? "is over: what was to come true has" : "goes on, with faults again";
    case 1: return "is healed: no fault fires any more";
    case 2: return "ends";
    default: return "enters another phase";
    }
}

}  // namespace

std::string column_moment(std::int64_t at_ns) {
    const std::uint64_t size = size_of(at_ns);
    return (at_ns < 0 ? "-" : "") + std::to_string(size / 1'000'000'000) + "." + padded(size % 1'000'000'000, 9);
}

std::string moment(std::int64_t at_ns) {
    std::string all = column_moment(at_ns);
    while (all.ends_with("000") && all[all.size() - 4] != '.') all.resize(all.size() - 3);
    return all + " s";
}

std::string span(std::int64_t span_ns) {
    struct unit {
        std::uint64_t ns;
        std::size_t digits;
        std::string_view name;
    };
    constexpr std::array<unit, 4> units{
        {{1'000'000'000, 9, " s"}, {1'000'000, 6, " ms"}, {1'000, 3, " us"}, {1, 0, " ns"}}};
    const std::uint64_t size = size_of(span_ns);
    std::size_t which = 0;
    while (which + 1 < units.size() && size < units[which].ns) ++which;
    const unit& chosen = units[which];
    std::string text = (span_ns < 0 ? "-" : "") + grouped(size / chosen.ns);
    const std::string rest = size % chosen.ns == 0 ? "" : trimmed(padded(size % chosen.ns, chosen.digits), 1);
    return text + (rest.empty() ? "" : "." + rest) + std::string(chosen.name);
}

std::string sentence_of(site what, std::int64_t value, std::string_view whom) {
    std::string text(sentence_for(what, whom));
    const auto replace = [&](std::string_view old, const std::string& with) {
        const std::size_t at = text.find(old);
        if (at != std::string::npos) text.replace(at, old.size(), with);
        return at != std::string::npos;
    };
    if (replace("this many nanoseconds", span(value))) return text;
    if (replace("this many times", value == 1 ? "once" : signed_number(value) + " times")) return text;
    if (replace("this many", signed_number(value))) return text;
    if (replace("this value", "the value " + signed_number(value))) return text;
    if (replace("this share", "the share " + signed_number(value))) return text;
    replace("draws this", "draws " + signed_number(value));
    return text;
}

std::string name_of(const run_outcome& run, std::uint64_t who) {
    const auto found = run.names.find(who);
    if (found != run.names.end()) return found->second;
    std::string text = "#0000000000000000";
    for (std::size_t at = text.size() - 1; at > 0; --at, who >>= 4) text[at] = "0123456789abcdef"[who & 15];
    return text;
}

bool is_of_world(const event_record& what) noexcept {
    return what.kind == event_kind::phase || what.kind == event_kind::failure || what.kind == event_kind::operation;
}

std::string place_of(const run_outcome& run, const event_record& what) {
    if (is_of_world(what)) return "world";
    const std::string machine =
        what.machine < run.machines.size() ? run.machines[what.machine] : "machine " + std::to_string(what.machine);
    return machine + "/" + std::to_string(what.shard);
}

std::string whom(const run_outcome& run, const event_record& what) {
    const bool of_world = what.kind == event_kind::phase || what.kind == event_kind::failure;
    if (of_world) return "world";
    if (what.who == 0) return place_of(run, what);
    return name_of(run, what.who);
}

std::string deed_of(const run_outcome& run, const event_record& what) {
    switch (what.kind) {
    case event_kind::spawn: return spawned(run, what);
    case event_kind::effect: return "yielded " + std::string(wait_name(what.detail));
    case event_kind::send:
    case event_kind::delivery:
    case event_kind::receipt:
    case event_kind::drop: return message_deed(run, what);
    case event_kind::timer: return "had the deadline of its " + std::string(wait_name(what.detail)) + " come";
    case event_kind::completion: return completed(what);
    case event_kind::exit: return what.detail == 1 ? "crashed" : "ended";
    case event_kind::shard_fault: return "failed as a shard";
    case event_kind::net_connect:
    case event_kind::net_accept:
    case event_kind::net_data:
    case event_kind::net_end:
    case event_kind::net_reset: return network_deed(what);
    case event_kind::net_fault:
    case event_kind::clock_fault:
    case event_kind::fault: return fault_deed(run, what);
    case event_kind::operation:
        return what.value == 0 ? "was left out of the workload" : "was an operation of the workload";
    case event_kind::mark: return marked(run, what);
    case event_kind::phase: return phase_deed(run, what);
    case event_kind::failure: return failed_in(run);
    case event_kind::count_: return "did something unknown";
    default: return std::string(info_of(what.kind).sentence);
    }
}

std::string verdict_of(const failure& failed) {
    return failed.detail.empty() ? failed.property : failed.property + ": " + failed.detail;
}

bool is_fault(const event_record& what) noexcept {
    return what.kind == event_kind::fault || what.kind == event_kind::net_fault || what.kind == event_kind::clock_fault;
}

}  // namespace tina::sim
