// SPDX-License-Identifier: Apache-2.0
// Shrinking by delta debugging. A state is a list of what fired, from which a request is made; a candidate is the list
// without some of it, or with smaller values. What a candidate's run says has fired becomes the next list.
#include "sim/harness/shrink.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/harness/quiet.hpp"
#include "sim/harness/text.hpp"

namespace tina::sim {

namespace {

using fired_list = std::vector<fired>;

[[nodiscard]] bool is_fault(const fired& what) noexcept { return info_of(what.what).is_fault; }
[[nodiscard]] bool is_order(const fired& what) noexcept { return !is_fault(what) && !is_simplification(what); }
[[nodiscard]] bool is_same_choice(const edit& one, const edit& other) noexcept {
    return one.what == other.what && one.entity == other.entity && one.ordinal == other.ordinal;
}

[[nodiscard]] std::uint64_t hash_of(const run_request& request) {
    std::uint64_t hash = static_cast<std::uint64_t>(request.from);
    for (const edit& each : request.edits.edits) {
        hash = combine(combine(hash, sim::hash_of(each.entity)), static_cast<std::uint64_t>(each.what));
        hash = combine(combine(hash, each.ordinal), each.value);
    }
    for (const reseed& each : request.edits.reseeds) hash = combine(combine(hash, each.event), each.seed);
    return hash;
}

/// The number at the end of a name; 0: it is the first, or has none.
[[nodiscard]] std::uint64_t number_of(std::string_view entity) {
    const std::size_t slash = entity.rfind('/');
    return slash == entity.npos ? 0 : parse_decimal(entity.substr(slash + 1)).value_or(0);
}
[[nodiscard]] std::string_view stem_of(std::string_view entity) { return entity.substr(0, entity.rfind('/') + 1); }

using entity_set = std::set<std::string>;

[[nodiscard]] std::uint64_t least_number_of(const entity_set& group) {
    std::uint64_t least = UINT64_MAX;
    for (const std::string& each : group) least = std::min(least, number_of(each));
    return least;
}
/// The one that is so many before another of its kind.
[[nodiscard]] std::string before(const std::string& entity, std::uint64_t by) {
    return std::string(stem_of(entity)) + std::to_string(number_of(entity) - by);
}
/// What happens to those of a group happens to those so many before them.
[[nodiscard]] fired_list renamed(fired_list items, const entity_set& group, std::uint64_t by) {
    for (fired& each : items) {
        if (group.contains(each.entity) && !is_simplification(each)) each.entity = before(each.entity, by);
    }
    return items;
}

class shrinker {
public:
    shrinker(const runner& run, const run_request& failing, const shrink_limits& limits)
        : run_(run), limits_(limits), request_(failing) {
        request_.keep = recording::none;
    }

    [[nodiscard]] shrink_result result();

private:
    [[nodiscard]] bool begin();
    [[nodiscard]] bool find_end();
    [[nodiscard]] bool is_over() {
        return over_ = over_ || runs_ >= limits_.runs_max || (limits_.stops && limits_.stops());
    }
    [[nodiscard]] run_outcome run(const run_request& wanted);
    [[nodiscard]] bool has_signature(const run_outcome& outcome) const {
        return outcome.unusable.empty() && signature_of(outcome) == signature_;
    }
    [[nodiscard]] run_request request_for(const fired_list& items) const;
    bool accepts(const fired_list& items);
    bool accepts(run_request wanted, const fired_list& items);
    void take(const run_request& wanted, run_outcome outcome, const fired_list& items);
    bool remove(bool (*of_class)(const fired&));
    bool remove_reseeds();
    bool remove_operations();
    bool lower_values();
    bool lower(std::size_t index, std::uint64_t to);
    bool lower_workload();
    bool move_earlier();
    [[nodiscard]] entity_set entities_struck() const;
    [[nodiscard]] bool leave_out_and_rename(entity_set group);
    bool leave_out_those_before();
    bool remove_pairs();
    [[nodiscard]] bool move_entity(const std::string& entity);
    [[nodiscard]] bool rename_entity(const std::string& entity);
    [[nodiscard]] fired_list workload_until_failure(site what);
    [[nodiscard]] run_size size_of(const fired_list& items) const;
    void report() const;
    void drop_idle_edits();
    void finish(shrink_result& made);

    const runner& run_;
    const shrink_limits& limits_;
    run_request request_;   ///< the last that was run and failed
    run_outcome accepted_;  ///< of it
    std::string signature_;
    fired_list items_;        ///< what fires in it
    std::uint64_t last_ = 0;  ///< the event at which it fails; 0: the process is gone and did not tell
    bool from_quiet_ = true;
    bool over_ = false;
    std::uint64_t runs_ = 0;
    std::uint64_t operations_ = 0;
    std::set<std::uint64_t> refused_;
};

run_outcome shrinker::run(const run_request& wanted) {
    ++runs_;
    run_outcome outcome = run_(wanted);
    report();
    return outcome;
}

void shrinker::report() const {
    if (limits_.on_progress) limits_.on_progress({runs_, size_of(items_)});
}

run_size shrinker::size_of(const fired_list& items) const {
    run_size size;
    size.faults = static_cast<std::uint64_t>(std::count_if(items.begin(), items.end(), is_fault));
    size.orders = static_cast<std::uint64_t>(std::count_if(items.begin(), items.end(), is_order));
    size.operations = operations_;
    return size;
}

/// From the quiet base what fires is edited in. From the seed, what no longer fires is edited away.
run_request shrinker::request_for(const fired_list& items) const {
    run_request made = request_;
    if (from_quiet_) {
        made.edits.edits.assign(items.begin(), items.end());
        return made;
    }
    const auto put = [&](const edit& wanted) {
        auto& all = made.edits.edits;
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const edit& e) { return is_same_choice(e, wanted); });
        if (found != all.end()) *found = wanted;
        else all.push_back(wanted);
    };
    std::set<std::pair<std::uint64_t, std::uint64_t>> kept;
    const auto key = [](const edit& each) {
        return std::pair{sim::hash_of(each.entity) + static_cast<std::uint64_t>(each.what), each.ordinal};
    };
    for (const fired& each : items) {
        kept.insert(key(each));
        const auto before =
            std::find_if(items_.begin(), items_.end(), [&](const fired& f) { return is_same_choice(f, each); });
        if (before == items_.end() || before->value != each.value) put(each);
    }
    for (const fired& each : items_) {
        if (kept.contains(key(each))) continue;
        edit away = each;
        away.value = each.quiet;
        put(away);
    }
    return made;
}

bool shrinker::accepts(const fired_list& items) { return accepts(request_for(items), items); }

bool shrinker::accepts(run_request wanted, const fired_list& items) {
    if (is_over()) return false;
    const std::uint64_t hash = hash_of(wanted);
    if (refused_.contains(hash)) return false;
    run_outcome outcome = run(wanted);
    // From the seed, taking one away may summon others: that is no step forward.
    const bool is_smaller = from_quiet_ || fired_until_failure(wanted, outcome).size() <= items.size();
    if (!has_signature(outcome) || !is_smaller) {
        refused_.insert(hash);
        return false;
    }
    take(wanted, std::move(outcome), items);
    return true;
}

void shrinker::take(const run_request& wanted, run_outcome outcome, const fired_list& items) {
    request_ = wanted;
    last_ = outcome.failed ? outcome.failed->event : 0;
    items_ = is_of_the_process(signature_) ? items : fired_until_failure(wanted, outcome);
    accepted_ = std::move(outcome);
}

/// The run, once more, and its quiet form, if that fails in the same way.
bool shrinker::begin() {
    run_outcome outcome = run(request_);
    if (!outcome.unusable.empty() || !outcome.failed) return false;
    signature_ = signature_of(outcome);
    last_ = outcome.failed->event;
    accepted_ = outcome;
    if (is_of_the_process(signature_)) return find_end();
    items_ = fired_until_failure(request_, outcome);
    quiet_rewrite quiet = to_quiet([this](const run_request& wanted) { return run(wanted); }, request_, outcome);
    from_quiet_ = quiet.same;
    if (from_quiet_) take(quiet.request, std::move(quiet.outcome), items_);
    return true;
}

/// The process is gone before it tells what fired: the longest run that still comes back tells it.
bool shrinker::find_end() {
    run_request part = request_;
    run_outcome told;
    std::uint64_t low = 0, step = 1024;
    for (bool grows = true; step != 0 && !is_over();) {
        part.stop_at_event = low + step;
        run_outcome outcome = run(part);
        const bool came_back = !is_of_the_process(signature_of(outcome));
        if (came_back && outcome.events < low + step - 1) return false;  // it ended otherwise this time
        if (came_back) {
            low += step;
            told = std::move(outcome);
        }
        grows = grows && came_back;
        step = grows ? step * 2 : step / 2;
    }
    last_ = 0;
    items_ = fired_until_failure(request_, told);
    quiet_rewrite quiet = to_quiet([this](const run_request& wanted) { return run(wanted); }, request_, told);
    from_quiet_ = has_signature(quiet.outcome);
    if (from_quiet_) request_ = quiet.request;
    return true;
}

/// Takes away all of a class, then halves, quarters, … of it, then single ones, from the end.
bool shrinker::remove(bool (*of_class)(const fired&)) {
    const auto places = [&] {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < items_.size(); ++i) {
            if (of_class(items_[i])) found.push_back(i);
        }
        return found;
    };
    bool changed = false;
    std::vector<std::size_t> at = places();
    for (std::size_t chunk = at.size(); chunk != 0; chunk = std::min(chunk / 2, at.size())) {
        for (std::size_t end = at.size(); end != 0 && !is_over();) {
            const std::size_t begin = end > chunk ? end - chunk : 0;
            fired_list without;
            for (std::size_t i = 0, next = begin; i < items_.size(); ++i) {
                if (next < end && at[next] == i) ++next;
                else without.push_back(items_[i]);
            }
            if (accepts(without)) {
                changed = true;
                at = places();
            }
            end = std::min(begin, at.size());
        }
    }
    return changed;
}

bool shrinker::remove_reseeds() {
    bool changed = false;
    for (std::size_t i = request_.edits.reseeds.size(); i-- > 0 && !is_over();) {
        run_request without = request_;
        without.edits.reseeds.erase(without.edits.reseeds.begin() + static_cast<std::ptrdiff_t>(i));
        if (accepts(without, items_)) changed = true;
    }
    return changed;
}

fired_list shrinker::workload_until_failure(site what) {
    run_request wanted = request_;
    wanted.keep = recording::all;
    if (is_of_the_process(signature_)) return {};
    const run_outcome outcome = run(wanted);
    fired_list found;
    for (const fired& each : outcome.operations) {
        if (each.what == what && (last_ == 0 || each.event <= last_)) found.push_back(each);
    }
    if (what == site::operation) operations_ = found.size();
    return found;
}

/// As `remove`, but what is taken away is there unless an edit says that it is not.
bool shrinker::remove_operations() {
    if (is_over()) return false;
    bool changed = false;
    fired_list left = workload_until_failure(site::operation);
    for (std::size_t chunk = left.size(); chunk != 0; chunk = std::min(chunk / 2, left.size())) {
        for (std::size_t end = left.size(); end != 0 && !is_over();) {
            const std::size_t begin = end > chunk ? end - chunk : 0;
            run_request wanted = request_;
            for (std::size_t i = begin; i < end; ++i) {
                wanted.edits.edits.push_back(left[i]);
                wanted.edits.edits.back().value = 1;
            }
            if (accepts(wanted, items_)) {
                changed = true;
                left.erase(left.begin() + static_cast<std::ptrdiff_t>(begin),
                           left.begin() + static_cast<std::ptrdiff_t>(end));
                operations_ = left.size();
            }
            end = begin;
        }
    }
    return changed;
}

bool shrinker::lower(std::size_t index, std::uint64_t to) {
    if (index >= items_.size() || to >= items_[index].value) return false;
    fired_list with = items_;
    with[index].value = to;
    const fired meant = with[index];
    return accepts(with) && index < items_.size() && is_same_choice(items_[index], meant);
}

/// Each value: the least first, else half the way to it, as often as that will do.
bool shrinker::lower_values() {
    bool changed = false;
    for (std::size_t i = 0; i < items_.size() && !is_over(); ++i) {
        if (is_simplification(items_[i])) continue;
        const std::uint64_t least = std::max<std::uint64_t>(items_[i].least + (items_[i].least == items_[i].quiet), 1);
        if (lower(i, least)) {
            changed = true;
            continue;
        }
        for (int halvings = 0; halvings < 64 && i < items_.size() && items_[i].value > least; ++halvings) {
            if (!lower(i, least + (items_[i].value - least) / 2)) break;
            changed = true;
        }
    }
    return changed;
}

/// What happens to one entity, all together, so many occasions earlier: then fewer operations need to come before it.
bool shrinker::move_entity(const std::string& entity) {
    const auto is_moved = [&](const fired& each) { return each.entity == entity && !is_simplification(each); };
    std::uint64_t most = UINT64_MAX;
    for (const fired& each : items_) {
        if (is_moved(each)) most = std::min(most, each.kind != 0 ? each.kind_ordinal : each.ordinal);
    }
    for (std::uint64_t by = most; by != 0 && by != UINT64_MAX && !is_over(); by /= 2) {
        fired_list moved = items_;
        for (fired& each : moved) {
            if (!is_moved(each)) continue;
            each.ordinal -= std::min(each.ordinal, by);
            each.kind_ordinal -= std::min(each.kind_ordinal, by);
        }
        if (accepts(moved)) return true;
    }
    return false;
}

/// What happens to the 22nd of its kind happens to an earlier one, the first if that will do: then those before need
/// not be there.
bool shrinker::rename_entity(const std::string& entity) {
    for (std::uint64_t by = number_of(entity); by != 0 && !is_over(); by /= 2) {
        if (accepts(renamed(items_, {entity}, by))) return true;
    }
    return false;
}

entity_set shrinker::entities_struck() const {
    entity_set entities;
    for (const fired& each : items_) {
        if (!is_simplification(each)) entities.insert(each.entity);
    }
    return entities;
}

/// What happens may be there only to undo an operation: neither can go without the other.
bool shrinker::remove_pairs() {
    constexpr std::size_t pairs_max = 1000;
    if (items_.empty() || is_over()) return false;
    fired_list left = workload_until_failure(site::operation);
    bool changed = false;
    for (std::size_t i = items_.size(); i-- > 0 && left.size() * items_.size() <= pairs_max;) {
        if (i >= items_.size() || is_simplification(items_[i])) continue;
        for (auto each = left.begin(); each != left.end() && !is_over(); ++each) {
            fired_list without = items_;
            without[i] = *each;
            without[i].value = 1;
            if (!accepts(without)) continue;
            changed = true;
            left.erase(each);
            operations_ = left.size();
            break;
        }
    }
    return changed;
}

bool shrinker::move_earlier() {
    bool changed = false;
    for (const std::string& each : entities_struck()) changed = rename_entity(each) || move_entity(each) || changed;
    return changed;
}

/// Operations that are there only so that what happens to the 22nd of its kind finds a 22nd: none of them can be left
/// out alone, nor can the 22nd become the first, but so many of them and as much of the number can go together.
bool shrinker::leave_out_and_rename(entity_set group) {
    if (least_number_of(group) == 0 || is_over()) return false;
    fired_list left = workload_until_failure(site::operation);
    bool changed = false;
    const auto most = [&] { return std::min<std::size_t>(left.size(), least_number_of(group)); };
    for (std::size_t chunk = most(); chunk != 0; chunk = std::min(chunk / 2, most())) {
        for (std::size_t end = left.size(); end >= chunk && chunk <= most() && !is_over();) {
            const auto begin = left.begin() + static_cast<std::ptrdiff_t>(end - chunk);
            fired_list without = renamed(items_, group, chunk);
            for (auto each = begin; each != begin + static_cast<std::ptrdiff_t>(chunk); ++each) {
                without.push_back(*each);
                without.back().value = 1;
            }
            end -= chunk;
            if (end != 0 && end < chunk) end = chunk;  // the last of them overlap
            if (!accepts(without)) continue;
            changed = true;
            left.erase(begin, begin + static_cast<std::ptrdiff_t>(chunk));
            operations_ = left.size();
            entity_set moved;
            for (const std::string& each : group) moved.insert(before(each, chunk));
            group = std::move(moved);
        }
    }
    return changed;
}

/// All of one kind together, then each of them.
bool shrinker::leave_out_those_before() {
    std::map<std::string, entity_set, std::less<>> kinds;
    for (const std::string& each : entities_struck()) kinds[std::string(stem_of(each))].insert(each);
    bool changed = false;
    for (const auto& [stem, group] : kinds) changed = leave_out_and_rename(group) || changed;
    for (const std::string& each : entities_struck()) changed = leave_out_and_rename({each}) || changed;
    return changed;
}

/// Values of the workload: all to 0, then halves, … then each to a half of what it is.
bool shrinker::lower_workload() {
    if (is_over()) return false;
    bool changed = false;
    fired_list left = workload_until_failure(site::workload);
    left.erase(std::remove_if(left.begin(), left.end(), [](const fired& each) { return each.value == 0; }), left.end());
    const auto with = [&](std::size_t begin, std::size_t end, auto change) {
        run_request wanted = request_;
        for (std::size_t i = begin; i < end; ++i) {
            edit lowered = left[i];
            lowered.value = change(lowered.value);
            auto& all = wanted.edits.edits;
            const auto same = [&](const edit& each) { return is_same_choice(each, lowered); };
            all.erase(std::remove_if(all.begin(), all.end(), same), all.end());
            all.push_back(lowered);
        }
        return wanted;
    };
    for (std::size_t chunk = left.size(); chunk != 0; chunk = std::min(chunk / 2, left.size())) {
        for (std::size_t end = left.size(); end != 0 && !is_over();) {
            const std::size_t begin = end > chunk ? end - chunk : 0;
            if (accepts(with(begin, end, [](std::uint64_t) { return std::uint64_t{0}; }), items_)) {
                changed = true;
                left.erase(left.begin() + static_cast<std::ptrdiff_t>(begin),
                           left.begin() + static_cast<std::ptrdiff_t>(end));
            }
            end = begin;
        }
    }
    for (std::size_t i = 0; i < left.size() && !is_over(); ++i) {
        while (left[i].value > 1 && accepts(with(i, i + 1, [](std::uint64_t value) { return value / 2; }), items_)) {
            left[i].value /= 2;
            changed = true;
        }
    }
    return changed;
}

/// Values of the workload that made no difference are the seed's again: who reads the file need not wonder about them.
void shrinker::drop_idle_edits() {
    const auto is_value = [](const edit& each) { return each.what == site::workload; };
    run_outcome reference = run(request_);
    if (!has_signature(reference) || is_of_the_process(signature_)) return;
    std::size_t count = items_.size();
    for (std::size_t chunk = count; chunk != 0; chunk = std::min(chunk / 2, count)) {
        for (std::size_t end = count; end != 0 && !is_over();) {
            const std::size_t begin = end > chunk ? end - chunk : 0;
            fired_list without;
            for (std::size_t i = 0; i < items_.size(); ++i) {
                if (i < begin || i >= end || !is_value(items_[i])) without.push_back(items_[i]);
            }
            end = begin;
            if (without.size() == items_.size()) continue;
            run_request wanted = request_for(without);
            run_outcome outcome = run(wanted);
            if (!has_signature(outcome) || outcome.digest != reference.digest) continue;
            take(wanted, std::move(outcome), without);
            count = items_.size();
            end = std::min(end, count);
        }
    }
}

/// What has to happen comes first, in the order of time; then what of the workload is left out or lowered, by name.
void put_in_order(std::vector<edit>& edits) {
    std::vector<edit> ordered, simpler;
    for (edit& each : edits) (is_simplification(each) ? simpler : ordered).push_back(std::move(each));
    std::sort(simpler.begin(), simpler.end(), [](const edit& one, const edit& other) {
        return std::tie(one.what, one.entity, one.ordinal) < std::tie(other.what, other.entity, other.ordinal);
    });
    ordered.insert(ordered.end(), simpler.begin(), simpler.end());
    edits = std::move(ordered);
}

/// The last word: what is left, run once more with everything kept.
void shrinker::finish(shrink_result& made) {
    made.complete = !over_;
    if (!over_ && from_quiet_ && !is_of_the_process(signature_)) drop_idle_edits();
    made.after = size_of(items_);
    made.request = request_;
    // What was asked for and did not fire is of no use in a file, if it is the same run without.
    if (from_quiet_) made.request.edits.edits.assign(items_.begin(), items_.end());
    for (const bool is_tidy : {true, false}) {
        if (!is_tidy) made.request = request_;
        put_in_order(made.request.edits.edits);
        made.request.keep = recording::all;
        made.outcome = run(made.request);
        if (has_signature(made.outcome)) break;
        // Interrupted: what was accepted last is known, if not in every detail.
        made.outcome = accepted_;
    }
    made.request.keep = recording::none;
    for (const edit& each : made.request.edits.edits) {
        if (each.what == site::operation && each.value != 0) ++made.operations_left_out;
    }
    made.runs = runs_;
}

shrink_result shrinker::result() {
    shrink_result made;
    if (!begin()) {
        made.reason = "it passes, so there is nothing to shrink";
        made.runs = runs_;
        return made;
    }
    static_cast<void>(workload_until_failure(site::operation));
    made.before = size_of(items_);
    made.from_quiet = from_quiet_;
    for (bool changes = true; changes && !is_over();) {
        changes = remove(is_fault);
        changes = remove(is_order) || changes;
        changes = remove_reseeds() || changes;
        changes = remove_operations() || changes;
        changes = lower_values() || changes;
        changes = lower_workload() || changes;
        if (!from_quiet_) continue;
        changes = move_earlier() || changes;
        changes = leave_out_those_before() || changes;
        changes = remove_pairs() || changes;
    }
    finish(made);
    return made;
}

}  // namespace

shrink_result shrink(const runner& run, const run_request& failing, const shrink_limits& limits) {
    return shrinker(run, failing, limits).result();
}

}  // namespace tina::sim
