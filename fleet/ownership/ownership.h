// Which groups of the fleet this node serves, and until when: the rules of docs/fleet.md, as a machine of events and
// actions. PURE.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "fleet/ownership/rank.h"

namespace warren::fleet {

using Revision = std::uint64_t;  // of etcd: grows with each change of any key

// What etcd holds of a group. `changed`: the revision of its last change; 0: it has no record yet. `is_broken`: what is
// there is no record, and only `changed` is known; the last good one stays in force, and nobody takes or gives.
struct GroupRecord {
    std::string owner;
    std::uint64_t epoch = 0;
    Revision changed = 0;
    bool is_broken = false;
    bool operator==(const GroupRecord&) const = default;
};

// --- actions -------------------------------------------------------------------------------------

// if changed(fence/ME) = fence: put beat/ME. The moment of the call that asked for it is the one it was sent at, so it
// must be sent at once.
struct SendBeat {
    std::uint64_t number = 0;
    Revision fence = 0;
};
// All groups, all beats and fence/ME, as one linearizable read.
struct Read {
    std::uint64_t number = 0;
};
// if changed(groups/N) = group_changed and, with a victim, changed(beat/VICTIM) = beat_changed:
// put groups/N {owner, epoch}, and, with a victim, put fence/VICTIM.
struct Change {
    std::uint64_t number = 0;
    GroupNumber group = 0;
    Revision group_changed = 0;
    std::string owner;
    std::uint64_t epoch = 0;
    std::string victim;  // "": it is given, or had no owner
    Revision beat_changed = 0;
};
// Serve the group, once more when it is served already, until `until` and no longer. Answered by Ownership::served().
struct Serve {
    GroupNumber group = 0;
    std::uint64_t epoch = 0;
    Instant until;
};
// Answered by Ownership::stopped() with its number. It follows all Serves of the group that came before it, and those
// that were not carried out yet are not any more.
struct Stop {
    GroupNumber group = 0;
    std::uint64_t number = 0;
};
using Action = std::variant<SendBeat, Read, Change, Serve, Stop>;
using Actions = std::vector<Action>;

// --- events --------------------------------------------------------------------------------------

// What a node says of a group that its stackd serves.
struct Held {
    std::uint64_t epoch = 0;
    std::size_t peers = 0;  // with a session there
    bool operator==(const Held&) const = default;
};
// An operator's wish that the group goes to the node. It holds for the epoch that it was made in, and for some seconds.
struct Wish {
    std::string to;
    std::uint64_t epoch = 0;
    bool is_undo = false;  // it goes back to where it was well, also before the new owner has had it for a while
};

// `revision` of each is etcd's when it answered.
struct BeatAnswer {
    std::uint64_t number = 0;
    Instant sent;        // noted before it was sent
    Revision fence = 0;  // it was sent with
    Revision revision = 0;
    bool accepted = false;
};
struct ReadAnswer {
    Revision revision = 0;
    Revision fence = 0;
    std::map<GroupNumber, GroupRecord> groups;
    struct Beat {
        Revision changed = 0;
        bool is_draining = false;
        bool can_serve = true;      // its stackd answers
        std::string instance = {};  // the machine's
        std::map<GroupNumber, Held> served = {};
        unsigned weight = kLeastWeight;
        std::string zone = {};
    };
    std::map<std::string, Beat> beats;
};
struct ChangeAnswer {
    std::uint64_t number = 0;
    Revision revision = 0;
    bool accepted = false;
};

// One node's part in owning groups. No I/O, no clock; every call appends to `out`. Instants are of this node's
// CLOCK_BOOTTIME and must not go back; a call may come late. One thread.
//
// A group is served while all hold: its record names us; our validity has not run out, which is counted from the
// sending of the last beat that was accepted; since validity ran out last, or a beat was refused, all groups were read
// anew; and we are not giving it away. At most one group changes its owner by us at a time; and one that has a new
// owner keeps it for `rest`, unless that gives no sign of life or does not serve it, so that nothing goes to and fro.
// While another machine beats under our name we neither beat nor serve. Without a stackd that answers nothing is taken,
// and what is owned is given away.
class Ownership {
  public:
    struct Settings {
        std::string me;
        std::string instance =
            {};  // of this machine, since it was started: two with one name differ in it; "": not known
        unsigned weight = kLeastWeight;
        std::string zone = {};
        GroupNumber groups = 1;
        Duration beat = std::chrono::milliseconds(500);
        Duration own = std::chrono::seconds(5);    // a beat makes us valid for so long
        Duration take = std::chrono::seconds(6);   // a node without a new beat for so long is gone
        Duration later = std::chrono::seconds(1);  // the second by rank waits so much longer than the first, and so on
        Duration refused = std::chrono::milliseconds(500);  // to once more of it: a change follows one that was refused
        Duration answer = std::chrono::seconds(2);          // without one for so long, a read is sent anew
        Duration again = std::chrono::seconds(10);          // reads follow each other, for what a watch has lost
        Duration wish = std::chrono::seconds(10);           // a wish that was not carried out for so long is void
        Duration settle = std::chrono::seconds(10);         // a drain waits as long for the peers of a group it gave
        Duration rest = std::chrono::seconds(30);  // a group keeps a new owner for so long, unless that is gone
    };
    explicit Ownership(Settings settings) : settings_(std::move(settings)) {}

    void run(Instant now, Actions& out);
    [[nodiscard]] Instant next_deadline() const { return next_; }

    void beat_answered(Instant now, const BeatAnswer& answer, Actions& out);
    void read_answered(Instant now, const ReadAnswer& answer, Actions& out);
    void change_answered(Instant now, const ChangeAnswer& answer, Actions& out);
    // stackd has answered something. For `own` from then on it is taken to be there.
    void stackd_answered(Instant now, Actions& out);
    // Whether stackd did it.
    void served(Instant now, GroupNumber group, bool is_done, Actions& out);
    // From a watch. An older revision than what is known changes nothing.
    void group_seen(Instant now, GroupNumber group, const GroupRecord& record, Revision revision, Actions& out);
    void beat_seen(Instant now, const std::string& node, const ReadAnswer::Beat& beat, Revision revision, Actions& out);
    // From a watch: somebody wishes that the group goes elsewhere. Only its owner obeys.
    void wish_seen(Instant now, GroupNumber group, const Wish& wish, Actions& out);
    // So many peers of a group that is served here have a session.
    void peers_seen(Instant now, GroupNumber group, std::size_t peers, Actions& out);
    // The watch broke off, or skipped something.
    void read_again(Instant now, Actions& out);
    // The Stop with that number was carried out, and no Serve that came before it will be.
    void stopped(Instant now, GroupNumber group, std::uint64_t number, Actions& out);

    // An operator's wishes. Why not; "": it is begun.
    [[nodiscard]] std::string move(Instant now, GroupNumber group, const std::string& to, Actions& out);
    void drain(Instant now, bool drains, Actions& out);

    // For people.
    struct NodeView {
        std::string name;
        bool is_alive = false;
        bool is_draining = false;
        bool can_serve = true;
        Duration beat_age{};
        unsigned weight = kLeastWeight;
        std::string zone = {};
    };
    struct GroupView {
        GroupNumber group = 0;
        GroupRecord record;
        bool is_served = false;  // here
        std::string standby;
        bool is_broken = false;  // what etcd has is no record, and `record` is the last good one
        bool is_well = false;    // its owner says that its stackd serves it, with this epoch
        std::size_t peers = 0;   // with a session, as its owner says
        Duration rest{};         // it keeps its owner for so long, unless that is gone
    };
    [[nodiscard]] std::vector<NodeView> nodes(Instant now) const;
    [[nodiscard]] std::vector<GroupView> groups(Instant now) const;
    [[nodiscard]] bool is_valid(Instant now) const { return now < valid_until_; }
    [[nodiscard]] Instant valid_until() const { return valid_until_; }
    [[nodiscard]] bool is_draining() const { return is_draining_; }
    [[nodiscard]] bool can_serve(Instant now) const { return now < stackd_until_; }
    // Another machine has beaten under our name lately.
    [[nodiscard]] bool has_double() const { return has_double_; }
    [[nodiscard]] bool is_served(GroupNumber group) const { return serving_.contains(group); }
    // What our beat says that stackd serves.
    [[nodiscard]] std::map<GroupNumber, Held> held() const;

  private:
    struct Node {
        Revision changed = 0;
        Revision revision = 0;  // at which that was known
        Instant first_seen;     // of `changed`
        bool is_draining = false;
        bool can_serve = true;
        std::map<GroupNumber, Held> served;
        unsigned weight = kLeastWeight;
        std::string zone;
    };
    struct Group {
        GroupRecord record;
        Revision revision = 0;               // at which the record was known
        Instant ownerless_since = kLongAgo;  // nothing was known of the owner's beat from then on at the latest
        bool is_known = false;               // the record was read
        bool is_broken = false;
        // It was stopped to be given, and until its record has changed it is not served: the giving may still come
        // true, however late. A record that we want to serve all the same is written anew.
        bool is_given = false;
        Instant fails_since = kNever;  // stackd was asked to serve it from then on, and has not
        bool is_confirmed = false;     // stackd serves it
        std::size_t peers = 0;         // with a session here
        Wish wish;
        Instant wish_until = kLongAgo;
        Instant owner_since = kLongAgo;  // it came from another owner then; kLongAgo: not as far as we know
        Instant failed_at = kLongAgo;    // we gave it then, because it was not served here
    };
    // A change of ours whose answer is awaited.
    struct InFlight {
        std::uint64_t number = 0;
        Change change;
        Instant sent;
    };
    // A group that is stopped, and then given.
    struct Giving {
        GroupNumber group = 0;
        std::string to;
        Instant since;
        std::uint64_t stop = 0;  // the number of the Stop: an earlier one proves nothing, since a Serve followed it
        bool is_stopped = false;
        std::size_t peers = 0;  // that had a session when it was stopped
    };
    // A group that was given, and whose peers are on their way. A drain gives the next one when they have arrived.
    struct Arriving {
        GroupNumber group = 0;
        std::string to;
        std::uint64_t epoch = 0;
        std::size_t peers = 0;
        Instant until;
    };

    void settle(Instant now, Actions& out);
    void lapse(Instant now, Actions& out);
    void serve_all(Instant now, Actions& out);
    std::uint64_t stop(GroupNumber group, Actions& out);  // its number
    void take(Instant now, Actions& out);
    void give(Instant now, Actions& out);
    void give_as_wished(Instant now, Actions& out);
    [[nodiscard]] bool have_arrived(Instant now) const;
    [[nodiscard]] Held held_by(const std::string& node, GroupNumber group) const;
    void begin_giving(Instant now, GroupNumber group, const std::string& to, Actions& out);
    void plan_next(Instant now);
    [[nodiscard]] Duration read_pause() const;
    void send(Instant now, Change change, Actions& out);
    void send_read(Instant now, Actions& out);
    void learn_double(Instant now, const ReadAnswer::Beat& beat);
    void yield_to_double(Actions& out);
    void forget_nodes(Instant now, const ReadAnswer& answer);
    void learn(Instant now, GroupNumber group, const GroupRecord& record, Revision revision);
    void learn(Instant now, const std::string& node, const ReadAnswer::Beat& beat, Revision revision);
    [[nodiscard]] bool may_serve(const Group& group) const;
    // The group, whose owner is not gone, keeps that until then.
    [[nodiscard]] Instant rests_until(const Group& group) const;
    // For so long it was to be served here, and was not.
    [[nodiscard]] static bool fails_for(Instant now, const Group& group, Duration length);
    // Another node is to have the group, which is ours.
    [[nodiscard]] bool must_give(Instant now, GroupNumber number, const Group& group) const;
    [[nodiscard]] bool is_alive(Instant now, const std::string& node) const;
    // "": not known.
    [[nodiscard]] std::string zone_of(const std::string& node) const;
    // Nodes that may serve the group, the first by rank first, but those of other zones than that of `but` before the
    // rest; without `but` and those that drain or cannot.
    [[nodiscard]] std::vector<std::string> ranked(Instant now, GroupNumber group, const std::string& but) const;
    // When we take the group, as things are; kNever: not.
    [[nodiscard]] Instant take_at(Instant now, GroupNumber number, const Group& group) const;

    Settings settings_;
    Instant next_ = kLongAgo;
    Instant beat_at_ = kLongAgo;
    std::uint64_t number_ = 0;
    Instant valid_until_ = kLongAgo;
    Instant valid_since_ = kLongAgo;
    bool has_read_ = false;      // since validity ran out, or a beat was refused
    Revision read_barrier_ = 0;  // a read must not be older
    Instant read_sent_ = kLongAgo;
    bool read_awaited_ = false;
    Revision fence_ = 0;
    bool knows_fence_ = false;
    std::map<GroupNumber, Group> groups_;
    std::map<std::string, Node> nodes_;
    std::map<GroupNumber, std::uint64_t> serving_;  // and the epoch
    std::optional<InFlight> change_;                // at most one
    Instant change_at_ = kLongAgo;                  // the next, after one that was refused
    std::optional<Giving> giving_;
    std::optional<Arriving> arriving_;
    bool is_draining_ = false;
    Instant began_ = kLongAgo;
    bool has_double_ = false;
    Revision double_changed_ = 0;  // its last beat, and when that was seen
    Instant double_seen_ = kLongAgo;
    bool double_is_first_ = false;     // it goes on before us when both have stopped
    Instant stackd_until_ = kLongAgo;  // it is taken to be there
};

// For people: the group keeps its owner for another `rest`.
[[nodiscard]] std::string keeps_owner(GroupNumber group, Duration rest);

}  // namespace warren::fleet
