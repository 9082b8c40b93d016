// SPDX-License-Identifier: Apache-2.0
// Lines from received pieces. A reader is fed leases and never waits, so that whoever receives chooses how. It belongs
// to one isolate; it allocates nothing, and no input makes it hang, read elsewhere or hand out a part for a whole.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "tina/detail/piece_store.hpp"
#include "tina/result.hpp"

namespace tina {

/// A line without its end.
using line = std::string_view;

/// Splits a stream into lines of at most `BytesMax` bytes. "\n" and "\r\n" end a line; a "\r" elsewhere is part of it.
///
///     for (;;) {
///         while (auto found = reader.next()) { ... *found is a result<line> ... }
///         auto received = co_yield tina::recv(peer, 4096);
///         if (!received) break;
///         reader.feed(std::move(*received));
///     }
template <std::size_t BytesMax>
class basic_line_reader {
    static_assert(BytesMax > 0, "a reader of lines needs room for a byte");

public:
    basic_line_reader() = default;
    basic_line_reader(const basic_line_reader&) = delete;
    basic_line_reader& operator=(const basic_line_reader&) = delete;

    /// The next line, or nothing if it has not ended yet: then feed() more.
    ///
    /// Units:    the limit is on a line without its end.
    /// Yields:   a `result<line>`; `errc::too_long` once for each line beyond the limit, as soon as that is known. The
    ///           rest of such a line is dropped and the line after it comes next; most protocols close instead.
    /// Lifetime: the line is valid until next() or feed() is called again, or the reader ends.
    /// Cost:     no allocation. A line that lies whole in a piece is seen there; another is copied together. The lease
    ///           goes back when next() has answered nothing.
    [[nodiscard]] std::optional<result<line>> next() noexcept {
        pieces_.release_item();
        if (skipping_ && !skip_line()) return std::nullopt;
        const std::size_t here = bytes_to_line_end();
        const bool is_whole = here < pieces_.rest().size();
        if (pieces_.stored().size() + here > store_bytes) return refuse(here, is_whole);
        if (!is_whole) return keep_rest();
        if (pieces_.stored().empty()) {
            const auto seen = pieces_.take(here + 1);
            return checked(seen.first(here));
        }
        pieces_.store(here);
        static_cast<void>(pieces_.take(1));
        return checked(pieces_.item_from_store());
    }

    /// Takes the next piece of the stream: a lease, or any other move-only owner of bytes. To be called when
    /// next() has answered nothing, which is asserted.
    ///
    /// Lifetime: the reader holds the lease until it has been read; its end, or the isolate's, gives it back.
    template <detail::byte_owner Owner>
    void feed(Owner&& piece) noexcept {
        pieces_.release_item();
        pieces_.feed(std::move(piece));
    }

    /// What has come of a line that has not ended, once next() has answered nothing. After the end of the stream it is
    /// the last line, if a protocol allows that to have no end; empty while a line that is too long is being dropped.
    [[nodiscard]] line unfinished() const noexcept { return as_text(pieces_.stored()); }

private:
    // One more than a line has: the "\r" before a "\n" that is yet to come.
    static constexpr std::size_t store_bytes = BytesMax + 1;
    using bytes = std::span<const std::byte>;

    [[nodiscard]] static line as_text(bytes seen) noexcept {
        return {reinterpret_cast<const char*>(seen.data()), seen.size()};
    }

    [[nodiscard]] std::size_t bytes_to_line_end() const noexcept {
        const bytes rest = pieces_.rest();
        const void* const found = rest.empty() ? nullptr : std::memchr(rest.data(), '\n', rest.size());
        if (found == nullptr) return rest.size();
        return static_cast<std::size_t>(static_cast<const std::byte*>(found) - rest.data());
    }

    /// Whether the line being dropped has ended.
    [[nodiscard]] bool skip_line() noexcept {
        const std::size_t here = bytes_to_line_end();
        skipping_ = here == pieces_.rest().size();
        if (skipping_) {
            pieces_.finish_piece();
        } else {
            static_cast<void>(pieces_.take(here + 1));
        }
        return !skipping_;
    }

    [[nodiscard]] result<line> refuse(std::size_t here, bool is_whole) noexcept {
        pieces_.forget();
        static_cast<void>(pieces_.take(is_whole ? here + 1 : here));
        skipping_ = !is_whole;
        return errc::too_long;
    }

    [[nodiscard]] std::optional<result<line>> keep_rest() noexcept {
        pieces_.store(pieces_.rest().size());
        pieces_.finish_piece();
        // Full, and not of a "\r" that may belong to the end: it can only get longer.
        const bytes kept = pieces_.stored();
        if (kept.size() == store_bytes && kept.back() != std::byte{'\r'}) return refuse(0, false);
        return std::nullopt;
    }

    [[nodiscard]] static result<line> checked(bytes seen) noexcept {
        line found = as_text(seen);
        if (found.ends_with('\r')) found.remove_suffix(1);
        if (found.size() > BytesMax) return errc::too_long;
        return found;
    }

    detail::piece_store<store_bytes> pieces_;
    bool skipping_ = false;
};

/// For lines of up to 1 KiB.
using line_reader = basic_line_reader<1024>;

}  // namespace tina
