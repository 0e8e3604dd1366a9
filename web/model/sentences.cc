#include "web/model/sentences.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/drop_reason.h"

namespace warren::web {

namespace {

constexpr Duration kCertificateWarning = std::chrono::hours(24 * 30);

std::string plural(std::uint64_t count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void add_system_alarms(const Census& census, const SystemFacts& facts, Now now, std::vector<Alarm>& out) {
    if (!census.has_snapshot() || census.is_stale(now.instant)) {
        out.push_back({"vpnd_unreachable",
                       true,
                       census.silent_since(),
                       {},
                       "The tunnel daemon does not answer; all figures are old.",
                       "See journalctl -u warren. stackd restarts vpnd automatically."});
    }
    if (census.header().under_load) {
        out.push_back({"under_load",
                       false,
                       facts.under_load_since,
                       {},
                       "Too many handshakes arrive at once. Clients must prove their address with a cookie first.",
                       "If it persists, find the source of the handshakes."});
    }
    if (!facts.users_problem.empty()) {
        out.push_back({"users_file_invalid",
                       false,
                       facts.users_problem_since,
                       {},
                       "users.toml has an error; the previous users stay in force: " + facts.users_problem,
                       "Correct the file, then run vpnctl apply."});
    }
    if (facts.certificate &&
        facts.certificate->not_after.nanoseconds - now.wall.nanoseconds < kCertificateWarning.count()) {
        out.push_back({"certificate_expiring",
                       now.wall > facts.certificate->not_after,
                       facts.certificate->not_after,
                       {},
                       now.wall > facts.certificate->not_after ? "The certificate of this page has expired."
                                                               : "The certificate of this page expires soon.",
                       facts.certificate->self_signed
                           ? "Remove secrets/status.pem and restart Warren; it makes a new certificate."
                           : "Put a new certificate into secrets/status.pem, then run vpnctl apply."});
    }
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
    if (peer.state == ipc::PeerState::kNever) return "No handshake since the tunnel daemon started.";
    const std::string ago = span_text(now - peer.handshake);
    if (peer.state == ipc::PeerState::kOnline)
        return fmt::format("The last handshake was {} ago, within the 180 s that count as online.", ago);
    return fmt::format(
        "The last handshake was {} ago, more than the 180 s that count as online. The peer is disconnected or has "
        "nothing to send.",
        ago);
}

std::string sentence_of(const CustomerEntry& customer) {
    const PeerCounts& counts = customer.counts;
    switch (customer.state) {
        case CustomerState::kSuspended:
            return "Suspended in the configuration: all tunnels are down, the stack is kept.";
        case CustomerState::kNever:
            return counts.total() == 0 ? "No peers are configured."
                                       : "No peer has had a handshake since the tunnel daemon started.";
        case CustomerState::kUp:
            return fmt::format("Every peer that ever had a handshake is online ({}).", counts.online);
        case CustomerState::kDegraded:
            return fmt::format("{} online, {} no longer online.", plural(counts.online, "peer"), counts.idle);
        case CustomerState::kDown:
            return fmt::format("No peer is online; {} no longer online.", plural(counts.idle, "peer"));
    }
    return {};
}

std::string sentence_of(const Event& event) {
    const bool is_peer = !event.peer.empty();
    switch (event.kind) {
        case EventKind::kOnline: return "The peer is online: it completed a handshake.";
        case EventKind::kIdle:
            return event.to == "never" ? "The tunnel daemon was restarted; no handshake since."
                                       : "No handshake for 180 s: the peer is disconnected or has nothing to send.";
        case EventKind::kRoamed: return fmt::format("The peer moved from {} to {}.", event.from, event.to);
        case EventKind::kAdded:
            return is_peer ? "The peer was added to the configuration."
                           : "The customer was added to the configuration.";
        case EventKind::kRemoved:
            return is_peer ? "The peer was removed from the configuration."
                           : "The customer was removed from the configuration.";
        case EventKind::kChanged:
            return is_peer ? "The peer's configuration changed." : "The customer's configuration changed.";
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

std::vector<Alarm> alarms_of(const Census& census, const std::vector<const CustomerEntry*>& customers,
                             const SystemFacts& facts, bool sees_all, Now now) {
    std::vector<Alarm> out;
    if (sees_all) add_system_alarms(census, facts, now, out);
    for (const CustomerEntry* customer : customers) {
        if (out.size() >= kMaxAlarms) break;
        // A customer that was down before the first snapshot may be out of use; that is no alarm.
        if (customer->state != CustomerState::kDown || !customer->has_state_since) continue;
        out.push_back({"customer_down", true, customer->state_since, customer->shown.settings.id,
                       customer->shown.settings.name + ": " + sentence_of(*customer),
                       "See the customer's events, then ask the customer whether its side is up."});
    }
    std::stable_sort(out.begin(), out.end(), [](const Alarm& a, const Alarm& b) { return a.critical && !b.critical; });
    return out;
}

}  // namespace warren::web
