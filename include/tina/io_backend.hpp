// SPDX-License-Identifier: Apache-2.0
// By which of the kernel's interfaces a system reaches the network. A name of a choice; it knows nothing of either.
#pragma once

#include <cstdint>

namespace tina {

/// What the shards of a system wait for the network with. All that can be seen of it but the cost is the same.
enum class io_backend : std::uint8_t {
    automatic,  ///< io_uring; where it is refused epoll, and the log says why
    io_uring,   ///< io_uring; where it is refused the system does not boot
    epoll,      ///< epoll, everywhere
};

}  // namespace tina
