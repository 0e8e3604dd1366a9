#include "web/model/peer_watch.h"

#include <chrono>

#include "web/model/sentences.h"

namespace warren::web {

namespace {

using std::chrono::seconds;

// A client that gets no answer tries again every 5 s (WireGuard whitepaper §6.4, Rekey-Timeout).
constexpr unsigned kBegunInVain = 3;
constexpr Duration kBeginsAgain = seconds(15);
// Long enough for one that answers late, and for traffic that goes one way now and then.
constexpr Duration kUnanswered = seconds(60);
constexpr Duration kSendsStill = seconds(15);

Instant at(Instant now, const std::optional<std::uint32_t>& seconds_ago) {
    return seconds_ago ? now - seconds(*seconds_ago) : kLongAgo;
}

}  // namespace

void PeerWatch::observe(Instant now, const ipc::PeerSnapshot* before, const ipc::PeerSnapshot& shown) {
    const ipc::PeerActivity& activity = shown.activity;
    const bool is_another = before == nullptr || before->tunnel != shown.tunnel;
    if (is_another || activity.latest_handshake != before->activity.latest_handshake) {
        begun = 0;
    } else if (activity.newest_seconds > before->activity.newest_seconds) {
        ++begun;
        begun_at = now;
    }
    sent = at(now, shown.sent_seconds);
    const Instant received = at(now, shown.received_seconds);
    const bool is_answered = sent == kLongAgo || received + seconds(1) >= sent;  // ages are in whole seconds
    if (is_another || !activity.has_session || is_answered) {
        unanswered_since = kLongAgo;
    } else if (unanswered_since == kLongAgo || received > unanswered_since) {
        unanswered_since = sent;
    }
}

std::string PeerWatch::trouble(Instant now, const ipc::PeerSnapshot& shown) const {
    if (shown.activity.is_expired) return {};
    if (begun >= kBegunInVain && now - begun_at < kBeginsAgain)
        return "It begins handshakes and goes on with none of our answers: its preshared key may be another one, or "
               "our "
               "answers do not reach it.";
    if (!shown.activity.has_session || unanswered_since == kLongAgo || shown.activity.sources_refused > 0) return {};
    if (now - unanswered_since < kUnanswered || now - sent >= kSendsStill) return {};
    return "Packets go to it for " + span_text(now - unanswered_since) +
           ", and none came back: look at the client's AllowedIPs, its routes and its firewall. A device that has "
           "nothing to answer looks the same.";
}

}  // namespace warren::web
