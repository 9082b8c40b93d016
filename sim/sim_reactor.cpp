// SPDX-License-Identifier: Apache-2.0
// Operations on simulated sockets. An operation is tried when it is flushed; one that would wait stays with its
// descriptor, and is tried again when the socket has something and the shard looks, as with an io_uring whose work is
// run by its own thread.
#include "sim/sim_reactor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "sim/network_core.hpp"
#include "sim/network_tcp.hpp"
#include "sim/sim_socket_options.hpp"
#include "tina/assert.hpp"

namespace tina::sim {

namespace {

using tina::detail::completion;
using tina::detail::listen_options;
using tina::detail::no_buffer;
using tina::detail::operation;
using tina::detail::operation_kind;

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr int first_descriptor = 3;

/// An operation that waits, or is to be carried out at the next flush.
struct pending {
    operation wanted;
    address peer;
    std::uint64_t cause = 0;  ///< event during which it was submitted
    std::uint64_t armed = 0;  ///< rises with each operation that has to wait
    std::uint32_t done = 0;   ///< send: bytes that went
    std::uint32_t next = none;
};

struct ended {
    completion what;
    std::uint64_t cause = 0;
};

enum class socket_kind : std::uint8_t { unused, fresh, connecting, stream, listening };

struct socket_state {
    socket_kind kind = socket_kind::unused;
    address_family family = address_family::ip4;
    bool resets = false;          ///< its close is to be a reset
    bool was_connecting = false;  ///< in vain
    bool is_woken = false;
    std::uint32_t taking = none;   ///< accepts or receives that wait, the newest first, as the kernel wakes them
    std::uint32_t sending = none;  ///< the connect, and sends, the oldest first
    std::uint64_t cause = 0;       ///< of its being woken
    tcp_end* end = nullptr;
    tcp_listener* listener = nullptr;
    socket_settings settings;
    std::string name;  ///< of the connection that it may become
};

class sim_reactor final : public tina::detail::reactor, public socket_user {
public:
    sim_reactor(network& on, host& at, const sim_reactor_options& options);
    ~sim_reactor();

    std::int64_t now_ns() noexcept override { return machine_->now_ns(); }
    void submit(const operation& wanted) noexcept override;
    void flush() noexcept override;
    std::size_t collect(std::span<completion> out) noexcept override;
    bool has_events() const noexcept override { return next_ended_ < ended_.size() || (!woken_.empty() && !is_dead()); }
    /// Whatever can end without time going by has ended.
    void wait(std::int64_t) noexcept override { flush(); }
    void wake() noexcept override { machine_->woken(); }
    void return_buffer(std::uint16_t index) noexcept override { returned_.push_back(index); }

    int listen(const listen_options& options) noexcept override;
    int open_stream(address_family family) noexcept override;
    void close_now(int descriptor) noexcept override;
    void reset_on_close(int descriptor) noexcept override;
    int shutdown(int descriptor, bool receiving, bool sending) noexcept override;
    int set_option(int descriptor, socket_option option, std::int32_t value) noexcept override;
    int get_option(int descriptor, socket_option option, std::int32_t& value) noexcept override;
    int local_address(int descriptor, address& out) noexcept override;
    int peer_address(int descriptor, address& out) noexcept override;

    void on_ready(int descriptor, std::uint64_t cause) override;
    void on_connected(int descriptor, int result, std::uint64_t cause) override;

private:
    [[nodiscard]] bool is_dead() const noexcept { return !host_->up || host_->boots != boot_; }
    [[nodiscard]] socket_state* find(int descriptor) noexcept;
    [[nodiscard]] int take_descriptor(socket_kind kind, address_family family);
    void free_descriptor(int descriptor);
    [[nodiscard]] std::string connection_name();

    void end_everything();
    void carry_out(pending& what);
    [[nodiscard]] int result_of(socket_state* at, pending& what, std::uint16_t& buffer);
    [[nodiscard]] int accept(socket_state& at);
    [[nodiscard]] int connect(socket_state& at, const pending& what);
    [[nodiscard]] int receive(socket_state& at, const pending& what, std::uint16_t& buffer);
    [[nodiscard]] int send(socket_state& at, pending& what);
    void cancel(std::uint64_t token, std::uint64_t cause);
    void cancel_all(std::uint32_t& list, std::uint64_t cause);
    void close(const pending& what);
    void close_socket(int descriptor);

    void wait_for(socket_state& at, const pending& what, bool takes);
    void try_again(int descriptor);
    void try_list(int descriptor, bool sending);
    void run_woken();
    void wake_socket(int descriptor, std::uint64_t cause);
    void end(const pending& what, int result, std::uint64_t cause, std::uint16_t buffer = no_buffer);
    void end_cancelled(const pending& what, std::uint64_t cause);
    [[nodiscard]] std::uint64_t cause_of(const pending& what, int result, std::uint64_t otherwise) noexcept;

    tcp* tcp_;
    host_state* host_;
    std::uint32_t boot_;
    reactor_machine* machine_;
    tina::detail::reactor_options options_;

    std::vector<socket_state> sockets_;  ///< by descriptor - first_descriptor
    std::vector<int> free_sockets_;      ///< a heap, the lowest first
    std::vector<pending> queued_;        ///< submitted, not flushed
    std::vector<pending> waiting_;
    std::uint32_t free_waiting_ = none;
    std::uint64_t armed_ = 0;
    std::vector<int> woken_;
    std::vector<ended> ended_;
    std::size_t next_ended_ = 0;
    std::vector<std::uint16_t> buffers_;  ///< that the kernel has, a ring
    std::size_t first_buffer_ = 0;
    std::size_t buffer_count_ = 0;
    std::vector<std::uint16_t> returned_;
};

sim_reactor::sim_reactor(network& on, host& at, const sim_reactor_options& options)
    : tcp_(&on.sockets()),
      host_(&state_of(at)),
      boot_(host_->boots),
      machine_(options.machine),
      options_(options.reactor),
      buffers_(options.reactor.buffer_count),
      buffer_count_(options.reactor.buffer_count) {
    for (std::size_t i = 0; i < buffer_count_; ++i) buffers_[i] = static_cast<std::uint16_t>(i);
}

sim_reactor::~sim_reactor() {
    if (is_dead()) return;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        if (sockets_[i].kind != socket_kind::unused) close_socket(static_cast<int>(i) + first_descriptor);
    }
}

// ---- descriptors

socket_state* sim_reactor::find(int descriptor) noexcept {
    const std::int64_t index = std::int64_t{descriptor} - first_descriptor;
    if (is_dead() || index < 0 || index >= static_cast<std::int64_t>(sockets_.size())) return nullptr;
    socket_state& found = sockets_[static_cast<std::size_t>(index)];
    return found.kind == socket_kind::unused ? nullptr : &found;
}

int sim_reactor::take_descriptor(socket_kind kind, address_family family) {
    if (free_sockets_.empty()) {
        free_sockets_.push_back(static_cast<int>(sockets_.size()) + first_descriptor);
        sockets_.emplace_back();
    }
    std::pop_heap(free_sockets_.begin(), free_sockets_.end(), std::greater<>());
    const int descriptor = free_sockets_.back();
    free_sockets_.pop_back();
    socket_state& made = sockets_[static_cast<std::size_t>(descriptor - first_descriptor)];
    made = socket_state{};
    made.kind = kind;
    made.family = family;
    return descriptor;
}

void sim_reactor::free_descriptor(int descriptor) {
    sockets_[static_cast<std::size_t>(descriptor - first_descriptor)] = socket_state{};
    free_sockets_.push_back(descriptor);
    std::push_heap(free_sockets_.begin(), free_sockets_.end(), std::greater<>());
}

std::string sim_reactor::connection_name() {
    std::string name(machine_->owner());
    if (name.empty()) name = host_->name + "/" + std::to_string(machine_->shard());
    const std::uint32_t ordinal = host_->opened[name]++;
    return name + "/connection " + std::to_string(ordinal);
}

int sim_reactor::listen(const listen_options& options) noexcept {
    if (is_dead()) return -EBADF;
    const int descriptor = take_descriptor(socket_kind::listening, options.local.family);
    socket_state& at = *find(descriptor);
    const socket_place place{this, descriptor, static_cast<std::uint16_t>(machine_->shard())};
    if (const int error = tcp_->listen(*host_, options, place, at.listener); error < 0) {
        free_descriptor(descriptor);
        return error;
    }
    at.settings.at(socket_option::no_delay) = options.no_delay ? 1 : 0;
    const auto give = [&](socket_option option, std::uint32_t bytes) {
        const auto value = static_cast<std::int32_t>(std::min<std::uint32_t>(bytes, INT32_MAX));
        if (bytes != 0) static_cast<void>(set_option(descriptor, option, value));
    };
    give(socket_option::receive_buffer_bytes, options.receive_buffer_bytes);
    give(socket_option::send_buffer_bytes, options.send_buffer_bytes);
    at.listener->settings = at.settings;
    return descriptor;
}

int sim_reactor::open_stream(address_family family) noexcept {
    if (is_dead()) return -EBADF;
    const int descriptor = take_descriptor(socket_kind::fresh, family);
    find(descriptor)->name = connection_name();
    return descriptor;
}

void sim_reactor::close_now(int descriptor) noexcept {
    if (const socket_state* const at = find(descriptor)) {
        TINA_ASSERT(at->taking == none && at->sending == none, "a descriptor was closed with operations in flight");
        tcp_->follow(tcp_->log().context());
        close_socket(descriptor);
    }
}

void sim_reactor::close_socket(int descriptor) {
    socket_state& at = *find(descriptor);
    if (at.listener != nullptr) tcp_->close(*at.listener);
    if (at.end != nullptr) tcp_->close(*at.end, at.resets);
    if (at.is_woken) std::erase(woken_, descriptor);
    free_descriptor(descriptor);
}

void sim_reactor::reset_on_close(int descriptor) noexcept {
    if (socket_state* const at = find(descriptor)) at->resets = true;
}

int sim_reactor::shutdown(int descriptor, bool receiving, bool sending) noexcept {
    if (!receiving && !sending) return 0;
    socket_state* const at = find(descriptor);
    if (at == nullptr) return -EBADF;
    tcp_->follow(tcp_->log().context());
    if (at->end != nullptr) return tcp_->shutdown(*at->end, receiving, sending);
    if (at->kind != socket_kind::listening) return -ENOTCONN;
    if (!receiving) return 0;
    tcp_->close(*std::exchange(at->listener, nullptr));
    at->kind = socket_kind::fresh;
    wake_socket(descriptor, tcp_->log().context());
    return 0;
}

int sim_reactor::set_option(int descriptor, socket_option option, std::int32_t value) noexcept {
    socket_state* const at = find(descriptor);
    if (at == nullptr) return -EBADF;
    if (const int error = set_socket_option(at->settings, option, value); error < 0) return error;
    if (at->listener != nullptr) at->listener->settings = at->settings;
    if (at->end == nullptr) return 0;
    if (option == socket_option::receive_buffer_bytes) at->end->window_bytes = at->settings.receive_bytes;
    if (option == socket_option::send_buffer_bytes) at->end->room_bytes = at->settings.send_bytes;
    if (option == socket_option::user_timeout_ms) at->end->stuck_limit_ms = static_cast<std::uint32_t>(value);
    return 0;
}

int sim_reactor::get_option(int descriptor, socket_option option, std::int32_t& value) noexcept {
    const socket_state* const at = find(descriptor);
    if (at == nullptr) return -EBADF;
    value = at->settings.at(option);
    return 0;
}

int sim_reactor::local_address(int descriptor, address& out) noexcept {
    const socket_state* const at = find(descriptor);
    if (at == nullptr) return -EBADF;
    out = {};
    out.family = at->family;
    if (at->end != nullptr) out = as_family(at->end->local, at->family);
    if (at->listener != nullptr) out = as_family(at->listener->local, at->family);
    return 0;
}

int sim_reactor::peer_address(int descriptor, address& out) noexcept {
    const socket_state* const at = find(descriptor);
    if (at == nullptr) return -EBADF;
    if (at->end == nullptr || at->kind != socket_kind::stream) return -ENOTCONN;
    if (at->end->state != end_state::open && tcp_->planted() != mutant::peer_kept) return -ENOTCONN;
    out = as_family(at->end->peer, at->family);
    return 0;
}

// ---- operations

void sim_reactor::submit(const operation& wanted) noexcept {
    TINA_ASSERT(wanted.kind == operation_kind::cancel || wanted.token != 0, "the token of an operation is 0");
    pending& what = queued_.emplace_back();
    what.wanted = wanted;
    what.wanted.peer = nullptr;
    if (wanted.peer != nullptr) what.peer = *wanted.peer;
    what.cause = tcp_->log().context();
}

void sim_reactor::flush() noexcept {
    if (returned_.empty() && queued_.empty() && woken_.empty() && !is_dead()) return;
    for (const std::uint16_t index : returned_) buffers_[(first_buffer_ + buffer_count_++) % buffers_.size()] = index;
    if (!returned_.empty() && tcp_->planted() == mutant::dry_ring_waits) {
        for (std::size_t i = 0; i < sockets_.size(); ++i) wake_socket(static_cast<int>(i) + first_descriptor, 0);
    }
    returned_.clear();
    if (is_dead()) return end_everything();
    for (std::size_t i = 0; i < queued_.size(); ++i) carry_out(queued_[i]);
    queued_.clear();
    run_woken();
}

/// The host is gone, and with it whatever operations were about: they end, so that their memory can be let go.
void sim_reactor::end_everything() {
    for (socket_state& each : sockets_) {
        for (std::uint32_t* const list : {&each.taking, &each.sending}) {
            for (std::uint32_t index = std::exchange(*list, none); index != none; index = waiting_[index].next) {
                end(waiting_[index], -ECANCELED, 0);
            }
        }
    }
    for (const pending& each : queued_) {
        if (each.wanted.kind != operation_kind::cancel) end(each, -ECANCELED, 0);
    }
    queued_.clear();
}

void sim_reactor::carry_out(pending& what) {
    tcp_->follow(what.cause);
    if (what.wanted.kind == operation_kind::cancel) return cancel(what.wanted.target, what.cause);
    if (what.wanted.kind == operation_kind::close) return close(what);
    std::uint16_t buffer = no_buffer;
    socket_state* const at = find(what.wanted.descriptor);
    const int result = result_of(at, what, buffer);
    if (result != -EAGAIN) return end(what, result, cause_of(what, result, what.cause), buffer);
    const bool takes = what.wanted.kind == operation_kind::accept || what.wanted.kind == operation_kind::receive;
    socket_state& stays = *find(what.wanted.descriptor);
    wait_for(stays, what, takes);
}

/// -EAGAIN: it has to wait.
int sim_reactor::result_of(socket_state* at, pending& what, std::uint16_t& buffer) {
    if (at == nullptr) return -EBADF;
    switch (what.wanted.kind) {
    case operation_kind::accept: return accept(*at);
    case operation_kind::connect: return connect(*at, what);
    case operation_kind::receive: return receive(*at, what, buffer);
    case operation_kind::send: return send(*at, what);
    default: return -EINVAL;
    }
}

int sim_reactor::accept(socket_state& at) {
    if (at.listener == nullptr) return -EINVAL;
    tcp_end* const taken = tcp_->accept(*at.listener, this);
    if (taken == nullptr) return -EAGAIN;
    const address_family family = at.family;
    const socket_settings settings = at.settings;
    const int descriptor = take_descriptor(socket_kind::stream, family);
    socket_state& made = *find(descriptor);
    made.end = taken;
    made.settings = settings;
    taken->place.descriptor = descriptor;
    return descriptor;
}

int sim_reactor::connect(socket_state& at, const pending& what) {
    if (at.kind == socket_kind::connecting) return -EALREADY;
    if (at.kind != socket_kind::fresh) return -EISCONN;
    const tcp_opening opening{.place = {this, what.wanted.descriptor, static_cast<std::uint16_t>(machine_->shard())},
                              .family = at.family,
                              .settings = &at.settings,
                              .name = at.name};
    if (const int error = tcp_->connect(*host_, opening, what.peer, at.end); error < 0) return error;
    at.kind = socket_kind::connecting;
    return -EAGAIN;
}

int sim_reactor::receive(socket_state& at, const pending& what, std::uint16_t& buffer) {
    // A buffer is chosen before it is known whether there is anything.
    if (buffer_count_ == 0) return tcp_->planted() == mutant::dry_ring_waits ? -EAGAIN : -ENOBUFS;
    if (at.end == nullptr) return at.was_connecting ? 0 : -ENOTCONN;
    const std::uint16_t chosen = buffers_[first_buffer_];
    const std::uint32_t wanted = what.wanted.bytes == 0 ? options_.buffer_bytes : what.wanted.bytes;
    std::byte* const memory = options_.buffers + std::size_t{chosen} * options_.buffer_bytes;
    const int result = tcp_->read(*at.end, {memory, std::min(wanted, options_.buffer_bytes)});
    if (result <= 0) return result;
    buffer = chosen;
    first_buffer_ = (first_buffer_ + 1) % buffers_.size();
    --buffer_count_;
    return result;
}

int sim_reactor::send(socket_state& at, pending& what) {
    if (at.end == nullptr) return -EPIPE;
    const operation& wanted = what.wanted;
    const int result = tcp_->write(*at.end, {wanted.memory + what.done, wanted.bytes - what.done}, wanted.whole);
    if (result < 0) return result == -EAGAIN || what.done == 0 ? result : static_cast<int>(what.done);
    what.done += static_cast<std::uint32_t>(result);
    return wanted.whole && what.done < wanted.bytes ? -EAGAIN : static_cast<int>(what.done);
}

// ---- ending early

void sim_reactor::cancel(std::uint64_t token, std::uint64_t cause) {
    for (socket_state& at : sockets_) {
        for (std::uint32_t* list : {&at.taking, &at.sending}) {
            for (; *list != none; list = &waiting_[*list].next) {
                if (waiting_[*list].wanted.token != token) continue;
                const std::uint32_t index = *list;
                const pending what = waiting_[index];
                *list = what.next;
                waiting_[index].next = std::exchange(free_waiting_, index);
                return end_cancelled(what, cause);
            }
        }
    }
}

void sim_reactor::end_cancelled(const pending& what, std::uint64_t cause) {
    const bool part = what.done > 0 && tcp_->planted() != mutant::cancel_loses_bytes;
    end(what, part ? static_cast<int>(what.done) : -ECANCELED, cause);
}

void sim_reactor::cancel_all(std::uint32_t& list, std::uint64_t cause) {
    while (list != none) {
        const std::uint32_t index = list;
        const pending what = waiting_[index];
        list = what.next;
        waiting_[index].next = std::exchange(free_waiting_, index);
        end_cancelled(what, cause);
    }
}

void sim_reactor::close(const pending& what) {
    socket_state* const at = find(what.wanted.descriptor);
    if (at == nullptr) return end(what, -EBADF, what.cause);
    cancel_all(at->taking, what.cause);
    cancel_all(at->sending, what.cause);
    close_socket(what.wanted.descriptor);
    end(what, 0, what.cause);
}

// ---- waiting

void sim_reactor::wait_for(socket_state& at, const pending& what, bool takes) {
    if (free_waiting_ == none) {
        free_waiting_ = static_cast<std::uint32_t>(waiting_.size());
        waiting_.emplace_back();
    }
    const std::uint32_t index = free_waiting_;
    free_waiting_ = waiting_[index].next;
    waiting_[index] = what;
    waiting_[index].armed = ++armed_;
    std::uint32_t* place = takes ? &at.taking : &at.sending;
    while (!takes && *place != none) place = &waiting_[*place].next;
    waiting_[index].next = *place;
    *place = index;
}

void sim_reactor::on_ready(int descriptor, std::uint64_t cause) { wake_socket(descriptor, cause); }

void sim_reactor::wake_socket(int descriptor, std::uint64_t cause) {
    socket_state* const at = find(descriptor);
    if (at == nullptr || (at->taking == none && at->sending == none)) return;
    at->cause = cause;
    if (!at->is_woken) woken_.push_back(descriptor);
    at->is_woken = true;
    machine_->due();
}

void sim_reactor::on_connected(int descriptor, int result, std::uint64_t cause) {
    socket_state& at = *find(descriptor);
    at.kind = result < 0 ? socket_kind::fresh : socket_kind::stream;
    if (result < 0) {
        at.end = nullptr;
        at.was_connecting = true;
    } else {
        at.name = std::string();
    }
    if (at.sending == none || waiting_[at.sending].wanted.kind != operation_kind::connect) {
        return wake_socket(descriptor, cause);
    }
    const std::uint32_t index = at.sending;
    const pending what = waiting_[index];
    at.sending = what.next;
    waiting_[index].next = std::exchange(free_waiting_, index);
    end(what, result, cause);
    wake_socket(descriptor, cause);
}

void sim_reactor::run_woken() {
    for (std::size_t i = 0; i < woken_.size(); ++i) {
        const int descriptor = woken_[i];
        socket_state* const at = find(descriptor);
        if (at == nullptr) continue;
        at->is_woken = false;
        try_again(descriptor);
    }
    woken_.clear();
}

/// The kernel wakes last who began to wait first: it matters where only one is told of a reset.
void sim_reactor::try_again(int descriptor) {
    const socket_state& at = *find(descriptor);
    const bool both = at.taking != none && at.sending != none;
    const bool sends_first = both && waiting_[at.sending].armed > waiting_[at.taking].armed;
    try_list(descriptor, sends_first);
    try_list(descriptor, !sends_first);
}

/// Tries what waits on a descriptor, in the order of its list, until something has to go on waiting.
void sim_reactor::try_list(int descriptor, bool sending) {
    while (true) {
        socket_state& at = *find(descriptor);
        const std::uint32_t index = sending ? at.sending : at.taking;
        if (index == none) return;
        pending what = waiting_[index];
        const bool receives = what.wanted.kind == operation_kind::receive;
        if (receives && at.end != nullptr && !tcp_->is_readable(*at.end)) return;
        if (what.wanted.kind == operation_kind::connect) return;
        tcp_->follow(what.cause);
        std::uint16_t buffer = no_buffer;
        const std::uint64_t cause = at.cause;
        const int result = result_of(&at, what, buffer);
        if (result == -EAGAIN) {
            waiting_[index].done = what.done;
            waiting_[index].armed = ++armed_;
            return;
        }
        socket_state& still = *find(descriptor);
        (sending ? still.sending : still.taking) = what.next;
        waiting_[index].next = std::exchange(free_waiting_, index);
        end(what, result, cause_of(what, result, cause), buffer);
    }
}

/// The event that the end of an operation follows from: what it has received, if it has, else `otherwise`.
std::uint64_t sim_reactor::cause_of(const pending& what, int result, std::uint64_t otherwise) noexcept {
    const bool accepted = what.wanted.kind == operation_kind::accept && result >= 0;
    const bool received = what.wanted.kind == operation_kind::receive && result != -ENOBUFS;
    const socket_state* const at = accepted ? find(result) : received ? find(what.wanted.descriptor) : nullptr;
    if (at == nullptr || at->end == nullptr || at->end->arrival == 0) return otherwise;
    const bool by_itself = result == 0 && !at->end->end_received && at->end->state == end_state::open;
    return by_itself ? otherwise : at->end->arrival;
}

// ---- completing

void sim_reactor::end(const pending& what, int result, std::uint64_t cause, std::uint16_t buffer) {
    ended_.push_back({{.token = what.wanted.token, .result = result, .buffer = buffer}, cause});
    machine_->due();
}

std::size_t sim_reactor::collect(std::span<completion> out) noexcept {
    if (!is_dead()) run_woken();
    std::size_t count = 0;
    for (; count < out.size() && next_ended_ < ended_.size(); ++count) {
        const ended& each = ended_[next_ended_++];
        machine_->completion_cause(each.cause);
        out[count] = each.what;
    }
    if (next_ended_ == ended_.size()) {
        ended_.clear();
        next_ended_ = 0;
    }
    return count;
}

}  // namespace

std::unique_ptr<tina::detail::reactor> make_sim_reactor(network& on, host& at, const sim_reactor_options& options) {
    return std::make_unique<sim_reactor>(on, at, options);
}

}  // namespace tina::sim
