// SPDX-License-Identifier: Apache-2.0
// The two forms of a log line. Owned by nobody. It must never cut a character or an escape in two, and never
// read or write outside of what it was given.
#include "lib/log_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace tina::detail {

namespace {

/// Appends to the caller's memory until it is full, and knows where to put the mark if it is.
class line_writer {
public:
    explicit line_writer(std::span<char> out) : out_(out) {}

    /// All of `piece` or nothing.
    void put_whole(std::string_view piece) {
        cut_ = cut_ || piece.size() > out_.size() - used_;
        if (!cut_) { copy(piece); }
    }

    /// As much of `piece` as fits; it may be cut after each byte.
    void put_divisible(std::string_view piece) {
        if (cut_) { return; }
        const std::size_t fitting = std::min(piece.size(), out_.size() - used_);
        const std::size_t room_before_mark = out_.size() - std::min(out_.size(), mark().size());
        if (room_before_mark >= used_) {
            safe_end_ = std::min(used_ + fitting, room_before_mark);
            safe_in_quotes_ = in_quotes_;
        }
        copy(piece.substr(0, fitting));
        cut_ = fitting < piece.size();
    }

    /// Opens or closes a quoted value.
    void put_quote() {
        in_quotes_ = !in_quotes_ && !cut_;
        put_whole("\"");
    }

    /// Ends the line; the mark replaces what is after the last place that leaves room for it.
    std::size_t finish() {
        if (cut_) {
            used_ = safe_end_;
            in_quotes_ = safe_in_quotes_;
            copy(mark().substr(0, out_.size() - used_));
        }
        return used_;
    }

private:
    std::string_view mark() const { return in_quotes_ ? "...\"" : "..."; }

    void copy(std::string_view piece) {
        std::copy(piece.begin(), piece.end(), out_.begin() + static_cast<std::ptrdiff_t>(used_));
        used_ += piece.size();
        if (out_.size() - used_ >= mark().size()) {
            safe_end_ = used_;
            safe_in_quotes_ = in_quotes_;
        }
    }

    std::span<char> out_;
    std::size_t used_ = 0;
    std::size_t safe_end_ = 0;
    bool safe_in_quotes_ = false;
    bool in_quotes_ = false;
    bool cut_ = false;
};

/// Which characters of a value are written in another way.
enum class value_form : std::uint8_t {
    text,    ///< as they are, backslashes too
    quoted,  ///< so that it can be read back
};

/// How many bytes the character at the beginning of `text` has; 0 if it is not UTF-8.
///
/// Source: RFC 3629, section 4.
std::size_t utf8_length(std::string_view text) {
    const auto byte_at = [text](std::size_t index) {
        return index < text.size() ? static_cast<unsigned char>(text[index]) : std::uint8_t{0};
    };
    const auto continues = [&](std::size_t index) { return (byte_at(index) & 0xc0) == 0x80; };
    const std::uint8_t first = byte_at(0);
    const std::uint8_t second = byte_at(1);
    if (first < 0x80) { return 1; }
    if (first >= 0xc2 && first <= 0xdf) { return continues(1) ? 2 : 0; }
    if (first >= 0xe0 && first <= 0xef) {  // neither too long a form nor half of a UTF-16 pair
        const bool allowed = !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second >= 0xa0);
        return allowed && continues(1) && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {  // neither too long a form nor beyond U+10FFFF
        const bool allowed = !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second >= 0x90);
        return allowed && continues(1) && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

bool is_plain_ascii(char character, value_form form) {
    const bool special = form == value_form::quoted && (character == '"' || character == '\\');
    return character >= 0x20 && character < 0x7f && !special;
}

std::size_t plain_ascii_length(std::string_view text, value_form form) {
    const auto end =
        std::find_if_not(text.begin(), text.end(), [form](char character) { return is_plain_ascii(character, form); });
    return static_cast<std::size_t>(end - text.begin());
}

void put_byte_escaped(line_writer& line, unsigned char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::array<char, 4> escaped{'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    line.put_whole({escaped.data(), escaped.size()});
}

void put_ascii_escaped(line_writer& line, char character) {
    switch (character) {
    case '\n': return line.put_whole("\\n");
    case '\r': return line.put_whole("\\r");
    case '\t': return line.put_whole("\\t");
    case '"': return line.put_whole("\\\"");
    case '\\': return line.put_whole("\\\\");
    default: return put_byte_escaped(line, static_cast<unsigned char>(character));
    }
}

/// Writes the first character of `text`, which is not plain; returns how many bytes of `text` it was.
std::size_t put_special(line_writer& line, std::string_view text) {
    const std::size_t length = utf8_length(text);
    if (length == 1) {
        put_ascii_escaped(line, text[0]);
        return 1;
    }
    // U+0080 to U+009F are control characters too; a terminal obeys them.
    const bool is_control = text[0] == '\xc2' && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length > 0 && !is_control) {
        line.put_whole(text.substr(0, length));
        return length;
    }
    const std::size_t taken = is_control ? 2 : 1;
    for (const char byte : text.substr(0, taken)) { put_byte_escaped(line, static_cast<unsigned char>(byte)); }
    return taken;
}

void put_value(line_writer& line, std::string_view text, value_form form) {
    while (!text.empty()) {
        const std::size_t plain = plain_ascii_length(text, form);
        line.put_divisible(text.substr(0, plain));
        text.remove_prefix(plain);
        if (!text.empty()) { text.remove_prefix(put_special(line, text)); }
    }
}

void put_number(line_writer& line, std::uint32_t value) {
    std::array<char, 10> digits{};
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    line.put_whole({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

/// Writes `value` in the characters from `place` to `place + width - 1`, with leading zeros.
void set_digits(char* place, int width, std::int64_t value) {
    for (int index = width - 1; index >= 0; --index, value /= 10) {
        place[index] = static_cast<char>('0' + value % 10);
    }
}

void put_time(line_writer& line, std::int64_t wall_ns) {
    using namespace std::chrono;
    const auto time = floor<microseconds>(sys_time<nanoseconds>{nanoseconds{wall_ns}});
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const std::int64_t micros = (time - day).count();
    std::array<char, 27> text{'0', '0', '0', '0', '-', '0', '0', '-', '0', '0', 'T', '0', '0', ':',
                              '0', '0', ':', '0', '0', '.', '0', '0', '0', '0', '0', '0', 'Z'};
    char* const place = text.data();
    set_digits(place, 4, static_cast<int>(date.year()));  // the time's range is the years 1677 to 2262
    set_digits(place + 5, 2, static_cast<unsigned>(date.month()));
    set_digits(place + 8, 2, static_cast<unsigned>(date.day()));
    set_digits(place + 11, 2, micros / 3'600'000'000);
    set_digits(place + 14, 2, micros / 60'000'000 % 60);
    set_digits(place + 17, 2, micros / 1'000'000 % 60);
    set_digits(place + 20, 6, micros % 1'000'000);
    line.put_whole({text.data(), text.size()});
}

std::string_view level_name(std::uint8_t level) {
    constexpr std::array<std::string_view, 5> names{"trace", "debug", "info", "warning", "error"};
    return level < names.size() ? names[level] : "unknown";
}

/// Whether a value of logfmt can stand without quotes.
bool stands_bare(std::string_view value) {
    return plain_ascii_length(value, value_form::quoted) == value.size() &&
           value.find_first_of(" =") == std::string_view::npos;
}

constexpr std::string_view runtime_name = "tina";

void put_isolate_logfmt(line_writer& line, const log_entry_view& entry) {
    if (entry.isolate_type.empty()) { return line.put_whole(runtime_name); }
    const bool quotes = !stands_bare(entry.isolate_type);
    if (quotes) { line.put_quote(); }
    put_value(line, entry.isolate_type, value_form::quoted);
    line.put_whole("#");
    put_number(line, entry.isolate_slot);
    if (quotes) { line.put_quote(); }
}

}  // namespace

std::size_t format_log_text(std::span<char> out, const log_entry_view& entry) noexcept {
    line_writer line(out);
    put_time(line, entry.wall_ns);
    line.put_whole(" ");
    line.put_whole(level_name(entry.level));
    line.put_whole(" shard ");
    put_number(line, entry.shard);
    line.put_whole(" ");
    if (entry.isolate_type.empty()) {
        line.put_whole(runtime_name);
    } else {
        put_value(line, entry.isolate_type, value_form::text);
        line.put_whole("#");
        put_number(line, entry.isolate_slot);
    }
    line.put_whole(": ");
    put_value(line, entry.text, value_form::text);
    return line.finish();
}

std::size_t format_logfmt(std::span<char> out, const log_entry_view& entry) noexcept {
    line_writer line(out);
    line.put_whole("ts=");
    put_time(line, entry.wall_ns);
    line.put_whole(" level=");
    line.put_whole(level_name(entry.level));
    line.put_whole(" shard=");
    put_number(line, entry.shard);
    line.put_whole(" isolate=");
    put_isolate_logfmt(line, entry);
    line.put_whole(" msg=");
    line.put_quote();
    put_value(line, entry.text, value_form::quoted);
    line.put_quote();
    return line.finish();
}

}  // namespace tina::detail
