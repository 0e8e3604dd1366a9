// One node's machine, alone with what it is told.
#include "fleet/ownership/ownership.h"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace warren::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Two nodes and one group: "vie-1" is ours, etcd does what it asks, and "vie-2" goes on beating.
class Alone {
  public:
    explicit Alone(const std::string& owner, GroupNumber groups = 1, unsigned weight = 1)
        : machine_(Ownership::Settings{.me = "vie-1", .instance = "this one", .weight = weight, .groups = groups}) {
        for (GroupNumber group = 0; !owner.empty() && group < groups; ++group) groups_[group] = {owner, 1, 1};
    }

    bool has_stackd = true;  // it answers
    bool does_serve = true;  // and does what it is asked
    bool other_beats = true;
    bool refuses = false;  // etcd does, each change
    GroupRecord record(GroupNumber group = 0) const { return groups_.at(group); }
    std::size_t changes = 0;
    std::size_t beats = 0;
    std::size_t stops = 0;
    bool is_served() const { return machine_.is_served(0); }
    Ownership& machine() { return machine_; }
    Instant now() const { return now_; }
    // Somebody writes the group's record.
    void write(GroupRecord record) {
        record.changed = ++revision_;
        groups_[0] = record;
        Actions out;
        machine_.group_seen(now_, 0, record, record.changed, out);
        carry_out(out);
    }
    std::string move() {
        Actions out;
        std::string why = machine_.move(now_, 0, "vie-2", out);
        carry_out(out);
        return why;
    }
    // The group comes from the other node, and is served here.
    void come() {
        run(seconds(5));
        write({"vie-2", record().epoch + 1});
        run(seconds(60));
        write({"vie-1", record().epoch + 1});
    }
    Duration rest() { return machine_.groups(now_).at(0).rest; }
    void wish(const Wish& wish) {
        Actions out;
        machine_.wish_seen(now_, 0, wish, out);
        carry_out(out);
    }
    void peers(GroupNumber group, std::size_t peers) {
        Actions out;
        machine_.peers_seen(now_, group, peers, out);
        carry_out(out);
    }
    void drain() {
        Actions out;
        machine_.drain(now_, true, out);
        carry_out(out);
    }
    // What the other's beats say from now on.
    void other_has(std::map<GroupNumber, Held> held) { other_held_ = std::move(held); }
    // Another machine beats under our name.
    void beat_as_us() {
        beats_["vie-1"] = {++revision_, false, true, "another"};
        Actions out;
        machine_.beat_seen(now_, "vie-1", beats_["vie-1"], revision_, out);
        carry_out(out);
    }
    // Somebody deletes the other's beat, and all is read.
    void lose_beat() {
        beats_.erase("vie-2");
        ++revision_;
        Actions out;
        machine_.read_again(now_, out);
        carry_out(out);
    }

    void run(Duration length) {
        for (const Instant end = now_ + length; now_ < end; now_ = now_ + milliseconds(100)) {
            Actions out;
            machine_.run(now_, out);
            if (has_stackd) machine_.stackd_answered(now_, out);
            if (other_beats && now_ >= other_at_) {
                other_at_ = now_ + milliseconds(500);
                beats_["vie-2"] = {++revision_, false, true, "", other_held_};
                machine_.beat_seen(now_, "vie-2", beats_["vie-2"], revision_, out);
            }
            carry_out(out);
        }
    }

  private:
    void carry_out(const Actions& actions) {
        for (const Action& action : actions) {
            Actions out;
            std::visit([&](const auto& one) { perform(one, out); }, action);
            carry_out(out);
        }
    }
    void perform(const SendBeat& beat, Actions& out) {
        ++beats;
        beats_["vie-1"] = {++revision_, false, machine_.can_serve(now_), "this one"};
        machine_.beat_answered(now_, {beat.number, now_, beat.fence, revision_, true}, out);
    }
    void perform(const Read& /*read*/, Actions& out) {
        machine_.read_answered(now_, {revision_, 0, groups_, beats_}, out);
    }
    void perform(const Change& change, Actions& out) {
        ++changes;
        GroupRecord& group = groups_[change.group];
        const bool is_accepted = group.changed == change.group_changed && !refuses;
        if (is_accepted) group = {change.owner, change.epoch, ++revision_};
        machine_.change_answered(now_, {change.number, revision_, is_accepted}, out);
    }
    void perform(const Serve& serve, Actions& out) {
        machine_.served(now_, serve.group, has_stackd && does_serve, out);
    }
    void perform(const Stop& stop, Actions& out) {
        ++stops;
        if (has_stackd) machine_.stopped(now_, stop.group, stop.number, out);
    }

    Instant now_{1'000'000'000'000};
    Instant other_at_ = now_;
    Revision revision_ = 5;
    std::map<GroupNumber, GroupRecord> groups_;
    std::map<std::string, ReadAnswer::Beat> beats_{{"vie-2", {2}}};
    std::map<GroupNumber, Held> other_held_;
    Ownership machine_;
};

}  // namespace

TEST_CASE("a node whose stackd is there keeps what it has") {
    Alone alone("vie-1");
    alone.run(seconds(60));
    CHECK(alone.is_served());
    CHECK(alone.record().owner == "vie-1");
    CHECK(alone.changes == 1);  // an earlier process may have begun to give it
}

TEST_CASE("a node whose stackd is gone for longer than an owner is valid gives its groups away") {
    Alone alone("vie-1");
    alone.run(seconds(10));
    alone.has_stackd = false;
    alone.run(seconds(4));
    CHECK(alone.record().owner == "vie-1");
    alone.run(seconds(9));
    CHECK(alone.record().owner == "vie-2");
    CHECK_FALSE(alone.is_served());
    SUBCASE("also one that it did not serve yet") {
        Alone begun("vie-1");
        begun.has_stackd = false;
        begun.run(seconds(13));
        CHECK(begun.record().owner == "vie-2");
    }
}

TEST_CASE("a node whose stackd answers, and does not serve the group, gives it away") {
    Alone alone("vie-1");
    alone.does_serve = false;
    alone.run(seconds(4));
    CHECK(alone.record().owner == "vie-1");
    alone.run(seconds(3));
    CHECK(alone.record().owner == "vie-2");
}

TEST_CASE("a node without stackd takes nothing and does not stand in the order") {
    Alone alone("vie-2");
    alone.other_beats = false;
    alone.has_stackd = false;
    alone.run(seconds(20));
    CHECK(alone.record().owner == "vie-2");
    CHECK(alone.machine().groups(alone.now()).at(0).standby.empty());
    alone.has_stackd = true;
    alone.run(seconds(1));
    CHECK(alone.record().owner == "vie-1");
    CHECK(alone.is_served());
}

TEST_CASE("a broken record leaves the last good one in force, and nobody asks for a change again and again") {
    Alone alone("vie-1");
    alone.run(seconds(10));
    const std::size_t before = alone.changes;
    alone.write({"", 0, 0, true});
    alone.run(seconds(30));
    CHECK(alone.is_served());
    CHECK(alone.changes == before);
    CHECK(alone.machine().groups(alone.now()).at(0).is_broken);
    CHECK(alone.machine().groups(alone.now()).at(0).record.owner == "vie-1");
    SUBCASE("a node that starts takes nothing") {
        Alone begun("");
        begun.write({"", 0, 0, true});
        begun.run(seconds(30));
        CHECK(begun.changes == 0);
        CHECK_FALSE(begun.is_served());
    }
    SUBCASE("one that is good again is in force") {
        alone.write({"vie-2", 9});
        alone.run(seconds(1));
        CHECK_FALSE(alone.is_served());
        CHECK_FALSE(alone.machine().groups(alone.now()).at(0).is_broken);
    }
}

TEST_CASE("two machines with one name: who comes later waits, and who sees another's beat stops at once") {
    Alone alone("vie-1");
    alone.run(seconds(10));
    REQUIRE(alone.is_served());
    alone.beat_as_us();
    CHECK_FALSE(alone.is_served());
    CHECK(alone.machine().has_double());
    const std::size_t beats = alone.beats;
    for (int i = 0; i < 20; ++i) {
        alone.run(seconds(1));
        alone.beat_as_us();
    }
    CHECK(alone.beats == beats);
    CHECK_FALSE(alone.is_served());
    alone.run(seconds(10));
    CHECK(alone.beats == beats);
    alone.run(seconds(12));  // the other is gone
    CHECK(alone.is_served());
    CHECK_FALSE(alone.machine().has_double());
    SUBCASE("a machine that was started anew knows its last beat as another's") {
        Alone begun("vie-1");
        begun.beat_as_us();
        begun.run(seconds(11));
        CHECK(begun.beats == 0);
        begun.run(seconds(12));
        CHECK(begun.is_served());
    }
}

TEST_CASE("the standby is the first by rank of another zone, by weight, and a group is given to it") {
    const auto with = [](unsigned weight, const std::string& own_zone, const std::string& near, const std::string& far,
                         Actions& out) {
        auto machine = std::make_unique<Ownership>(Ownership::Settings{.me = "vie-1", .zone = own_zone, .groups = 16});
        const Instant now{1'000'000'000'000};
        machine->run(now, out);
        machine->stackd_answered(now, out);
        ReadAnswer answer{5, 0, {}, {}};
        for (GroupNumber group = 0; group < 16; ++group) answer.groups[group] = {"vie-1", 1, 1};
        answer.beats["near"] = {2};
        answer.beats["near"].weight = weight;
        answer.beats["near"].zone = near;
        answer.beats["far"] = {3};
        answer.beats["far"].zone = far;
        machine->read_answered(now, answer, out);
        machine->beat_answered(now, {1, now, 0, 6, true}, out);
        answer.revision = 6;
        machine->read_answered(now, answer, out);
        return machine;
    };
    const auto standbys = [&](unsigned weight, const std::string& own, const std::string& near,
                              const std::string& far) {
        Actions out;
        const auto machine = with(weight, own, near, far, out);
        std::map<std::string, int> count;
        for (const auto& group : machine->groups({1'000'000'000'000})) ++count[group.standby];
        return count;
    };
    CHECK(standbys(1, "", "", "")["near"] > 3);
    CHECK(standbys(1, "", "", "")["far"] > 3);
    CHECK(standbys(100, "", "", "")["near"] > 14);
    CHECK(standbys(100, "a", "a", "b")["far"] == 16);
    CHECK(standbys(100, "a", "", "b")["far"] == 16);  // where near is nobody knows
    CHECK(standbys(100, "", "a", "b")["near"] > 14);
    CHECK(standbys(100, "a", "a", "a")["near"] > 14);
}

TEST_CASE("after a refusal a change waits") {
    Alone alone("vie-2");
    alone.other_beats = false;
    alone.refuses = true;
    alone.run(seconds(16));
    CHECK(alone.changes > 5);
    CHECK(alone.changes <= 21);
}

TEST_CASE("a beat that is missing counts as gone from when it was first missed") {
    Alone alone("vie-2");
    alone.run(seconds(30));
    REQUIRE(alone.changes == 0);
    alone.other_beats = false;
    alone.lose_beat();
    alone.run(seconds(5));
    CHECK(alone.changes == 0);
    alone.run(seconds(3));
    CHECK(alone.record().owner == "vie-1");
}

TEST_CASE("a group is given on the answer to its own Stop") {
    Ownership machine(Ownership::Settings{.me = "vie-1"});
    const Instant now{1'000'000'000'000};
    Actions out;
    machine.run(now, out);
    machine.stackd_answered(now, out);
    machine.read_answered(now, {5, 0, {{0, {"vie-1", 1, 1}}}, {{"vie-2", {2}}}}, out);
    machine.beat_answered(now, {1, now, 0, 6, true}, out);
    out.clear();
    machine.read_answered(now, {6, 0, {{0, {"vie-1", 1, 1}}}, {{"vie-2", {2}}}}, out);
    std::uint64_t change = 0;
    for (const Action& action : out) {
        if (const auto* asked = std::get_if<Change>(&action)) change = asked->number;
    }
    machine.change_answered(now, {change, 7, true}, out);
    REQUIRE(machine.is_served(0));
    out.clear();
    REQUIRE(machine.move(now, 0, "vie-2", out).empty());
    REQUIRE(out.size() == 1);
    const auto stop = std::get<Stop>(out[0]);
    out.clear();
    machine.stopped(now, 0, stop.number - 1, out);
    CHECK(out.empty());
    machine.stopped(now, 0, stop.number, out);
    REQUIRE(out.size() == 1);
    CHECK(std::get<Change>(out[0]).owner == "vie-2");
}

TEST_CASE("a wish is obeyed by the owner in the epoch that it was made in, for ten seconds") {
    Alone alone("vie-1");
    alone.run(seconds(5));
    const std::uint64_t epoch = alone.record().epoch;
    SUBCASE("of this epoch") {
        alone.wish({"vie-2", epoch});
        alone.run(seconds(1));
        CHECK(alone.record().owner == "vie-2");
        CHECK_FALSE(alone.is_served());
    }
    SUBCASE("of another epoch") {
        alone.wish({"vie-2", epoch - 1});
        alone.run(seconds(20));
        CHECK(alone.record().owner == "vie-1");
    }
    SUBCASE("to a node that cannot have it, and not later when it can") {
        alone.other_beats = false;
        alone.run(seconds(7));
        alone.wish({"vie-2", epoch});
        alone.run(seconds(11));
        alone.other_beats = true;
        alone.run(seconds(10));
        CHECK(alone.record().owner == "vie-1");
    }
    SUBCASE("to nobody that is known, or to us") {
        alone.wish({"vie-9", epoch});
        alone.run(seconds(2));
        alone.wish({"vie-1", epoch});
        alone.run(seconds(2));
        CHECK(alone.record().owner == "vie-1");
        CHECK(alone.is_served());
    }
}

TEST_CASE("a drain gives the next group when the peers of the last one are at its new owner, or after ten seconds") {
    Alone alone("vie-1", 2);
    alone.run(seconds(5));
    REQUIRE(alone.record(0).owner == "vie-1");
    REQUIRE(alone.record(1).owner == "vie-1");
    alone.peers(0, 3);
    alone.peers(1, 3);
    alone.drain();
    alone.run(seconds(2));
    CHECK(alone.record(0).owner == "vie-2");
    CHECK(alone.record(1).owner == "vie-1");
    const std::uint64_t epoch = alone.record(0).epoch;
    SUBCASE("all of them") {
        alone.other_has({{0, {epoch, 3}}});
        alone.run(seconds(1));
        CHECK(alone.record(1).owner == "vie-2");
    }
    SUBCASE("not all of them, or as the new owner had it long ago") {
        alone.other_has({{0, {epoch, 2}}});
        alone.run(seconds(2));
        CHECK(alone.record(1).owner == "vie-1");
        alone.other_has({{0, {epoch - 1, 3}}});
        alone.run(seconds(2));
        CHECK(alone.record(1).owner == "vie-1");
        alone.run(seconds(5));
        CHECK(alone.record(1).owner == "vie-2");
    }
    SUBCASE("none had one") {
        Alone idle("vie-1", 2);
        idle.run(seconds(5));
        idle.drain();
        idle.run(seconds(1));
        CHECK(idle.record(1).owner == "vie-2");
    }
}

TEST_CASE("a beat says which groups stackd serves, and how many of their peers are there") {
    Alone alone("vie-1");
    alone.does_serve = false;
    alone.run(seconds(2));
    CHECK(alone.machine().held().empty());
    alone.does_serve = true;
    alone.run(seconds(2));
    alone.peers(0, 7);
    CHECK(alone.machine().held() == std::map<GroupNumber, Held>{{0, {alone.record().epoch, 7}}});
    CHECK(alone.machine().groups(alone.now()).at(0).is_well);
    CHECK(alone.machine().groups(alone.now()).at(0).peers == 7);
    alone.write({"vie-2", 9});
    CHECK_FALSE(alone.machine().groups(alone.now()).at(0).is_well);  // it has not said so
    alone.other_has({{0, {9, 5}}});
    alone.run(seconds(1));
    CHECK(alone.machine().groups(alone.now()).at(0).is_well);
    CHECK(alone.machine().groups(alone.now()).at(0).peers == 5);
}

TEST_CASE("a group that has a new owner keeps it for thirty seconds, whoever wants it elsewhere") {
    Alone alone("vie-1");
    alone.run(seconds(5));
    CHECK(alone.rest() == Duration::zero());  // it has been ours for as long as we know
    alone.come();
    CHECK(alone.rest() == seconds(30));
    REQUIRE(alone.is_served());
    SUBCASE("an operator of this node is told how long") {
        alone.run(milliseconds(12'500));
        CHECK(alone.move() == "group 0 has a new owner, and keeps it for another 18 s");
        alone.run(milliseconds(17'400));
        CHECK(alone.move() == "group 0 has a new owner, and keeps it for another 1 s");
        CHECK(alone.is_served());
        alone.run(milliseconds(100));
        CHECK(alone.move().empty());
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("a wish from another node waits, and is void after ten seconds") {
        alone.wish({"vie-2", alone.record().epoch});
        alone.run(seconds(40));
        CHECK(alone.record().owner == "vie-1");
        alone.wish({"vie-2", alone.record().epoch});
        alone.run(milliseconds(200));
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("a wish that comes a moment too early is obeyed when it may be") {
        alone.run(seconds(25));
        alone.wish({"vie-2", alone.record().epoch});
        alone.run(milliseconds(4'900));
        CHECK(alone.record().owner == "vie-1");
        alone.run(milliseconds(300));
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("a drain waits") {
        alone.drain();
        alone.run(milliseconds(29'900));
        CHECK(alone.record().owner == "vie-1");
        alone.run(milliseconds(300));
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("what went wrong is undone at once") {
        alone.wish({"vie-2", alone.record().epoch, true});
        CHECK(alone.record().owner == "vie-2");
        CHECK(alone.rest() == seconds(30));
    }
    SUBCASE("a record that its owner writes anew is no new owner") {
        alone.run(seconds(20));
        alone.write({"vie-1", alone.record().epoch + 1});
        alone.run(milliseconds(10'100));
        CHECK(alone.rest() == Duration::zero());
        CHECK(alone.move().empty());
    }
}

TEST_CASE("a group whose owner is gone, or does not serve it, keeps it no longer") {
    SUBCASE("no sign of life") {
        Alone alone("vie-1");
        alone.run(seconds(5));
        alone.write({"vie-2", alone.record().epoch + 1});
        alone.run(seconds(1));
        alone.other_beats = false;
        alone.run(milliseconds(7'100));
        CHECK(alone.record().owner == "vie-1");
        CHECK(alone.is_served());
    }
    SUBCASE("its stackd does not answer") {
        Alone alone("vie-1");
        alone.come();
        alone.has_stackd = false;
        alone.run(seconds(13));
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("its stackd does not serve it; but where nobody can, it does not go to and fro") {
        Alone alone("vie-1");
        alone.does_serve = false;
        alone.come();
        alone.run(milliseconds(4'900));
        CHECK(alone.record().owner == "vie-1");
        alone.run(milliseconds(1'000));
        CHECK(alone.record().owner == "vie-2");
        alone.write({"vie-1", alone.record().epoch + 1});  // as the other one does
        alone.run(milliseconds(24'000));
        CHECK(alone.record().owner == "vie-1");
        alone.run(milliseconds(6'200));
        CHECK(alone.record().owner == "vie-2");
    }
    SUBCASE("an operator need not wait for the five seconds") {
        Alone alone("vie-1");
        alone.does_serve = false;
        alone.come();
        CHECK_FALSE(alone.move().empty());
        alone.run(milliseconds(1'100));
        CHECK(alone.move().empty());
        CHECK(alone.record().owner == "vie-2");
    }
}

TEST_CASE("a node that comes back takes nothing from one that is there, whatever its rank") {
    Alone alone("vie-2", 16, 100);
    alone.run(seconds(60));
    CHECK(alone.changes == 0);
    std::size_t ours = 0;
    for (const auto& group : alone.machine().groups(alone.now())) ours += group.standby == "vie-1" ? 1U : 0U;
    CHECK(ours == 16);
}

TEST_CASE("at most one group changes its owner by a node at a time") {
    Ownership machine(Ownership::Settings{.me = "vie-1", .groups = 3});
    const Instant now{1'000'000'000'000};
    Actions out;
    std::vector<Change> changes;
    std::vector<Stop> stops;
    const auto collect = [&] {
        for (const Action& action : out) {
            if (const auto* change = std::get_if<Change>(&action)) changes.push_back(*change);
            if (const auto* stop = std::get_if<Stop>(&action)) stops.push_back(*stop);
        }
        out.clear();
    };
    ReadAnswer answer{5, 0, {}, {{"vie-2", {2}}}};
    machine.run(now, out);
    machine.stackd_answered(now, out);
    machine.read_answered(now, answer, out);
    machine.beat_answered(now, {1, now, 0, 6, true}, out);
    answer.revision = 6;
    machine.read_answered(now, answer, out);  // groups without an owner
    const Instant later = now + seconds(2);
    machine.beat_seen(later, "vie-2", {7}, 7, out);
    machine.beat_answered(later, {2, later, 0, 7, true}, out);
    machine.stackd_answered(later, out);
    collect();
    for (std::size_t done = 1; done <= 3; ++done) {
        REQUIRE(changes.size() == done);
        machine.run(later, out);
        collect();
        CHECK(changes.size() == done);
        machine.change_answered(later, {changes.back().number, 7 + done, true}, out);
        collect();
    }
    machine.drain(later, true, out);
    for (std::size_t done = 1; done <= 3; ++done) {
        collect();
        REQUIRE(stops.size() == done);
        CHECK(changes.size() == 2 + done);
        machine.run(later, out);
        collect();
        CHECK(stops.size() == done);
        machine.stopped(later, stops.back().group, stops.back().number, out);
        collect();
        REQUIRE(changes.size() == 3 + done);
        CHECK(stops.size() == done);
        machine.change_answered(later, {changes.back().number, 10 + done, true}, out);
    }
}

}  // namespace warren::fleet
