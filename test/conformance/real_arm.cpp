// SPDX-License-Identifier: Apache-2.0
// The kernel's loopback, through one of the reactors of the host. It must never wait without a bound.
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include "arm.hpp"

namespace conformance {

namespace {

constexpr std::int64_t round_ns = 500'000;

class real final : public arm {
public:
    explicit real(tina::io_backend io) : io_(io) {}
    std::unique_ptr<tina::detail::reactor> make(int, const tina::detail::reactor_options& options) override {
        auto made = tina::detail::make_host_reactor(io_, options);
        if (made.made == nullptr) throw std::runtime_error(made.reason);
        return std::move(made.made);
    }
    tina::address address_of(int) override { return *tina::parse_ip("127.0.0.1", 0); }
    std::int64_t now_ns() override {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
    }
    bool pass(tina::detail::reactor& waiting, std::int64_t deadline_ns) override {
        if (now_ns() >= deadline_ns) return false;
        waiting.wait(std::min(deadline_ns, now_ns() + round_ns));
        return true;
    }
    void close_left(int descriptor) override { ::close(descriptor); }

private:
    tina::io_backend io_;
};

}  // namespace

std::unique_ptr<arm> real_arm(tina::io_backend io) { return std::make_unique<real>(io); }

}  // namespace conformance
