// SPDX-License-Identifier: Apache-2.0
// The sink that writes log lines to a descriptor of the process, such as stderr, without ever waiting for it.
#pragma once

#include "lib/log_ring.hpp"

namespace tina::detail {

class log_writer final : public log_sink {
public:
    explicit log_writer(int descriptor) noexcept;
    log_writer(const log_writer&) = delete;
    log_writer& operator=(const log_writer&) = delete;
    ~log_writer() override;
    [[nodiscard]] std::size_t write(std::span<const char> lines) noexcept override;
    [[nodiscard]] std::int64_t wall_ns() noexcept override;

private:
    int descriptor_;
    bool owned_ = false;  ///< opened anew, so that it can be made non-blocking for us alone
};

}  // namespace tina::detail
