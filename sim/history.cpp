// SPDX-License-Identifier: Apache-2.0
// Notes of operations as they begin and end. Owned by a scenario; see tina/history.hpp.
#include "tina/history.hpp"

#include <utility>

#include "tina/assert.hpp"

namespace tina::sim {

history_id history::begin(history_operation what) {
    what.began = ++notes_;
    operations_.push_back(what);
    return {static_cast<std::uint32_t>(operations_.size())};
}

history_id history::begin_read(std::uint64_t client, std::uint64_t key) {
    return begin({.client = client, .key = key, .found = {}, .kind = history_kind::read});
}

history_id history::begin_write(std::uint64_t client, std::uint64_t key, std::uint64_t value) {
    return begin({.client = client, .key = key, .value = value, .found = {}, .kind = history_kind::write});
}

history_id history::begin_compare_and_set(std::uint64_t client, std::uint64_t key, std::uint64_t expected,
                                          std::uint64_t value) {
    return begin({.client = client,
                  .key = key,
                  .expected = expected,
                  .value = value,
                  .found = {},
                  .kind = history_kind::compare_and_set});
}

history_id history::begin_erase(std::uint64_t client, std::uint64_t key) {
    return begin({.client = client, .key = key, .found = {}, .kind = history_kind::erase});
}

history_operation& history::end(history_id which, history_outcome how) {
    TINA_ASSERT(which.number != 0 && which.number <= operations_.size(),
                "the end of an operation was noted that this history does not know: begin_…() gives its name");
    history_operation& what = operations_[which.number - 1];
    TINA_ASSERT(what.ended == 0, "the end of an operation was noted twice: note one end for each beginning");
    what.ended = ++notes_;
    what.outcome = how;
    return what;
}

void history::ok(history_id which) {
    [[maybe_unused]] const history_operation& what = end(which, history_outcome::ok);
    TINA_ASSERT(what.kind != history_kind::read, "a read ended without what it found: say ok(which, value)");
}

void history::ok(history_id which, std::optional<std::uint64_t> found) {
    history_operation& what = end(which, history_outcome::ok);
    TINA_ASSERT(what.kind == history_kind::read, "what found a value is no read: say ok(which)");
    what.found = found;
}

void history::unequal(history_id which) {
    [[maybe_unused]] const history_operation& what = end(which, history_outcome::unequal);
    TINA_ASSERT(what.kind == history_kind::compare_and_set,
                "only a compare_and_set can find another value than expected: say failed(which)");
}

void history::failed(history_id which) { end(which, history_outcome::failed); }

void history::unknown(history_id which) { end(which, history_outcome::unknown); }

}  // namespace tina::sim
