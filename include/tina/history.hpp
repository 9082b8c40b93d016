// SPDX-License-Identifier: Apache-2.0
// What clients did to registers or to a key-value map, and what came of it, for a check of linearizability and for
// export to other checkers. A scenario owns the history and hands its isolates a pointer; it is for the one thread of a
// world. It reads no clock: the order of its notes is the order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tina/export.hpp"
#include "tina/simulation.hpp"

namespace tina::sim {

/// What a client asked for.
enum class history_kind : std::uint8_t {
    read,             ///< answers the value of a key, or that it has none
    write,            ///< gives a key a value
    compare_and_set,  ///< gives a key a value if it has another one
    erase,            ///< takes the value from a key; that of a key without one is no error
};

/// What the client knows of it afterwards.
enum class history_outcome : std::uint8_t {
    unknown,  ///< it may have happened, or may happen still: a time-out, a lost connection, a client that crashed
    ok,       ///< it happened, between its beginning and its end
    unequal,  ///< a compare_and_set that found another value than expected, between its beginning and its end
    failed,   ///< it did not happen and will not
};

/// Names an operation of a history: a plain value, which may travel in messages. The default names none.
struct history_id {
    std::uint32_t number = 0;  ///< from 1

    friend constexpr bool operator==(history_id, history_id) = default;
};

/// One operation. Notes are numbered from 1: the beginning and the end of an operation are one note each.
struct history_operation {
    std::uint64_t client = 0;                            ///< who asked, by whatever number the scenario gives it
    std::uint64_t key = 0;                               ///< what it is about
    std::uint64_t expected = 0;                          ///< of a compare_and_set
    std::uint64_t value = 0;                             ///< that it gives the key
    std::optional<std::uint64_t> found;                  ///< by a read that is ok; none: the key has no value
    std::uint64_t began = 0;                             ///< number of the note
    std::uint64_t ended = 0;                             ///< likewise; 0: no end was noted
    history_kind kind{};                                 ///< what was asked for
    history_outcome outcome = history_outcome::unknown;  ///< what is known of it
};

/// Notes of what clients do: `const auto id = notes->begin_write(client, key, value);` before the request goes out, and
/// one of the ends once the client knows what came of it. An operation whose end is never noted, since its client has
/// crashed say, is one of unknown outcome. The rest of the program learns nothing from a history, so that it runs the
/// same with one and without.
///
/// Units:    keys and values are any 64 bits. A register is a map of one key.
/// Lifetime: as long as any isolate that notes; declare it before the machines of the scenario.
class TINA_EXPORT history {
public:
    history() = default;
    history(const history&) = delete;
    history& operator=(const history&) = delete;

    /// A client is about to ask for the value of `key`.
    [[nodiscard]] history_id begin_read(std::uint64_t client, std::uint64_t key);
    /// A client is about to give `key` a value.
    [[nodiscard]] history_id begin_write(std::uint64_t client, std::uint64_t key, std::uint64_t value);
    /// A client is about to give `key` a value if it has `expected`.
    [[nodiscard]] history_id begin_compare_and_set(std::uint64_t client, std::uint64_t key, std::uint64_t expected,
                                                   std::uint64_t value);
    /// A client is about to take the value from `key`.
    [[nodiscard]] history_id begin_erase(std::uint64_t client, std::uint64_t key);

    /// A write or an erase is done; a compare_and_set found what it expected, and is done.
    void ok(history_id which);
    /// A read has found a value, or that there is none.
    void ok(history_id which, std::optional<std::uint64_t> found);
    /// A compare_and_set has found another value than it expected.
    void unequal(history_id which);
    /// It did not happen and will not: refused before it could.
    void failed(history_id which);
    /// Nobody knows.
    void unknown(history_id which);

    /// By rising number of the note of their beginning.
    [[nodiscard]] const std::vector<history_operation>& operations() const noexcept { return operations_; }
    /// How many beginnings and ends were noted.
    [[nodiscard]] std::uint64_t note_count() const noexcept { return notes_; }

private:
    [[nodiscard]] history_id begin(history_operation what);
    history_operation& end(history_id which, history_outcome how);

    std::vector<history_operation> operations_;
    std::uint64_t notes_ = 0;
};

/// How operations are looked at.
struct linearizable_options {
    std::optional<std::uint64_t> initial{};  ///< what each key has at first; none: no value
    std::uint64_t states_max = 1'000'000;    ///< orders to look at before giving up; each takes some 100 bytes
};

/// Whether each operation can have happened at one moment between its beginning and its end, each on top of the one
/// before. Those of unknown outcome may have happened at any later moment, or not at all.
///
/// Yields: nothing if so. Else the shortest beginning of the history that cannot be ordered, and of that only the
///         operations without which it could be: "key 7, whatever it held before: no order explains the first 10 notes:
///         client 1 wrote 5 (notes 3 to 6); client 3 read 4 (notes 9 to 10)". Where the effort was not enough:
///         "key 7: undecided after 1000000 states: ...".
/// Cost:   short where few operations overlap; exponential in the number of those that do, up to `states_max`.
/// Source: Wing and Gong, "Testing and verifying concurrent objects", 1993; Lowe, "Testing for linearizability", 2017.
[[nodiscard]] TINA_EXPORT verdict linearizable(const history& what, const linearizable_options& options = {});

/// As the log of the key-value tests of Porcupine: a line for each note, such as
/// `{:process 0, :type :invoke, :f :put, :key "7", :value "5"}`, with `get` and `put`. No value is the empty text, and
/// an erase puts it. What that log has no words for is left out: each compare_and_set, and what failed.
/// A process is a client until an end of its is missing or unknown; from then on another number stands for it.
[[nodiscard]] TINA_EXPORT std::string to_porcupine_log(const history& what);

/// For programs that use Porcupine: a line of JSON for each operation, with the names of porcupine.Operation and of the
/// inputs and outputs in its key-value tests.
/// `{"ClientId":1,"Input":{"op":0,"key":"7","value":""},"Call":9,"Output":{"value":"5"},"Return":10}`
/// - op: 0 get, 1 put, 2 compare-and-set (then with "expected"), 3 delete
/// - value: a decimal number; of a get that found no value, the empty text
/// - value of an output: of a get; of a compare-and-set "set", "unequal" or, where it is unknown, the empty text
/// - Return: where it is unknown, one more than there are notes
///
/// Reads of unknown outcome and what failed are left out. Times are numbers of notes.
[[nodiscard]] TINA_EXPORT std::string to_json_lines(const history& what);

/// As a history for Elle, in EDN, for its model of read-write registers: transactions of one operation each.
/// A line is `{:index 0, :type :invoke, :process 1, :f :txn, :value [[:r 7 nil]]}`, with as value of a
/// - read `[[:r 7 nil]]`, when it is ok `[[:r 7 5]]`
/// - write `[[:w 7 5]]`
/// - erase `[[:w 7 nil]]`
/// - compare_and_set `[[:r 7 nil] [:w 7 6]]`, when it is ok `[[:r 7 5] [:w 7 6]]`; unequal is `:fail`
///
/// Elle wants each value written at most once to a key. Processes are those of to_porcupine_log().
[[nodiscard]] TINA_EXPORT std::string to_elle(const history& what);

}  // namespace tina::sim
