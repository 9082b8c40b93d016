// SPDX-License-Identifier: Apache-2.0
// A chat server: an isolate for each connection, which waits for its socket, its room and its idle time-out at once; an
// isolate for each room; one that accepts connections and knows the rooms. A line is written into one transfer buffer,
// of which every member sends a share. What to watch: a member that does not read is dropped, with the reason in the
// log, and nobody waits for it. Try it with `nc 127.0.0.1 9200` from two terminals; Ctrl-C stops it, and everybody is
// told.
#include <tina/fmt.hpp>
#include <tina/tina.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace chat {

/// The name of a room or of a member, as messages carry it.
struct name {
    std::array<char, 24> letters{};

    [[nodiscard]] std::string_view text() const { return {letters.data(), ::strnlen(letters.data(), letters.size())}; }
    friend bool operator==(const name&, const name&) = default;
};

/// A connection asks where a room is, which is opened if it is not there. Answered with room_place.
struct find_room {
    name room;
};
struct room_place {
    tina::handle room;  ///< nobody: there are too many rooms
};

/// From a room that nobody needs any more.
struct room_closed {};

/// A connection asks to become a member. Answered with admission.
struct join {
    name member;
};
enum class verdict : std::uint8_t { welcome, name_taken, room_full };
struct admission {
    verdict is;
};

/// From a member to its room; the line is attached.
struct say {};
/// From a room to each member; a share of the line is attached.
struct heard {
    bool is_own;
};
/// From a member, its last message.
struct leave {
    name member;
};
/// To a member that its room has forgotten.
struct dropped {};

}  // namespace chat

namespace {

using chat::name;
using text = std::string_view;

constexpr std::uint32_t line_bytes_max = 1024;
constexpr std::uint32_t lease_bytes = line_bytes_max + sizeof(name) + 3;
constexpr tina::duration empty_max = 10s;  ///< then an empty room is closed
constexpr tina::duration answer_max = 5s;  ///< of one isolate to another: far more than it needs

struct patience {
    tina::duration silence;
    tina::duration sending;
};

struct room_sizes {
    std::uint32_t rooms;
    std::uint32_t members;
    std::uint32_t backlog;
};

/// Puts `parts` together in a transfer buffer; empty if there is none left.
tina::shared_lease line_of(tina::context self, std::initializer_list<text> parts) {
    std::size_t bytes = 0;
    for (const text part : parts) bytes += part.size();
    auto line = self.allocate(bytes);
    if (!line) return {};
    std::byte* to = line->data();
    for (const text part : parts) to = std::copy_n(reinterpret_cast<const std::byte*>(part.data()), part.size(), to);
    auto shared = std::move(*line).share();
    return shared ? std::move(*shared) : tina::shared_lease{};
}

/// Tells a member that it was dropped. Its mailbox is full: somebody has to wait until it is not, and a room must not.
tina::isolate farewell(tina::context, tina::handle member) {
    static_cast<void>(co_yield tina::deliver(member, chat::dropped{}));
}

/// A room. It never waits for a member: one whose mailbox is full is forgotten.
struct room {
    using accepts = tina::messages<chat::join, chat::say, chat::leave, tina::shutdown>;
    struct member {
        tina::handle who;
        name is;
    };
    using members = std::pmr::vector<member>;

    tina::isolate run(tina::context self, tina::handle lobby, name own, room_sizes sizes) {
        members all(&self.working());
        all.reserve(sizes.members);
        tina::log(self, tina::info, "room {}: open", own.text());
        for (bool is_closing = false;;) {
            // In the end no empty room is waited for.
            auto came = co_yield tina::receive<chat::join, chat::say, chat::leave, tina::shutdown>().within(
                is_closing ? tina::duration(24h) : empty_max);
            if (!came) {
                if (all.empty()) break;
            } else if (came->get<tina::shutdown>() != nullptr) {
                is_closing = true;
            } else if (const auto* joining = came->get<chat::join>()) {
                came->reply(chat::admission{admit(self, all, {came->sender(), joining->member}, sizes.members)});
            } else if (const auto* leaving = came->get<chat::leave>()) {
                std::erase_if(all, [&](const member& one) { return one.who == came->sender(); });
                announce(self, all, leaving->member, " has left\n");
            } else if (std::ranges::find(all, came->sender(), &member::who) != all.end()) {
                tell_all(self, all, came->take<tina::shared_lease>(), came->sender());
            }
        }
        tina::log(self, tina::info, "room {}: closed, nobody is there", own.text());
        static_cast<void>(co_yield tina::deliver(lobby, chat::room_closed{}));
    }

private:
    static chat::verdict admit(tina::context self, members& all, const member& next, std::size_t members_max) {
        if (all.size() == members_max) return chat::verdict::room_full;
        if (std::ranges::find(all, next.is, &member::is) != all.end()) return chat::verdict::name_taken;
        all.push_back(next);
        announce(self, all, next.is, " has joined\n");
        return chat::verdict::welcome;
    }

    static void announce(tina::context self, members& all, const name& who, text what) {
        if (auto line = line_of(self, {"* ", who.text(), what})) tell_all(self, all, line, {});
    }

    static void tell_all(tina::context self, members& all, const tina::shared_lease& line, tina::handle speaker) {
        std::erase_if(all, [&](const member& one) {
            const auto answer = self.send(one.who, chat::heard{one.who == speaker}, line);
            if (answer == tina::send_result::ok) return false;
            tina::log(self, tina::warning, "{} does not keep up and is told no more: {}", one.is.text(), answer);
            if (answer != tina::send_result::stale_handle) static_cast<void>(self.spawn<farewell>(one.who));
            return true;
        });
    }
};

/// `JOIN room name`, if `line` is that.
struct request {
    name room;
    name member;
};

std::optional<name> name_from(text word) {
    const auto is_allowed = [](char one) {
        return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') || one == '_';
    };
    name made;
    if (word.empty() || word.size() > made.letters.size() || !std::ranges::all_of(word, is_allowed)) return {};
    std::ranges::copy(word, made.letters.begin());
    return made;
}

std::optional<request> request_from(tina::line line) {
    if (!line.starts_with("JOIN ")) return {};
    line.remove_prefix(5);
    const std::size_t gap = line.find(' ');
    if (gap == text::npos) return {};
    const auto where = name_from(line.substr(0, gap));
    const auto who = name_from(line.substr(gap + 1));
    if (!where || !who) return {};
    return request{*where, *who};
}

/// A connection: in at most one room, in which it has at most one line on its way. That line coming back to it is the
/// leave to say the next, so no room ever has more of them waiting than it has members.
struct connection {
    using accepts = tina::messages<chat::heard, chat::dropped>;
    using from_room = tina::message<chat::heard, chat::dropped>;

    tina::isolate run(tina::context self, tina::socket peer, tina::handle lobby, patience limits) {
        tina::line_reader reader;
        membership in;
        text why = co_await enter(self, peer, reader, in, lobby, limits);
        if (in.room) {
            why = co_await chat_on(self, peer, reader, in, limits);
            static_cast<void>(co_yield tina::deliver(in.room, chat::leave{in.own}).within(answer_max));
        }
        if (why.empty()) co_return;
        static_cast<void>(co_yield tina::send_all(peer, why).within(limits.sending));
        static_cast<void>(co_yield tina::close(peer, 1s));
    }

private:
    struct membership {
        tina::handle room;
        name own;
    };
    static constexpr text go_on = "go on";
    static constexpr text server_stops = "* the server stops: goodbye\n";
    static constexpr text too_long = "* a line has at most 1024 bytes: goodbye\n";

    /// Asks the peer where it wants to go until it is there. This and what follows ends with what the peer is to be
    /// told before it is closed: nothing if it would not hear it.
    static tina::task<text> enter(tina::context self, tina::socket& peer, tina::line_reader& reader, membership& in,
                                  tina::handle lobby, patience limits) {
        const auto until = self.now() + limits.silence;
        text answer = "* welcome: JOIN room name, then each line is said to the room\n";
        for (;;) {
            if (auto sent = co_yield tina::send_all(peer, answer).within(limits.sending); !sent) co_return text{};
            auto found = reader.next();
            for (; !found; found = reader.next()) {
                auto received = co_yield tina::recv(peer, 4096).by(until);
                if (received.error() == tina::errc::interrupted) co_return server_stops;
                if (!received && received.error() != tina::errc::deadline) co_return text{};
                if (!received) co_return text("* you have not said where to go: goodbye\n");
                reader.feed(std::move(*received));
            }
            if (!*found) co_return too_long;
            answer = co_await ask_to_join(self, **found, in, lobby);
            if (in.room) co_return go_on;
        }
    }

    /// Ends with what is wrong, if that line does not lead into a room.
    static tina::task<text> ask_to_join(tina::context, tina::line line, membership& in, tina::handle lobby) {
        const auto wanted = request_from(line);
        if (!wanted) co_return text("* I expect JOIN room name: letters, digits and _, at most 24\n");
        auto place = co_yield tina::call<chat::room_place>(lobby, chat::find_room{wanted->room}).within(answer_max);
        if (!place) co_return text("* the lobby does not answer: try again\n");
        if (!place->room) co_return text("* there are too many rooms: take another one\n");
        auto asked = co_yield tina::call<chat::admission>(place->room, chat::join{wanted->member}).within(answer_max);
        if (!asked && asked.error() == tina::errc::deadline) co_yield tina::crash("who is in may not be known");
        if (!asked) co_return text("* that room does not answer: try again\n");
        if (asked->is == chat::verdict::name_taken) co_return text("* that name is taken\n");
        if (asked->is == chat::verdict::room_full) co_return text("* that room is full\n");
        in = {place->room, wanted->member};
        co_return text{};
    }

    /// The one wait for everything. Ends with what the peer should be told, nothing if it would not hear it.
    static tina::task<text> chat_on(tina::context self, tina::socket& peer, tina::line_reader& reader,
                                    const membership& in, patience limits) {
        auto idle_at = self.now() + limits.silence;
        text why = go_on;
        while (why == go_on) {
            if (auto found = reader.next()) {
                idle_at = self.now() + limits.silence;
                why = co_await speak(self, peer, in, *found, limits);
                continue;
            }
            auto first = co_yield tina::any_of(tina::receive<chat::heard, chat::dropped>(), tina::recv(peer, 4096),
                                               tina::sleep_until(idle_at));
            if (auto* message = first.get<0>()) {
                why = co_await pass_on(self, peer, *message, in.own, limits);
            } else if (auto* received = first.get<1>()) {
                if (received->error() == tina::errc::interrupted) co_return server_stops;
                if (!*received) co_return text{};
                reader.feed(std::move(**received));
            } else {
                tina::log(self, tina::info, "{} is idle: the connection is closed", in.own.text());
                why = "* you have said nothing for too long: goodbye\n";
            }
        }
        co_return why;
    }

    /// Says a line and listens until it comes back.
    static tina::task<text> speak(tina::context self, tina::socket& peer, const membership& in,
                                  tina::result<tina::line>& said, patience limits) {
        if (!said) co_return too_long;
        if (said->empty()) co_return go_on;
        auto line = line_of(self, {in.own.text(), ": ", *said, "\n"});
        if (!line || self.send(in.room, chat::say{}, std::move(line)) != tina::send_result::ok) {
            tina::log(self, tina::warning, "{}: no buffer for a line (raise --lines), or its room is gone",
                      in.own.text());
            co_return text("* your line cannot be said: goodbye\n");
        }
        for (;;) {
            auto message = co_yield tina::receive<chat::heard, chat::dropped>().within(answer_max);
            if (!message) co_return text("* the room does not answer: goodbye\n");
            const auto* const line_heard = message->get<chat::heard>();
            const bool is_own = line_heard != nullptr && line_heard->is_own;
            const text why = co_await pass_on(self, peer, *message, in.own, limits);
            if (why != go_on || is_own) co_return why;
        }
    }

    /// Sends a line to the peer, straight from the buffer that all members share.
    static tina::task<text> pass_on(tina::context self, tina::socket& peer, from_room& message, const name& own,
                                    patience limits) {
        if (message.get<chat::dropped>() != nullptr) {
            tina::log(self, tina::warning, "{} is dropped: it was too far behind its room", own.text());
            co_return text("* you are dropped: you do not keep up\n");
        }
        const auto line = message.take<tina::shared_lease>();
        auto sent = co_yield tina::send_all(peer, line.text()).within(limits.sending);
        if (sent) co_return go_on;
        if (sent.error() == tina::errc::deadline) {
            tina::log(self, tina::warning, "{} is dropped: it does not read", own.text());
        }
        co_return text{};
    }
};

/// Accepts connections and knows which rooms there are.
struct lobby {
    using accepts = tina::messages<chat::find_room, chat::room_closed>;
    struct entry {
        tina::handle where;
        name is;
    };
    using entries = std::pmr::vector<entry>;

    tina::isolate run(tina::context self, tina::listener server, room_sizes sizes, patience limits) {
        entries rooms(&self.working());
        rooms.reserve(sizes.rooms);
        if (auto bound = server.local_address()) tina::log(self, tina::info, "listening on {}", *bound);
        tina::log(self, tina::info,
                  "try it with nc, from two terminals; stop one of them with Ctrl-Z, let the other "
                  "talk on, and watch here how who does not read is dropped");
        for (;;) {
            auto first =
                co_yield tina::any_of(tina::accept(server), tina::receive<chat::find_room, chat::room_closed>());
            if (auto* const peer = first.get<0>()) {
                if (!*peer) break;
                if (auto child = self.spawn<connection>(std::move(**peer), self.handle(), limits); !child) {
                    tina::log(self, tina::warning, "connection refused: {}", child.error());  // consumed either way
                }
                continue;
            }
            auto& message = *first.get<1>();
            if (const auto* const asked = message.get<chat::find_room>()) {
                message.reply(chat::room_place{find_or_open(self, rooms, asked->room, sizes)});
            } else {
                std::erase_if(rooms, [&](const entry& one) { return one.where == message.sender(); });
            }
        }
    }

private:
    static tina::handle find_or_open(tina::context self, entries& rooms, const name& wanted, room_sizes sizes) {
        const auto found = std::ranges::find(rooms, wanted, &entry::is);
        if (found != rooms.end()) return found->where;
        if (rooms.size() == sizes.rooms) return {};
        const auto made = self.spawn<room>(self.handle(), wanted, sizes);
        if (!made) return {};
        rooms.push_back({*made, wanted});
        return *made;
    }
};

struct options {
    std::uint16_t port = 9200;
    std::string bind = "127.0.0.1";
    std::uint32_t connections = 1024;
    room_sizes sizes{.rooms = 64, .members = 256, .backlog = 64};
    std::uint32_t lines = 16'384;
    std::uint32_t idle_seconds = 600;
    std::uint32_t send_timeout_ms = 5'000;
    std::uint32_t send_buffer_bytes = 64 * 1024;
    bool counters = false;
};

tina::system_spec spec_of(const options& wanted) {
    const patience limits{.silence = std::chrono::seconds{wanted.idle_seconds},
                          .sending = std::chrono::milliseconds{wanted.send_timeout_ms}};
    const auto& sizes = wanted.sizes;
    const tina::listening socket(
        {.address = wanted.bind, .port = wanted.port, .send_buffer_bytes = wanted.send_buffer_bytes});
    // All members may speak at once, and then may be --backlog behind the others.
    const std::uint32_t behind_max = sizes.members + sizes.backlog;
    const std::uint32_t room_mailbox = 4 * sizes.members;
    const std::uint32_t lobby_mailbox = wanted.connections + sizes.rooms;
    return {
        .types = {tina::type<lobby>({.slots = 1,
                                     .mailbox_capacity = std::min(65'535U, lobby_mailbox),
                                     .working_arena_bytes = 64 + sizes.rooms * std::uint32_t{sizeof(lobby::entry)}}),
                  tina::type<room>({.slots = sizes.rooms,
                                    .mailbox_capacity = room_mailbox,
                                    .working_arena_bytes = 64 + sizes.members * std::uint32_t{sizeof(room::member)}}),
                  tina::type<connection>(
                      {.slots = wanted.connections, .mailbox_capacity = behind_max, .nested_bytes = 4096}),
                  tina::type<farewell>({.slots = wanted.connections})},
        .shards =
            tina::on_cores(1, {.tree = tina::one_for_one({.restarts = 5, .within = 10s},
                                                         {tina::child<lobby>(tina::permanent, socket, sizes, limits)}),
                               // An envelope for each message that waits or is read, and for each lease held.
                               .limits = {.messages = 1024 + wanted.lines + wanted.connections * (behind_max + 4) +
                                                      sizes.rooms * room_mailbox,
                                          .buffers = std::bit_ceil(wanted.connections),
                                          .leases = wanted.lines,
                                          .lease_bytes = lease_bytes}}),
        .memory = tina::memory_mode::development,
    };
}

void add_options(CLI::App& app, options& wanted) {
    const auto add = [&](const char* option, std::uint32_t& value, std::uint32_t value_max, const char* what) {
        app.add_option(option, value, what)->capture_default_str()->check(CLI::Range(1U, value_max));
    };
    app.add_option("--port", wanted.port, "the port to listen on; 0: the system chooses")->capture_default_str();
    app.add_option("--bind", wanted.bind, "the IPv4 or IPv6 address to listen on")->capture_default_str();
    add("--connections", wanted.connections, 16'384, "connections at once");
    add("--rooms", wanted.sizes.rooms, 16'384, "rooms at once");
    add("--members", wanted.sizes.members, 512, "members of one room");
    add("--backlog", wanted.sizes.backlog, 256, "a member further behind the others is dropped; in lines");
    add("--lines", wanted.lines, 1'048'576, "lines on their way at once, in all rooms");
    add("--idle-seconds", wanted.idle_seconds, 86'400, "a connection that says nothing for so long is closed");
    add("--send-timeout-ms", wanted.send_timeout_ms, 3'600'000, "a member that takes no line for so long is dropped");
    add("--send-buffer-bytes", wanted.send_buffer_bytes, 16 << 20, "what the kernel holds for a member");
    app.add_flag("--counters", wanted.counters, "print the counters at the end");
}

}  // namespace

int main(int argc, char** argv) {
    options wanted;
    CLI::App app("A chat server on tina.");
    add_options(app, wanted);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;  // 0: --help
    }
    return tina::run(spec_of(wanted), [&](const tina::counter_snapshot& counters) {
        if (wanted.counters) std::fputs(counters.to_string().c_str(), stdout);
    });
}
