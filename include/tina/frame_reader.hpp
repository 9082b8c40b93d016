// SPDX-License-Identifier: Apache-2.0
// Frames, each behind its length, from received pieces. A reader is fed leases and never waits, so that whoever
// receives chooses how. It belongs to one isolate; it allocates nothing, and no input makes it hang, read elsewhere or
// hand out a part for a whole.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "tina/detail/piece_store.hpp"
#include "tina/result.hpp"

namespace tina {

/// How frames are told apart. The length does not count itself.
struct frame_format {
    std::size_t length_bytes = 4;          ///< of the length: 1, 2, 4 or 8
    std::endian order = std::endian::big;  ///< of the bytes of the length
    std::size_t bytes_max = 4096;          ///< of a frame without its length; the reader has room for one
};

/// Splits a stream into frames; used like basic_line_reader.
template <frame_format Format = frame_format{}>
class basic_frame_reader {
    static_assert(Format.length_bytes == 1 || Format.length_bytes == 2 || Format.length_bytes == 4 ||
                      Format.length_bytes == 8,
                  "the length of a frame has 1, 2, 4 or 8 bytes");
    static_assert(Format.bytes_max > 0, "a reader of frames needs room for a byte");

public:
    basic_frame_reader() = default;
    basic_frame_reader(const basic_frame_reader&) = delete;
    basic_frame_reader& operator=(const basic_frame_reader&) = delete;

    /// The content of the next frame, or nothing if it is not whole yet: then feed() more. A length of 0 is an empty
    /// frame.
    ///
    /// Yields:   a `result` of its bytes; `errc::too_long` once for each frame beyond `bytes_max`, as soon as its
    ///           length has come. Such a frame is dropped and the one after it comes next; most protocols close
    ///           instead, since a wrong length may be the sign of a peer that speaks something else.
    /// Lifetime: the bytes are valid until next() or feed() is called again, or the reader ends.
    /// Cost:     no allocation. A frame that lies whole in a piece is seen there; another is copied together. The
    ///           lease goes back when next() has answered nothing.
    [[nodiscard]] std::optional<result<std::span<const std::byte>>> next() noexcept {
        pieces_.release_item();
        if (!skip() || !read_length()) return finish_piece();
        const std::size_t kept = pieces_.stored().size();
        if (length_ > Format.bytes_max) return refuse();
        const auto wanted = static_cast<std::size_t>(length_) - kept;
        if (pieces_.rest().size() < wanted) {
            pieces_.store(pieces_.rest().size());
            return finish_piece();
        }
        length_bytes_read_ = 0;
        if (kept == 0) return pieces_.take(wanted);
        pieces_.store(wanted);
        return pieces_.item_from_store();
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

    /// Whether the stream may end here, once next() has answered nothing: not within a frame or its length.
    [[nodiscard]] bool between_frames() const noexcept { return length_bytes_read_ == 0 && skip_bytes_ == 0; }
    /// What has come of the content of a frame that is not whole, once next() has answered nothing.
    [[nodiscard]] std::span<const std::byte> unfinished() const noexcept { return pieces_.stored(); }

private:
    [[nodiscard]] std::nullopt_t finish_piece() noexcept {
        pieces_.finish_piece();
        return std::nullopt;
    }

    /// Whether nothing is left of a frame that is being dropped.
    [[nodiscard]] bool skip() noexcept {
        const std::uint64_t count = std::min<std::uint64_t>(skip_bytes_, pieces_.rest().size());
        static_cast<void>(pieces_.take(static_cast<std::size_t>(count)));
        skip_bytes_ -= count;
        return skip_bytes_ == 0;
    }

    /// Whether the length of the frame is there.
    [[nodiscard]] bool read_length() noexcept {
        if (length_bytes_read_ == 0) length_ = 0;
        while (length_bytes_read_ < Format.length_bytes && !pieces_.rest().empty()) {
            const auto read = std::to_integer<std::uint64_t>(pieces_.take(1).front());
            const std::size_t place =
                Format.order == std::endian::big ? Format.length_bytes - 1 - length_bytes_read_ : length_bytes_read_;
            length_ |= read << (8 * place);
            ++length_bytes_read_;
        }
        return length_bytes_read_ == Format.length_bytes;
    }

    [[nodiscard]] result<std::span<const std::byte>> refuse() noexcept {
        skip_bytes_ = length_;
        length_bytes_read_ = 0;
        return errc::too_long;
    }

    detail::piece_store<Format.bytes_max> pieces_;
    std::size_t length_bytes_read_ = 0;
    std::uint64_t length_ = 0;
    std::uint64_t skip_bytes_ = 0;
};

/// For frames of up to 4 KiB behind four bytes of length, the highest first.
using frame_reader = basic_frame_reader<>;

}  // namespace tina
