// SPDX-License-Identifier: Apache-2.0
// The loader's list of what is in memory, copied.
#include "lib/code_map.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace tina::detail {

namespace {

std::string_view name_of(const dl_phdr_info& object) noexcept {
    std::string_view path = object.dlpi_name == nullptr ? std::string_view{} : object.dlpi_name;
    if (path.empty()) return "the program";
    path.remove_prefix(path.rfind('/') + 1);  // no slash: npos + 1 is 0
    return path;
}

}  // namespace

void code_map::add(const code_range& range) noexcept {
    if (count_ < ranges_.size()) ranges_[count_++] = range;
}

void code_map::note_loaded() noexcept {
    count_ = 0;
    const auto visit = [](dl_phdr_info* object, std::size_t, void* into) {
        auto& map = *static_cast<code_map*>(into);
        const auto here = reinterpret_cast<std::uintptr_t>(&tina_guarded_call);
        const bool first = map.count_ == 0;  // the program itself comes first
        const std::size_t begin = map.count_;
        bool has_tina = false;
        for (std::size_t i = 0; i < object->dlpi_phnum; ++i) {
            const auto& segment = object->dlpi_phdr[i];
            if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
            const std::uintptr_t start = object->dlpi_addr + segment.p_vaddr;
            code_range found{.range = {start, start + segment.p_memsz}, .base = object->dlpi_addr, .own = first};
            const std::string_view name = name_of(*object);
            std::memcpy(found.name.data(), name.data(), std::min(name.size(), found.name.size() - 1));
            has_tina |= found.range.has(here);
            map.add(found);
        }
        for (std::size_t i = begin; i < map.count_; ++i) map.ranges_[i].own |= has_tina;
        return 0;
    };
    dl_iterate_phdr(visit, this);
}

const code_range* code_map::find(std::uintptr_t address) const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        if (ranges_[i].range.has(address)) return &ranges_[i];
    }
    return nullptr;
}

}  // namespace tina::detail
