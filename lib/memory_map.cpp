// SPDX-License-Identifier: Apache-2.0
// mmap, mprotect and madvise, and what their refusals mean. Used at boot only.
#include "lib/memory_map.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "tina/assert.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14
#endif

namespace tina::detail {

std::string memory_map::reserve(std::size_t bytes, bool huge) {
    release();
    const std::size_t page = huge ? huge_page_bytes : small_page_bytes;
    const std::size_t rounded = (bytes + page - 1) / page * page;
    // Huge pages are reserved and writable from the start: otherwise the first touch would find out that there are
    // none.
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : MAP_NORESERVE);
    void* const mapped = mmap(nullptr, rounded, huge ? PROT_READ | PROT_WRITE : PROT_NONE, flags, -1, 0);
    if (mapped == MAP_FAILED) {
        return "the system refused " + std::to_string(rounded >> 20) + " MiB of " + (huge ? "huge pages" : "memory") +
               " (" + std::strerror(errno) + ")";
    }
    data_ = static_cast<std::byte*>(mapped);
    bytes_ = rounded;
    return {};
}

void memory_map::open(std::size_t offset, std::size_t bytes) noexcept {
    TINA_ASSERT(offset + bytes <= bytes_, "a region must lie within its mapping");
    const int answer = mprotect(data_ + offset, bytes, PROT_READ | PROT_WRITE);
    TINA_ASSERT(answer == 0, "mprotect refused a region: raise vm.max_map_count, or use fewer types");
}

bool memory_map::touch(std::size_t offset, std::size_t bytes) noexcept {
    if (madvise(data_ + offset, bytes, MADV_POPULATE_WRITE) == 0) return true;
    if (errno != EINVAL) return false;
    for (std::size_t at = offset; at < offset + bytes; at += small_page_bytes) {
        auto* const byte = reinterpret_cast<volatile std::byte*>(data_ + at);
        *byte = *byte;
    }
    return true;
}

void memory_map::release() noexcept {
    if (data_ != nullptr) munmap(data_, bytes_);
    data_ = nullptr;
    bytes_ = 0;
}

}  // namespace tina::detail
