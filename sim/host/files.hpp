// SPDX-License-Identifier: Apache-2.0
// Files of the harness. Every function that can fail says why in words for a person, with what to do about it; none
// leaves half a file behind where there was a whole one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tina::sim::host {

struct text_or_reason {
    std::string text;
    std::string reason;  ///< empty: `text` is the whole file
    bool is_missing = false;
};

[[nodiscard]] text_or_reason read_file(const std::string& path, std::size_t bytes_max);
/// Writes in one go: who is killed meanwhile leaves the old file or the new one. Empty, or why it failed.
[[nodiscard]] std::string write_file(const std::string& path, std::string_view text);
/// Appends, and comes back when it is on the disk. Empty, or why it failed.
[[nodiscard]] std::string append_file(const std::string& path, std::string_view text);
/// A file that only this process knows, for a child to write into; removed with the object.
class temporary_file {
public:
    temporary_file();
    ~temporary_file();
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    std::string path_;
    std::string reason_;
};

/// Writes all of it to a descriptor; false: that is not possible.
bool write_all(int fd, std::string_view bytes) noexcept;

}  // namespace tina::sim::host
