// SPDX-License-Identifier: Apache-2.0
// Steps through a recorded run. There is one run and all its events are at hand, so going back costs nothing and shows
// what was. It reads commands from a stream, and must end with it.
#include <algorithm>
#include <charconv>
#include <iostream>
#include <string>
#include <string_view>

#include "sim/trace/lines.hpp"
#include "sim/trace/trace.hpp"
#include "sim/trace/words.hpp"

namespace tina::sim {

namespace {

constexpr std::size_t around = 10;
constexpr std::size_t names_per_list = 40;

constexpr std::string_view help = "enter, n [COUNT]   the next event, or COUNT further\n"
                                  "b [COUNT]          back\n"
                                  "g NUMBER           to an event\n"
                                  "w, why             what led to this event\n"
                                  "i NAME             the next event of whom has NAME in its name\n"
                                  "f                  the next fault that fired\n"
                                  "x                  the event at which the run fails\n"
                                  "l                  the events around this one\n"
                                  "a                  who is alive\n"
                                  "q                  ends\n";

[[nodiscard]] std::string_view without_blanks(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

/// "88 213" or "88213"; 0: it is no number above 0.
[[nodiscard]] std::uint64_t number_in(std::string_view text) {
    std::string digits(text);
    std::erase(digits, ' ');
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size() ? value : 0;
}

class stepper {
public:
    stepper(const run_outcome& run, const step_options& options)
        : run_(&run),
          in_(options.in != nullptr ? options.in : &std::cin),
          out_(options.out != nullptr ? options.out : &std::cout),
          backwards_(options.backwards),
          prompt_(options.prompt),
          columns_(columns_of(run)) {}

    [[nodiscard]] int show_one(std::uint64_t number);
    [[nodiscard]] int take_commands();

private:
    [[nodiscard]] const std::vector<event_record>& events() const noexcept { return run_->events_kept; }
    [[nodiscard]] const event_record& here() const noexcept { return events()[at_]; }
    void begin();
    void obey(std::string_view line);
    void move(std::string_view count, bool back);
    void go_to(std::string_view number);
    void find_name(std::string_view name);
    void find_fault();
    void go_to_failure();
    void list(std::size_t before, std::size_t after);
    void say_who_is_alive();
    void say_if_it_failed_here();
    void show(std::size_t index);

    const run_outcome* run_;
    std::istream* in_;
    std::ostream* out_;
    bool backwards_;
    bool prompt_;
    line_columns columns_;
    std::size_t at_ = 0;
};

void stepper::show(std::size_t index) {
    at_ = index;
    *out_ << event_line(*run_, here(), columns_) << "\n";
    say_if_it_failed_here();
}

void stepper::say_if_it_failed_here() {
    if (!run_->failed || run_->failed->event != here().number) return;
    *out_ << "FAILED  " << verdict_of(*run_->failed) << "\n";
}

void stepper::move(std::string_view count, bool back) {
    const std::uint64_t wanted = count.empty() ? 1 : number_in(count);
    if (wanted == 0) {
        *out_ << "\"" << count << "\" is no number of events: give one above 0, as in \"" << (back ? "b" : "n")
              << " 10\"\n";
        return;
    }
    const std::size_t room = back ? at_ : events().size() - 1 - at_;
    if (room == 0) {
        *out_ << (back ? "This is the first event.\n" : "This is the last event.\n");
        return;
    }
    const auto by = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, room));
    show(back ? at_ - by : at_ + by);
}

void stepper::go_to(std::string_view number) {
    const std::uint64_t wanted = number_in(number);
    const event_record* found = event_of(*run_, wanted);
    if (found != nullptr) return show(static_cast<std::size_t>(found - events().data()));
    *out_ << "There is no event \"" << number << "\": the run has " << grouped(events().front().number) << " to "
          << grouped(events().back().number) << "\n";
}

void stepper::find_name(std::string_view name) {
    if (name.empty()) {
        *out_ << "Whose? Give a part of a name, as in \"i teller\"\n";
        return;
    }
    for (std::size_t i = at_ + 1; i < events().size(); ++i) {
        if (whom(*run_, events()[i]).find(name) != std::string::npos) return show(i);
    }
    *out_ << "Nobody with \"" << name << "\" in its name has an event after this one; \"a\" lists who is alive\n";
}

void stepper::find_fault() {
    for (std::size_t i = at_ + 1; i < events().size(); ++i) {
        const std::vector<fired> during = faults_during(*run_, events()[i].number);
        if (during.empty() && !is_fault(events()[i])) continue;
        show(i);
        if (is_fault(events()[i])) return;
        for (const fired& each : during) {
            *out_ << "!! during it: " << each.entity << " "
                  << sentence_of(each.what, static_cast<std::int64_t>(each.value), each.entity) << "\n";
        }
        return;
    }
    *out_ << "No fault fires after this event.\n";
}

void stepper::go_to_failure() {
    const event_record* failing = run_->failed ? event_of(*run_, run_->failed->event) : nullptr;
    if (failing == nullptr) {
        *out_ << "The run does not fail.\n";
        return;
    }
    show(static_cast<std::size_t>(failing - events().data()));
}

void stepper::list(std::size_t before, std::size_t after) {
    const std::size_t first = at_ - std::min(at_, before);
    const std::size_t last = std::min(at_ + after, events().size() - 1);
    for (std::size_t i = first; i <= last; ++i) {
        *out_ << (i == at_ ? "> " : "  ") << event_line(*run_, events()[i], columns_) << "\n";
    }
}

void stepper::say_who_is_alive() {
    const std::vector<std::string> names = alive_after(*run_, here().number);
    *out_ << grouped(names.size()) << " alive after event " << grouped(here().number) << (names.empty() ? "\n" : ":\n");
    for (std::size_t i = 0; i < std::min(names.size(), names_per_list); ++i) *out_ << "  " << names[i] << "\n";
    if (names.size() > names_per_list) *out_ << "  and " << grouped(names.size() - names_per_list) << " more\n";
}

void stepper::obey(std::string_view line) {
    const std::string_view text = without_blanks(line);
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view verb = text.substr(0, blank);
    const std::string_view rest = without_blanks(text.substr(blank));
    if (verb.empty()) return move({}, backwards_);
    if (verb == "n") return move(rest, false);
    if (verb == "b") return move(rest, true);
    if (verb == "g") return go_to(rest);
    if (verb == "i") return find_name(rest);
    if (verb == "f") return find_fault();
    if (verb == "x") return go_to_failure();
    if (verb == "l") return list(around, around);
    if (verb == "a") return say_who_is_alive();
    if (verb == "w" || verb == "why") {
        *out_ << explain(*run_, here().number);
    } else if (verb == "?" || verb == "h" || verb == "help") {
        *out_ << help << (backwards_ ? "An empty line goes back.\n" : "");
    } else {
        *out_ << "\"" << verb << "\" is no command; \"?\" lists them\n";
    }
}

void stepper::begin() {
    *out_ << grouped(events().size()) << " events, " << moment(run_->virtual_ns) << " simulated";
    if (run_->failed) *out_ << "; fails at event " << grouped(run_->failed->event) << ": " << verdict_of(*run_->failed);
    *out_ << (prompt_ ? "\n\"?\" lists the commands\n" : "\n");
    const event_record* failing = run_->failed ? event_of(*run_, run_->failed->event) : nullptr;
    if (!backwards_) return show(0);
    show(failing != nullptr ? static_cast<std::size_t>(failing - events().data()) : events().size() - 1);
}

int stepper::take_commands() {
    if (events().empty()) {
        *out_ << "The run has no events.\n";
        return 0;
    }
    begin();
    std::string line;
    for (;;) {  // ends with the input
        if (prompt_) *out_ << grouped(here().number) << "> " << std::flush;
        if (!std::getline(*in_, line)) break;
        const std::string_view text = without_blanks(line);
        if (text == "q" || text == "quit") return 0;
        obey(text);
    }
    if (prompt_) *out_ << "\n";
    return 0;
}

int stepper::show_one(std::uint64_t number) {
    const event_record* found = event_of(*run_, number);
    if (found == nullptr) {
        *out_ << "There is no event " << grouped(number) << ": the run has " << grouped(run_->events) << " events\n";
        return 2;
    }
    at_ = static_cast<std::size_t>(found - events().data());
    *out_ << "The last events until there:\n";
    list(around - 1, 0);
    *out_ << "\n";
    say_if_it_failed_here();
    *out_ << explain(*run_, number) << "\n";
    say_who_is_alive();
    return 0;
}

}  // namespace

int step_through(const run_outcome& run, const step_options& options) {
    if (!run.unusable.empty()) {
        (options.out != nullptr ? *options.out : std::cout) << run.unusable << "\n";
        return 2;
    }
    stepper steps(run, options);
    return options.to != 0 ? steps.show_one(options.to) : steps.take_commands();
}

}  // namespace tina::sim
