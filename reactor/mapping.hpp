// SPDX-License-Identifier: Apache-2.0
// Anonymous pages, owned by whoever made them: page-aligned, zero, and without cost until they are touched.
// They must never be unmapped while the kernel may still write to them; that is for the owner to see to.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>

namespace tina::detail {

/// A mapping of whole pages, unmapped on destruction.
class mapping {
public:
    mapping() = default;
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;
    ~mapping() { release(); }

    /// Maps at least `bytes`, in place of what was mapped before. 0 or -errno.
    [[nodiscard]] int map(std::size_t bytes) noexcept {
        release();
        void* made = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (made == MAP_FAILED) { return -errno; }
        start_ = made;
        bytes_ = bytes;
        return 0;
    }

    [[nodiscard]] void* start() const noexcept { return start_; }

private:
    void release() noexcept {
        if (start_ != nullptr) { ::munmap(start_, bytes_); }
        start_ = nullptr;
    }

    void* start_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace tina::detail
