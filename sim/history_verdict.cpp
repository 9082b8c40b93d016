// SPDX-License-Identifier: Apache-2.0
// The verdict on a history, key by key, and its reasons: the shortest beginning that cannot be ordered, without the
// operations that do not matter. What is left out is left out only where that cannot make a good history look bad.
#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/history_order.hpp"
#include "tina/history.hpp"

namespace tina::sim {

namespace {

using detail::find_order;
using detail::key_state;
using detail::ordering;
using operation_list = std::vector<history_operation>;

constexpr std::size_t operations_told_max = 12;

[[nodiscard]] bool is_definite(const history_operation& what) { return what.outcome != history_outcome::unknown; }

[[nodiscard]] bool says_nothing(const history_operation& what) {
    return what.outcome == history_outcome::failed || (what.kind == history_kind::read && !is_definite(what));
}

/// Whether an operation may have found what `changed` has left.
[[nodiscard]] bool sees(const history_operation& what, const history_operation& changed) {
    const bool has_value = changed.kind != history_kind::erase;
    if (what.kind == history_kind::read) return has_value ? what.found == changed.value : !what.found.has_value();
    return what.kind == history_kind::compare_and_set && has_value && what.expected == changed.value;
}

/// Whether `all` without `which` can be ordered if `all` can: where nobody sees what it changes, and nobody needs that
/// something else was there.
[[nodiscard]] bool can_be_left_out(const operation_list& all, const history_operation& which) {
    if (which.kind == history_kind::read || which.outcome == history_outcome::unequal) return true;
    return std::none_of(all.begin(), all.end(), [&](const history_operation& each) {
        return each.outcome == history_outcome::unequal || (each.began != which.began && sees(each, which));
    });
}

/// Leaves out what may have happened and whose effect nobody has seen.
void leave_out_unseen(operation_list& all) {
    for (bool again = true; again;) {
        const std::size_t before = all.size();
        const operation_list known = all;
        std::erase_if(
            all, [&](const history_operation& each) { return !is_definite(each) && can_be_left_out(known, each); });
        again = all.size() != before;
    }
}

/// The operations of one key after `note_count` notes, as they stood then.
[[nodiscard]] operation_list beginning_of(const operation_list& all, std::uint64_t note_count) {
    operation_list known;
    for (history_operation each : all) {
        if (each.began > note_count) break;
        const bool is_open = each.ended > note_count;
        if (is_open && each.outcome == history_outcome::unequal) continue;
        if (is_open) each.outcome = history_outcome::unknown;
        if (!says_nothing(each)) known.push_back(each);
    }
    leave_out_unseen(known);
    return known;
}

/// The fewest notes after which there is no order, given that there is none in the end.
[[nodiscard]] std::uint64_t shortest_beginning(const operation_list& all, key_state initial, std::uint64_t states_max) {
    std::vector<std::uint64_t> ends;
    for (const history_operation& each : all) {
        if (is_definite(each)) ends.push_back(each.ended);
    }
    std::sort(ends.begin(), ends.end());
    const auto shortest = std::partition_point(ends.begin(), ends.end(), [&](std::uint64_t note) {
        return find_order(beginning_of(all, note), initial, states_max).is != ordering::none;
    });
    return shortest != ends.end() ? *shortest : ends.back();
}

/// Operations that cannot be ordered, on a key with this state at first.
struct witness {
    operation_list operations;
    key_state initial;
    std::uint64_t states_left;

    [[nodiscard]] bool stands_with(const operation_list& fewer, key_state state) {
        const auto answer = find_order(fewer, state, states_left);
        states_left -= std::min(states_left, answer.states);
        return answer.is == ordering::none;
    }
};

/// Forgets what had ended before the rest began, where no state that it may have left explains the rest.
void forget_the_past(witness& what) {
    const key_state anything{key_state::form::anything, 0};
    for (std::size_t i = what.operations.size(); i-- > 1;) {
        const std::uint64_t cut = what.operations[i].began;
        operation_list rest;
        bool is_cut = true;
        for (const history_operation& each : what.operations) {
            if (is_definite(each) && each.ended < cut) continue;
            if (is_definite(each) && each.began < cut) is_cut = false;
            rest.push_back(each);
        }
        if (!is_cut || rest.size() == what.operations.size() || !what.stands_with(rest, anything)) continue;
        what.operations = std::move(rest);
        what.initial = anything;
        return;
    }
}

/// Leaves out one after the other, as long as the rest cannot be ordered.
void leave_out_needless(witness& what) {
    for (bool again = true; again;) {
        again = false;
        for (std::size_t i = 0; i < what.operations.size();) {
            operation_list fewer = what.operations;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
            if (can_be_left_out(what.operations, what.operations[i]) && what.stands_with(fewer, what.initial)) {
                what.operations = std::move(fewer);
                again = true;
            } else {
                ++i;
            }
        }
    }
}

[[nodiscard]] std::string number(std::uint64_t value) { return std::to_string(value); }

[[nodiscard]] std::string deed_of(const history_operation& what) {
    const bool is_sure = is_definite(what);
    switch (what.kind) {
    case history_kind::read: return what.found ? "read " + number(*what.found) : "found no value";
    case history_kind::write: return (is_sure ? "wrote " : "may have written ") + number(what.value);
    case history_kind::erase: return is_sure ? "erased it" : "may have erased it";
    case history_kind::compare_and_set: break;
    }
    if (what.outcome == history_outcome::unequal) return "found another value than " + number(what.expected);
    return (is_sure ? "set " : "may have set ") + number(what.expected) + " to " + number(what.value);
}

[[nodiscard]] std::string in_words(const history_operation& what) {
    const std::string when = is_definite(what) ? "notes " + number(what.began) + " to " + number(what.ended)
                                               : "from note " + number(what.began) + " on";
    return "client " + number(what.client) + " " + deed_of(what) + " (" + when + ")";
}

[[nodiscard]] std::string state_in_words(const key_state& state) {
    switch (state.is) {
    case key_state::form::absent: return ", without a value at first";
    case key_state::form::value: return ", " + number(state.value) + " at first";
    case key_state::form::anything: break;
    }
    return ", whatever it held before";
}

[[nodiscard]] std::string explain(const operation_list& all, key_state initial, std::uint64_t states_max) {
    const std::uint64_t notes = shortest_beginning(all, initial, states_max);
    witness what{beginning_of(all, notes), initial, states_max};
    forget_the_past(what);
    leave_out_needless(what);
    std::string text = "key " + number(all.front().key) + state_in_words(what.initial) +
                       ": no order explains the first " + number(notes) + " notes: ";
    const std::size_t count = what.operations.size();
    const std::size_t untold = count > operations_told_max ? count - operations_told_max : 0;
    if (untold > 0) text += number(untold) + " operations; ";
    for (std::size_t i = untold; i < count; ++i) text += (i > untold ? "; " : "") + in_words(what.operations[i]);
    return text;
}

}  // namespace

verdict linearizable(const history& what, const linearizable_options& options) {
    std::map<std::uint64_t, operation_list> by_key;
    for (const history_operation& each : what.operations()) {
        if (!says_nothing(each)) by_key[each.key].push_back(each);
    }
    const key_state initial = options.initial ? key_state{key_state::form::value, *options.initial} : key_state{};
    std::uint64_t states_left = options.states_max;
    std::optional<std::uint64_t> undecided;
    for (auto& [key, all] : by_key) {
        leave_out_unseen(all);
        const auto answer = find_order(all, initial, states_left);
        if (answer.is == ordering::none) return explain(all, initial, options.states_max);
        if (answer.is == ordering::undecided && !undecided) undecided = key;
        // A key that was too much leaves the others a share, so that what they show is still found.
        states_left = answer.is == ordering::undecided ? options.states_max / 16 : states_left - answer.states;
    }
    if (!undecided) return std::nullopt;
    return "key " + number(*undecided) + ": undecided after " + number(options.states_max) +
           " states: too many operations overlap or are of unknown outcome; raise linearizable_options::states_max, or "
           "let fewer clients use one key";
}

}  // namespace tina::sim
