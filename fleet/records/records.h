// What fleetd keeps in etcd, and what it says to etcd's JSON gateway and hears from it. All that comes from there is
// taken for hostile: what is not as expected is left out. PURE. Source: etcd 3.4, api/etcdserverpb/rpc.proto.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "fleet/ownership/ownership.h"

namespace warren::fleet {

inline constexpr std::string_view kPrefix = "/warren/";
inline constexpr std::size_t kMaxNodeName = 63;
inline constexpr std::size_t kMaxPeersOfCustomer = 100'000;

// [a-z0-9][a-z0-9-]*, at most kMaxNodeName characters.
[[nodiscard]] bool is_node_name(std::string_view text);

// Where the peers of a customer are that have a session, by public key: both as text.
using PeerPlaces = std::map<std::string, std::string>;

// --- requests: the bodies of POST ----------------------------------------------------------------

inline constexpr const char* kTransactionTarget = "/v3/kv/txn";
inline constexpr const char* kRangeTarget = "/v3/kv/range";
inline constexpr const char* kWatchTarget = "/v3/watch";

struct Beat {
    std::uint64_t number = 0;
    std::int64_t wall_milliseconds = 0;  // for people
    bool is_draining = false;
    bool can_serve = true;
    std::string instance = {};  // of this machine
    std::map<GroupNumber, Held> served = {};
    unsigned weight = kLeastWeight;
    std::string zone = {};
};
[[nodiscard]] std::string beat_request(const std::string& node, Revision fence, const Beat& beat);
[[nodiscard]] std::string read_request(const std::string& node);
[[nodiscard]] std::string change_request(const Change& change);
// Of an operator, who knows the group as it was last changed at that revision; accepted if it is so still.
[[nodiscard]] std::string wish_request(GroupNumber group, const Wish& wish, Revision group_changed);
// At most kStatesAtOnce customers.
inline constexpr std::size_t kStatesAtOnce = 100;
[[nodiscard]] std::string state_request(GroupNumber group, const std::map<std::string, PeerPlaces>& customers);
// Of state/, in pages, so that many do not keep beats waiting. `after`: the `last` of the page before; "": the first.
inline constexpr std::size_t kStatesPerPage = 40;
[[nodiscard]] std::string states_request(const std::string& after);
// Everything below kPrefix that changes from this revision on.
[[nodiscard]] std::string watch_request(Revision from);

// --- answers -------------------------------------------------------------------------------------

struct Answered {
    Revision revision = 0;
    bool accepted = false;
};
[[nodiscard]] Result<Answered> parse_answer(const std::string& body);
// To read_request().
[[nodiscard]] Result<ReadAnswer> parse_read(const std::string& body);

struct GroupChanged {
    GroupNumber group = 0;
    GroupRecord record;
};
struct BeatChanged {
    std::string node;
    ReadAnswer::Beat beat;
};
struct StateChanged {
    GroupNumber group = 0;
    std::string customer;
    PeerPlaces places;
};
struct WishChanged {
    GroupNumber group = 0;
    Wish wish;
};
// Another revision of the configuration is in force (fleet/records/configuration.h), or the roster or a certificate has
// changed (fleet/records/papers.h).
struct ConfigurationMoved {};
using Changed = std::variant<GroupChanged, BeatChanged, StateChanged, ConfigurationMoved, WishChanged>;
struct Watched {
    Revision revision = 0;
    std::vector<Changed> changes;
};
// One line of a watch. An error: the watch is over, and begins again after a read.
[[nodiscard]] Result<Watched> parse_watched(const std::string& line);
// To states_request().
struct StatesPage {
    std::vector<StateChanged> states;
    std::string last;  // its key, where another page follows; "": this was the last one
};
[[nodiscard]] Result<StatesPage> parse_states(const std::string& body);

}  // namespace warren::fleet
