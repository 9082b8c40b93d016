// SPDX-License-Identifier: Apache-2.0
// The simulated network, in virtual time.
#include "arm.hpp"

#include "sim/decisions.hpp"
#include "sim/event_log.hpp"
#include "sim/sim_reactor.hpp"
#include "sim/timeline.hpp"

namespace conformance {

namespace {

using namespace tina::sim;

class simulated final : public arm, reactor_machine {
public:
    simulated(layout where, mutant planted) {
        network_.plant(planted);
        hosts_[0] = &network_.add_host("one", 0, {*tina::parse_ip("10.0.0.1", 0)});
        hosts_[1] = hosts_[0];
        if (where == layout::two_machines) hosts_[1] = &network_.add_host("two", 1, {*tina::parse_ip("10.0.0.2", 0)});
    }
    std::unique_ptr<tina::detail::reactor> make(int side, const tina::detail::reactor_options& options) override {
        return make_sim_reactor(network_, *hosts_[side], {.reactor = options, .machine = this});
    }
    tina::address address_of(int side) override {
        return *tina::parse_ip(hosts_[1] == hosts_[0] ? "127.0.0.1" : side == 0 ? "10.0.0.1" : "10.0.0.2", 0);
    }
    std::int64_t now_ns() noexcept override { return time_.now_ns(); }
    bool pass(tina::detail::reactor&, std::int64_t deadline_ns) override {
        if (time_.next_ns() > deadline_ns) {
            time_.advance_to(deadline_ns);
            return false;
        }
        time_.run_next();
        return true;
    }
    void close_left(int) override {}

    void due() noexcept override {}
    void woken() noexcept override {}
    std::uint32_t shard() const noexcept override { return 0; }
    void completion_cause(std::uint64_t) noexcept override {}

private:
    timeline time_;
    decisions choices_{base::quiet, 1, {}};
    event_log log_{time_, choices_};
    network network_{time_, choices_, log_};
    host* hosts_[2] = {};
};

}  // namespace

std::unique_ptr<arm> simulated_arm(layout where, mutant planted) { return std::make_unique<simulated>(where, planted); }

}  // namespace conformance
