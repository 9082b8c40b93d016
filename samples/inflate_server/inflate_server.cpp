// SPDX-License-Identifier: Apache-2.0
// A server that unpacks: it takes raw deflate data and sends back what was packed. zlib's inflateBack asks for input
// and gives output by calling back from deep inside, where no coroutine could wait; on a stack of its own each callback
// simply waits for the socket. Try it with
//   python3 -c "import sys, zlib; z = zlib.compressobj(wbits=-15); sys.stdout.buffer.write(z.compress(b'hello') +
//   z.flush())" | nc -q1 127.0.0.1 9001
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <zlib.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <optional>
#include <span>
#include <utility>

using namespace std::chrono_literals;

namespace {

constexpr tina::duration patience = 10s;           ///< how long a peer may be silent, or not read
constexpr tina::duration last_patience = 1s;       ///< the same when the server stops
constexpr tina::duration linger = 1s;              ///< until an answered peer has closed
constexpr std::uint32_t window_bytes = 32 * 1024;  ///< where zlib unpacks to
constexpr std::uint32_t zlib_bytes = 16 * 1024;    ///< more than inflateBack asks for

/// What the callbacks need.
struct connection {
    tina::stackful self;
    const tina::socket& peer;
    std::optional<tina::buffer_lease> input{};  ///< what zlib reads from
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    bool is_interrupted = false;  ///< the server stops
};

extern "C" {

/// Gives zlib the next input; 0 if there is none.
unsigned next_input(void* of, z_const unsigned char** data) {
    auto& at = *static_cast<connection*>(of);
    at.input.reset();
    auto received = at.self.wait(tina::recv(at.peer, 65536).within(at.is_interrupted ? last_patience : patience));
    if (received.error() == tina::errc::interrupted) {
        at.is_interrupted = true;
        // What has begun is brought to its end.
        if (at.bytes_in > 0) received = at.self.wait(tina::recv(at.peer, 65536).within(last_patience));
    }
    if (!received) return 0;
    at.bytes_in += received->size();
    at.input.emplace(std::move(*received));
    *data = reinterpret_cast<unsigned char*>(at.input->data());
    return static_cast<unsigned>(at.input->size());
}

/// Takes output from zlib; not 0 if it cannot go out.
int take_output(void* of, unsigned char* data, unsigned bytes) {
    auto& at = *static_cast<connection*>(of);
    const auto output = std::as_bytes(std::span(data, bytes));
    const auto sent = at.self.wait(tina::send_all(at.peer, output).within(patience));
    at.bytes_out += sent.bytes();
    return sent ? 0 : 1;
}

/// zlib's own memory is the isolate's, so that nothing is lost with an isolate that is ended while it waits.
void* take_memory(void* of, unsigned count, unsigned bytes) {
    try {
        return static_cast<tina::stackful*>(of)->working().allocate(std::size_t{count} * bytes);
    } catch (const std::bad_alloc&) { return nullptr; }
}

void leave_memory(void*, void*) {}  // it goes with the isolate

}  // extern "C"

void inflater(tina::stackful self, tina::socket peer) {
    z_stream stream{};
    stream.zalloc = take_memory;
    stream.zfree = leave_memory;
    stream.opaque = &self;
    auto* const window = static_cast<unsigned char*>(self.working().allocate(window_bytes));
    if (inflateBackInit(&stream, 15, window) != Z_OK) self.wait(tina::crash("zlib has not enough memory"));
    connection at{.self = self, .peer = peer};
    const int outcome = inflateBack(&stream, next_input, &at, take_output, &at);
    // A crash resets the connection, so that nobody takes a part for the whole.
    if (outcome == Z_DATA_ERROR) self.wait(tina::crash(stream.msg));
    if (at.is_interrupted && at.bytes_in == 0) return;
    if (outcome != Z_STREAM_END) self.wait(tina::crash("the peer went away, or was silent for too long"));
    at.input.reset();
    tina::log(self, tina::info, "unpacked {} bytes", at.bytes_out);
    static_cast<void>(self.wait(tina::close(peer, linger)));
}

tina::isolate acceptor(tina::context self, tina::listener server) {
    if (auto bound = server.local_address()) tina::log(self, tina::info, "listening on {}", *bound);
    while (auto peer = co_yield tina::accept(server)) {
        if (auto child = self.spawn<inflater>(std::move(*peer)); !child) {
            tina::log(self, tina::warning, "connection refused: {}", child.error());
        }
    }
}

struct options {
    std::uint16_t port = 9001;
    std::uint32_t connections = 1000;
    bool counters = false;
};

tina::system_spec spec_of(const options& wanted) {
    return {
        .types = {tina::type<acceptor>({.slots = 1}),
                  tina::type<inflater>({.slots = wanted.connections,
                                        .working_arena_bytes = window_bytes + zlib_bytes,
                                        .stack_bytes = 64 * 1024})},
        .shards = {tina::shard_spec{
            .tree = tina::one_for_one(
                {.restarts = 5, .within = 10s},
                {tina::child<acceptor>(tina::permanent,
                                       tina::listening({.address = "127.0.0.1", .port = wanted.port}))})}},
    };
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("A server that unpacks raw deflate data, on tina.");
    app.add_option("--port", wanted.port, "the port to listen on; 0: the system chooses")->capture_default_str();
    app.add_option("--connections", wanted.connections, "connections at once")->capture_default_str();
    app.add_flag("--counters", wanted.counters, "print the counters at the end");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    return tina::run(spec_of(wanted), [&](const tina::counter_snapshot& counters) {
        if (wanted.counters) std::fputs(counters.to_string().c_str(), stdout);
    });
}
