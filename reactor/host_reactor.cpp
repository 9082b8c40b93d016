// SPDX-License-Identifier: Apache-2.0
// The choice between the reactors of the host, at boot. It must never take the second best without saying why.
#include <cerrno>
#include <utility>

#include "reactor/reactor.hpp"

namespace tina::detail {

bool leaves_epoll(const io_refusal& why) noexcept { return why.error != -EMFILE && why.error != -ENFILE; }

reactor_or_reason make_host_reactor(io_backend wanted, const reactor_options& options) {
    if (wanted == io_backend::epoll) { return make_epoll_reactor(options); }
    reactor_or_reason first = make_io_uring_reactor(options);
    if (first.made != nullptr || wanted == io_backend::io_uring) { return first; }
    if (!leaves_epoll({.reason = {}, .error = first.error})) { return first; }
    reactor_or_reason second = make_epoll_reactor(options);
    if (second.made == nullptr) {
        second.reason = first.reason + "; and " + second.reason;
    } else {
        second.reason = std::move(first.reason);
    }
    return second;
}

}  // namespace tina::detail
