// SPDX-License-Identifier: Apache-2.0
// The links between hosts, one for each direction: cut by hand, by a partition or held up by a clog, and joined again.
// Owned by the network. While no such fault is declared it schedules nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sim/network_core.hpp"

namespace tina::sim {

class links final : public due_target {
public:
    /// `joined` is called when a link that held what was on its way does so no more.
    links(network_core& core, std::function<void(host_state& from, host_state& to)> joined)
        : core_(&core), joined_(std::move(joined)) {}

    void host_added();
    [[nodiscard]] bool holds(const host_state& from, const host_state& to) const noexcept;
    void cut(const host_state& from, const host_state& to);
    void join(const host_state& from, const host_state& to);
    /// Ends what holds links between hosts of which `is_in_core` holds, and has what holds others last until thaw().
    void heal(const std::function<bool(const host&)>& is_in_core);
    void thaw();
    /// The faults have changed: there may be something to decide in each moment now.
    void faults_changed();

    void on_due(std::uint64_t argument) override;

private:
    struct link {
        bool cut = false;
        bool frozen = false;  ///< it stays as it is, whatever its time
        std::int64_t partition_until_ns = 0;
        std::int64_t clog_until_ns = 0;
        std::unique_ptr<entity> one_way;
        std::unique_ptr<entity> both_ways;  ///< of the link from the host of the lower index
    };
    [[nodiscard]] link& at(std::uint32_t from, std::uint32_t to) noexcept { return rows_[from][to]; }
    [[nodiscard]] static bool holds(const link& what, std::int64_t now_ns) noexcept;
    [[nodiscard]] bool has_faults() const noexcept;
    void moment();
    void moment_of(host_state& from, host_state& to);
    [[nodiscard]] std::uint64_t ask_partition(entity& whom, const host_state& from);
    void ask_clog(link& what, host_state& from, host_state& to);
    void partition(host_state& from, host_state& to, std::uint64_t span_ns);
    void release_later(const host_state& from, const host_state& to, std::int64_t at_ns);
    void release(std::uint32_t from, std::uint32_t to);
    [[nodiscard]] entity& name_of(std::unique_ptr<entity>& held, const host_state& from, const char* between,
                                  const host_state& to);

    network_core* core_;
    std::function<void(host_state&, host_state&)> joined_;
    std::vector<std::vector<link>> rows_;
    bool ticking_ = false;
};

}  // namespace tina::sim
