// SPDX-License-Identifier: Apache-2.0
// Every choice of a run: a pure function of seed, site, entity and ordinal, unless an edit says otherwise. No stream of
// random numbers is shared between entities, so that what is added in one place moves nothing in another. Owned by a
// world; integers only, so that all compilers agree for ever (test/sim/decisions_test.cpp has frozen vectors).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/site.hpp"
#include "sim/wide.hpp"

namespace tina::sim {

/// Mixes 64 bits so that every bit of the result depends on every bit given. Source: the finalizer of splitmix64 with
/// the constants of Stafford's variant 13.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t bits) noexcept {
    bits = (bits ^ (bits >> 30)) * 0xbf58'476d'1ce4'e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d0'49bb'1331'11ebu;
    return bits ^ (bits >> 31);
}
[[nodiscard]] constexpr std::uint64_t combine(std::uint64_t one, std::uint64_t other) noexcept {
    return mix(one * 0x9e37'79b9'7f4a'7c15u + other + 0x632b'e59b'd9b4'e019u);
}
/// 64 bits for one choice.
[[nodiscard]] constexpr std::uint64_t decide(std::uint64_t seed, site what, std::uint64_t entity,
                                             std::uint64_t ordinal) noexcept {
    return combine(combine(combine(seed, static_cast<std::uint64_t>(what)), entity), ordinal);
}
/// The name of an entity as a number.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325u;
    for (const char each : text) hash = (hash ^ static_cast<unsigned char>(each)) * 0x0000'0100'0000'01b3u;
    return mix(hash);
}

/// How likely something is: `numerator` of `denominator` times.
struct ratio {
    std::uint32_t numerator = 0;
    std::uint32_t denominator = 1;

    [[nodiscard]] constexpr bool never() const noexcept { return numerator == 0; }
    /// Whether 64 random bits fall within it.
    [[nodiscard]] constexpr bool has(std::uint64_t bits) const noexcept {
        return static_cast<std::uint64_t>((static_cast<wide_unsigned>(bits) * denominator) >> 64) < numerator;
    }
};

/// Something that choices are made on, by a name that does not depend on allocation.
struct entity {
    std::uint64_t id = 0;                              ///< hash of `name`
    std::string name;                                  ///< "bank/0/teller/3"
    std::array<std::uint32_t, site_count> ordinals{};  ///< choices made so far, by site
};

/// What a run starts from.
enum class base : std::uint8_t {
    seed,   ///< everything is decided by the seed: exploring
    quiet,  ///< no fault fires, first-in first-out, least delays; the workload is still the seed's
};

/// One choice that is made otherwise than the base would make it.
struct edit {
    site what{};
    std::string entity;
    std::uint64_t ordinal = 0;       ///< among the choices of this site on this entity
    std::uint32_t kind = 0;          ///< of event, e.g. the tag of a message; 0: it has none
    std::uint64_t kind_ordinal = 0;  ///< among those of this kind; decides where `kind` is not 0
    std::uint64_t value = 0;

    friend bool operator==(const edit&, const edit&) = default;
};

/// From an event on, everything that is not edited is decided by another seed.
struct reseed {
    std::uint64_t event = 0;
    std::uint64_t seed = 0;

    friend bool operator==(const reseed&, const reseed&) = default;
};

struct edit_list {
    std::vector<edit> edits;
    std::vector<reseed> reseeds;  ///< by rising event

    friend bool operator==(const edit_list&, const edit_list&) = default;
};

/// A choice that came out otherwise than the quiet base has it, and when.
struct fired : edit {
    std::uint64_t event = 0;  ///< the number of the event during which it was made
    std::int64_t at_ns = 0;   ///< virtual time
    std::uint64_t least = 0;  ///< the least value that the question allows where it fires: shrinking goes no lower
    std::uint64_t quiet = 0;  ///< what the quiet base would have answered
};

/// Which event is under way, and since when.
struct event_moment {
    std::uint64_t event = 0;
    std::int64_t at_ns = 0;  ///< virtual time
};

/// All choices of one run.
class decisions {
public:
    decisions(base from, std::uint64_t seed, edit_list edits);

    [[nodiscard]] base from() const noexcept { return from_; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

    /// Whether something happens that does so `how_likely`.
    [[nodiscard]] bool happens(site what, entity& whom, ratio how_likely, std::uint32_t kind = 0) {
        return value_if(what, whom, how_likely, 1, 1, kind) != 0;
    }
    /// 0, or where it happens a value from `low` to `high`, both above 0.
    [[nodiscard]] std::uint64_t value_if(site what, entity& whom, ratio how_likely, std::uint64_t low,
                                         std::uint64_t high, std::uint32_t kind = 0);
    /// How many times in a row something happens that does so `how_likely` each time: `most` times at most. One
    /// choice, so that fewer times move no other.
    [[nodiscard]] std::uint64_t times_if(site what, entity& whom, ratio how_likely, std::uint64_t most);
    /// A value from `low` to `high`; the quiet base takes `low`.
    [[nodiscard]] std::uint64_t between(site what, entity& whom, std::uint64_t low, std::uint64_t high,
                                        std::uint32_t kind = 0);
    /// One of `count`; the quiet base takes 0. An edit beyond the last takes the last.
    [[nodiscard]] std::uint64_t pick(site what, entity& whom, std::uint64_t count, std::uint32_t kind = 0);
    /// 64 bits that the quiet base draws too: what programs do with chance is no fault. `limit`: 0, or they are below.
    [[nodiscard]] std::uint64_t draw(site what, entity& whom, std::uint64_t limit = 0);
    // For choices that are not asked one by one: the caller counts their ordinals.

    /// The edit of a choice; null if there is none.
    [[nodiscard]] const edit* edit_at(site what, const entity& whom, std::uint64_t ordinal) const;
    [[nodiscard]] bool has_edits_of(site what) const noexcept { return edits_of_[static_cast<std::size_t>(what)] != 0; }
    /// 64 bits for a choice, by the present seed.
    [[nodiscard]] std::uint64_t bits_at(site what, const entity& whom, std::uint64_t ordinal) const noexcept {
        return decide(seed_now_, what, whom.id, ordinal);
    }
    /// Enters a choice that came out otherwise than in the quiet base.
    void note_made(site what, const entity& whom, std::uint64_t ordinal, std::uint64_t value) {
        note(what, whom, {.ordinal = ordinal}, 0, value);
    }

    /// Whether an operation of the workload takes place: always, but where an edit leaves it out.
    [[nodiscard]] bool keeps_operation(entity& whom, std::uint32_t kind = 0);

    /// From now on the quiet base decides what is not edited, apart from what is no fault: the liveness phase.
    void calm() noexcept { calm_ = true; }
    /// The liveness phase is over.
    void excite() noexcept { calm_ = false; }
    /// Whether this is the liveness phase, in whatever base.
    [[nodiscard]] bool is_healed() const noexcept { return calm_; }
    [[nodiscard]] bool is_calm() const noexcept { return calm_ || from_ == base::quiet; }

    decisions(const decisions&) = delete;
    decisions& operator=(const decisions&) = delete;

    /// Which event is under way, for what fires during it and for reseeds: as `now` says, from now on. Who keeps it
    /// calls came_to() when next_reseed() has come.
    void follow(const event_moment& now) noexcept { now_ = &now; }
    void came_to() noexcept {
        if (now_->event >= next_reseed_) reseed_now();
    }
    [[nodiscard]] std::uint64_t next_reseed() const noexcept { return next_reseed_; }
    /// The same, for who keeps no moment.
    void now_at(std::uint64_t event, std::int64_t at_ns) noexcept {
        own_ = {event, at_ns};
        came_to();
    }
    /// All that came out otherwise than in the quiet base, in order.
    [[nodiscard]] const std::vector<fired>& log() const noexcept { return log_; }
    /// From now on the choices of the workload are noted as well; shrinking asks for them.
    void keep_workload() noexcept { keeps_workload_ = true; }
    /// Operations that took place (value 0) and values drawn, in order.
    [[nodiscard]] const std::vector<fired>& workload() const noexcept { return workload_; }
    /// Another seed decides from an event on that is not over yet; later reseeds stay.
    void reseed_at(reseed from);

    /// How often a site's choices were made while they could come out otherwise, and how often they did.
    [[nodiscard]] std::uint64_t asked(site what) const noexcept { return asked_[static_cast<std::size_t>(what)]; }
    [[nodiscard]] std::uint64_t fired_count(site what) const noexcept {
        return fired_count_[static_cast<std::size_t>(what)];
    }

private:
    struct place {
        std::uint64_t ordinal = 0;
        std::uint64_t kind_ordinal = 0;
        const edit* edited = nullptr;
    };
    [[nodiscard]] place next(site what, entity& whom, std::uint32_t kind);
    void note(site what, const entity& whom, const place& where, std::uint32_t kind, std::uint64_t value);
    void note_workload(site what, const entity& whom, const place& where, std::uint32_t kind, std::uint64_t value);
    [[nodiscard]] fired entry(site what, const entity& whom, const place& where, std::uint32_t kind) const;
    void reseed_now() noexcept;
    [[nodiscard]] std::uint64_t bits(site what, const entity& whom, const place& where) const noexcept {
        return decide(seed_now_, what, whom.id, where.ordinal);
    }

    base from_;
    std::uint64_t seed_;
    std::uint64_t seed_now_;
    bool calm_ = false;
    bool keeps_workload_ = false;
    edit_list edits_;
    std::array<std::uint32_t, site_count> edits_of_{};
    std::unordered_map<std::uint64_t, const edit*> by_ordinal_;
    std::unordered_map<std::uint64_t, const edit*> by_kind_;
    std::unordered_map<std::uint64_t, std::uint64_t> kind_ordinals_;
    std::uint64_t next_reseed_ = ~std::uint64_t{0};
    std::size_t reseeds_done_ = 0;
    event_moment own_;
    const event_moment* now_ = &own_;
    std::vector<fired> log_;
    std::vector<fired> workload_;
    std::array<std::uint64_t, site_count> asked_{};
    std::array<std::uint64_t, site_count> fired_count_{};
};

}  // namespace tina::sim
