// SPDX-License-Identifier: Apache-2.0
// Bytes between processes of one program.
#include "sim/harness/wire.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace tina::sim {

void wire_writer::number(std::uint64_t value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof value);
}

void wire_writer::text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
}

std::uint64_t wire_reader::number() {
    std::uint64_t value = 0;
    if (rest_.size() < sizeof value) {
        good_ = false;
        rest_ = {};
        return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
}

std::size_t wire_reader::length() {
    const std::uint64_t size = number();
    if (size <= rest_.size()) return static_cast<std::size_t>(size);
    good_ = false;
    return 0;
}

std::string wire_reader::text() {
    const std::size_t size = length();
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
}

namespace {

template <class Items, class Put>
void put_all(wire_writer& to, const Items& items, Put put) {
    to.number(items.size());
    for (const auto& each : items) put(each);
}

template <class Items, class Take>
void take_all(wire_reader& from, Items& items, Take take) {
    const std::size_t count = from.length();
    items.reserve(count);
    for (std::size_t i = 0; i < count && from.is_good(); ++i) items.push_back(take());
}

void put_texts(wire_writer& to, const std::vector<std::string>& texts) {
    put_all(to, texts, [&](const std::string& each) { to.text(each); });
}
void take_texts(wire_reader& from, std::vector<std::string>& texts) {
    take_all(from, texts, [&] { return from.text(); });
}

/// What is decided came from a process that may be broken: a value that no enumeration has becomes its first.
template <class Enumeration>
[[nodiscard]] Enumeration take_enumerator(wire_reader& from, Enumeration end) {
    const std::uint64_t value = from.number();
    return value < static_cast<std::uint64_t>(end) ? static_cast<Enumeration>(value) : Enumeration{};
}

void put(wire_writer& to, const edit& what) {
    to.number(static_cast<std::uint64_t>(what.what));
    to.text(what.entity);
    for (const std::uint64_t each : {what.ordinal, std::uint64_t{what.kind}, what.kind_ordinal, what.value}) {
        to.number(each);
    }
}
void take(wire_reader& from, edit& into) {
    into.what = take_enumerator(from, site::count_);
    into.entity = from.text();
    into.ordinal = from.number();
    into.kind = static_cast<std::uint32_t>(from.number());
    into.kind_ordinal = from.number();
    into.value = from.number();
}

void put(wire_writer& to, const std::vector<fired>& all) {
    put_all(to, all, [&](const fired& each) {
        put(to, static_cast<const edit&>(each));
        for (const std::uint64_t value : {each.event, static_cast<std::uint64_t>(each.at_ns), each.least, each.quiet}) {
            to.number(value);
        }
    });
}
void take(wire_reader& from, std::vector<fired>& into) {
    take_all(from, into, [&] {
        fired each;
        take(from, static_cast<edit&>(each));
        each.event = from.number();
        each.at_ns = static_cast<std::int64_t>(from.number());
        each.least = from.number();
        each.quiet = from.number();
        return each;
    });
}

void put(wire_writer& to, const event_record& what) {
    for (const std::uint64_t each :
         {what.number, what.cause, static_cast<std::uint64_t>(what.at_ns), what.who, what.payload,
          static_cast<std::uint64_t>(what.value), static_cast<std::uint64_t>(what.detail),
          static_cast<std::uint64_t>(what.machine) << 32 | static_cast<std::uint64_t>(what.shard) << 16 |
              static_cast<std::uint64_t>(what.kind)}) {
        to.number(each);
    }
}
[[nodiscard]] event_record take_event(wire_reader& from) {
    event_record what;
    what.number = from.number();
    what.cause = from.number();
    what.at_ns = static_cast<std::int64_t>(from.number());
    what.who = from.number();
    what.payload = from.number();
    what.value = static_cast<std::int64_t>(from.number());
    what.detail = static_cast<std::uint32_t>(from.number());
    const std::uint64_t place = from.number();
    what.machine = static_cast<std::uint16_t>(place >> 32);
    what.shard = static_cast<std::uint16_t>(place >> 16);
    const std::uint64_t kind = place & 0xffff;
    what.kind = kind < static_cast<std::uint64_t>(event_kind::count_) ? static_cast<event_kind>(kind) : event_kind{};
    return what;
}

/// Names by number, in the order of the numbers.
template <class Table>
void put_names(wire_writer& to, const Table& names) {
    std::vector<std::pair<std::uint64_t, std::string_view>> sorted(names.begin(), names.end());
    std::sort(sorted.begin(), sorted.end());
    put_all(to, sorted, [&](const auto& each) {
        to.number(each.first);
        to.text(each.second);
    });
}
template <class Table>
void take_names(wire_reader& from, Table& names) {
    const std::size_t count = from.length();
    for (std::size_t i = 0; i < count && from.is_good(); ++i) {
        const auto key = static_cast<typename Table::key_type>(from.number());
        names[key] = from.text();
    }
}

void put_failure(wire_writer& to, const std::optional<failure>& failed) {
    to.number(failed ? 1 : 0);
    if (!failed) return;
    to.text(failed->property);
    to.text(failed->detail);
    to.number(failed->event);
    to.number(static_cast<std::uint64_t>(failed->at_ns));
}
[[nodiscard]] std::optional<failure> take_failure(wire_reader& from) {
    if (from.number() == 0) return std::nullopt;
    failure failed;
    failed.property = from.text();
    failed.detail = from.text();
    failed.event = from.number();
    failed.at_ns = static_cast<std::int64_t>(from.number());
    return failed;
}

void put_marks_and_faults(wire_writer& to, const run_outcome& outcome) {
    put_all(to, outcome.marks, [&](const mark_outcome& each) {
        to.text(each.name);
        to.number(static_cast<unsigned char>(each.kind));
        to.number(each.met);
        to.number(each.held);
        put_texts(to, each.types);
    });
    put_all(to, outcome.faults, [&](const fault_outcome& each) {
        to.number(static_cast<std::uint64_t>(each.what));
        to.number(each.asked);
        to.number(each.fired);
    });
}
void take_marks_and_faults(wire_reader& from, run_outcome& into) {
    take_all(from, into.marks, [&] {
        mark_outcome each;
        each.name = from.text();
        each.kind = static_cast<char>(from.number());
        each.met = from.number();
        each.held = from.number();
        take_texts(from, each.types);
        return each;
    });
    take_all(from, into.faults, [&] {
        fault_outcome each;
        each.what = take_enumerator(from, site::count_);
        each.asked = from.number();
        each.fired = from.number();
        return each;
    });
}

}  // namespace

void encode(wire_writer& to, const run_request& request) {
    to.number(request.seed);
    to.number(static_cast<std::uint64_t>(request.from));
    put_all(to, request.edits.edits, [&](const edit& each) { put(to, each); });
    put_all(to, request.edits.reseeds, [&](const reseed& each) {
        to.number(each.event);
        to.number(each.seed);
    });
    to.number(static_cast<std::uint64_t>(request.profile));
    to.number(static_cast<std::uint64_t>(request.keep));
    to.number(request.every_tick ? 1 : 0);
    to.number(request.wants_novelty ? 1 : 0);
    to.number(request.memory_fill);
    to.number(request.stop_at_event);
    put_texts(to, request.options);
}

run_request decode_request(wire_reader& from) {
    run_request request;
    request.seed = from.number();
    request.from = from.number() == 0 ? base::seed : base::quiet;
    take_all(from, request.edits.edits, [&] {
        edit each;
        take(from, each);
        return each;
    });
    take_all(from, request.edits.reseeds, [&] {
        reseed each;
        each.event = from.number();
        each.seed = from.number();
        return each;
    });
    request.profile = static_cast<fault_profile>(std::min<std::uint64_t>(from.number(), 2));
    request.keep = from.number() == 0 ? recording::none : recording::all;
    request.every_tick = from.number() != 0;
    request.wants_novelty = from.number() != 0;
    request.memory_fill = static_cast<std::uint8_t>(from.number());
    request.stop_at_event = from.number();
    take_texts(from, request.options);
    return request;
}

void encode(wire_writer& to, const family& what) {
    encode(to, what.parent);
    to.number(static_cast<std::uint64_t>(what.answers));
    put_all(to, what.children, [&](const family::child& each) {
        for (const std::uint64_t value : {each.index, std::uint64_t{each.is_parent}, each.from.event, each.from.seed}) {
            to.number(value);
        }
    });
}

family decode_family(wire_reader& from) {
    family what;
    what.parent = decode_request(from);
    what.answers = static_cast<answer_size>(std::min<std::uint64_t>(from.number(), 2));
    take_all(from, what.children, [&] {
        family::child each;
        each.index = from.number();
        each.is_parent = from.number() != 0;
        each.from.event = from.number();
        each.from.seed = from.number();
        return each;
    });
    return what;
}

void encode(wire_writer& to, const run_outcome& outcome) {
    to.text(outcome.unusable);
    put_failure(to, outcome.failed);
    for (const std::uint64_t each : {outcome.digest, outcome.events, static_cast<std::uint64_t>(outcome.virtual_ns),
                                     outcome.spec_digest, outcome.behaviour}) {
        to.number(each);
    }
    put_all(to, outcome.novelty, [&](std::uint64_t each) { to.number(each); });
    put(to, outcome.fired_log);
    put(to, outcome.operations);
    put_marks_and_faults(to, outcome);
    put_all(to, outcome.events_kept, [&](const event_record& each) { put(to, each); });
    put_names(to, outcome.names);
    put_names(to, outcome.messages);
    put_texts(to, outcome.machines);
    put_all(to, outcome.types, [&](const std::vector<std::string>& each) { put_texts(to, each); });
    put_texts(to, outcome.log);
}

run_outcome decode_outcome(wire_reader& from) {
    run_outcome outcome;
    outcome.unusable = from.text();
    outcome.failed = take_failure(from);
    outcome.digest = from.number();
    outcome.events = from.number();
    outcome.virtual_ns = static_cast<std::int64_t>(from.number());
    outcome.spec_digest = from.number();
    outcome.behaviour = from.number();
    take_all(from, outcome.novelty, [&] { return from.number(); });
    take(from, outcome.fired_log);
    take(from, outcome.operations);
    take_marks_and_faults(from, outcome);
    take_all(from, outcome.events_kept, [&] { return take_event(from); });
    take_names(from, outcome.names);
    take_names(from, outcome.messages);
    take_texts(from, outcome.machines);
    take_all(from, outcome.types, [&] {
        std::vector<std::string> each;
        take_texts(from, each);
        return each;
    });
    take_texts(from, outcome.log);
    if (!from.is_good()) outcome.unusable = "the process that ran it sent an answer that cannot be read";
    return outcome;
}

}  // namespace tina::sim
