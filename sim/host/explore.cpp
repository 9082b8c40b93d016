// SPDX-License-Identifier: Apache-2.0
// The course of a campaign: known failures first, then seeds or generations, then the verdict.
#include "sim/host/explore.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "sim/harness/text.hpp"
#include "sim/host/corpus_keeper.hpp"
#include "sim/host/terminal.hpp"

namespace tina::sim::host {

namespace {

constexpr std::string_view canary_signature = "the run is the same every time";
constexpr std::uint64_t canary_share = 10;
constexpr std::uint64_t others_runs = 20;  ///< of each other scenario, to see what only it reaches

class explorer {
public:
    explorer(const runner& run, const invocation& by, const run_request& model, const explore_options& options)
        : run_(run),
          by_(by),
          model_(model),
          options_(options),
          workers_(run, options.workers),
          keeper_(by.scenario, options.corpus),
          started_ns_(real_now_ns()),
          next_index_(options.first_seed) {}

    [[nodiscard]] int explore();

private:
    void run_corpus();
    void run_seeds();
    void run_generations();
    void run_pool(const std::function<std::optional<family>()>& next,
                  const std::function<void(const campaign_run&, run_outcome)>& done);
    void judge_known(const corpus_entry& entry, const run_outcome& outcome);
    void add(const campaign_run& run, run_outcome outcome);
    void check_canary(const campaign_run& run, const run_outcome& outcome);
    void settle(std::uint64_t index);
    void print_settled(std::uint64_t below);
    void print_failure(const std::string& signature, const found_failure& found);
    void show_progress();
    void complain(const std::string& reason);
    [[nodiscard]] bool is_late() const {
        return options_.for_ns != 0 && real_now_ns() - started_ns_ >= options_.for_ns;
    }
    [[nodiscard]] bool is_stopped() const { return interrupt_watch::has_come() || !unusable_.empty(); }
    [[nodiscard]] std::uint64_t seeds() const { return options_.last_seed - options_.first_seed + 1; }
    void ask_others();
    [[nodiscard]] int conclude();
    [[nodiscard]] int verdict_of(bool is_whole);

    runner run_;
    invocation by_;
    run_request model_;
    explore_options options_;
    interrupt_watch watch_;
    progress_line progress_;
    pool workers_;
    corpus_keeper keeper_;
    campaign tally_;
    std::int64_t started_ns_;
    std::uint64_t next_index_;        ///< the next seed to be run
    std::uint64_t settled_ = 0;       ///< all runs below have been added
    std::set<std::uint64_t> beyond_;  ///< others that have been
    std::set<std::string> printed_;
    std::set<std::pair<std::string, std::uint64_t>> known_;  ///< signatures and seeds of the corpus that still fail
    std::map<std::uint64_t, std::uint64_t> canaries_;        ///< digests that are to come again, by index
    std::deque<family> canary_families_;
    std::uint64_t known_failing_ = 0;
    std::string unusable_;
    std::string complaint_;
};

void explorer::complain(const std::string& reason) {
    if (reason.empty() || reason == complaint_) return;
    progress_.clear();
    std::fprintf(stderr, "%s\n", reason.c_str());
    complaint_ = reason;
}

void explorer::show_progress() {
    if (!progress_.is_due()) return;
    const auto spent_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>((real_now_ns() - started_ns_) / 1'000'000, 1));
    const auto simulated_ms = static_cast<std::uint64_t>(tally_.virtual_ns() / 1'000'000);
    std::string text = grouped(tally_.runs()) + " of " + counted(seeds(), "run", "runs") + ", " +
                       grouped(tally_.runs() * 1000 / spent_ms) + "/s, " + seconds_text(tally_.virtual_ns()) +
                       " simulated (" + grouped(simulated_ms / spent_ms) + " times as fast as real), " +
                       counted(tally_.failed_runs(), "failure", "failures");
    if (tally_.marks_wanted() != 0) {
        text += ", marks " + grouped(tally_.marks_held()) + " of " + grouped(tally_.marks_wanted());
    }
    progress_.show(text);
}

void explorer::run_pool(const std::function<std::optional<family>()>& next,
                        const std::function<void(const campaign_run&, run_outcome)>& done) {
    const pool_hooks hooks{next, done, [this] { return is_stopped(); }, [this] { show_progress(); }};
    const std::string reason = workers_.run(hooks);
    if (!reason.empty() && unusable_.empty()) unusable_ = reason;
}

/// What is known is run first, in the order of the corpus.
void explorer::run_corpus() {
    std::vector<const corpus_entry*> entries;
    std::uint64_t others = 0;
    for (const corpus_entry& each : keeper_.known()) {
        const std::string place = options_.corpus + ", line " + std::to_string(each.line) + ": ";
        if (!each.reason.empty()) complain(place + "skipped, it cannot be read: " + each.reason);
        else if (each.file.scenario != by_.scenario) ++others;
        else entries.push_back(&each);
    }
    if (others != 0) {
        complain(options_.corpus + ": " + counted(others, "entry", "entries") +
                 " of other scenarios or programs skipped");
    }
    std::vector<std::optional<run_outcome>> outcomes(entries.size());
    std::size_t started = 0;
    run_pool(
        [&]() -> std::optional<family> {
            if (started == entries.size()) return std::nullopt;
            family what{
                request_of(entries[started]->file), {{.index = started, .is_parent = true}}, answer_size::verdict};
            ++started;
            return what;
        },
        [&](const campaign_run& run, run_outcome outcome) { outcomes[run.index] = std::move(outcome); });
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (outcomes[i]) judge_known(*entries[i], *outcomes[i]);
    }
}

void explorer::judge_known(const corpus_entry& entry, const run_outcome& outcome) {
    const replay_file& file = entry.file;
    const std::string place = options_.corpus + ", line " + std::to_string(entry.line) + ": ";
    if (!outcome.unusable.empty()) {
        complain(place + "skipped, it cannot be run: " + outcome.unusable);
        return;
    }
    const bool can_compare = file.spec_digest != 0 && outcome.spec_digest != 0;
    if (can_compare && file.spec_digest != outcome.spec_digest) {
        complain(place + "skipped, it is of another build: its specs have the digest " + hex16(file.spec_digest) +
                 ", this program's have " + hex16(outcome.spec_digest) + "; delete it, or run the build that made it");
        return;
    }
    progress_.clear();
    if (!outcome.failed) {
        say("passes  " + file.failure + "   known from " + options_.corpus + ", line " + std::to_string(entry.line) +
            "; seed " + std::to_string(file.seed) + " no longer shows it\n");
        return;
    }
    ++known_failing_;
    known_.insert({std::string(signature_of(outcome)), file.seed});
    const run_request request = request_of(file);
    const std::string name = replay_name(by_.scenario, request);
    complain(write_replay(name, replay_of(by_.scenario, request, outcome)));
    say(failure_text(by_, request, outcome, name));
    say("        known:      " + options_.corpus + ", line " + std::to_string(entry.line) + "\n");
}

void explorer::add(const campaign_run& run, run_outcome outcome) {
    if (!outcome.unusable.empty()) {
        if (unusable_.empty()) unusable_ = outcome.unusable;
        return;
    }
    if (canaries_.contains(run.index)) {
        check_canary(run, outcome);
        return;
    }
    if (options_.canary && !outcome.failed && combine(run.index, hash_of("canary")) % canary_share == 0) {
        canaries_[run.index] = outcome.digest;
        canary_families_.push_back({run.request, {{.index = run.index, .is_parent = true}}, answer_size::verdict});
    }
    if (tally_.add(run, outcome)) complain(keeper_.save(run, outcome));
    settle(run.index);
}

/// The same run a second time, in whatever process.
void explorer::check_canary(const campaign_run& run, const run_outcome& outcome) {
    const std::uint64_t expected = canaries_[run.index];
    if (outcome.digest == expected && !outcome.failed) return;
    run_outcome differs = outcome;
    differs.failed = failure{};
    differs.failed->property = canary_signature;
    differs.failed->detail = "the digest was " + hex16(expected) + ", and then " + hex16(outcome.digest) +
                             "; run it with --twice to see where they part";
    if (tally_.add(run, differs)) complain(keeper_.save(run, differs));
}

void explorer::settle(std::uint64_t index) {
    beyond_.insert(index);
    while (!beyond_.empty() && *beyond_.begin() == settled_) {
        beyond_.erase(beyond_.begin());
        ++settled_;
    }
    if (!options_.canary) print_settled(settled_);
}

/// Prints failures whose first run is certain: no run below it is still under way.
void explorer::print_settled(std::uint64_t below) {
    if (tally_.failures().size() == printed_.size()) return;
    std::vector<std::pair<std::uint64_t, const std::string*>> due;
    for (const auto& [signature, found] : tally_.failures()) {
        if (found.first.index < below && !printed_.contains(signature)) due.push_back({found.first.index, &signature});
    }
    std::sort(due.begin(), due.end(), [](const auto& one, const auto& other) {
        return std::pair{one.first, *one.second} < std::pair{other.first, *other.second};
    });
    for (const auto& [index, signature] : due) print_failure(*signature, tally_.failures().at(*signature));
}

void explorer::print_failure(const std::string& signature, const found_failure& found) {
    printed_.insert(signature);
    // The corpus has shown it already.
    if (known_.contains({signature, found.first.request.seed}) && found.first.request.edits == edit_list{}) return;
    progress_.clear();
    say(failure_text(by_, found.first.request, found.outcome, keeper_.file_of(signature)));
    std::fflush(stdout);
}

void explorer::run_seeds() {
    settled_ = options_.first_seed;
    run_pool(
        [this]() -> std::optional<family> {
            if (!canary_families_.empty()) {
                family again = std::move(canary_families_.front());
                canary_families_.pop_front();
                return again;
            }
            if (next_index_ > options_.last_seed || next_index_ < options_.first_seed || is_late()) return std::nullopt;
            family what{model_, {{.index = next_index_, .is_parent = true}}, answer_size::verdict};
            what.parent.seed = next_index_++;
            return what;
        },
        [this](const campaign_run& run, run_outcome outcome) { add(run, std::move(outcome)); });
}

/// Each generation is whole before the next is made of it, in the order of its indices.
void explorer::run_generations() {
    settled_ = 0;
    guided_search search(model_, options_.first_seed, seeds());
    while (!search.is_over() && !is_stopped() && !is_late()) {
        std::vector<family> generation = search.next_generation();
        std::map<std::uint64_t, std::pair<campaign_run, run_outcome>> made;
        std::size_t started = 0;
        run_pool(
            [&]() -> std::optional<family> {
                if (started == generation.size()) return std::nullopt;
                return std::move(generation[started++]);
            },
            [&](const campaign_run& run, run_outcome outcome) {
                made[run.index] = {run, outcome};
                outcome.novelty.clear();
                add(run, std::move(outcome));
            });
        for (const auto& [index, each] : made) search.add(each.first, each.second);
    }
}

int explorer::verdict_of(bool is_whole) {
    bool is_good = tally_.failures().empty() && known_failing_ == 0;
    if (is_whole && !options_.partial) {
        for (const std::string& each : tally_.not_shown()) {
            say("FAILED  the campaign: " + each + "\n");
            is_good = false;
        }
    }
    if (is_good && is_whole) say("passed  " + by_.scenario + "\n");
    if (!is_good) return 1;
    return interrupt_watch::has_come() ? 130 : 0;
}

/// Marks are the whole program's. Those that this scenario never passes, and another one does, are not for this one.
void explorer::ask_others() {
    if (options_.others.empty() || !tally_.misses_marks()) return;
    // Which types there are is known when the machines have booted.
    run_request beginning = model_;
    beginning.seed = options_.first_seed;
    beginning.keep = recording::all;
    beginning.stop_at_event = 1;
    std::set<std::string> types;
    for (const auto& of_machine : remote_runner(run_, options_.workers.hung_ns)(beginning).types) {
        types.insert(of_machine.begin(), of_machine.end());
    }
    for (const runner& each : options_.others) {
        remote_runner apart(each, options_.workers.hung_ns);
        run_request request = model_;
        for (request.seed = 1; request.seed <= others_runs; ++request.seed) {
            if (!tally_.misses_marks() || is_stopped()) return;
            const run_outcome outcome = apart(request);
            if (!outcome.unusable.empty()) break;
            tally_.leave_marks_to(outcome, types);
        }
    }
}

int explorer::conclude() {
    progress_.clear();
    print_settled(UINT64_MAX);
    complain(keeper_.close());
    if (!unusable_.empty()) {
        std::fprintf(stderr, "%s: %s\n", by_.scenario.c_str(), unusable_.c_str());
        return tally_.failures().empty() ? 2 : 1;
    }
    for (const auto& [signature, found] : tally_.failures()) {
        if (found.count > 1)
            say("        " + counted(found.count, "run", "runs") + " failed with: " + signature + "\n");
    }
    const std::size_t failures = tally_.failures().size();
    const bool is_whole = tally_.runs() >= seeds() && !interrupt_watch::has_come();
    if (is_whole && !options_.partial) ask_others();
    say(by_.scenario + ": " + counted(tally_.runs(), "run", "runs") + ", " +
        counted(tally_.events(), "event", "events") + ", " + seconds_text(tally_.virtual_ns()) + " simulated, " +
        counted(tally_.failed_runs(), "failed run", "failed runs") + ", " +
        counted(failures, "failure", failures == 0 ? "failures" : "different failures"));
    if (tally_.marks_wanted() != 0) {
        say(", marks held " + grouped(tally_.marks_held()) + " of " + grouped(tally_.marks_wanted()));
    }
    if (!is_whole) say(interrupt_watch::has_come() ? "; interrupted" : "; ended by --for");
    say("\n");
    const int status = verdict_of(is_whole);
    std::fflush(stdout);
    return status;
}

int explorer::explore() {
    if (const std::string reason = keeper_.open(); !reason.empty()) {
        std::fprintf(stderr, "%s\n", reason.c_str());
        return 2;
    }
    run_corpus();
    if (options_.guided) run_generations();
    else run_seeds();
    return conclude();
}

}  // namespace

int explore(const runner& run, const invocation& by, const run_request& model, const explore_options& options) {
    return explorer(run, by, model, options).explore();
}

}  // namespace tina::sim::host
