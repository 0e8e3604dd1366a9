// The input is a script of what strangers, an authentic peer, the data plane, the operator, those who answer asks and
// the clock do to one engine. Its sessions and indexes stay bounded and consistent, time always advances, strangers
// change nothing.
#include <algorithm>
#include <deque>
#include <set>
#include <variant>

#include "base/check.h"
#include "tests/unit/ike_engine/answerer.h"
#include "tests/unit/ike_engine/scripted_peer.h"
#include "vpnd/ike/limits.h"

namespace {

using namespace warren;
using namespace warren::ike;
using namespace warren::ike::testing;

class Script {
  public:
    explicit Script(Bytes script) : script_(script) {
        engine_.put_customer(now_, {kAcme, "acme", identity("acme.example.net"), {}}, out_);
        for (SecretId psk = 1; psk <= 4; ++psk) answerer_.put_psk(psk, as_bytes(kPsk));
        put(0);
        settle();
    }
    void run() {
        for (int step = 0; step < 48 && script_.ok() && !script_.rest().empty(); ++step) {
            one_step();
            settle();
        }
    }

  private:
    void one_step() {
        const std::uint8_t operation = script_.u8();
        const std::uint8_t argument = script_.u8();
        switch (operation % 16) {
            case 0: return deliver_raw(argument);
            case 1: return begin();
            case 2: return authenticate(argument);
            case 3: return deliver_sealed(argument);
            case 4: return create(argument);
            case 5: return rekey_ike();
            case 6: return inform(argument);
            case 7: return deliver_damaged(argument);
            case 8: return advance(std::chrono::milliseconds(script_.le<std::uint16_t>()));
            case 9: return advance(std::chrono::minutes(argument));
            case 10: answers_ = argument % 4; return;
            case 11: return tell(argument);
            case 12: return put(argument);
            case 13: return operate(argument);
            case 14: return engine_.set_queue_length(argument * 4U);
            case 15: return repeat(argument);
        }
    }

    [[nodiscard]] control::Arrival arrival(std::uint16_t port = kNatPort) const {
        return {{IpAddress::v4(192, 0, 2, 1), port, 0}, {IpAddress::v4(192, 0, 2, 2), 1}, port};
    }
    void deliver(const std::vector<std::uint8_t>& message, std::uint16_t port = kNatPort) {
        last_ = message;
        std::vector<std::uint8_t> datagram(port == kNatPort ? 4 : 0);
        datagram.insert(datagram.end(), message.begin(), message.end());
        engine_.handle_datagram(now_, arrival(port), datagram, out_);
    }

    // From a stranger: a guess of an integrity checksum succeeds once in 2^128.
    void deliver_raw(std::uint8_t size) {
        std::vector<std::uint8_t> datagram(size);
        const Bytes given = script_.take(std::min<std::size_t>(size, script_.rest().size()));
        std::copy(given.begin(), given.end(), datagram.begin());
        engine_.handle_datagram(now_, arrival(size % 2 == 0 ? kIkePort : kNatPort), datagram, out_);
        WARREN_CHECK(out_.commands.empty() && out_.news.empty());
    }

    void begin() {
        peer_ = std::make_unique<ScriptedPeer>(random_.below(UINT64_MAX));
        is_ready_ = false;
        next_id_ = 1;
        deliver(peer_->init_request(), kIkePort);
        settle();
        for (const auto& message : sent_) {
            const auto read = read_message(message);
            if (!read || read->payloads.find<SaPayload>() == nullptr || !read->header.is_response) continue;
            if (read->header.spis.initiator != peer_->spis.initiator) continue;
            is_ready_ = peer_->take_init_response(message);
            return;
        }
    }

    void authenticate(std::uint8_t argument) {
        if (!is_ready_) return;
        Chain chain = peer_->auth_chain(argument % 8 == 7 ? "wrong" : kPsk, "left.example.net", "right.example.net");
        if (argument % 2 == 1) chain.notify(notify_of(NotifyType::kInitialContact));
        deliver(peer_->sealed(ExchangeType::kIkeAuth, next_id_++, chain));
    }

    // Authentic, whatever is inside.
    void deliver_sealed(std::uint8_t size) {
        if (!is_ready_) return;
        const auto exchange = static_cast<ExchangeType>(34 + script_.u8() % 6);
        const auto first = static_cast<PayloadType>(script_.u8());
        const Bytes inside = script_.take(std::min<std::size_t>(size, script_.rest().size()));
        const bool is_response = size % 5 == 0;
        const auto header = peer_->header(exchange, is_response ? size % 4 : next_id_++, is_response);
        deliver(peer_->sealer->seal(header, first, inside, random_));
    }

    void create(std::uint8_t argument) {
        if (!is_ready_) return;
        const bool has_group = argument % 2 == 1;
        Chain chain = peer_->child_chain(0xc0000000U + next_spi_++,
                                         has_group ? KeyExchangeId::kCurve25519 : KeyExchangeId::kNone);
        if (argument % 3 == 0)
            chain.notify(rekey_sa(argument % 6 == 0 ? peer_->child_spi : 0xc0000000U + argument % 8));
        deliver(peer_->sealed(ExchangeType::kCreateChildSa, next_id_++, chain));
    }

    void rekey_ike() {
        if (!is_ready_) return;
        Proposal proposal = peer_->offered.front();
        proposal.spi.resize(8);
        random_.fill(proposal.spi);
        const auto key = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, random_);
        Chain chain;
        chain.sa({&proposal, 1}).nonce(random_.bytes(32)).ke(KeyExchangeId::kCurve25519, key.public_value());
        deliver(peer_->sealed(ExchangeType::kCreateChildSa, next_id_++, chain));
    }

    void inform(std::uint8_t argument) {
        if (!is_ready_) return;
        Chain chain;
        const std::uint32_t spi = argument % 4 == 0 ? peer_->child_spi : 0xc0000000U + argument % 8;
        if (argument % 3 != 0) chain.delete_esp({&spi, 1});
        if (argument % 16 == 15) chain.delete_ike();
        deliver(peer_->sealed(ExchangeType::kInformational, next_id_++, chain));
    }

    void deliver_damaged(std::uint8_t argument) {
        if (last_.empty() || !is_ready_) return;
        const std::vector<std::uint8_t> good = last_;
        std::vector<std::uint8_t> bad = good;
        bad[argument % bad.size()] ^= static_cast<std::uint8_t>(1U + script_.u8() % 255);
        if (read_header(bad) && bad[18] == static_cast<std::uint8_t>(ExchangeType::kIkeSaInit)) return;
        deliver(bad);
        last_ = good;
        WARREN_CHECK(out_.commands.empty() && out_.news.empty());
    }

    void repeat(std::uint8_t argument) {
        if (!last_.empty()) deliver(last_, argument % 2 == 0 ? kNatPort : kIkePort);
    }

    void advance(Duration by) {
        const Instant end = now_.instant + by;
        for (int i = 0; i < 200 && engine_.next_deadline() <= end; ++i) {
            set_clock(std::max(now_.instant, engine_.next_deadline()));
            engine_.handle_timeout(now_, out_);
            settle();
        }
        set_clock(end);
    }
    void set_clock(Instant to) { now_ = {to, WallTime{now_.wall.nanoseconds + (to - now_.instant).count()}}; }

    void tell(std::uint8_t argument) {
        dataplane::FlowKey flow;
        flow.local = IpAddress::v4(10, 2, 0, argument);
        flow.remote = IpAddress::v4(10, 1, 0, argument);
        flow.protocol = 17;
        const PeerIndex peer{argument % 2U};
        const SessionId any = installed_.empty() ? SessionId{} : *installed_.begin();
        switch (argument % 5) {
            case 0: return engine_.handle_event(now_, dataplane::NeedSession{peer, flow}, out_);
            case 1: return engine_.handle_event(now_, dataplane::NeedSession{peer, std::nullopt}, out_);
            case 2: return engine_.handle_event(now_, dataplane::SessionConfirmed{peer, any}, out_);
            case 3:
                return engine_.handle_event(now_, dataplane::PeerActivity{.peer = peer, .last_received = now_.instant},
                                            out_);
            default:
                return engine_.handle_event(
                    now_, dataplane::PeerRoamed{peer, {IpAddress::v4(192, 0, 2, argument), 4500, 0}, {}}, out_);
        }
    }

    void put(std::uint8_t argument) {
        Connection connection;
        connection.index = kFirst;
        connection.customer = kAcme;
        connection.name = "to-left";
        connection.local_identity = identity("right.example.net");
        connection.remote_identity = expected("left.example.net");
        if (argument % 2 == 0) connection.remote_address = IpAddress::v4(192, 0, 2, 1);
        connection.start = static_cast<Start>(argument % 3);
        connection.psk = SecretId{1} + argument / 64;
        connection.children.resize(1 + argument % 2);
        for (std::uint32_t i = 0; i < connection.children.size(); ++i) {
            ChildConfig& child = connection.children[i];
            child.peer = PeerIndex{i};
            child.worker = i;
            child.local = {network(i == 0 ? "10.2.0.0/16" : "10.3.0.0/16")};
            child.remote = {network("10.1.0.0/16")};
        }
        engine_.put_connection(now_, std::move(connection), out_);
    }

    void operate(std::uint8_t argument) {
        switch (argument % 6) {
            case 0: (void)engine_.initiate(now_, kFirst, out_); return;
            case 1: (void)engine_.rekey(now_, kFirst, static_cast<Engine::Rekey>(argument % 3), out_); return;
            case 2: (void)engine_.terminate(now_, kFirst, out_); return;
            case 3: return engine_.remove_peer(now_, PeerIndex{argument % 2U}, out_);
            case 4:
                if (argument % 4 == 0) engine_.remove_connection(now_, kFirst, out_);
                return;
            default:
                WARREN_CHECK(engine_.strangers_attempts().size() <= kAttemptsKept);
                (void)engine_.connection_status(kFirst, control::ConnectionDetail::kIkeSas);
                (void)engine_.attempts(kFirst);
        }
    }

    // Asks are answered, fail, or stay open.
    void settle() {
        sent_.clear();
        check();
        for (Ask& ask : engine_.take_asks()) asks_.push_back(std::move(ask));
        while (!asks_.empty() && answers_ != 3) {
            Ask ask = std::move(asks_.front());
            asks_.pop_front();
            Answer answer = answers_ == 2 ? Answer(AskFailed{}) : answerer_.answer(std::move(ask.question));
            engine_.handle_answer(now_, ask.id, std::move(answer), out_);
            check();
            for (Ask& next : engine_.take_asks()) asks_.push_back(std::move(next));
        }
        while (asks_.size() > 64) asks_.pop_front();
    }

    void check() {
        for (const auto& posted : out_.commands) {
            if (const auto* const installed = std::get_if<dataplane::InstallSession>(&posted.command)) {
                WARREN_CHECK(installed_.insert(installed->local_id).second);
                WARREN_CHECK(installed->local_id.value >= SessionId::kLeast);
                WARREN_CHECK(!installed->selectors.empty());
                WARREN_CHECK(installed->flow < dataplane::kFlowsPerPeer);
                WARREN_CHECK(!installed->send_key.secret.equals(installed->receive_key.secret));
            }
            if (const auto* const retired = std::get_if<dataplane::RetireSession>(&posted.command))
                WARREN_CHECK(installed_.erase(retired->local_id) == 1);
        }
        for (const control::OutgoingMessage& message : out_.messages) {
            if (message.bytes.size() == 1) continue;  // a NAT keepalive
            const Bytes bytes = message.view().subspan(message.from_port == kNatPort ? 4 : 0);
            const auto header = read_header(bytes);
            WARREN_CHECK(header.has_value());
            sent_.emplace_back(bytes.begin(), bytes.end());
        }
        out_.clear();
        const Engine::Sizes sizes = engine_.sizes();
        // Replaced children are received on for a while after their Delete.
        WARREN_CHECK(sizes.children <= installed_.size());
        WARREN_CHECK(installed_.size() <= sizes.children + 4 * kMostReceivedAfterDeleteOfPeer);
        WARREN_CHECK(indexes_.size() >= installed_.size());
        WARREN_CHECK(indexes_.size() <= installed_.size() + sizes.all);
        WARREN_CHECK(sizes.open_asks <= kMostOpenAsks);
        WARREN_CHECK(sizes.half_open <= kMostHalfOpen);
        for (const SessionId id : installed_) WARREN_CHECK(indexes_.find(id)->kind == control::IndexKind::kKeypair);
        if (engine_.next_deadline() <= now_.instant) {
            for (int i = 0; engine_.next_deadline() <= now_.instant; ++i) {
                WARREN_CHECK(i < 1000);  // time goes on
                engine_.handle_timeout(now_, out_);
            }
            check();
        }
    }

    ByteReader script_;
    test::SeededRandom random_{1};
    control::IndexTable indexes_;
    Answerer answerer_{random_};
    Engine engine_{Settings{}, indexes_, random_};
    Now now_ = at(Duration::zero());
    control::Output out_;
    std::unique_ptr<ScriptedPeer> peer_;
    bool is_ready_ = false;
    std::uint32_t next_id_ = 1;
    std::uint32_t next_spi_ = 0;
    unsigned answers_ = 0;
    std::deque<Ask> asks_;
    std::vector<std::vector<std::uint8_t>> sent_;
    std::vector<std::uint8_t> last_;
    std::set<SessionId> installed_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Script({data, size}).run();
    return 0;
}
