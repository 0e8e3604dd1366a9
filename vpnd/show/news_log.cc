#include "vpnd/show/news_log.h"

#include <string>
#include <utility>

#include "base/log.h"
#include "vpnd/show/snapshot.h"

namespace warren::vpnd {

void NewsLog::completed(const CustomerSet& customers, const control::HandshakeCompleted& news) {
    const auto [customer, peer] = customers.find(news.peer);
    if (peer == nullptr) return;
    if (latest_.size() <= news.peer.value) latest_.resize(news.peer.value + 1, kLongAgo);
    const Instant before = std::exchange(latest_[news.peer.value], news.at.instant);
    const bool renewed = before != kLongAgo && news.at.instant - before < kOnline;
    const char* role = news.is_initiator ? "initiator" : "responder";
    if (renewed) {
        log(LogLevel::kDebug, "session_renewed",
            {{"customer", customer->settings.id}, {"peer", peer->config.settings.name}, {"role", role}});
        return;
    }
    if (const auto suppressed = sessions_.pass(news.at.instant)) {
        log(LogLevel::kInfo, "session_established",
            {{"customer", customer->settings.id},
             {"peer", peer->config.settings.name},
             {"role", role},
             {"suppressed", std::to_string(*suppressed)}});
    }
    log(LogLevel::kDebug, "endpoint_learned",
        {{"customer", customer->settings.id},
         {"peer", peer->config.settings.name},
         {"endpoint", to_string(news.endpoint)}});
}

void NewsLog::gave_up(const CustomerSet& customers, const control::HandshakeGaveUp& news) {
    const auto [customer, peer] = customers.find(news.peer);
    if (peer == nullptr) return;
    if (const auto suppressed = given_up_.pass(news.at.instant)) {
        log(LogLevel::kInfo, "handshake_gave_up",
            {{"customer", customer->settings.id},
             {"peer", peer->config.settings.name},
             {"suppressed", std::to_string(*suppressed)}});
    }
}

}  // namespace warren::vpnd
