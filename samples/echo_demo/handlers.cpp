// SPDX-License-Identifier: Apache-2.0
// The handlers of the echo programs.
#include "handlers.hpp"

#include <tina/fmt.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

using namespace std::chrono_literals;

namespace echo {

namespace {

/// Asks for one echo. Whether the whole answer came.
tina::task<bool> ask(tina::context, tina::socket& peer, std::span<const std::byte> request,
                     std::span<std::byte> answer) {
    const auto sent = co_yield tina::send_all(peer, request).within(5s);
    if (!sent) co_return false;
    for (std::size_t got = 0; got < answer.size();) {
        const auto part = co_yield tina::recv_into(peer, answer.subspan(got)).within(5s);
        if (!part) co_return false;
        got += *part;
    }
    co_return true;
}

}  // namespace

tina::isolate connection(tina::context, tina::socket peer) {
    while (auto received = co_yield tina::recv(peer, 4096)) {
        if (auto sent = co_yield tina::send_all(peer, *received); !sent) break;
    }
}

tina::isolate server(tina::context self, tina::listener listener) {
    while (auto peer = co_yield tina::accept(listener)) {
        if (auto child = self.spawn<connection>(std::move(*peer)); !child) {
            tina::log(self, tina::warning, "connection refused: {}", child.error());
        }
    }
}

tina::isolate client(tina::context self, client_options what) {
    tally& here = *what.counts;
    auto peer = co_yield tina::connect(what.server).within(5s).or_crash();
    std::array<std::byte, request_bytes> request{};
    std::array<std::byte, request_bytes> answer{};
    for (std::uint64_t number = 1;; ++number) {
        std::memcpy(request.data(), &number, sizeof number);
        const bool answered = co_await ask(self, peer, request, answer);
        if (!answered) {
            if (!here.is_ending) ++here.failures;  // when all ends, the last answers may still be on their way
            if (what.asks_anew != 0) co_yield tina::crash("the server has not answered");
            co_return;
        }
        ++here.round_trips;
        if (answer != request) ++here.wrong_answers;
        if (what.crash_after != crash_never && number >= what.crash_after && here.may_crash) {
            int* volatile nowhere = nullptr;
            *nowhere = 1;
        }
    }
}

}  // namespace echo
