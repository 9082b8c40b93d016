// SPDX-License-Identifier: Apache-2.0
// The sample chat_server between real sockets: who hears what, who is turned away or dropped and is told why, and that
// a crowd costs no memory as it talks on.
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sample_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

const std::string welcome = "* welcome: JOIN room name, then each line is said to the room\n";

sample_process start_chat(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--port", "0", "--counters"});
    return {TINA_CHAT_SERVER, more};
}

/// Whether exactly `expected` comes next.
bool hears(echo_client& member, const std::string& expected) { return member.receive(expected.size()) == expected; }

echo_client join(const sample_process& server, const std::string& room, const std::string& name,
                 const client_options& options = {}) {
    auto member = server.connect(options);
    BOOST_REQUIRE(member.send_all("JOIN " + room + " " + name + "\n"));
    BOOST_REQUIRE(hears(member, welcome + "* " + name + " has joined\n"));
    return member;
}

/// Everything until the server ends the connection well.
std::string last_words(echo_client& member) {
    const std::string words = member.receive_to_end();
    BOOST_TEST((member.state() == connection_state::end_of_stream));
    return words;
}

/// A member of a crowd, which remembers how far it has heard each of the others.
class listener {
public:
    listener(const sample_process& server, const std::string& room, std::string name)
        : client_(server.connect()), name_(std::move(name)) {
        BOOST_REQUIRE(client_.send_all("JOIN " + room + " " + name_ + "\n"));
    }

    /// Takes in what has come; whether that was anything.
    bool listen() {
        const auto some = client_.receive_some(16'384);
        pending_ += some;
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
            take(std::string_view(pending_).substr(begin, end - begin));
        }
        pending_.erase(0, begin);
        return !some.empty();
    }
    void say(std::size_t lines, const std::string& padding) {
        std::string all;
        for (std::size_t i = 0; i < lines; ++i) all += std::to_string(said_++) + " " + padding + "\n";
        BOOST_REQUIRE(client_.send_all(all));
    }

    [[nodiscard]] std::size_t joined_count() const { return joined_; }
    [[nodiscard]] std::size_t heard_count() const { return heard_; }
    [[nodiscard]] bool all_in_order() const { return in_order_ && client_.state() == connection_state::open; }

private:
    void take(std::string_view line) {
        if (line.starts_with("* ")) {
            joined_ += line.ends_with(" has joined") ? 1U : 0U;
            return;
        }
        const auto colon = line.find(": ");
        auto& next = next_of_[std::string(line.substr(0, colon))];
        in_order_ = in_order_ && line.substr(colon + 2).starts_with(std::to_string(next) + " ");
        ++next;
        ++heard_;
    }

    echo_client client_;
    std::string name_;
    std::string pending_;
    std::map<std::string, std::size_t> next_of_;
    std::size_t said_ = 0;
    std::size_t joined_ = 0;
    std::size_t heard_ = 0;
    bool in_order_ = true;
};

/// Rooms full of listeners, all of them served by one thread.
class crowd {
public:
    static constexpr std::size_t rooms = 10;
    static constexpr std::size_t in_each = 99;

    explicit crowd(const sample_process& server) {
        for (std::size_t i = 0; i < rooms * in_each; ++i) {
            members_.emplace_back(server, "room" + std::to_string(i % rooms), "m" + std::to_string(i));
        }
    }
    [[nodiscard]] bool all_have_joined(std::size_t slow) {
        return hear_until([&](const std::size_t i, const listener& one) {
            return one.joined_count() == in_each - i / rooms + slow;  // itself, and who came after it
        });
    }
    /// Ten in each room say four lines each, other ten each time; whether all in their room hear them.
    [[nodiscard]] bool talk(const std::string& padding) {
        for (std::size_t turn = 0; turn < 10; ++turn) {
            const std::size_t speaker = (round_ * 10 + turn) % in_each;
            for (std::size_t room = 0; room < rooms; ++room) members_[speaker * rooms + room].say(4, padding);
        }
        ++round_;
        return hear_until([&](std::size_t, const listener& one) { return one.heard_count() == round_ * 40; });
    }
    [[nodiscard]] bool all_in_order() const {
        for (const listener& one : members_) {
            if (!one.all_in_order()) return false;
        }
        return true;
    }

private:
    template <class Condition>
    [[nodiscard]] bool hear_until(Condition holds) {
        deadline end(patience);
        for (;;) {
            bool has_moved = false;
            bool is_done = true;
            for (std::size_t i = 0; i < members_.size(); ++i) {
                has_moved = members_[i].listen() || has_moved;
                is_done = is_done && holds(i, members_[i]);
            }
            if (is_done) return true;
            if (has_moved) end = deadline(patience);
            if (end.is_over()) return false;
            std::this_thread::sleep_for(2ms);  // so that there is more to read at once
        }
    }

    std::vector<listener> members_;
    std::size_t round_ = 0;
};

/// Whether this process may open so many descriptors, after it has tried.
bool may_open(rlim_t descriptors) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= descriptors) return true;
    limit.rlim_cur = descriptors;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chat)

BOOST_AUTO_TEST_CASE(two_members_hear_each_other_come_speak_and_go) {
    auto server = start_chat();
    auto anna = join(server, "tea", "anna");
    auto bob = join(server, "tea", "bob");
    auto elsewhere = join(server, "coffee", "anna");
    BOOST_TEST(hears(anna, "* bob has joined\n"));
    BOOST_REQUIRE(anna.send_all("hello\r\nhow are you\n"));
    BOOST_REQUIRE(hears(bob, "anna: hello\nanna: how are you\n"));
    BOOST_REQUIRE(bob.send_all("\nwe"));
    BOOST_REQUIRE(bob.send_all("ll\n"));
    BOOST_TEST(hears(anna, "anna: hello\nanna: how are you\nbob: well\n"));
    BOOST_TEST(hears(bob, "bob: well\n"));
    bob.close();
    BOOST_TEST(hears(anna, "* bob has left\n"));
    anna.reset();
    elsewhere.finish_sending();
    BOOST_TEST(last_words(elsewhere) == "");
    server.stop();
}

BOOST_AUTO_TEST_CASE(lines_sent_with_the_join_are_said) {
    auto server = start_chat();
    auto member = server.connect();
    BOOST_REQUIRE(member.send_all("JOIN tea anna\none\ntwo\n"));
    BOOST_TEST(hears(member, welcome + "* anna has joined\nanna: one\nanna: two\n"));
    server.stop();
}

BOOST_AUTO_TEST_CASE(what_is_no_join_is_answered_and_may_be_tried_again) {
    auto server = start_chat({"--rooms", "1", "--members", "2"});
    const std::string expected = "* I expect JOIN room name: letters, digits and _, at most 24\n";
    auto member = server.connect();
    BOOST_REQUIRE(hears(member, welcome));
    const std::string name(24, 'n');
    for (const std::string& line : {std::string("hello"), std::string("JOIN"), std::string("JOIN tea"),
                                    std::string("JOIN tea "), "JOIN tea " + name + "n", std::string("JOIN tea \x1b[2J"),
                                    std::string("JOIN tea a b"), std::string("\0\xff", 2), std::string()}) {
        BOOST_REQUIRE(member.send_all(line + "\n"));
        BOOST_TEST(hears(member, expected), "after " << line);
    }
    BOOST_REQUIRE(member.send_all("JOIN tea " + name + "\n"));
    BOOST_TEST(hears(member, "* " + name + " has joined\n"));
    auto late = server.connect();
    BOOST_REQUIRE(late.send_all("JOIN tea " + name + "\nJOIN coffee bob\nJOIN tea bob\n"));
    BOOST_TEST(hears(late, welcome + "* that name is taken\n* there are too many rooms: take another one\n"
                                     "* bob has joined\n"));
    auto last = server.connect();
    BOOST_REQUIRE(last.send_all("JOIN tea carl\n"));
    BOOST_TEST(hears(last, welcome + "* that room is full\n"));
    server.stop();
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_ends_its_connection_alone) {
    auto server = start_chat();
    auto anna = join(server, "tea", "anna");
    auto bob = join(server, "tea", "bob");
    BOOST_REQUIRE(bob.send_all(std::string(1024, 'x') + "\n" + std::string(1025, 'y') + "\n"));
    const std::string said = "bob: " + std::string(1024, 'x') + "\n";
    BOOST_TEST(hears(anna, "* bob has joined\n" + said + "* bob has left\n"));
    BOOST_TEST(last_words(bob) == said + "* a line has at most 1024 bytes: goodbye\n");
    auto stranger = server.connect();
    BOOST_REQUIRE(stranger.send_all(std::string(100'000, 'z')));
    BOOST_TEST(last_words(stranger) == welcome + "* a line has at most 1024 bytes: goodbye\n");
    BOOST_REQUIRE(anna.send_all("still here\n"));
    BOOST_TEST(hears(anna, "anna: still here\n"));
    server.stop();
}

BOOST_AUTO_TEST_CASE(who_says_nothing_is_told_and_closed) {
    auto server = start_chat({"--idle-seconds", "3"});
    auto silent = join(server, "tea", "silent");
    auto talker = join(server, "tea", "talker");
    auto stranger = server.connect();
    std::string heard;
    for (const deadline end(12s); !end.is_over() && count_of(heard, "silent has left") == 0;) {
        BOOST_REQUIRE(talker.send_all("hm\n"));
        heard += talker.receive(64, 200ms);
    }
    BOOST_TEST(count_of(heard, "* silent has left\n") == 1U);
    const std::string words = last_words(silent);
    BOOST_TEST(words.ends_with("* you have said nothing for too long: goodbye\n"));
    BOOST_TEST(last_words(stranger) == welcome + "* you have not said where to go: goodbye\n");
    BOOST_TEST((talker.state() == connection_state::open));
    server.stop();
}

BOOST_AUTO_TEST_CASE(who_falls_behind_hears_what_was_said_until_then_and_why_it_is_dropped) {
    auto server = start_chat({"--members", "2", "--backlog", "1", "--send-timeout-ms", "600000",  //
                              "--send-buffer-bytes", "8192"});
    auto fast = join(server, "tea", "fast");
    auto slow = join(server, "tea", "slow", {.receive_buffer_bytes = 4096});
    BOOST_REQUIRE(hears(fast, "* slow has joined\n"));
    std::string said;
    const auto is_dropped = [&] { return count_of(server.self().errors(), "slow does not keep up") > 0; };
    for (std::size_t i = 0; i < 10'000 && !is_dropped(); ++i) {
        const std::string line = std::to_string(i) + std::string(1000, ' ');
        said += "fast: " + line + "\n";
        BOOST_REQUIRE(fast.send_all(line + "\n"));
        BOOST_REQUIRE(hears(fast, "fast: " + line + "\n"));
    }
    BOOST_TEST(is_dropped());
    std::string heard = last_words(slow);
    const std::string why = "* you are dropped: you do not keep up\n";
    BOOST_REQUIRE(heard.ends_with(why));
    heard.resize(heard.size() - why.size());
    BOOST_TEST(said.starts_with(heard));
    BOOST_TEST(heard.size() > 3000U);
    BOOST_TEST(hears(fast, "* slow has left\n"));
    const char* const reason = "slow is dropped: it was too far behind its room";
    const auto reasons = [&] { return count_of(server.self().errors(), reason); };
    BOOST_TEST(eventually([&] { return reasons() > 0; }, patience));  // the log comes after the sockets
    BOOST_TEST(reasons() == 1U);
    server.stop();
}

BOOST_AUTO_TEST_CASE(a_thousand_in_ten_rooms_hear_all_in_order_and_ten_that_do_not_read_are_dropped) {
    BOOST_REQUIRE(may_open(2048));
    auto server = start_chat({"--send-buffer-bytes", "16384", "--send-timeout-ms", "1500"});
    crowd all(server);
    BOOST_REQUIRE(all.all_have_joined(0));
    std::vector<echo_client> slow;
    for (std::size_t room = 0; room < crowd::rooms; ++room) {
        slow.push_back(server.connect({.receive_buffer_bytes = 4096}));
        BOOST_REQUIRE(slow.back().send_all("JOIN room" + std::to_string(room) + " slow" + std::to_string(room) + "\n"));
    }
    BOOST_REQUIRE(all.all_have_joined(1));
    const std::string padding(600, '.');
    const auto dropped_count = [&] { return count_of(server.self().errors(), " is dropped: "); };
    for (std::size_t round = 0; round < 100 && dropped_count() < crowd::rooms; ++round) {
        BOOST_REQUIRE(all.talk(padding));
    }
    BOOST_TEST(eventually([&] { return dropped_count() >= crowd::rooms; }, patience));
    BOOST_TEST(dropped_count() == crowd::rooms);
    const std::size_t before = server.self().resident_bytes();
    for (std::size_t round = 0; round < 5; ++round) BOOST_REQUIRE(all.talk(padding));
    const std::size_t after = server.self().resident_bytes();
    BOOST_TEST_MESSAGE("resident: " << before << " bytes, five rounds later " << after);
    BOOST_TEST(after < before + (2U << 20));
    BOOST_TEST(all.all_in_order());
    BOOST_TEST(dropped_count() == crowd::rooms);
    for (echo_client& one : slow) {
        static_cast<void>(one.receive_to_end());
        BOOST_TEST((one.state() != connection_state::open));
    }
    server.stop();
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_end_it_with_2) {
    check_bad_arguments(TINA_CHAT_SERVER, {"--members", "0"}, "--members");
    check_bad_arguments(TINA_CHAT_SERVER, {"--rooms", "many"}, "--rooms");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
