#include "alerts/model/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/utc_text.h"
#include "health/health.h"

namespace warren::alerts {

namespace {

using std::chrono::seconds;

constexpr Duration kVpndPatience = seconds(10);
constexpr Duration kPatience = seconds(5);  // what mends itself at once is nobody's business
constexpr Duration kDaemonPatience = seconds(30);
// Peers need so long to return after a reboot, or once their customer is served.
constexpr Duration kReturn = kSession;

constexpr std::string_view kPeerDown = "peer_down";
constexpr std::string_view kConnectionDown = "connection_down";
constexpr std::string_view kCustomerDown = "customer_down";
constexpr std::string_view kQuota80 = "quota_80";
constexpr std::string_view kQuota100 = "quota_100";
constexpr std::string_view kPeerExpires = "peer_expires";
constexpr std::string_view kPeerExpired = "peer_expired";
constexpr std::string_view kCertificateExpires = "certificate_expires";
constexpr std::string_view kWaits = "configuration_waits";
constexpr std::string_view kUpdateFailed = "update_failed";
constexpr std::string_view kMoreOfCustomer = "more_of_customer";
constexpr std::string_view kDaemonDown = "daemon_down";
constexpr std::string_view kVpndUnreachable = "vpnd_unreachable";
constexpr std::string_view kStackdUnreachable = "stackd_unreachable";

std::string customer_text(const std::string& id, const std::string& title) {
    return title.empty() ? "customer " + id : fmt::format("customer {} ({})", id, title);
}

// `percent`: at most 100.
bool is_at_least(std::uint64_t used, std::uint64_t quota, std::uint64_t percent) {
    return used >= quota - quota / 100 * (100 - percent);
}

class Finder {
  public:
    explicit Finder(const Situation& situation) : situation_(situation) {}

    Conditions run() {
        find_ours();
        if (situation_.facts != nullptr) find_of_stackd(*situation_.facts);
        if (situation_.roll != nullptr) {
            for (const auto& [id, served] : situation_.roll->customers()) find_of_customer(id, served);
        }
        return std::move(out_);
    }

  private:
    void add(std::string_view kind, const std::string& customer, const std::string& name, Condition condition) {
        Subject subject{std::string(kind), customer, name};
        const bool is_told = situation_.is_told && situation_.is_told(subject);
        std::size_t& of_customer = counts_[customer];
        if (!is_told && out_.size() >= kMostConditions) return;
        if (!is_told && !customer.empty() && of_customer >= kMostOfCustomer) {
            subject = {std::string(kMoreOfCustomer), customer, ""};
            condition = {
                Severity::kWarning,
                fmt::format("More of customer {} needs somebody than is told one by one: see vpnctl status.", customer),
                {},
                kPatience};
        }
        if (out_.try_emplace(std::move(subject), std::move(condition)).second) ++of_customer;
    }

    void find_ours() {
        if (!situation_.vpnd_answers)
            add(kVpndUnreachable, "", "",
                {Severity::kCritical, "The tunnel daemon vpnd does not answer.", {}, kVpndPatience});
        if (!situation_.stackd_answers)
            add(kStackdUnreachable, "", "",
                {Severity::kCritical, "stackd does not answer: tunnels go on, changes wait.", {}, kPatience});
    }

    void find_of_stackd(const Facts& facts) {
        health::Situation known;
        known.now = situation_.now.wall;
        for (const ipc::ControlText& text : facts.problems) known.problems.push_back({text, {}});
        for (const health::Finding& finding : health::findings_of(known))
            add(health::name_of(finding.kind), finding.customer, "",
                {finding.critical ? Severity::kCritical : Severity::kWarning,
                 finding.sentence + " " + finding.what_to_do,
                 {},
                 kPatience});
        for (const Facts::Daemon& daemon : facts.daemons)
            add(kDaemonDown, "", daemon.name,
                {Severity::kCritical,
                 fmt::format("{} does not run: {}", daemon.name, daemon.reason),
                 {},
                 kDaemonPatience});
        if (facts.pending != 0)
            add(kWaits, "", std::to_string(facts.pending),
                {Severity::kWarning,
                 fmt::format("The configuration in force waits for `vpnctl confirm`; without it revision {} comes back "
                             "at {}.",
                             facts.pending, utc_text(facts.deadline)),
                 {},
                 kPatience});
        if (!facts.failed_update.empty())
            add(kUpdateFailed, "", "",
                {Severity::kCritical, "The last update failed: " + facts.failed_update, {}, kPatience, kLongAgo, true});
        for (const Facts::Certificate& certificate : facts.certificates) find_of_certificate(certificate);
    }

    void find_of_certificate(const Facts::Certificate& certificate) {
        const std::int64_t left = certificate.not_after.nanoseconds - situation_.now.wall.nanoseconds;
        if (left >= Duration(kCertificateWarning).count()) return;
        const std::string whose = certificate.customer.empty() ? std::string() : " of customer " + certificate.customer;
        add(kCertificateExpires, certificate.customer, certificate.name,
            {left <= 0 ? Severity::kCritical : Severity::kWarning,
             fmt::format("The certificate {}{} {} at {}.", certificate.name, whose, left <= 0 ? "expired" : "expires",
                         utc_text(certificate.not_after)),
             {},
             {}});
    }

    void find_of_customer(const std::string& id, const Served& served) {
        if (served.suspended) return;
        if (situation_.thresholds.customer_down.count() > 0 && served.down_since)
            add(kCustomerDown, id, "",
                {Severity::kCritical, fmt::format("No tunnel of {} is up.", customer_text(id, served.title)),
                 served.down_since, situation_.thresholds.customer_down,
                 returned_by(served.seen_since, situation_.thresholds.customer_down)});
        find_quota(id, "", "", served.title, served.used, served.quota, served.is_spent);
        for (const auto& [name, peer] : served.peers) {
            find_down(id, name, served, peer);
            find_quota(id, "peer", name, served.title, peer.used, peer.quota, peer.is_spent);
            find_expiry(id, name, served, peer);
        }
        for (const auto& [name, connection] : served.connections) {
            find_down(id, name, served, connection);
            find_quota(id, "connection", name, served.title, connection.used, connection.quota, connection.is_spent);
        }
    }

    // Before it nobody is told of a tunnel that is down: what is seen first may be down since long ago, as we were.
    [[nodiscard]] static Instant returned_by(Instant seen_since, Duration patience) {
        return seen_since + std::min(patience, kReturn);
    }

    void find_down(const std::string& id, const std::string& name, const Served& served, const Tunnel& tunnel) {
        if (situation_.thresholds.peer_down.count() == 0 || !tunnel.down_since) return;
        add(tunnel.is_connection ? kConnectionDown : kPeerDown, id, name,
            {Severity::kWarning,
             fmt::format("{} {} of {} is down{}.", tunnel.is_connection ? "Connection" : "Peer", name,
                         customer_text(id, served.title),
                         tunnel.lost_because.empty() ? "" : fmt::format(" ({})", tunnel.lost_because)),
             tunnel.down_since, situation_.thresholds.peer_down,
             returned_by(tunnel.seen_since, situation_.thresholds.peer_down)});
    }

    // `thing`: "peer", "connection"; "": the customer.
    void find_quota(const std::string& id, std::string_view thing, const std::string& name, const std::string& title,
                    std::uint64_t used, std::uint64_t quota, bool is_spent) {
        if (quota == 0) return;
        const std::string whose = thing.empty() ? customer_text(id, title)
                                                : fmt::format("{} {} of {}", thing, name, customer_text(id, title));
        if (is_spent || is_at_least(used, quota, 100)) {
            add(kQuota100, id, name,
                {Severity::kCritical, fmt::format("The quota of {} is spent for this month.", whose), {}, {}});
        } else if (is_at_least(used, quota, 80)) {
            add(kQuota80, id, name,
                {Severity::kWarning, fmt::format("80 % of the month's quota of {} is used.", whose), {}, {}});
        }
    }

    void find_expiry(const std::string& id, const std::string& name, const Served& served, const Tunnel& peer) {
        if (peer.expires.nanoseconds == 0) return;
        const std::int64_t left = peer.expires.nanoseconds - situation_.now.wall.nanoseconds;
        if (peer.is_expired) {
            add(kPeerExpired, id, name,
                {Severity::kWarning,
                 fmt::format("Peer {} of {} expired at {}: it has no tunnel any more.", name,
                             customer_text(id, served.title), utc_text(peer.expires)),
                 {},
                 {}});
        } else if (left < Duration(kExpiryWarning).count()) {
            add(kPeerExpires, id, name,
                {Severity::kWarning,
                 fmt::format("Peer {} of {} expires at {}.", name, customer_text(id, served.title),
                             utc_text(peer.expires)),
                 {},
                 {}});
        }
    }

    const Situation& situation_;
    Conditions out_;
    std::map<std::string, std::size_t> counts_;  // by customer
};

bool is_one_of(const std::string& kind, std::initializer_list<std::string_view> kinds) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

Conditions conditions_of(const Situation& situation) {
    return Finder(situation).run();
}

Witness witness_of(const std::string& kind) {
    if (is_one_of(kind, {kVpndUnreachable, kStackdUnreachable})) return Witness::kUs;
    if (is_one_of(kind, {kPeerDown, kConnectionDown, kCustomerDown, kQuota80, kQuota100, kPeerExpires, kPeerExpired,
                         kMoreOfCustomer}))
        return Witness::kVpnd;
    if (kind == kCertificateExpires) return Witness::kCertificates;
    return is_one_of(kind, {kDaemonDown, kWaits, kUpdateFailed}) ? Witness::kStackd : Witness::kProblems;
}

bool tells_of_end(const std::string& kind) {
    return !is_one_of(kind,
                      {kPeerExpires, kPeerExpired, kQuota80, kQuota100, kWaits, kCertificateExpires, kMoreOfCustomer});
}

std::string end_text(const Subject& subject, const Roll* roll, Instant now) {
    const Served* served = nullptr;
    if (roll != nullptr) {
        const auto found = roll->customers().find(subject.customer);
        if (found != roll->customers().end()) served = &found->second;
    }
    const bool is_of_vpnd = witness_of(subject.kind) == Witness::kVpnd;
    const std::string whose = customer_text(subject.customer, served == nullptr ? "" : served->title);
    if (is_of_vpnd && served == nullptr) return fmt::format("vpnd does not serve {} any more", whose);
    if (is_of_vpnd && served->suspended) return fmt::format("{} is suspended", "C" + whose.substr(1));
    if (subject.kind == kCustomerDown)
        return served->is_up ? fmt::format("A tunnel of {} is up again", whose)
                             : fmt::format("{} has no tunnel that is missed any more", "C" + whose.substr(1));
    if (subject.kind == kPeerDown || subject.kind == kConnectionDown) {
        const bool is_peer = subject.kind == kPeerDown;
        const auto& tunnels = is_peer ? served->peers : served->connections;
        const std::string what = fmt::format("{} {} of {}", is_peer ? "Peer" : "Connection", subject.name, whose);
        const auto found = tunnels.find(subject.name);
        if (found == tunnels.end()) return what + " is disabled or not configured any more";
        if (found->second.is_up_at(now)) return what + " is up again";
        return what + (found->second.is_expired ? " has expired" : " is not missed any more");
    }
    if (subject.kind == kVpndUnreachable) return "The tunnel daemon vpnd answers again";
    if (subject.kind == kStackdUnreachable) return "stackd answers again";
    if (subject.kind == kDaemonDown) return subject.name + " runs again, or is not needed any more";
    if (subject.kind == kUpdateFailed) return "There is no failed update any more";
    const std::string of = subject.customer.empty() ? "" : " of customer " + subject.customer;
    return fmt::format("Over: {}{}", subject.kind, of);
}

}  // namespace warren::alerts
