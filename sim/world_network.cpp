// SPDX-License-Identifier: Apache-2.0
// The network as a part of the world: which host a machine is, and how its shards' reactors come home.
#include <cerrno>

#include "sim/world_state.hpp"

namespace tina::sim {

namespace {

class idle_reactor final : public tina::detail::reactor {
public:
    explicit idle_reactor(sim_shard& shard) : shard_(shard) {}
    std::int64_t now_ns() noexcept override { return shard_.owner().now_ns(); }
    void submit(const tina::detail::operation&) noexcept override {}
    void flush() noexcept override {}
    std::size_t collect(std::span<tina::detail::completion>) noexcept override { return 0; }
    bool has_events() const noexcept override { return false; }
    void wait(std::int64_t) noexcept override {}
    void wake() noexcept override { shard_.due(); }
    void return_buffer(std::uint16_t) noexcept override {}
    int listen(const tina::detail::listen_options&) noexcept override { return -ENOSYS; }
    int open_stream(tina::address_family) noexcept override { return -ENOSYS; }
    void close_now(int) noexcept override {}
    void reset_on_close(int) noexcept override {}
    int shutdown(int, bool, bool) noexcept override { return -ENOSYS; }
    int set_option(int, tina::socket_option, std::int32_t) noexcept override { return -ENOSYS; }
    int get_option(int, tina::socket_option, std::int32_t&) noexcept override { return -ENOSYS; }
    int local_address(int, tina::address&) noexcept override { return -ENOSYS; }
    int peer_address(int, tina::address&) noexcept override { return -ENOSYS; }

private:
    sim_shard& shard_;
};

}  // namespace

std::unique_ptr<tina::detail::reactor> sim_world::make_reactor(sim_shard& shard) {
    return std::make_unique<idle_reactor>(shard);
}
void sim_world::set_network(const network_options&) {}
void sim_world::cut(std::string_view, std::string_view, bool) {}
void sim_world::join_network(sim_machine&) {}
void sim_world::power_network(sim_machine&, bool) {}
void sim_world::tell_network_of_faults() {}
void sim_world::heal_network() {}
bool sim_world::network_at_rest() { return true; }

}  // namespace tina::sim
