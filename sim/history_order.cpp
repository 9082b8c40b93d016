// SPDX-License-Identifier: Apache-2.0
// A search in depth through all orders: whatever may come next does so in turn, and a set of operations that has led
// nowhere from a state is not tried again. Owned by the call; it never takes more states than it was given.
#include "sim/history_order.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>

namespace tina::sim::detail {

namespace {

constexpr std::size_t nobody = ~std::size_t{0};

[[nodiscard]] key_state state_of(std::optional<std::uint64_t> held) noexcept {
    if (!held) return {};
    return {key_state::form::value, *held};
}

[[nodiscard]] bool may_be(const key_state& state, const key_state& wanted) noexcept {
    return state.is == key_state::form::anything || state == wanted;
}

/// What the key holds after `what` where it held `before`; nothing if `what` cannot have happened there.
[[nodiscard]] std::optional<key_state> step(const key_state& before, const history_operation& what) noexcept {
    const key_state expected{key_state::form::value, what.expected};
    switch (what.kind) {
    case history_kind::read:
        if (!may_be(before, state_of(what.found))) return std::nullopt;
        return state_of(what.found);
    case history_kind::write: return key_state{key_state::form::value, what.value};
    case history_kind::erase: return key_state{};
    case history_kind::compare_and_set: break;
    }
    if (what.outcome == history_outcome::unequal) {
        if (before == expected) return std::nullopt;
        return before;
    }
    // One of unknown outcome that would change nothing is left out instead.
    if (!may_be(before, expected)) return std::nullopt;
    return key_state{key_state::form::value, what.value};
}

/// Which operations are in the order so far, as words of 64 bits. Those that must be in it and those that may be have
/// words of their own: the former fill up from the front, so that a few words tell them apart.
class chosen_set {
public:
    explicit chosen_set(std::size_t count) : words_((count + 63) / 64) {}
    void put(std::size_t which) noexcept { words_[which / 64] |= bit(which); }
    void take(std::size_t which) noexcept { words_[which / 64] &= ~bit(which); }
    [[nodiscard]] bool has(std::size_t which) const noexcept { return (words_[which / 64] & bit(which)) != 0; }
    /// Adds to `key` what tells this set from others: the number of full words, and the rest up to the last in use.
    void append_to(std::vector<std::uint64_t>& key) const {
        const auto is_full = [](std::uint64_t word) { return word == ~std::uint64_t{0}; };
        const auto is_used = [](std::uint64_t word) { return word != 0; };
        const auto from = std::find_if_not(words_.begin(), words_.end(), is_full);
        const auto to = std::find_if(words_.rbegin(), std::make_reverse_iterator(from), is_used).base();
        key.push_back(static_cast<std::uint64_t>(from - words_.begin()));
        key.push_back(static_cast<std::uint64_t>(to - from));
        key.insert(key.end(), from, to);
    }

private:
    [[nodiscard]] static std::uint64_t bit(std::size_t which) noexcept { return std::uint64_t{1} << (which % 64); }
    std::vector<std::uint64_t> words_;
};

class search {
public:
    search(const std::vector<history_operation>& operations, key_state initial, std::uint64_t states_max)
        : state_(initial), states_max_(states_max), musts_(operations.size()), mays_(operations.size()) {
        for (const history_operation& each : operations) {
            (each.outcome == history_outcome::unknown ? may_ : must_).push_back(&each);
        }
    }

    [[nodiscard]] ordering_answer run() {
        std::size_t candidate = 0;
        while (must_done_ < must_.size()) {
            candidate = next_possible(candidate);
            if (candidate != nobody && enter(candidate)) {
                if (seen_.size() > states_max_) return {ordering::undecided, states_max_};
                candidate = 0;
            } else if (candidate != nobody) {
                ++candidate;
            } else if (path_.empty()) {
                return {ordering::none, seen_.size()};
            } else {
                candidate = leave() + 1;
            }
        }
        return {ordering::found, seen_.size()};
    }

private:
    struct stride {
        std::size_t candidate;
        key_state before;
    };

    /// Candidates are numbered: those that must come first, then those that may. What began after the end of one that
    /// must come and is not in the order yet cannot be next.
    [[nodiscard]] std::size_t next_possible(std::size_t candidate) const {
        const std::uint64_t horizon = first_end();
        for (candidate = std::max(candidate, first_open_); candidate < must_.size(); ++candidate) {
            if (must_[candidate]->began > horizon) candidate = must_.size() - 1;
            else if (!musts_.has(candidate) && step(state_, *must_[candidate])) return candidate;
        }
        for (; candidate < must_.size() + may_.size(); ++candidate) {
            const std::size_t which = candidate - must_.size();
            if (may_[which]->began > horizon) return nobody;
            if (!mays_.has(which) && step(state_, *may_[which])) return candidate;
        }
        return nobody;
    }
    /// The first note that ends one that is not in the order yet.
    [[nodiscard]] std::uint64_t first_end() const {
        std::uint64_t first = ~std::uint64_t{0};
        for (std::size_t i = first_open_; i < must_.size() && must_[i]->began < first; ++i) {
            if (!musts_.has(i)) first = std::min(first, must_[i]->ended);
        }
        return first;
    }
    /// Puts a candidate next; false if this has been tried.
    [[nodiscard]] bool enter(std::size_t candidate) {
        const bool is_must = candidate < must_.size();
        const key_state before = state_;
        state_ = *step(before, *(is_must ? must_[candidate] : may_[candidate - must_.size()]));
        is_must ? musts_.put(candidate) : mays_.put(candidate - must_.size());
        if (!seen_.insert(key()).second) {
            undo(candidate, before);
            return false;
        }
        path_.push_back({candidate, before});
        must_done_ += is_must ? 1 : 0;
        while (first_open_ < must_.size() && musts_.has(first_open_)) ++first_open_;
        return true;
    }
    /// Takes the last one out again.
    [[nodiscard]] std::size_t leave() {
        const stride last = path_.back();
        path_.pop_back();
        undo(last.candidate, last.before);
        if (last.candidate < must_.size()) {
            --must_done_;
            first_open_ = std::min(first_open_, last.candidate);
        }
        return last.candidate;
    }
    void undo(std::size_t candidate, const key_state& before) {
        state_ = before;
        candidate < must_.size() ? musts_.take(candidate) : mays_.take(candidate - must_.size());
    }
    [[nodiscard]] std::vector<std::uint64_t> key() const {
        std::vector<std::uint64_t> made{static_cast<std::uint64_t>(state_.is), state_.value};
        musts_.append_to(made);
        mays_.append_to(made);
        return made;
    }

    std::vector<const history_operation*> must_;
    std::vector<const history_operation*> may_;
    key_state state_;
    std::uint64_t states_max_;
    chosen_set musts_;
    chosen_set mays_;
    std::size_t must_done_ = 0;
    std::size_t first_open_ = 0;  ///< all that must come and began before this one are in the order
    std::vector<stride> path_;
    std::set<std::vector<std::uint64_t>> seen_;
};

}  // namespace

ordering_answer find_order(const std::vector<history_operation>& operations, key_state initial,
                           std::uint64_t states_max) {
    return search(operations, initial, states_max).run();
}

}  // namespace tina::sim::detail
