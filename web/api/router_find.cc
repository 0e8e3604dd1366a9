// Routes over all customers: what has this text, who uses what right now, and what ends soon.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/natural.h"
#include "web/api/json_forms.h"
#include "web/api/query.h"
#include "web/api/router.h"
#include "web/api/wanted.h"

namespace warren::web {

namespace {

constexpr std::size_t kMaxText = 100;
constexpr std::size_t kMaxTop = 100;
// As alertd and vpnctl warn of it.
constexpr std::uint64_t kNearlySpent = 80;  // percent
constexpr Duration kExpiryNotice = std::chrono::hours(24 * 14);

Reply json(const Json& document) {
    return {200, "application/json", dump(document), {{"Cache-Control", "no-store"}}};
}

// Rows of the answer: each thing once, with the first of its texts that matches.
class Finder {
  public:
    Finder(Wanted wanted, std::size_t limit) : wanted_(std::move(wanted)), limit_(limit) {}

    void look_at(const CustomerEntry& customer) {
        if (has_more_) return;
        id_ = customer.shown.settings.id;
        if (const auto match = match_of(customer)) add("customer", id_, name_of(customer.state), *match);
        for (const PeerEntry* peer : by_name(customer.peers)) {
            if (const auto match = match_of(*peer))
                add("peer", peer->shown.settings.name, name_of(peer->state), *match);
        }
        for (const ConnectionEntry* one : by_name(customer.connections)) {
            if (const auto match = match_of(*one))
                add("connection", one->shown.settings.name, name_of(one->shown.state), *match);
        }
    }

    [[nodiscard]] Json document() && { return {{"items", std::move(items_)}, {"has_more", has_more_}}; }

  private:
    using Match = std::pair<std::string_view, std::string>;  // what it is, and its text

    template <typename Entry>
    static std::vector<const Entry*> by_name(const std::map<std::string, Entry, std::less<>>& entries) {
        std::vector<const Entry*> out;
        for (const auto& [name, entry] : entries) out.push_back(&entry);
        std::stable_sort(out.begin(), out.end(), [](const Entry* a, const Entry* b) {
            return Natural{a->shown.settings.name} < Natural{b->shown.settings.name};
        });
        return out;
    }

    [[nodiscard]] std::optional<Match> match(std::string_view what, const std::string& text) const {
        if (contains(text, wanted_.text)) return Match{what, text};
        return std::nullopt;
    }
    [[nodiscard]] std::optional<Match> match(std::string_view what, const std::vector<Prefix>& prefixes) const {
        for (const Prefix& prefix : prefixes) {
            if (wanted_.is_in(prefix)) return Match{what, to_string(prefix)};
        }
        return std::nullopt;
    }
    [[nodiscard]] std::optional<Match> match(std::string_view what, const std::optional<Endpoint>& endpoint) const {
        return wanted_.may_be_address && endpoint ? match(what, to_string(*endpoint)) : std::nullopt;
    }

    [[nodiscard]] std::optional<Match> match_of(const CustomerEntry& customer) const {
        const ipc::CustomerSettings& settings = customer.shown.settings;
        if (auto found = match("id", settings.id)) return found;
        if (auto found = match("name", settings.name)) return found;
        if (auto found = match("address", settings.addresses)) return found;
        for (const ipc::ListenerSnapshot& listener : customer.shown.listeners) {
            // The shared listener is nobody's.
            if (listener.id.owner.empty()) continue;
            if (auto found = match("key", listener.identity)) return found;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Match> match_of(const PeerEntry& peer) const {
        const ipc::PeerSettings& settings = peer.shown.settings;
        if (auto found = match("name", settings.name)) return found;
        if (auto found = std::visit([this](const auto& tunnel) { return match_of(tunnel); }, peer.shown.tunnel))
            return found;
        if (auto found = match("endpoint", peer.shown.activity.endpoint)) return found;
        return match("network", settings.allowed_ips);
    }

    [[nodiscard]] std::optional<Match> match_of(const ipc::ShownWireguardPeer& tunnel) const {
        if (auto found = match("key", tunnel.public_key)) return found;
        return tunnel.next_public_key.empty() ? std::nullopt : match("next_key", tunnel.next_public_key);
    }

    [[nodiscard]] std::optional<Match> match_of(const ConnectionEntry& connection) const {
        const ipc::ConnectionSettings& settings = connection.shown.settings;
        if (auto found = match("name", settings.name)) return found;
        if (auto found = match("identity", to_string(settings.remote_identity))) return found;
        if (auto found = match("endpoint", connection.shown.activity.endpoint)) return found;
        if (auto found = match("network", settings.pool)) return found;
        for (const ipc::IpsecChild& child : settings.children) {
            if (auto found = match("network", child.remote)) return found;
        }
        for (const IkeSa& sa : connection.ike_sas) {
            if (auto found = match_of(sa)) return found;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Match> match_of(const IkeSa& sa) const {
        if (auto found = match("identity", sa.ike_sa.remote_identity)) return found;
        if (auto found = match("endpoint", std::optional(sa.ike_sa.endpoint))) return found;
        for (const std::uint64_t spi : {sa.ike_sa.initiator_spi, sa.ike_sa.responder_spi}) {
            if (auto found = match("spi", fmt::format("{:016x}", spi))) return found;
        }
        for (const ipc::ChildSnapshot& child : sa.children) {
            for (const std::uint32_t spi : {child.spi_in, child.spi_out}) {
                if (auto found = match("spi", fmt::format("{:08x}", spi))) return found;
            }
        }
        return std::nullopt;
    }

    void add(std::string_view kind, const std::string& name, std::string_view state, const Match& match) {
        if (items_.size() >= limit_) {
            has_more_ = true;
            return;
        }
        items_.push_back({{"kind", kind},
                          {"customer", id_},
                          {"name", name},
                          {"state", state},
                          {"matched", match.first},
                          {"text", match.second}});
    }

    Wanted wanted_;
    std::size_t limit_;
    std::string id_;
    Json items_ = Json::array();
    bool has_more_ = false;
};

struct Used {
    std::string customer;
    std::string peer;        // "" = the customer, or a connection
    std::string connection;  // "" = none
    Rates rates;
};

double sum_of(const Used& used) {
    return used.rates.inbound + used.rates.outbound;
}

Json rows_of(std::vector<Used> all, std::size_t limit) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
    std::partial_sort(all.begin(), end, all.end(), [](const Used& a, const Used& b) { return sum_of(a) > sum_of(b); });
    Json out = Json::array();
    for (auto one = all.begin(); one != end; ++one)
        out.push_back({{"customer", one->customer},
                       {"peer", text_or_null(one->peer)},
                       {"connection", text_or_null(one->connection)},
                       {"rates", rates_of(one->rates)}});
    return out;
}

// A quota of which much is used.
struct Quota {
    std::string customer;
    std::string peer;        // "" = the customer, or a connection
    std::string connection;  // "" = none
    ipc::Limits limits;
    ipc::MonthUsage month;

    [[nodiscard]] double used() const {
        return (static_cast<double>(month.rx_bytes) + static_cast<double>(month.tx_bytes)) /
               static_cast<double>(limits.quota);
    }
};

struct Expiring {
    std::string customer;
    std::string peer;
    WallTime expires;
};

// Both by urgency.
class Ends {
  public:
    explicit Ends(WallTime now) : until_{now.nanoseconds + kExpiryNotice.count()} {}

    void look_at(const CustomerEntry& customer) {
        const ipc::CustomerSettings& settings = customer.shown.settings;
        add({settings.id, {}, {}, {0, 0, settings.quota, settings.after_quota}, customer.shown.activity.month});
        for (const auto& [name, peer] : customer.peers) {
            add({settings.id, name, {}, peer.shown.settings.limits, peer.shown.activity.month});
            const WallTime expires = peer.shown.settings.expires;
            if (expires == WallTime{} || peer.state == ipc::PeerState::kExpired || until_ < expires) continue;
            expiring_.push_back({settings.id, name, expires});
        }
        for (const auto& [name, one] : customer.connections)
            add({settings.id, {}, name, one.shown.settings.limits, one.shown.activity.month});
    }

    [[nodiscard]] Json document(std::size_t limit) && {
        const bool has_more = quotas_.size() > limit || expiring_.size() > limit;
        std::stable_sort(quotas_.begin(), quotas_.end(),
                         [](const Quota& a, const Quota& b) { return a.used() > b.used(); });
        std::stable_sort(expiring_.begin(), expiring_.end(),
                         [](const Expiring& a, const Expiring& b) { return a.expires < b.expires; });
        quotas_.resize(std::min(quotas_.size(), limit));
        expiring_.resize(std::min(expiring_.size(), limit));
        Json quotas = Json::array();
        for (const Quota& one : quotas_) {
            quotas.push_back({{"customer", one.customer},
                              {"peer", text_or_null(one.peer)},
                              {"connection", text_or_null(one.connection)}});
            add_quota(quotas.back(), one.limits.quota, one.limits.after_quota, one.month);
        }
        Json expiring = Json::array();
        for (const Expiring& one : expiring_)
            expiring.push_back(
                {{"customer", one.customer}, {"peer", one.peer}, {"expires", time_or_null(one.expires)}});
        return {{"quotas", std::move(quotas)}, {"expiring", std::move(expiring)}, {"has_more", has_more}};
    }

  private:
    void add(Quota quota) {
        if (quota.limits.quota == 0) return;
        if (quota.month.is_spent || quota.used() * 100 >= kNearlySpent) quotas_.push_back(std::move(quota));
    }

    WallTime until_;
    std::vector<Quota> quotas_;
    std::vector<Expiring> expiring_;
};

}  // namespace

Reply Router::find(const Call& call) const {
    Query query(call.target);
    std::string text = query.search("text", kMaxText);
    const std::size_t limit = query.number("limit", 1, kMaxPage, 100);
    if (!query.ok()) return query.error_reply();
    if (text.empty()) return problem(400, "text: must not be empty");
    Finder finder(Wanted(std::move(text)), limit);
    std::vector<const CustomerEntry*> customers;
    for (const auto& [id, customer] : census_.customers()) {
        if (call.viewer.may_see(id)) customers.push_back(&customer);
    }
    std::stable_sort(customers.begin(), customers.end(), [](const CustomerEntry* a, const CustomerEntry* b) {
        return Natural{a->shown.settings.id} < Natural{b->shown.settings.id};
    });
    for (const CustomerEntry* customer : customers) finder.look_at(*customer);
    Json document = std::move(finder).document();
    document["as_of"] = utc_text(census_.as_of());
    document["stale"] = census_.is_stale(call.now.instant);
    return json(document);
}

// What has no traffic is in neither list.
Reply Router::top(const Call& call) const {
    Query query(call.target);
    const std::size_t limit = query.number("limit", 1, kMaxTop, 10);
    if (!query.ok()) return query.error_reply();
    std::vector<Used> customers;
    std::vector<Used> peers;
    for (const auto& [id, customer] : census_.customers()) {
        if (!call.viewer.may_see(id) || customer.rates == Rates{}) continue;
        customers.push_back({id, {}, {}, customer.rates});
        for (const auto& [name, peer] : customer.peers) {
            if (peer.rates != Rates{}) peers.push_back({id, name, {}, peer.rates});
        }
        for (const auto& [name, one] : customer.connections) {
            if (one.rates != Rates{}) peers.push_back({id, {}, name, one.rates});
        }
    }
    return json({{"as_of", utc_text(census_.as_of())},
                 {"stale", census_.is_stale(call.now.instant)},
                 {"customers", rows_of(std::move(customers), limit)},
                 {"peers", rows_of(std::move(peers), limit)}});
}

Reply Router::soon(const Call& call) const {
    Query query(call.target);
    const std::size_t limit = query.number("limit", 1, kMaxTop, 10);
    if (!query.ok()) return query.error_reply();
    Ends ends(call.now.wall);
    for (const auto& [id, customer] : census_.customers()) {
        if (call.viewer.may_see(id)) ends.look_at(customer);
    }
    Json document = std::move(ends).document(limit);
    document["as_of"] = utc_text(census_.as_of());
    document["stale"] = census_.is_stale(call.now.instant);
    return json(document);
}

}  // namespace warren::web
