// The input is a script of actions by strangers, peers, the data plane, the operator and the clock on one engine. Its
// indexes and sessions always stay bounded and consistent, time always advances, and strangers change nothing.
#include <algorithm>
#include <set>
#include <variant>

#include "base/check.h"
#include "tests/unit/wireguard/scripted_peer.h"
#include "vpnd/wireguard/engine.h"

namespace {

using namespace warren;
using namespace warren::wireguard;
using testing::ScriptedPeer;
using testing::SeededRandom;

constexpr std::uint32_t kPeers = 3;
constexpr std::uint32_t kSpare = kPeers;  // another key that these may have

class Script {
  public:
    explicit Script(Bytes script) : script_(script) {
        for (std::uint32_t i = 0; i < kPeers; ++i) {
            peers_.emplace_back(random_, engine_.public_key());
            put_peer(i);
        }
        peers_.emplace_back(random_, engine_.public_key());
        check();
    }
    void run() {
        for (int step = 0; step < 64 && script_.ok() && !script_.rest().empty(); ++step) {
            one_step();
            check();
        }
    }

  private:
    void one_step() {
        const std::uint8_t operation = script_.u8();
        const std::uint8_t argument = script_.u8();
        const std::uint32_t peer = argument % kPeers;
        switch (operation % 12) {
            case 0: return deliver_raw(argument);
            case 1: return deliver_initiation(argument >= 200 ? kSpare : peer, argument);
            case 2: return deliver_response(peer, argument);
            case 3: return deliver_cookie_reply(peer);
            case 4: return advance(Duration(std::chrono::milliseconds(script_.le<std::uint16_t>())));
            case 5: return advance(Duration(std::chrono::seconds(argument)));
            case 6: return tell(dataplane::NeedSession{PeerIndex{peer}});
            case 7: return tell(dataplane::SessionConfirmed{PeerIndex{peer}, newest_installed(peer)});
            case 8: return tell(activity(peer));
            case 9:
                return argument % 2 == 0 ? put_peer(peer, argument) : engine_.remove_peer(now_, PeerIndex{peer}, out_);
            case 10: return set_private_key(argument);
            case 11: return engine_.set_queue_length(argument);
        }
    }

    Endpoint from(std::uint8_t which) const { return {IpAddress::v4(192, 0, 2, which), 51820, 0}; }

    // With the bits of `how`: the spare key as its next one, as its only one, and a date.
    void put_peer(std::uint32_t peer, std::uint8_t how = 0) {
        PeerConfig config;
        config.index = PeerIndex{peer};
        config.customer = CustomerIndex{0};
        config.public_key = peers_[peer].keys.public_key;
        if (peer != 2) config.endpoint = from(static_cast<std::uint8_t>(peer + 1));
        config.persistent_keepalive_seconds = peer == 1 ? 25 : 0;
        const crypto::PublicKey& spare = peers_[kSpare].keys.public_key;
        if ((how & 8) != 0) config.next = std::make_unique<NextKey>(NextKey{spare, {}});
        if ((how & 16) != 0) config.public_key = spare;
        if ((how & 32) != 0) config.expires = {now_.wall.nanoseconds + Duration(std::chrono::seconds(how)).count()};
        engine_.put_peer(now_, std::move(config), out_);
    }

    // An odd `how`: the key before stays as the previous one, and the peers that know it do.
    void set_private_key(std::uint8_t how) {
        crypto::PrivateKey key = crypto::generate_private_key(random_);
        engine_.set_private_key(now_, key.clone(), out_, how % 2 == 1 ? own_key_.clone() : crypto::PrivateKey{});
        own_key_ = std::move(key);
        if (how % 2 == 1) return;
        for (ScriptedPeer& each : peers_) each.hub = engine_.public_key();
    }

    // From a stranger that does not know our public key; a guess succeeds once in 2^128.
    void deliver_raw(std::uint8_t size) {
        std::vector<std::uint8_t> datagram(size);
        const Bytes given = script_.take(std::min<std::size_t>(size, script_.rest().size()));
        std::copy(given.begin(), given.end(), datagram.begin());
        engine_.handle_datagram(now_, {from(99), {}}, datagram, out_);
        WARREN_CHECK(out_.commands.empty() && out_.messages.empty() && out_.news.empty());
    }

    // A message from a peer, possibly with a changed byte and a recomputed mac1.
    void deliver(MutableBytes message, std::uint8_t source) {
        const std::uint8_t place = script_.u8();
        const std::uint8_t change = script_.u8();
        message[place % message.size()] ^= change;
        const bool changed = change != 0 && place % message.size() >= 4 && place % message.size() < message.size() - 32;
        if (changed) testing::fix_mac1(message, engine_.public_key());
        engine_.handle_datagram(now_, {from(source), {}}, message, out_);
        // A changed sender index concerns only the peer, and a changed receiver index may be another of ours. All other
        // fields are authenticated.
        if (changed && place % message.size() >= 12) WARREN_CHECK(out_.commands.empty() && out_.news.empty());
    }
    void deliver_initiation(std::uint32_t peer, std::uint8_t argument) {
        auto message = peers_[peer].initiate(argument, tai64n_whitened(now_.wall));
        deliver(message, argument);
    }
    void deliver_response(std::uint32_t peer, std::uint8_t argument) {
        if (last_initiation_.bytes.size() != kInitiationSize) return;
        if (auto answer = peers_[peer].respond(last_initiation_.view(), argument)) deliver(answer->bytes, argument);
    }
    void deliver_cookie_reply(std::uint32_t peer) {
        if (last_initiation_.bytes.size() != kInitiationSize) return;
        CookieChecker theirs(peers_[peer].keys.public_key, random_);
        std::array<std::uint8_t, kCookieReplySize> message{};
        format(theirs.create_reply(now_.instant, last_initiation_.view(), from(1),
                                   parse_initiation(last_initiation_.view())->sender),
               message);
        engine_.handle_datagram(now_, {from(1), {}}, message, out_);
        WARREN_CHECK(out_.commands.empty() && out_.messages.empty() && out_.news.empty());
    }

    void advance(Duration by) {
        now_ = {now_.instant + by, WallTime{now_.wall.nanoseconds + by.count()}};
        engine_.handle_timeout(now_, out_);
    }
    void tell(const dataplane::Event& event) { engine_.handle_event(now_, event, out_); }
    dataplane::PeerActivity activity(std::uint32_t peer) {
        const auto stamp = [&] {
            const std::uint8_t ago = script_.u8();
            return ago == 0 ? kLongAgo : now_.instant - std::chrono::milliseconds(100) * (ago - 1);
        };
        return {PeerIndex{peer}, stamp(), stamp(), stamp(), stamp(), stamp(), stamp()};
    }
    SessionId newest_installed(std::uint32_t peer) const { return newest_[peer]; }

    void check() {
        for (const auto& posted : out_.commands) {
            if (const auto* installed = std::get_if<dataplane::InstallSession>(&posted.command)) {
                WARREN_CHECK(installed_.insert(installed->local_id).second);
                WARREN_CHECK(!installed->send_key.secret.equals(installed->receive_key.secret));
                newest_[installed->peer.value] = installed->local_id;
            }
            if (const auto* retired = std::get_if<dataplane::RetireSession>(&posted.command)) {
                WARREN_CHECK(installed_.erase(retired->local_id) == 1);
            }
        }
        for (const OutgoingMessage& message : out_.messages) {
            const Classified classified = classify(message.view());
            WARREN_CHECK(classified.misfit == Misfit::kNone);
            WARREN_CHECK(message.traffic_class == (classified.type == MessageType::kCookieReply ? 0 : 0x88));
            if (classified.type == MessageType::kInitiation) last_initiation_ = message;
        }
        out_.clear();
        WARREN_CHECK(installed_.size() <= 3 * engine_.peer_count());
        WARREN_CHECK(indexes_.size() >= installed_.size());
        WARREN_CHECK(indexes_.size() <= 4 * engine_.peer_count());
        for (const SessionId index : installed_)
            WARREN_CHECK(indexes_.find(index)->kind == control::IndexKind::kKeypair);
        // One call handles everything due, so the clock need not wait for another call.
        if (engine_.next_deadline() <= now_.instant) {
            engine_.handle_timeout(now_, out_);
            WARREN_CHECK(engine_.next_deadline() > now_.instant);
            check();
        }
    }

    ByteReader script_;
    SeededRandom random_{1};
    control::IndexTable indexes_;
    Engine engine_{ListenerIndex{0}, crypto::generate_private_key(random_), indexes_, random_};
    Now now_{Instant{1'000'000'000'000}, WallTime{1'800'000'000'000'000'000}};
    Output out_;
    std::vector<ScriptedPeer> peers_;  // and the spare one
    crypto::PrivateKey own_key_;       // of the engine, since it was changed
    OutgoingMessage last_initiation_;
    std::set<SessionId> installed_;
    std::array<SessionId, kPeers> newest_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script({data, size}).run();
    return 0;
}
