// SPDX-License-Identifier: Apache-2.0
// Histories: the search for an order against one that tries all permutations, on every small history; known examples
// with the words for them; outcomes that nobody knows; bounded effort; and the formats of other checkers.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "sim/history_order.hpp"
#include "tina/history.hpp"

namespace {

using tina::sim::history;
using tina::sim::history_kind;
using tina::sim::history_operation;
using tina::sim::history_outcome;
using tina::sim::linearizable;
using tina::sim::detail::find_order;
using tina::sim::detail::key_state;
using tina::sim::detail::ordering;
using operation_list = std::vector<history_operation>;
using value = std::optional<std::uint64_t>;

// ---- the other checker: all subsets of what may have happened, all permutations, no cleverness

/// Whether an operation fits, and what it leaves.
bool apply(const history_operation& what, value& held) {
    switch (what.kind) {
    case history_kind::read: return what.found == held;
    case history_kind::write: held = what.value; return true;
    case history_kind::erase: held.reset(); return true;
    case history_kind::compare_and_set: break;
    }
    const bool is_equal = held == value(what.expected);
    if (what.outcome == history_outcome::unequal) return !is_equal;
    if (is_equal) held = what.value;
    return is_equal || what.outcome == history_outcome::unknown;
}

bool explains(const operation_list& all, const std::vector<std::size_t>& order) {
    value held;
    for (std::size_t i = 0; i < order.size(); ++i) {
        for (std::size_t j = i + 1; j < order.size(); ++j) {
            const history_operation& later = all[order[j]];
            if (later.outcome != history_outcome::unknown && later.ended < all[order[i]].began) return false;
        }
        if (!apply(all[order[i]], held)) return false;
    }
    return true;
}

bool some_permutation_explains(const operation_list& all) {
    for (std::size_t left_out = 0; left_out < (std::size_t{1} << all.size()); ++left_out) {
        std::vector<std::size_t> order;
        bool is_allowed = true;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if ((left_out >> i & 1) == 0) order.push_back(i);
            else if (all[i].outcome != history_outcome::unknown) is_allowed = false;
        }
        if (!is_allowed) continue;
        do {
            if (explains(all, order)) return true;
        } while (std::next_permutation(order.begin(), order.end()));
    }
    return false;
}

// ---- every small history

/// What operations may be, apart from when.
const operation_list& all_forms() {
    using enum history_kind;
    using enum history_outcome;
    static const operation_list forms{
        {.value = 1, .found = {}, .kind = write, .outcome = ok},
        {.found = 1, .kind = read, .outcome = ok},
        {.value = 2, .found = {}, .kind = write, .outcome = ok},
        {.found = 2, .kind = read, .outcome = ok},
        {.value = 2, .found = {}, .kind = write, .outcome = unknown},
        {.expected = 1, .value = 2, .found = {}, .kind = compare_and_set, .outcome = ok},
        {.found = {}, .kind = read, .outcome = ok},
        {.expected = 1, .value = 2, .found = {}, .kind = compare_and_set, .outcome = unequal},
        {.expected = 2, .value = 1, .found = {}, .kind = compare_and_set, .outcome = unknown},
        {.found = {}, .kind = erase, .outcome = ok},
        {.found = {}, .kind = erase, .outcome = unknown},
    };
    return forms;
}

/// All ways in which `count` operations can overlap, as notes of beginnings and ends; they begin in order.
void overlaps_from(operation_list now, std::size_t count, std::uint64_t notes, std::vector<operation_list>& all) {
    if (now.size() == count && notes == 2 * count) return all.push_back(std::move(now));
    if (now.size() < count) {
        operation_list more = now;
        more.push_back({.found = {}, .began = notes + 1});
        overlaps_from(std::move(more), count, notes + 1, all);
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i].ended != 0) continue;
        operation_list more = now;
        more[i].ended = notes + 1;
        overlaps_from(std::move(more), count, notes + 1, all);
    }
}

std::vector<operation_list> overlaps(std::size_t count) {
    std::vector<operation_list> all;
    overlaps_from({}, count, 0, all);
    return all;
}

/// Calls `visit` with each history of `count` operations out of the first `forms`.
template <class Visit>
std::size_t each_history(std::size_t count, std::size_t forms, Visit visit) {
    std::size_t combinations = 1;
    for (std::size_t i = 0; i < count; ++i) combinations *= forms;
    const auto times = overlaps(count);
    for (operation_list each : times) {
        for (std::size_t combination = 0; combination < combinations; ++combination) {
            std::size_t rest = combination;
            for (history_operation& operation : each) {
                history_operation form = all_forms()[rest % forms];
                rest /= forms;
                form.began = operation.began;
                form.ended = operation.ended;
                operation = form;
            }
            visit(each);
        }
    }
    return times.size() * combinations;
}

std::size_t disagreements(std::size_t count, std::size_t forms) {
    std::size_t wrong = 0;
    each_history(count, forms, [&](const operation_list& all) {
        const bool is_found = find_order(all, key_state{}, 1'000'000).is == ordering::found;
        if (is_found != some_permutation_explains(all)) ++wrong;
    });
    return wrong;
}

/// The same operations as notes in a history.
void note_all(history& into, const operation_list& all) {
    std::vector<tina::sim::history_id> names(all.size());
    for (std::uint64_t note = 1; note <= 2 * all.size(); ++note) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            const history_operation& each = all[i];
            if (each.began == note && each.kind == history_kind::read) names[i] = into.begin_read(i, 7);
            if (each.began == note && each.kind == history_kind::write) names[i] = into.begin_write(i, 7, each.value);
            if (each.began == note && each.kind == history_kind::erase) names[i] = into.begin_erase(i, 7);
            if (each.began == note && each.kind == history_kind::compare_and_set)
                names[i] = into.begin_compare_and_set(i, 7, each.expected, each.value);
            if (each.ended != note) continue;
            if (each.outcome == history_outcome::unknown) into.unknown(names[i]);
            else if (each.outcome == history_outcome::unequal) into.unequal(names[i]);
            else if (each.kind == history_kind::read) into.ok(names[i], each.found);
            else into.ok(names[i]);
        }
    }
}

/// A history from short lines of one client's deed after another, for examples.
class story {
public:
    history notes;

    story& wrote(std::uint64_t client, std::uint64_t number) {
        notes.ok(notes.begin_write(client, 7, number));
        return *this;
    }
    story& read(std::uint64_t client, value found) {
        notes.ok(notes.begin_read(client, 7), found);
        return *this;
    }
    [[nodiscard]] std::string words() const { return linearizable(notes).value_or("linearizable"); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(history_checks)

BOOST_AUTO_TEST_CASE(the_number_of_overlaps_is_the_product_of_odd_numbers) {
    BOOST_TEST(overlaps(5).size() == 1 * 3 * 5 * 7 * 9);
}

BOOST_AUTO_TEST_CASE(every_history_of_two_operations_is_judged_as_by_all_permutations) {
    BOOST_TEST(disagreements(2, all_forms().size()) == 0);
}

BOOST_AUTO_TEST_CASE(every_history_of_three_operations_is_judged_as_by_all_permutations) {
    BOOST_TEST(disagreements(3, all_forms().size()) == 0);
}

BOOST_AUTO_TEST_CASE(every_history_of_four_operations_of_eight_forms_is_judged_as_by_all_permutations) {
    BOOST_TEST(disagreements(4, 8) == 0);
}

BOOST_AUTO_TEST_CASE(every_history_of_five_reads_and_writes_is_judged_as_by_all_permutations) {
    BOOST_TEST(disagreements(5, 3) == 0);
}

BOOST_AUTO_TEST_CASE(what_is_told_of_a_history_is_told_of_it_whole) {
    // The public check leaves out and cuts; it must come to the same as the bare search.
    std::size_t wrong = 0;
    each_history(3, all_forms().size(), [&](const operation_list& all) {
        history notes;
        note_all(notes, all);
        if (linearizable(notes).has_value() == some_permutation_explains(all)) ++wrong;
    });
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(a_stale_read_is_named_with_what_made_it_stale) {
    story told;
    told.wrote(1, 4).wrote(1, 5).read(2, 5).read(3, 4).wrote(1, 6).read(2, 6);
    BOOST_TEST(told.words() == "key 7, whatever it held before: no order explains the first 8 notes: "
                               "client 2 read 5 (notes 5 to 6); client 3 read 4 (notes 7 to 8)");
}

BOOST_AUTO_TEST_CASE(a_read_of_what_nobody_wrote_is_named_alone) {
    story told;
    told.wrote(1, 4).read(2, 4).read(2, 9);
    BOOST_TEST(told.words() == "key 7, whatever it held before: no order explains the first 6 notes: "
                               "client 2 read 4 (notes 3 to 4); client 2 read 9 (notes 5 to 6)");
}

BOOST_AUTO_TEST_CASE(a_lost_update_shows_as_two_that_set_the_same_value) {
    history notes;
    const auto one = notes.begin_compare_and_set(1, 7, 100, 110);
    const auto other = notes.begin_compare_and_set(2, 7, 100, 120);
    notes.ok(one);
    notes.ok(other);
    BOOST_TEST(linearizable(notes, {.initial = 100}).value_or("") ==
               "key 7, 100 at first: no order explains the first 4 notes: client 1 set 100 to 110 (notes 1 to 3); "
               "client 2 set 100 to 120 (notes 2 to 4)");
}

BOOST_AUTO_TEST_CASE(two_readers_that_see_two_writes_in_opposite_orders_are_told) {
    history notes;
    const auto write_one = notes.begin_write(1, 7, 1);
    const auto write_two = notes.begin_write(2, 7, 2);
    const auto first_of_three = notes.begin_read(3, 7);
    const auto first_of_four = notes.begin_read(4, 7);
    notes.ok(first_of_three, 1);
    notes.ok(first_of_four, 2);
    const auto second_of_three = notes.begin_read(3, 7);
    const auto second_of_four = notes.begin_read(4, 7);
    notes.ok(second_of_three, 2);
    notes.ok(second_of_four, 1);
    notes.ok(write_one);
    notes.ok(write_two);
    BOOST_TEST(linearizable(notes).value_or("").starts_with("key 7, without a value at first: no order explains the "
                                                            "first 10 notes: client 1 may have written 1 "));
}

BOOST_AUTO_TEST_CASE(concurrent_reads_may_see_old_and_new) {
    history notes;
    const auto write = notes.begin_write(1, 7, 5);
    const auto before = notes.begin_read(2, 7);
    const auto after = notes.begin_read(3, 7);
    notes.ok(after, 5);
    notes.ok(before, std::nullopt);
    notes.ok(write);
    BOOST_TEST(linearizable(notes).value_or("") == "");
}

BOOST_AUTO_TEST_CASE(keys_are_judged_each_for_itself) {
    history notes;
    notes.ok(notes.begin_write(1, 1, 5));
    notes.ok(notes.begin_read(1, 2), 5);
    BOOST_TEST(linearizable(notes).value_or("") == "key 2, without a value at first: no order explains the first 4 "
                                                   "notes: client 1 read 5 (notes 3 to 4)");
}

BOOST_AUTO_TEST_CASE(a_write_of_unknown_outcome_may_happen_long_after) {
    story told;
    told.notes.unknown(told.notes.begin_write(1, 7, 5));
    told.read(2, std::nullopt).wrote(2, 6).read(2, 6).read(2, 5);
    BOOST_TEST(told.words() == "linearizable");
}

BOOST_AUTO_TEST_CASE(a_write_of_unknown_outcome_happens_once) {
    story told;
    told.notes.unknown(told.notes.begin_write(1, 7, 5));
    told.read(2, 5).wrote(2, 6).read(2, 5);
    BOOST_TEST(told.words() == "key 7, without a value at first: no order explains the first 8 notes: client 1 may "
                               "have written 5 (from note 1 on); client 2 read 5 (notes 3 to 4); client 2 wrote 6 "
                               "(notes 5 to 6); client 2 read 5 (notes 7 to 8)");
}

BOOST_AUTO_TEST_CASE(what_its_client_never_ended_is_of_unknown_outcome) {
    story told;
    BOOST_TEST((told.notes.begin_write(1, 7, 5).number == 1));
    told.read(2, std::nullopt).read(2, 5);
    BOOST_TEST(told.words() == "linearizable");
}

BOOST_AUTO_TEST_CASE(what_failed_has_not_happened) {
    story told;
    told.notes.failed(told.notes.begin_write(1, 7, 5));
    told.read(2, 5);
    BOOST_TEST(told.words() != "linearizable");
}

BOOST_AUTO_TEST_CASE(an_erased_key_has_no_value) {
    story told;
    told.wrote(1, 5);
    told.notes.ok(told.notes.begin_erase(1, 7));
    told.read(2, std::nullopt).read(2, 5);
    BOOST_TEST(told.words().ends_with("client 2 found no value (notes 5 to 6); client 2 read 5 (notes 7 to 8)"));
}

BOOST_AUTO_TEST_CASE(one_that_found_another_value_than_expected_tells_so) {
    story told;
    told.wrote(1, 5);
    told.notes.unequal(told.notes.begin_compare_and_set(2, 7, 5, 6));
    BOOST_TEST(told.words().ends_with("client 1 wrote 5 (notes 1 to 2); client 2 found another value than 5 (notes 3 "
                                      "to 4)"));
}

BOOST_AUTO_TEST_CASE(a_long_history_of_few_at_a_time_is_no_effort) {
    story told;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        const auto write = told.notes.begin_write(1, 7, i);
        const auto read = told.notes.begin_read(2, 7);
        told.notes.ok(write);
        told.notes.ok(read, i);
    }
    BOOST_TEST(linearizable(told.notes, {.states_max = 20'000}).value_or("") == "");
}

BOOST_AUTO_TEST_CASE(an_error_late_in_a_long_history_is_cut_down_to_what_matters) {
    story told;
    for (std::uint64_t i = 0; i < 500; ++i) told.wrote(1, i).read(2, i);
    told.read(3, 498);
    BOOST_TEST(told.words() == "key 7, whatever it held before: no order explains the first 2002 notes: "
                               "client 2 read 499 (notes 1999 to 2000); client 3 read 498 (notes 2001 to 2002)");
}

BOOST_AUTO_TEST_CASE(too_much_at_a_time_is_undecided_and_says_so) {
    history notes;
    std::array<tina::sim::history_id, 24> writes;
    for (std::size_t i = 0; i < writes.size(); ++i) writes[i] = notes.begin_write(i, 7, i);
    for (const auto each : writes) notes.ok(each);
    notes.ok(notes.begin_read(99, 7), 100);
    BOOST_TEST(
        linearizable(notes, {.states_max = 1000}).value_or("").starts_with("key 7: undecided after 1000 states: "));
}

BOOST_AUTO_TEST_CASE(many_that_may_have_happened_unseen_are_no_effort) {
    story told;
    for (std::uint64_t i = 0; i < 200; ++i) {
        told.notes.unknown(told.notes.begin_write(i, 7, 1000 + i));
        told.wrote(1, i).read(2, i);
    }
    BOOST_TEST(linearizable(told.notes, {.states_max = 2000}).value_or("") == "");
}

BOOST_AUTO_TEST_CASE(porcupine_reads_gets_and_puts) {
    story told;
    told.wrote(1, 5).read(2, 5);
    told.notes.ok(told.notes.begin_erase(1, 7));
    told.notes.unknown(told.notes.begin_read(2, 7));
    told.read(2, std::nullopt);
    BOOST_TEST(to_porcupine_log(told.notes) == "{:process 1, :type :invoke, :f :put, :key \"7\", :value \"5\"}\n"
                                               "{:process 1, :type :ok, :f :put, :key \"7\", :value \"5\"}\n"
                                               "{:process 2, :type :invoke, :f :get, :key \"7\", :value nil}\n"
                                               "{:process 2, :type :ok, :f :get, :key \"7\", :value \"5\"}\n"
                                               "{:process 1, :type :invoke, :f :put, :key \"7\", :value \"\"}\n"
                                               "{:process 1, :type :ok, :f :put, :key \"7\", :value \"\"}\n"
                                               "{:process 2, :type :invoke, :f :get, :key \"7\", :value nil}\n"
                                               "{:process 3, :type :invoke, :f :get, :key \"7\", :value nil}\n"
                                               "{:process 3, :type :ok, :f :get, :key \"7\", :value \"\"}\n");
}

BOOST_AUTO_TEST_CASE(json_lines_hold_what_is_known_of_each_operation) {
    history notes;
    const auto set = notes.begin_compare_and_set(1, 7, 5, 6);
    notes.ok(notes.begin_read(2, 7), 5);
    notes.ok(set);
    notes.unknown(notes.begin_write(2, 8, 9));
    notes.unknown(notes.begin_read(3, 8));
    BOOST_TEST(to_json_lines(notes) ==
               "{\"ClientId\":1,\"Input\":{\"op\":2,\"key\":\"7\",\"value\":\"6\",\"expected\":\"5\"},\"Call\":1,"
               "\"Output\":{\"value\":\"set\"},\"Return\":4}\n"
               "{\"ClientId\":2,\"Input\":{\"op\":0,\"key\":\"7\",\"value\":\"\"},\"Call\":2,"
               "\"Output\":{\"value\":\"5\"},\"Return\":3}\n"
               "{\"ClientId\":2,\"Input\":{\"op\":1,\"key\":\"8\",\"value\":\"9\"},\"Call\":5,"
               "\"Output\":{\"value\":\"\"},\"Return\":9}\n");
}

BOOST_AUTO_TEST_CASE(elle_reads_transactions_of_one_operation) {
    history notes;
    const auto write = notes.begin_write(1, 7, 5);
    notes.ok(notes.begin_read(2, 7), 5);
    notes.failed(notes.begin_erase(2, 7));
    notes.unknown(write);
    notes.ok(notes.begin_compare_and_set(1, 7, 5, 6));
    BOOST_TEST(to_elle(notes) == "{:index 0, :type :invoke, :process 1, :f :txn, :value [[:w 7 5]]}\n"
                                 "{:index 1, :type :invoke, :process 2, :f :txn, :value [[:r 7 nil]]}\n"
                                 "{:index 2, :type :ok, :process 2, :f :txn, :value [[:r 7 5]]}\n"
                                 "{:index 3, :type :invoke, :process 2, :f :txn, :value [[:w 7 nil]]}\n"
                                 "{:index 4, :type :fail, :process 2, :f :txn, :value [[:w 7 nil]]}\n"
                                 "{:index 5, :type :info, :process 1, :f :txn, :value [[:w 7 5]]}\n"
                                 "{:index 6, :type :invoke, :process 3, :f :txn, :value [[:r 7 nil] [:w 7 6]]}\n"
                                 "{:index 7, :type :ok, :process 3, :f :txn, :value [[:r 7 5] [:w 7 6]]}\n");
}

BOOST_AUTO_TEST_CASE(a_client_that_never_ended_an_operation_goes_on_as_another_process) {
    history notes;
    BOOST_TEST((notes.begin_read(0, 7).number == 1));
    notes.ok(notes.begin_read(0, 7), 5);
    BOOST_TEST(to_elle(notes) == "{:index 0, :type :invoke, :process 0, :f :txn, :value [[:r 7 nil]]}\n"
                                 "{:index 1, :type :invoke, :process 1, :f :txn, :value [[:r 7 nil]]}\n"
                                 "{:index 2, :type :ok, :process 1, :f :txn, :value [[:r 7 5]]}\n"
                                 "{:index 3, :type :info, :process 0, :f :txn, :value [[:r 7 nil]]}\n");
}

BOOST_AUTO_TEST_SUITE_END()
