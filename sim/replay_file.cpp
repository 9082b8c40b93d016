// SPDX-License-Identifier: Apache-2.0
// Reads replay files line by line, and writes them.
#include "sim/replay_file.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sim/harness/text.hpp"

namespace tina::sim {

namespace {

constexpr std::string_view first_line = "tina replay 1";
constexpr std::string_view by_hand = "by-hand";
constexpr std::size_t line_bytes_max = 16 * 1024;
constexpr std::size_t text_bytes_max = 4 * 1024;
constexpr std::size_t edits_max = 1'000'000;
constexpr std::size_t options_max = 64;
constexpr std::string_view write_anew = "write it anew with the program that made it";

constexpr std::array<std::pair<std::string_view, base>, 2> bases{{{"seed", base::seed}, {"quiet", base::quiet}}};
constexpr std::array<std::pair<std::string_view, fault_profile>, 3> profiles{{
    {"swarm", fault_profile::swarm},
    {"declared", fault_profile::declared},
    {"none", fault_profile::none},
}};

template <class Pairs, class Value>
[[nodiscard]] std::string_view name_in(const Pairs& pairs, Value value) noexcept {
    for (const auto& [name, each] : pairs) {
        if (each == value) return name;
    }
    return {};
}

/// Reads line by line; the first thing that is wrong ends it.
class reader {
public:
    explicit reader(std::string_view text) : rest_(text) {}

    [[nodiscard]] replay_or_reason whole();
    [[nodiscard]] edits_or_reason only_edits();

private:
    [[nodiscard]] bool next_line();
    bool fail(std::string what);
    bool read_start();
    bool read_fact();
    bool read_edit();
    bool read_kind(edit& made);
    bool read_ordinals(std::uint64_t& first, std::uint64_t& last);
    bool read_reseed();
    bool read_option();
    bool read_expect();
    bool read_end(std::string_view before);
    bool read_name(std::string& into, std::string_view what);
    bool read_decimal(std::uint64_t& into, std::string_view what);
    bool read_hex(std::uint64_t& into, std::string_view what);
    bool read_literal(std::string_view wanted);
    bool read_rest_is_empty();
    template <class Pairs, class Value>
    bool read_choice(const Pairs& pairs, Value& into, std::string_view what);
    bool once(bool& seen, std::string_view what);

    std::string_view rest_;
    std::string_view line_;  ///< what is left of the present line
    std::size_t number_ = 0;
    std::string reason_;
    replay_file made_;
    bool has_scenario_ = false, has_spec_ = false, has_seed_ = false, has_base_ = false;
    bool has_faults_ = false, has_expect_ = false;
};

bool reader::fail(std::string what) {
    if (reason_.empty()) reason_ = "line " + std::to_string(number_) + ": " + std::move(what);
    return false;
}

bool reader::next_line() {
    if (rest_.empty()) return false;
    ++number_;
    const std::size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line_.size() > line_bytes_max) {
        return fail("it has " + grouped(line_.size()) + " bytes, at most " + grouped(line_bytes_max) +
                    " are read; is this a replay file?");
    }
    return true;
}

bool reader::once(bool& seen, std::string_view what) {
    if (seen) return fail("a second `" + std::string(what) + "`; keep one of them");
    seen = true;
    return true;
}

bool reader::read_rest_is_empty() {
    if (line_.empty()) return true;
    return fail("there is more than belongs here: " + quoted(line_.substr(0, 40)) + "; delete it");
}

bool reader::read_literal(std::string_view wanted) {
    const std::string_view word = take_word(line_);
    if (word == wanted) return true;
    return fail("here should be `" + std::string(wanted) + "`, not " + quoted(word.substr(0, 40)) + "; " +
                std::string(write_anew));
}

bool reader::read_decimal(std::uint64_t& into, std::string_view what) {
    const std::string_view word = take_word(line_);
    const auto value = parse_decimal(word);
    if (!value) {
        return fail(std::string(what) + " should be a whole number below 2^64, not " + quoted(word.substr(0, 40)) +
                    "; correct it");
    }
    into = *value;
    return true;
}

bool reader::read_hex(std::uint64_t& into, std::string_view what) {
    const std::string_view word = take_word(line_);
    const auto value = parse_hex(word);
    if (!value || word.size() != 16) {
        return fail(std::string(what) + " should be 16 hexadecimal digits, not " + quoted(word.substr(0, 40)) + "; " +
                    std::string(write_anew));
    }
    into = *value;
    return true;
}

bool reader::read_name(std::string& into, std::string_view what) {
    auto name = take_quoted(line_);
    if (!name) return fail(std::string(what) + " should be a text in quotes that ends on this line; correct it");
    if (name->size() > text_bytes_max) {
        return fail(std::string(what) + " has " + grouped(name->size()) + " bytes, at most " + grouped(text_bytes_max) +
                    " are read; shorten it");
    }
    into = std::move(*name);
    return true;
}

template <class Pairs, class Value>
bool reader::read_choice(const Pairs& pairs, Value& into, std::string_view what) {
    const std::string_view word = take_word(line_);
    std::string known;
    for (const auto& [name, value] : pairs) {
        if (name == word) {
            into = value;
            return true;
        }
        known += (known.empty() ? "" : ", ") + std::string(name);
    }
    return fail(std::string(what) + " " + quoted(word.substr(0, 40)) + " is unknown; it is one of " + known);
}

bool reader::read_kind(edit& made) {
    const std::string_view tag = take_word(line_);
    const auto value = tag.starts_with("0x") ? parse_hex(tag.substr(2)) : std::nullopt;
    if (!value || *value == 0 || *value > UINT32_MAX) {
        return fail("a kind should be 0x and 1 to 8 hexadecimal digits, not 0, but is " + quoted(tag.substr(0, 40)));
    }
    made.kind = static_cast<std::uint32_t>(*value);
    if (!line_.starts_with('#')) return fail("after the kind should come `#` and its ordinal, as in `#4`");
    line_.remove_prefix(1);
    return read_decimal(made.kind_ordinal, "the ordinal of the kind");
}

/// "28", or "0..27".
bool reader::read_ordinals(std::uint64_t& first, std::uint64_t& last) {
    const std::string_view word = line_.substr(0, line_.find(' '));
    const std::size_t dots = word.find("..");
    if (dots == std::string_view::npos) {
        if (!read_decimal(first, "the ordinal")) return false;
        last = first;
        return true;
    }
    const auto low = parse_decimal(word.substr(0, dots));
    const auto high = parse_decimal(word.substr(dots + 2));
    if (!low || !high || *low > *high) {
        return fail("a range of ordinals should be like 0..27, not " + quoted(word.substr(0, 40)) + "; correct it");
    }
    first = *low;
    last = *high;
    static_cast<void>(take_word(line_));
    return true;
}

bool reader::read_edit() {
    edit made;
    const std::string_view name = take_word(line_);
    const auto what = site_named(name);
    if (!what) {
        return fail("unknown site " + quoted(name.substr(0, 40)) +
                    ": it is a name from another version, or misspelt; correct it, or delete the line");
    }
    made.what = *what;
    std::uint64_t last = 0;
    if (!read_name(made.entity, "whom it concerns") || !read_ordinals(made.ordinal, last)) return false;
    if (last - made.ordinal >= edits_max - made_.edits.edits.size()) {
        return fail("here are more edits than " + grouped(edits_max) + ", and no more than these are read");
    }
    if (made.ordinal == last && line_.starts_with("kind ")) {
        static_cast<void>(take_word(line_));
        if (!read_kind(made)) return false;
    }
    if (!read_literal("=") || !read_decimal(made.value, "the value") || !read_rest_is_empty()) return false;
    for (; made.ordinal < last; ++made.ordinal) made_.edits.edits.push_back(made);
    made_.edits.edits.push_back(std::move(made));
    return true;
}

bool reader::read_reseed() {
    reseed made;
    if (!read_decimal(made.event, "the event") || !read_literal("=") || !read_decimal(made.seed, "the seed")) {
        return false;
    }
    auto& all = made_.edits.reseeds;
    if (all.size() == edits_max) return fail("there are more reseeds than " + grouped(edits_max));
    if (!all.empty() && all.back().event >= made.event) return fail("reseeds must come by rising event; reorder them");
    all.push_back(made);
    return read_rest_is_empty();
}

bool reader::read_option() {
    if (made_.options.size() == options_max) return fail("there are more options than " + grouped(options_max));
    std::string name;
    if (!read_name(name, "an option")) return false;
    made_.options.push_back(std::move(name));
    return read_rest_is_empty();
}

bool reader::read_expect() {
    const std::string_view word = take_word(line_);
    if (word == "failure") {
        if (!read_name(made_.failure, "the failure") || !read_literal("event") ||
            !read_decimal(made_.event, "the event")) {
            return false;
        }
        if (made_.failure.empty()) return fail("the failure has no name; a run that passes is `expect pass`");
    } else if (word != "pass") {
        return fail("what is expected is `failure` or `pass`, not " + quoted(word.substr(0, 40)));
    }
    return read_literal("digest") && read_hex(made_.digest, "the digest") && read_rest_is_empty();
}

bool reader::read_fact() {
    const std::string_view what = take_word(line_);
    if (what == "edit") return read_edit();
    if (what == "reseed") return read_reseed();
    if (what == "option") return read_option();
    if (what == "scenario") {
        return once(has_scenario_, what) && read_name(made_.scenario, "the scenario") && read_rest_is_empty();
    }
    if (what == "spec") {
        return once(has_spec_, what) && read_hex(made_.spec_digest, "the digest of the spec") && read_rest_is_empty();
    }
    if (what == "seed") return once(has_seed_, what) && read_decimal(made_.seed, "the seed") && read_rest_is_empty();
    if (what == "base") return once(has_base_, what) && read_choice(bases, made_.from, "base") && read_rest_is_empty();
    if (what == "faults") {
        return once(has_faults_, what) && read_choice(profiles, made_.profile, "the fault profile") &&
               read_rest_is_empty();
    }
    if (what == "expect") return once(has_expect_, what) && read_expect();
    return fail("unknown word " + quoted(what.substr(0, 40)) + "; a line begins with scenario, spec, seed, base, " +
                "faults, option, edit, reseed, expect or end");
}

bool reader::read_start() {
    if (!next_line()) {
        number_ = 1;
        return fail("the file is empty; " + std::string(write_anew));
    }
    if (line_ == first_line) return true;
    if (line_.starts_with("tina replay ")) {
        return fail("this is format " + quoted(line_.substr(12, 40)) +
                    ", and this program reads format 1 only; replay it with the program that wrote it");
    }
    return fail("this is no replay file: it should begin with `" + std::string(first_line) + "`");
}

bool reader::read_end(std::string_view before) {
    const std::string_view word = take_word(line_);
    if (!read_rest_is_empty()) return false;
    if (word != by_hand && word != hex16(hash_of(before))) {
        return fail("the file was changed or damaged: its end says " + quoted(word.substr(0, 40)) +
                    ", and its text makes " + hex16(hash_of(before)) + "; write `end " + std::string(by_hand) +
                    "` if you have changed it on purpose");
    }
    if (!rest_.empty()) {
        ++number_;
        return fail("there is more after the end; delete it");
    }
    for (const auto& [there, what] : {std::pair{has_scenario_, "scenario"}, std::pair{has_spec_, "spec"},
                                      std::pair{has_seed_, "seed"}, std::pair{has_expect_, "expect"}}) {
        if (!there) return fail("there is no line `" + std::string(what) + "`; " + std::string(write_anew));
    }
    return true;
}

replay_or_reason reader::whole() {
    const std::string_view text = rest_;
    bool ended = false;
    bool good = read_start();
    while (good && !ended) {
        const std::string_view before = text.substr(0, text.size() - rest_.size());
        if (!next_line()) {
            good = false;
            ++number_;
            fail("the file is cut off: its last line, `end`, is missing; " + std::string(write_anew));
        } else if (line_ == "end" || line_.starts_with("end ")) {
            static_cast<void>(take_word(line_));
            ended = true;
            good = read_end(before);
        } else {
            good = read_fact();
        }
    }
    if (!good) return {{}, std::move(reason_)};
    return {std::move(made_), {}};
}

edits_or_reason reader::only_edits() {
    bool good = true;
    while (good && next_line()) {
        if (line_.empty() || line_.starts_with('#')) continue;
        const std::string_view what = take_word(line_);
        if (what == "edit") good = read_edit();
        else if (what == "reseed") good = read_reseed();
        else good = fail("a list of edits has lines `edit` and `reseed` only, not " + quoted(what.substr(0, 40)));
    }
    if (!reason_.empty()) return {{}, std::move(reason_)};
    return {std::move(made_.edits), {}};
}

/// How many edits from this one on are the same but for their ordinals, which rise by one.
[[nodiscard]] std::size_t run_length(const std::vector<edit>& edits, std::size_t from) {
    std::size_t count = 1;
    for (edit next = edits[from]; next.kind == 0 && from + count < edits.size(); ++count) {
        ++next.ordinal;
        if (next.ordinal == 0 || edits[from + count] != next) break;
    }
    return count;
}

void append_edit(std::string& text, const edit& each, std::size_t count) {
    text +=
        "edit " + std::string(info_of(each.what).name) + " " + quoted(each.entity) + " " + std::to_string(each.ordinal);
    if (count > 1) text += ".." + std::to_string(each.ordinal + count - 1);
    if (each.kind != 0) { text += " kind 0x" + hex16(each.kind).substr(8) + " #" + std::to_string(each.kind_ordinal); }
    text += " = " + std::to_string(each.value) + "\n";
}

}  // namespace

std::string to_text(const replay_file& what) {
    std::string text = std::string(first_line) + "\n";
    text += "scenario " + quoted(what.scenario) + "\n";
    text += "spec " + hex16(what.spec_digest) + "\n";
    text += "seed " + std::to_string(what.seed) + "\n";
    text += "base " + std::string(name_in(bases, what.from)) + "\n";
    text += "faults " + std::string(name_in(profiles, what.profile)) + "\n";
    for (const std::string& each : what.options) text += "option " + quoted(each) + "\n";
    const std::vector<edit>& edits = what.edits.edits;
    for (std::size_t i = 0, count = 0; i < edits.size(); i += count) {
        count = run_length(edits, i);
        append_edit(text, edits[i], count);
    }
    for (const reseed& each : what.edits.reseeds) {
        text += "reseed " + std::to_string(each.event) + " = " + std::to_string(each.seed) + "\n";
    }
    if (what.failure.empty()) text += "expect pass";
    else text += "expect failure " + quoted(what.failure) + " event " + std::to_string(what.event);
    text += " digest " + hex16(what.digest) + "\n";
    return text + "end " + hex16(hash_of(text)) + "\n";
}

replay_or_reason parse_replay(std::string_view text) {
    if (text.size() > replay_bytes_max) {
        return {{},
                "the text has " + grouped(text.size()) + " bytes, at most " + grouped(replay_bytes_max) +
                    " are read; is this a replay file?"};
    }
    return reader(text).whole();
}

edits_or_reason parse_edits(std::string_view text) {
    if (!text.starts_with("tina replay")) return reader(text.substr(0, replay_bytes_max)).only_edits();
    replay_or_reason read = parse_replay(text);
    return {std::move(read.file.edits), std::move(read.reason)};
}

}  // namespace tina::sim
