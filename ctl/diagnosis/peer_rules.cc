#include "ctl/diagnosis/peer_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace warren::diagnosis {

namespace {

constexpr std::int64_t kLately = 600;           // seconds: a refused sender of then is not of now
constexpr std::uint64_t kRefusedMessages = 3;   // that a client sends which tries again and again
constexpr std::int64_t kSilentBefore = 3;       // seconds: a peer that was heard so shortly before is well
constexpr std::uint32_t kOfPings = 3;           // seconds that they may take
constexpr std::int64_t kMovesWithin = 120;      // seconds for kMoves
constexpr std::size_t kMoves = 4;               // ports
constexpr std::uint64_t kStrayPackets = 3;      // that every device sends now and then
constexpr std::uint32_t kAnswerPatience = 15;   // seconds
constexpr std::uint32_t kTrafficLately = 60;    // likewise
constexpr std::int64_t kAnswerTakes = 2;        // likewise: a handshake that was begun is complete by then
constexpr std::int64_t kBeginsAgain = 8;        // likewise: a client tries every 5 s
constexpr std::uint32_t kRekeyOverdue = 180;    // seconds: a session is over
constexpr std::uint32_t kClockTolerance = 300;  // likewise

std::int64_t seconds_of(WallTime at) {
    return at.nanoseconds / std::nano::den;
}

// One peer, and who asks.
class Rules {
  public:
    Rules(const Facts& facts, const ipc::PeerSnapshot& peer, std::vector<Finding>& out)
        : facts_(facts), peer_(peer), id_(facts.customer.settings.id), name_(peer.settings.name), out_(out) {}

    void run() {
        if (peer_.activity.is_expired) return expired();
        const std::size_t before = out_.size();
        refused_senders();
        client_clock();
        moves();
        sources();
        if (out_.size() == before) unfinished_handshakes();
        probes();
        previous_key();
        if (out_.size() == before) silent();
    }

  private:
    void add(Kind kind, std::string sentence, std::string evidence, std::string advice) {
        out_.push_back({kind, id_, name_, std::move(sentence), std::move(evidence), std::move(advice)});
    }
    [[nodiscard]] std::int64_t age_of(WallTime at) const { return seconds_of(facts_.now) - seconds_of(at); }
    // A handshake of it was completed after that.
    [[nodiscard]] bool is_past(WallTime at) const {
        return peer_.activity.latest_handshake.nanoseconds >= at.nanoseconds;
    }

    // Nothing authentic with a packet in it came from it, nor did it complete a handshake, since some seconds before
    // that: so what happened then may have been its own doing. Else it was somebody else's, who cannot keep it from
    // its work.
    [[nodiscard]] bool is_silent_since(WallTime at) const {
        const std::int64_t age = age_of(at);
        const std::int64_t heard = peer_.received_seconds ? std::int64_t{*peer_.received_seconds} : INT64_MAX;
        return !is_past(at) && heard > age + kSilentBefore;
    }

    void expired() {
        add(Kind::kExpired, fmt::format("Peer {} has expired.", name_), "expires of the peer is in the past",
            fmt::format("set another expires in the customer's file, or vpnctl peer rm {} {}", id_, name_));
    }

    void refused_senders() {
        const auto& endpoint = peer_.activity.endpoint;
        for (const ipc::RefusedSender& one : facts_.refused) {
            if (one.messages < kRefusedMessages || age_of(one.last) > kLately || !is_silent_since(one.last)) continue;
            if (!one.listener.empty() && one.listener != id_) continue;
            const std::string seen =
                fmt::format("{} message{} from {}, the last {} s ago ({})", one.messages, one.messages == 1 ? "" : "s",
                            to_string(one.from), std::max<std::int64_t>(age_of(one.last), 0), one.reason);
            if (one.customer == id_ && one.peer == name_) {
                add(Kind::kPresharedKey, fmt::format("The keys of peer {} and ours do not fit.", name_), seen,
                    "compare the preshared keys, and the peer's public key with the one in its file");
                return;
            }
            const bool is_there = endpoint && endpoint->address == one.from.address;
            if (!is_there || !one.customer.empty()) continue;
            if (one.reason == "bad_mac1") {
                add(Kind::kWrongServerKey,
                    fmt::format("Somebody where peer {} was uses the public key of another server.", name_), seen,
                    fmt::format("if it is the peer, and no other device behind that address, give it our public key: "
                                "vpnctl profile {} {}",
                                id_, name_));
                return;
            }
            if (one.reason == "unknown_peer") {
                add(Kind::kUnknownClientKey,
                    fmt::format("Somebody where peer {} was uses a key that nobody has here: {}...", name_, one.who),
                    seen,
                    "if it is the peer, and no other device behind that address, compare it with public_key of the "
                    "peer; the client may have made a new key");
                return;
            }
        }
    }

    void client_clock() {
        const ipc::PeerActivity& activity = peer_.activity;
        if (activity.refused_as_old == 0 || age_of(activity.refused_at) > kLately) return;
        if (!is_silent_since(activity.refused_at)) return;
        const std::string seen =
            fmt::format("{} handshakes refused, the last {} s ago; it showed {} s since 1970 before",
                        activity.refused_as_old, age_of(activity.refused_at), activity.newest_seconds);
        add(Kind::kClientClock,
            peer_.ahead_seconds > kClockTolerance
                ? fmt::format("The clock of peer {} was {} s ahead of ours, and is not any more.", name_,
                              peer_.ahead_seconds)
                : fmt::format("The clock of peer {} is in the past: it shows a time that it showed before.", name_),
            seen, fmt::format("set the client's clock; if it is right: vpnctl peer reset {} {}", id_, name_));
    }

    void moves() {
        const ipc::PeerActivity& activity = peer_.activity;
        if (activity.flaps_with && activity.endpoint) {
            return add(Kind::kSharedKey, fmt::format("Two devices use the key of peer {}.", name_),
                       fmt::format("it goes back and forth between {} and {}", to_string(*activity.endpoint),
                                   to_string(*activity.flaps_with)),
                       fmt::format("give each device a key of its own: vpnctl peer add {} NAME", id_));
        }
        const auto& moves = activity.port_moves;
        if (moves.size() < kMoves || age_of(moves.back()) > kMovesWithin) return;
        const auto first = moves[moves.size() - kMoves];
        const std::int64_t took = seconds_of(moves.back()) - seconds_of(first);
        if (took > kMovesWithin) return;
        add(Kind::kNatRebinds,
            fmt::format("A NAT before peer {} gives it another port every {} s.", name_,
                        std::max<std::int64_t>(took / static_cast<std::int64_t>(kMoves - 1), 1)),
            fmt::format("{} ports within {} s", kMoves, took),
            "let the client send keepalives (PersistentKeepalive = 25), and look at the UDP timeout of its router");
    }

    void sources() {
        const ipc::PeerActivity& activity = peer_.activity;
        if (!activity.source_refused || activity.source_refused->is_link_local()) return;
        const auto before = facts_.before.find(name_);
        if (before == facts_.before.end() || before->second.sources_refused >= activity.sources_refused) return;
        // A stray one is every device's. One of a peer that somebody complains of, and that answers nothing, is more.
        const bool is_more = activity.sources_refused - before->second.sources_refused >= kStrayPackets;
        if (!is_more && (facts_.peer != name_ || answers_pings())) return;
        add(Kind::kSourceRefused,
            fmt::format("Peer {} sends packets from {}, which is not among its allowed_ips here.", name_,
                        to_string(*activity.source_refused)),
            fmt::format("{} packets dropped (source_not_allowed)", activity.sources_refused),
            what_to_use_instead(*activity.source_refused));
    }

    [[nodiscard]] std::string what_to_use_instead(const IpAddress& source) const {
        for (const ipc::PrefixMap& map : peer_.settings.maps) {
            if (map.mapped.contains(source))
                return fmt::format("set the client's address to one of {}, which all others see as {}",
                                   to_string(map.real), to_string(map.mapped));
        }
        return "add the network to allowed_ips of the peer, or set the client's address to the one that it has here";
    }

    [[nodiscard]] bool answers_pings() const {
        const auto found = facts_.probes.find(name_);
        return found != facts_.probes.end() &&
               std::any_of(found->second.begin(), found->second.end(),
                           [](const Probe& probe) { return !probe.sizes.empty() && probe.sizes.front().answered; });
    }

    // It showed another time, as with each handshake that it begins, and does not complete them: the preshared key is
    // only in our answer, so nothing but this tells that it is wrong.
    [[nodiscard]] bool begins_and_does_not_complete() const {
        const ipc::PeerActivity& activity = peer_.activity;
        if (activity.newest_seconds == 0 || peer_.received_seconds.value_or(UINT32_MAX) <= kAnswerPatience ||
            peer_.latest_handshake_seconds.value_or(UINT32_MAX) <= kAnswerPatience)
            return false;
        const auto before = facts_.before.find(name_);
        if (before != facts_.before.end() && before->second.newest_seconds != 0 &&
            activity.newest_seconds > before->second.newest_seconds)
            return true;
        // Its clock may be ahead: then a handshake of long ago looks like a new one, until its session is over.
        const std::int64_t age = seconds_of(facts_.now) - static_cast<std::int64_t>(activity.newest_seconds);
        return !activity.has_session && age >= kAnswerTakes && age <= kBeginsAgain;
    }

    void unfinished_handshakes() {
        if (!begins_and_does_not_complete()) return;
        add(Kind::kPresharedKey, fmt::format("Peer {} begins handshakes and goes on with none of our answers.", name_),
            peer_.latest_handshake_seconds
                ? fmt::format("its latest complete handshake was {} s ago", *peer_.latest_handshake_seconds)
                : std::string("it never completed one"),
            "compare the preshared keys; if they are the same, our answers do not reach it: look at the firewalls "
            "on the way");
    }

    // Pings are answered, but not the large ones; or nothing is.
    void probes() {
        const auto found = facts_.probes.find(name_);
        if (found == facts_.probes.end()) return;
        for (const Probe& probe : found->second) probe_sizes(probe);
        const bool is_lost = std::all_of(found->second.begin(), found->second.end(), [](const Probe& probe) {
            return probe.sizes.empty() || probe.sizes.front().is_lost;
        });
        if (is_lost) return_path();
    }

    void probe_sizes(const Probe& probe) {
        if (probe.sizes.empty() || !probe.sizes.front().answered) return;
        const Probe::Size* largest = nullptr;
        const Probe::Size* lost = nullptr;  // the largest of these
        for (const Probe::Size& size : probe.sizes) {
            if (size.answered) largest = &size;
            if (size.is_lost) lost = &size;
        }
        if (lost == nullptr || lost->bytes < largest->bytes) return;
        add(Kind::kMtuBlackHole,
            fmt::format("Packets to peer {} larger than {} bytes, or the answers to them, are lost on the way.", name_,
                        largest->bytes),
            fmt::format("{} answers pings of {} bytes, not of {}", to_string(probe.to), largest->bytes, lost->bytes),
            fmt::format("set mtu = {} in [stack] and [clients] of the customer's file, and at the client",
                        largest->bytes));
    }

    void return_path() {
        if (begins_and_does_not_complete()) return;  // it has no session that it can answer with
        const auto sent = facts_.sent_before.find(name_);
        if (!peer_.activity.has_session || sent == facts_.sent_before.end() || sent->second > kTrafficLately) return;
        // It may be that nobody but whoever asked before sent anything.
        if (facts_.pinged_before && *facts_.pinged_before <= sent->second + kOfPings) return;
        const std::uint32_t received = peer_.received_seconds.value_or(UINT32_MAX);
        if (received <= sent->second + kAnswerPatience || received <= kTrafficLately) return;
        if (peer_.activity.sources_refused > 0) return;  // it does send
        add(Kind::kNoReturnPath,
            fmt::format("Peer {} has a session and gets packets, and none comes back from it.", name_),
            fmt::format("the last packet to it went {} s ago, {}; it does not answer pings", sent->second,
                        peer_.received_seconds ? fmt::format("the last one from it came {} s ago", received)
                                               : std::string("from it none ever came")),
            "look at the client's AllowedIPs (they must have the networks of this side), its routes and its firewall; "
            "a device that nobody uses now, and that answers no pings, looks the same");
    }

    void previous_key() {
        if (!peer_.activity.uses_previous_identity) return;
        add(Kind::kPreviousServerKey, fmt::format("Peer {} still uses our previous public key, which is to go.", name_),
            "its latest handshake was made with previous_private_key of the listener",
            fmt::format("give it its new configuration: vpnctl profile {} {}", id_, name_));
    }

    // Only when somebody asks for it: a device that is switched off is no trouble.
    void silent() {
        if (facts_.peer != name_ || peer_.activity.has_session) return;
        const std::uint32_t age = peer_.latest_handshake_seconds.value_or(UINT32_MAX);
        if (age <= kRekeyOverdue) return;
        add(Kind::kSilent, fmt::format("Nothing comes from peer {}.", name_),
            peer_.latest_handshake_seconds ? fmt::format("its last handshake was {} s ago", age)
                                           : std::string("it never made a handshake"),
            "see whether the device is on, whether it has our address and port, and whether a firewall before it lets "
            "UDP out");
    }

    const Facts& facts_;
    const ipc::PeerSnapshot& peer_;
    const std::string& id_;
    const std::string& name_;
    std::vector<Finding>& out_;
};

}  // namespace

void add_peer_findings(const Facts& facts, const ipc::PeerSnapshot& peer, std::vector<Finding>& out) {
    Rules(facts, peer, out).run();
}

}  // namespace warren::diagnosis
