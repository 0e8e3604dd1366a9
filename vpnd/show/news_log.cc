#include "vpnd/show/news_log.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/log.h"
#include "base/utc_text.h"
#include "vpnd/show/snapshot.h"

namespace warren::vpnd {

namespace {
// A difference that clocks have; what arrives late is refused for it, and no client is locked out.
constexpr std::chrono::seconds kClockTolerance{60};

// Whose a peer of the data plane is, by name: a peer's or a connection's. Null: it is not there any more.
struct About {
    const HeldCustomer* customer = nullptr;
    std::string name;
};
About about(const CustomerSet& customers, PeerIndex index) {
    const auto [customer, peer] = customers.find(index);
    if (peer != nullptr) return {customer, peer->config.settings.name};
    const auto [owner, connection] = customers.connection_of(index);
    return connection == nullptr ? About{} : About{owner, connection->config.settings.name};
}

}  // namespace

void NewsLog::completed(const CustomerSet& customers, const control::HandshakeCompleted& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer == nullptr) return;
    const Place before = std::exchange(place_of(news.peer), Place::kUp);
    const bool renewed = before == Place::kUp;
    const char* role = news.is_initiator ? "initiator" : "responder";
    if (renewed) {
        log(LogLevel::kDebug, "session_renewed", {{"customer", customer->settings.id}, {"peer", name}, {"role", role}});
        return;
    }
    if (const auto suppressed = sessions_.pass(news.at.instant)) {
        log(LogLevel::kInfo, "session_established",
            {{"customer", customer->settings.id},
             {"peer", name},
             {"role", role},
             {"suppressed", std::to_string(*suppressed)}});
    }
    log(LogLevel::kDebug, "endpoint_learned",
        {{"customer", customer->settings.id}, {"peer", name}, {"endpoint", to_string(news.endpoint)}});

    if (before == Place::kDown) {
        if (const auto suppressed = peers_up_.pass(news.at.instant))
            log(LogLevel::kInfo, "peer_up",
                {{"customer", customer->settings.id}, {"peer", name}, {"suppressed", std::to_string(*suppressed)}});
    }
    ++up_[customer->index];
    if (down_.erase(customer->index) == 0) return;
    if (const auto suppressed = customers_.pass(news.at.instant))
        log(LogLevel::kInfo, "customer_up",
            {{"customer", customer->settings.id}, {"suppressed", std::to_string(*suppressed)}});
}

void NewsLog::resumed(const CustomerSet& customers, const control::PeerResumed& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer != nullptr && std::exchange(place_of(news.peer), Place::kUp) != Place::kUp) ++up_[customer->index];
}

void NewsLog::take_down(CustomerIndex customer) {
    const auto at = up_.find(customer);
    if (at != up_.end() && --at->second == 0) up_.erase(at);
}

void NewsLog::forget(CustomerIndex customer, PeerIndex peer) {
    if (std::exchange(place_of(peer), Place::kUnknown) == Place::kUp) take_down(customer);
    if (!up_.contains(customer)) down_.erase(customer);
}

NewsLog::Place& NewsLog::place_of(PeerIndex peer) {
    if (places_.size() <= peer.value) places_.resize(peer.value + 1, Place::kUnknown);
    return places_[peer.value];
}

void NewsLog::lost(const CustomerSet& customers, const control::PeerLost& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer == nullptr) return;
    const Place before = std::exchange(place_of(news.peer), Place::kDown);
    const std::string reason(name_of(news.reason));
    if (const auto suppressed = peers_down_.pass(news.at.instant))
        log(LogLevel::kInfo, "peer_down",
            {{"customer", customer->settings.id},
             {"peer", name},
             {"reason", reason},
             {"suppressed", std::to_string(*suppressed)}});
    if (before == Place::kUp) take_down(customer->index);
    // After a restart each peer that stays away comes here.
    if (up_.contains(customer->index) || !down_.insert(customer->index).second) return;
    if (const auto suppressed = customers_.pass(news.at.instant))
        log(LogLevel::kWarn, "customer_down",
            {{"customer", customer->settings.id}, {"reason", reason}, {"suppressed", std::to_string(*suppressed)}});
}

void NewsLog::gave_up(const CustomerSet& customers, const control::HandshakeGaveUp& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer == nullptr) return;
    if (const auto suppressed = given_up_.pass(news.at.instant)) {
        log(LogLevel::kInfo, "handshake_gave_up",
            {{"customer", customer->settings.id}, {"peer", name}, {"suppressed", std::to_string(*suppressed)}});
    }
}

void NewsLog::refused(const CustomerSet& customers, const control::HandshakeRefused& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer == nullptr) return;
    const bool is_old = news.reason == DropReason::kOldTimestamp;
    const bool is_expired = news.reason == DropReason::kPeerExpired;  // it does not know, and asks for months
    LogGate& gate = is_old ? refused_as_old_ : is_expired ? refused_as_expired_ : refused_as_too_soon_;
    const auto suppressed = gate.pass(news.at.instant);
    if (!suppressed) return;
    const std::string& id = customer->settings.id;
    const std::string reason(name_of(news.reason));
    if (!is_old || news.ahead < kClockTolerance) {
        return log(is_expired ? LogLevel::kInfo : LogLevel::kWarn, "handshake_refused",
                   {{"customer", id}, {"peer", name}, {"reason", reason}, {"suppressed", std::to_string(*suppressed)}});
    }
    log(LogLevel::kWarn, "handshake_refused",
        {{"customer", id},
         {"peer", name},
         {"reason", reason},
         {"clock_was_ahead_days", fmt::format("{:.1f}", static_cast<double>(news.ahead.count()) / 86'400)},
         {"hint", fmt::format("once the client's clock is right: vpnctl peer reset {} {}", id, name)},
         {"suppressed", std::to_string(*suppressed)}});
}

void NewsLog::flaps(const CustomerSet& customers, const control::PeerFlaps& news) {
    const auto [customer, name] = about(customers, news.peer);
    if (customer == nullptr) return;
    if (const auto suppressed = flaps_.pass(news.at.instant))
        log(LogLevel::kWarn, "endpoint_flapped",
            {{"customer", customer->settings.id},
             {"peer", name},
             {"here", to_string(news.here)},
             {"there", to_string(news.there)},
             {"hint", "two machines may use this peer's key: give each its own"},
             {"suppressed", std::to_string(*suppressed)}});
}

void NewsLog::sender_refused(const CustomerSet& customers, const ipc::ListenerId& listener,
                             const control::Refusals::Told& told) {
    const control::Refusal& refusal = told.refusal;
    const LogField reason{"reason", std::string(name_of(refusal.reason))};
    const LogField from{"from", to_string(refusal.from)};
    const LogField key{"key", refusal.who.empty() ? "unread" : refusal.who};
    const LogField messages{"messages", std::to_string(refusal.messages)};
    const LogField first{"first", utc_text(refusal.first)};
    const LogField last{"last", utc_text(refusal.last)};
    const LogField suppressed{"suppressed", std::to_string(told.suppressed)};
    const auto [customer, peer] = customers.find(refusal.peer);
    if (peer != nullptr) {
        return log(LogLevel::kInfo, "sender_refused",
                   {{"customer", customer->settings.id},
                    {"peer", peer->config.settings.name},
                    reason,
                    from,
                    key,
                    messages,
                    first,
                    last,
                    suppressed});
    }
    log(LogLevel::kInfo, "sender_refused",
        {{"listener", listener.owner.empty() ? "shared" : listener.owner},
         reason,
         from,
         key,
         messages,
         first,
         last,
         suppressed});
}

}  // namespace warren::vpnd
