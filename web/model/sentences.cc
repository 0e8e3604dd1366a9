#include "web/model/sentences.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/drop_reason.h"

namespace warren::web {

namespace {

std::string plural(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// stackd tells of so many problems that some are left out, but whose stacks are not complete is known of all.
void add_incomplete(std::set<std::string> customers, std::vector<health::Situation::Problem>& problems) {
    using Kind = ipc::ControlText::Kind;
    for (const health::Situation::Problem& problem : problems) {
        if (problem.text.kind == Kind::kIncomplete) customers.erase(problem.text.customer);
    }
    for (const std::string& customer : customers)
        problems.push_back({{Kind::kIncomplete, customer, "its stack is not complete; vpnctl status says why"}, {}});
}

// The first of a customer's connections that are not served, with the reason.
health::Situation::Down unserved_of(const CustomerEntry& customer) {
    health::Situation::Down out{customer.shown.settings.id, {}, {}};
    for (const auto& [name, connection] : customer.connections) {
        if (connection.shown.state != ipc::ConnectionState::kUnserved) continue;
        out.sentence = fmt::format("{}: the connection {} is not served: {}", customer.shown.settings.id, name,
                                   connection.shown.reason.empty() ? "vpnd does not say why" : connection.shown.reason);
        if (customer.connection_counts.unserved > 1)
            out.sentence += fmt::format(" ({} more)", customer.connection_counts.unserved - 1);
        out.since = connection.has_state_since ? connection.state_since : connection.first_seen;
        break;
    }
    return out;
}

health::Situation situation_of(const Census& census, const std::vector<const CustomerEntry*>& customers,
                               const SystemFacts& facts, Now now) {
    health::Situation out;
    out.now = now.wall;
    out.vpnd_answers = census.has_snapshot() && !census.is_stale(now.instant);
    out.vpnd_silent_since = census.silent_since();
    if (facts.stackd_heard && now.instant - facts.stackd_heard->instant > kStackdSilence) {
        out.stackd_silence = "stackd does not answer";
        out.stackd_silent_since = facts.stackd_heard->wall;
    }
    out.problems = facts.problems;
    add_incomplete(facts.incomplete, out.problems);
    if (!facts.past_problem.empty())
        out.problems.push_back({{ipc::ControlText::Kind::kNote,
                                 {},
                                 "Nothing is kept of what happens now, for later: " + facts.past_problem},
                                facts.past_problem_since});
    out.under_load = census.header().under_load;
    out.under_load_since = facts.under_load_since;
    out.users_problem = facts.users_problem;
    out.users_problem_since = facts.users_problem_since;
    if (facts.certificate)
        out.certificate = health::Situation::Certificate{facts.certificate->not_after, facts.certificate->self_signed};
    for (const CustomerEntry* customer : customers) {
        const std::uint32_t unserved = customer->connection_counts.unserved;
        if (unserved > 0 && !customer->shown.settings.suspended && out.unserved.size() < kMaxFindings)
            out.unserved.push_back(unserved_of(*customer));
    }
    for (const CustomerEntry* customer : customers) {
        if (out.down.size() >= kMaxFindings) break;
        // A customer that was down before the first snapshot may be out of use; that is no alarm.
        if (customer->state == CustomerState::kDown && customer->has_state_since)
            out.down.push_back({customer->shown.settings.id,
                                customer->shown.settings.name + ": " + sentence_of(*customer), customer->state_since});
    }
    return out;
}

// Why a peer is no longer online, by the event's reason.
std::string idle_sentence(std::string_view reason) {
    if (reason == "suspended") return "The customer was suspended, which ended its tunnels.";
    if (reason == "key_changed") return "A key was replaced; no handshake with the new one yet.";
    if (reason == "vpnd_restarted") return "The tunnel daemon was restarted; no handshake since.";
    if (reason == "session_ended") return "Its session was ended; no handshake since.";
    return "No handshake for 180 s: the peer is disconnected or has nothing to send.";
}

// Why a connection is not up any more, by the event's reason (control::LostBecause, and what statusd knows).
std::string loss_sentence(std::string_view reason) {
    if (reason == "silent") return "The peer does not answer any more; its IKE SA was given up.";
    if (reason == "deleted") return "The peer deleted its IKE SA.";
    if (reason == "expired") return "Its lifetime ended and it was not rekeyed.";
    if (reason == "suspended") return "The customer was suspended, which ended its tunnels.";
    if (reason == "vpnd_restarted") return "The tunnel daemon was restarted; the connection has not come back.";
    return "It was ended on this side: by an operator, or by a change of the configuration.";
}

std::string peers_sentence(const PeerCounts& counts) {
    if (counts.total() == 0) return "No peers are configured.";
    if (counts.online == 0 && counts.idle == 0) return "No peer has had a handshake yet.";
    if (counts.idle == 0) return fmt::format("Every peer that ever had a handshake is online ({}).", counts.online);
    if (counts.online == 0) return fmt::format("No peer is online; {} no longer online.", plural(counts.idle, "peer"));
    return fmt::format("{} online, {} no longer online.", plural(counts.online, "peer"), counts.idle);
}

std::string connections_sentence(const ConnectionCounts& counts) {
    std::string out = fmt::format("{} of {} up", counts.up, plural(counts.total(), "IPsec connection"));
    if (counts.lost > 0) out += fmt::format(", {} lost or refused", counts.lost);
    if (counts.unserved > 0) out += fmt::format(", {} not served", counts.unserved);
    return out + ".";
}

std::string connection_sentence(const Event& event) {
    const DropReasonRow* const known = find_drop_reason(event.reason);
    const std::string failure = known == nullptr ? event.reason : std::string(known->meaning);
    switch (event.kind) {
        case EventKind::kUp: return "The connection is up.";
        case EventKind::kDown:
        case EventKind::kPeerDead:
        case EventKind::kExpired: return loss_sentence(event.reason);
        case EventKind::kRekeyed: return "Its IKE SA was rekeyed.";
        case EventKind::kRoamed: return fmt::format("The peer moved from {} to {}.", event.from, event.to);
        case EventKind::kAdded: return "The connection was added to the configuration.";
        case EventKind::kRemoved: return "The connection was removed from the configuration.";
        case EventKind::kChanged: return "The connection's configuration changed.";
        case EventKind::kAuthFailed:
        case EventKind::kConnectFailed: return fmt::format("An attempt to connect failed: {}", failure);
        default: return {};
    }
}

// A peer that is locked out because its clock was ahead once; "" for any other.
std::string refused_sentence(const ipc::PeerSnapshot& peer) {
    if (peer.state == ipc::PeerState::kOnline || peer.activity.refused_as_old == 0 || peer.ahead_seconds < 60)
        return {};
    return fmt::format(
        "{} refused: the clock of the client was ahead once, by {:.1f} days. When it is right: vpnctl peer "
        "reset.",
        plural(peer.activity.refused_as_old, "handshake"), peer.ahead_seconds / 86'400.0);
}

}  // namespace

std::string span_text(Duration span) {
    const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(span).count(), 0);
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} days", seconds / 86400);
}

std::string sentence_of(const PeerEntry& peer, Instant now) {
    if (peer.shown.activity.flaps_with && peer.shown.activity.endpoint) {
        return fmt::format("It is at {} and at {} in turn: two machines may use its key. Give each its own.",
                           to_string(*peer.shown.activity.endpoint), to_string(*peer.shown.activity.flaps_with));
    }
    if (!refused_sentence(peer.shown).empty()) return refused_sentence(peer.shown);
    if (const std::string trouble = peer.watch.trouble(now, peer.shown); !trouble.empty()) return trouble;
    if (peer.shown.activity.is_expired)
        return "Its configuration says until when it has a tunnel, and that has passed.";
    if (peer.state == ipc::PeerState::kNever) return "No handshake yet.";
    const std::string ago = span_text(now - peer.handshake);
    if (peer.state == ipc::PeerState::kOnline)
        return fmt::format("The last handshake was {} ago, within the 180 s that count as online.", ago);
    if (peer.shown.activity.lost_because == "key_changed")
        return fmt::format("The last handshake was {} ago. Since then the server's key has changed.", ago);
    if (peer.shown.activity.lost_because == "restarted")
        return fmt::format(
            "The last handshake was {} ago. The tunnel daemon was restarted, and the peer has not come back.", ago);
    return fmt::format(
        "The last handshake was {} ago, more than the 180 s that count as online. The peer is disconnected or has "
        "nothing to send.",
        ago);
}

std::string sentence_of(const CustomerEntry& customer) {
    if (customer.state == CustomerState::kSuspended)
        return "Suspended in the configuration: all tunnels are down, the stack is kept.";
    if (customer.state == CustomerState::kUnserved) return "Not served: its configuration is not in force.";
    const bool has_connections = customer.connection_counts.total() > 0;
    const std::string connections = has_connections ? connections_sentence(customer.connection_counts) : std::string();
    if (has_connections && customer.counts.total() == 0) return connections;
    return peers_sentence(customer.counts) + (has_connections ? " " : "") + connections;
}

std::string sentence_of(const ConnectionEntry& connection) {
    const ipc::ConnectionSnapshot& shown = connection.shown;
    const std::string because = shown.reason.empty() ? std::string() : ": " + shown.reason;
    switch (shown.state) {
        case ipc::ConnectionState::kUp:
            return shown.settings.max_sessions > 1
                       ? fmt::format("{} of {} up.", plural(shown.sessions, "session"), shown.settings.max_sessions)
                       : "Its IKE SA is established.";
        case ipc::ConnectionState::kConnecting: return "An exchange is under way" + because + ".";
        case ipc::ConnectionState::kUnserved: return "Not served" + because + ".";
        case ipc::ConnectionState::kListening:
            return connection.lost_because.empty() ? "The peer may connect; it has not yet."
                                                   : loss_sentence(connection.lost_because);
        case ipc::ConnectionState::kDown:
            if (!shown.activity.last_failure.empty()) return "The last attempt failed" + because + ".";
            if (connection.lost_because.empty()) return "Not up yet" + because + ".";
            return loss_sentence(connection.lost_because);
    }
    return {};
}

std::string sentence_of(const Event& event) {
    if (!event.connection.empty()) return connection_sentence(event);
    const bool is_peer = !event.peer.empty();
    switch (event.kind) {
        case EventKind::kUp: return "The customer has a tunnel again.";
        case EventKind::kDown:
            return event.reason == "suspended" ? "The customer has no tunnel: it was suspended."
                                               : "The customer has no tunnel any more.";
        case EventKind::kPeerDead:
        case EventKind::kExpired:
        case EventKind::kRekeyed:
        case EventKind::kAuthFailed:
        case EventKind::kConnectFailed: return connection_sentence(event);
        case EventKind::kOnline: return "The peer is online: it completed a handshake.";
        case EventKind::kIdle: return idle_sentence(event.reason);
        case EventKind::kRoamed: return fmt::format("The peer moved from {} to {}.", event.from, event.to);
        case EventKind::kAdded:
            return is_peer ? "The peer was added to the configuration."
                           : "The customer was added to the configuration.";
        case EventKind::kRemoved:
            return is_peer ? "The peer was removed from the configuration."
                           : "The customer was removed from the configuration.";
        case EventKind::kChanged:
            return is_peer ? "The peer's configuration changed." : "The customer's configuration changed.";
        case EventKind::kRenamed:
            if (is_peer) return fmt::format("The peer was renamed; its name was {}.", event.from);
            return event.from.empty() ? "The customer was renamed."
                                      : fmt::format("The customer was renamed; its id was {}.", event.from);
        case EventKind::kSuspended: return "The customer was suspended in the configuration.";
        case EventKind::kResumed: return "The customer was resumed in the configuration.";
        case EventKind::kVpndStarted: return fmt::format("The tunnel daemon answers, version {}.", event.to);
        case EventKind::kVpndLost: return "The tunnel daemon no longer answers.";
        case EventKind::kDrops:
        case EventKind::kRateLimited: {
            const DropReasonRow* known = find_drop_reason(event.reason);
            return fmt::format("Packets were dropped: {}",
                               known == nullptr ? event.reason : std::string(known->meaning));
        }
    }
    return {};
}

std::vector<health::Finding> findings_of(const Census& census, const std::vector<const CustomerEntry*>& customers,
                                         const SystemFacts& facts, bool sees_all, Now now) {
    std::vector<health::Finding> out = health::findings_of(situation_of(census, customers, facts, now));
    if (!sees_all) {
        std::vector<std::string> ids;
        for (const CustomerEntry* customer : customers) ids.push_back(customer->shown.settings.id);
        out = health::findings_for(ids, std::move(out));
    }
    if (out.size() > kMaxFindings) out.resize(kMaxFindings);
    return out;
}

std::vector<health::Situation::Problem> merge_problems(const std::vector<health::Situation::Problem>& before,
                                                       std::vector<ipc::ControlText> problems, WallTime now) {
    std::vector<health::Situation::Problem> out;
    for (ipc::ControlText& problem : problems) {
        const auto known =
            std::find_if(before.begin(), before.end(), [&problem](const auto& one) { return one.text == problem; });
        out.push_back({std::move(problem), known == before.end() ? now : known->since});
    }
    return out;
}

}  // namespace warren::web
