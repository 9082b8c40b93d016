// SPDX-License-Identifier: Apache-2.0
// Noting how an isolate ends, and telling it.
#include "lib/exit_note.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "lib/shard.hpp"
#include "tina/detail/awaiter.hpp"
#include "tina/detail/promise.hpp"
#include "tina/detail/runtime.hpp"

namespace tina::detail {

namespace {

exit_note& begin_note(slot_header& self, exit_reason reason, std::string_view text) noexcept {
    exit_note& note = owner_of(self).ending_note;
    note.of = self.own_handle();
    note.reason = reason;
    note.signal = 0;
    note.address = 0;
    note.line = self.frame != nullptr ? promise_of(self.frame).line() : 0;
    note.text_bytes = text.copy(note.text, sizeof note.text);  // not memcpy(): an empty text may have no address
    return note;
}

/// The note of an isolate; null if there is none, as where another's crash is its own.
[[nodiscard]] const exit_note* exit_note_of(const slot_header& slot) noexcept {
    const exit_note& note = owner_of(slot).ending_note;
    return note.of == slot.own_handle() && slot.by_link == 0 ? &note : nullptr;
}

[[nodiscard]] counter& end_counter(counters& counts, exit_reason reason) noexcept {
    switch (reason) {
    case exit_reason::crashed: return counts.isolates_ended_crashed;
    case exit_reason::exception: return counts.isolates_ended_exception;
    case exit_reason::signal: return counts.isolates_ended_signal;
    case exit_reason::budget: return counts.isolates_ended_budget;
    case exit_reason::stopped: return counts.isolates_ended_stopped;
    case exit_reason::shutdown: return counts.isolates_ended_shutdown;
    default: return counts.isolates_ended_done;
    }
}

/// A line of text that is cut where it does not fit.
class short_text {
public:
    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept {
        va_list values;
        va_start(values, format);
        const int wanted = std::vsnprintf(text_ + bytes_, sizeof text_ - bytes_, format, values);
        va_end(values);
        bytes_ = std::min(bytes_ + static_cast<std::size_t>(std::max(wanted, 0)), sizeof text_ - 1);
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_, bytes_}; }

private:
    char text_[256]{};
    std::size_t bytes_ = 0;
};

}  // namespace

void note_crash(slot_header& self, std::string_view why) noexcept { begin_note(self, exit_reason::crashed, why); }

void note_exception(slot_header& self) noexcept {
    self.crashed = 1;
    try {
        throw;
    } catch (const crash_signal&) {
        // The reason was noted where it was thrown, unless it was caught then and thrown again much later.
        if (exit_note_of(self) == nullptr) note_crash(self, "for a reason that was caught and thrown again");
    } catch (const std::exception& error) { begin_note(self, exit_reason::exception, error.what()); } catch (...) {
        begin_note(self, exit_reason::exception, "an exception that is not a std::exception");
    }
}

void note_fault(slot_header& self, int signal, std::uintptr_t address, std::string_view text) noexcept {
    self.crashed = 1;
    exit_note& note = begin_note(self, exit_reason::signal, text);
    note.signal = signal;
    note.address = address;
}

void note_budget(slot_header& self, std::string_view text) noexcept {
    self.crashed = 1;
    begin_note(self, exit_reason::budget, text);
}

void note_shutdown(slot_header& self) noexcept {
    self.stopped = 1;
    begin_note(self, exit_reason::shutdown, {});
}

void throw_crash(slot_header& self, std::string_view effect, std::error_code error) {
    std::string text(effect);
    text += ": ";
    text += error.message();
    note_crash(self, text);
    throw crash_signal{};
}

void throw_foreign_receive(slot_header& self) {
    note_crash(self, "it waits for a message that its type does not accept: add it to the type's accepts");
    throw crash_signal{};
}

exit_reason reason_of(const slot_header& slot) noexcept {
    if (slot.crashed == 0 && slot.stopped == 0) return exit_reason::done;
    const exit_note* const note = exit_note_of(slot);
    if (note != nullptr && is_crash(note->reason) == (slot.crashed != 0)) return note->reason;
    return slot.crashed != 0 ? exit_reason::crashed : exit_reason::stopped;
}

down describe_end(const slot_header& slot) noexcept {
    down told{.who = slot.own_handle(), .reason = reason_of(slot)};
    if (slot.crashed == 0) return told;
    constexpr std::string_view linked = "an isolate that it was linked to crashed";
    const exit_note* const note = exit_note_of(slot);
    const std::string_view why = note == nullptr ? linked : std::string_view(note->text, note->text_bytes);
    told.text_bytes = static_cast<std::uint8_t>(std::min(why.size(), sizeof told.text));
    std::memcpy(told.text, why.data(), told.text_bytes);
    if (note == nullptr) return told;
    told.signal = note->signal;
    told.address = note->address;
    told.line = note->line;
    return told;
}

void count_end(shard& at, const slot_header& slot) noexcept {
    at.counts.isolates_ended.add();
    if (slot.crashed == 0 && slot.stopped == 0) [[likely]]
        return at.counts.isolates_ended_done.add();
    if (slot.crashed != 0) at.counts.isolates_crashed.add();
    if (slot.stopped != 0) at.counts.isolates_stopped.add();
    end_counter(at.counts, reason_of(slot)).add();
}

void log_crash(shard& at, const slot_header& slot) noexcept {
    const exit_note* const note = exit_note_of(slot);
    if (note == nullptr) return;  // the crash of another, which was logged when it came here
    short_text line;
    line.add("crashed: ");
    line.add("%.*s", static_cast<int>(note->text_bytes), note->text);
    if (note->line != 0) line.add(" (last co_yield at line %u)", note->line);
    at.log.write(log_level::warning, at.types[slot.type].plan->what->name, at.index_of_slot(slot), line.view());
}

}  // namespace tina::detail
