// The IKE_SAs with a child that one core sets up as responder, over the cost of their public-key operations alone; and
// the memory that each costs.
//
//   bench-ike [--peers 300] [--rounds 7] [--auth psk|certificates]
//
// `psk`: X25519 and a preshared key. `certificates`: X25519, and ECDSA P-256 on both sides, each certificate issued by
// a CA. The clock is this thread's: it runs while the hub's engine handles the two requests, while its key exchange is
// computed and while authd's table answers; what the peer computes is not in it. The limit is what the same libraries
// take for the public-key operations that no responder can leave out: an X25519 key and an agreement; with certificates
// a signature, the peer's signature verified, and the issuer's on its certificate. They are done as often behind
// each 50 set-ups, which come together as after an outage: both are means under the same disturbance; `undisturbed` is
// the limit in a tight loop, the fastest of several. `again`: the same peers, in the same order, a second time (they
// have lost power): what is known of their certificates needs no computing, so the limit has the issuer's signature no
// more. Memory: the heap of the engine and of one data worker, with all IKE_SAs idle, less the same without. Prints one
// JSON document; build with the preset `release`.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "auth/certificates.h"
#include "auth/table/table.h"
#include "base/check.h"
#include "crypto/key_exchange.h"
#include "crypto/signature.h"
#include "tests/vectors/certificates.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/ike/engine.h"
#include "vpnd/ike/exchange.h"

namespace warren::ike {
namespace {

using namespace std::chrono_literals;

double thread_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double heap_in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

constexpr SecretId kPsk = 1;
constexpr SecretId kTrust = 2;
constexpr SecretId kSigner = 3;  // the hub's, and of a peer that and its number
constexpr const char* kHubName = "hub.example.net";

auth::Secret::File file_of(ipc::SecretFile what, std::string_view text) {
    return {what, crypto::SecretBuffer(as_bytes(text))};
}

std::string peer_name(std::uint32_t number) {
    return "peer-" + std::to_string(number) + ".example.net";
}

struct Papers {
    explicit Papers(std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) peers.push_back(test::make_leaf(root, "DNS:" + peer_name(i)));
    }
    test::Made root = test::make_root("Example root");
    test::Made hub = test::make_leaf(root, std::string("DNS:") + kHubName);
    std::vector<test::Made> peers;
};

Identity name_of(std::string_view text) {
    return {IdType::kFqdn, {text.begin(), text.end()}};
}

Endpoint endpoint_of(std::uint32_t number) {
    return {IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                          static_cast<std::uint8_t>(number)),
            kIkePort, 0};
}
const Endpoint kHubEndpoint{IpAddress::v4(192, 0, 2, 1), kIkePort, 0};

TrafficSelector everything_of(std::uint8_t second) {
    TrafficSelector selector;
    selector.first = IpAddress::v4(10, second, 0, 0);
    selector.last = IpAddress::v4(10, second, 255, 255);
    return selector;
}

Connection connection_of(std::uint32_t number, bool is_hub, bool has_certificates) {
    Connection out;
    out.index = {number};
    out.name = "site-" + std::to_string(number);
    out.auth = has_certificates ? Auth::kCertificate : Auth::kPsk;
    if (has_certificates) {
        out.signer = is_hub ? kSigner : kSigner + number;
        out.trust = kTrust;
    } else {
        out.psk = kPsk;
    }
    out.local_identity = name_of(is_hub ? kHubName : peer_name(number));
    out.remote_identity.identity = name_of(is_hub ? peer_name(number) : kHubName);
    out.remote_address = is_hub ? endpoint_of(number).address : kHubEndpoint.address;
    ChildConfig child;
    child.name = "lan";
    child.peer = PeerIndex{number};
    child.local = {everything_of(is_hub ? 1 : 2)};
    child.remote = {everything_of(is_hub ? 2 : 1)};
    out.children = {child};
    return out;
}

// As vpnd/listeners/ike/authd_channel.cc says them.
class Answerer {
  public:
    Answerer(crypto::RandomSource& random, const Papers& papers, bool is_hub, bool has_certificates)
        : random_(random), table_(random, std::make_unique<auth::ChainCertificates>()) {
        put(kPsk, SecretKind::kPsk, {{ipc::SecretFile::kKey, "correct horse battery staple"}});
        if (!has_certificates) return;
        if (is_hub) put(kSigner, papers.hub);
        for (std::uint32_t i = 0; i < papers.peers.size() && !is_hub; ++i) put(kSigner + i, papers.peers[i]);
        put(kTrust, SecretKind::kTrust, {{ipc::SecretFile::kCa, papers.root.pem()}});
    }

    Answer answer(Now now, Question question) {
        if (auto* const keys = std::get_if<KeyExchangeAsk>(&question)) return exchange(std::move(*keys), random_);
        if (auto* const mac = std::get_if<PskMacAsk>(&question)) {
            const ipc::AuthReply reply = table_.answer(
                now, ipc::PskMacAsk{mac->psk, mac->prf, std::move(mac->peer_octets), std::move(mac->our_octets)});
            const auto& macs = std::get<ipc::PskMacAnswer>(reply);
            return PskMacAnswer{crypto::PrfKey(macs.peer_mac.reveal()), crypto::PrfKey(macs.our_mac.reveal())};
        }
        if (auto* const sign = std::get_if<SignAsk>(&question)) {
            ipc::AuthReply reply =
                table_.answer(now, ipc::SignAsk{sign->signer, std::move(sign->hashes), std::move(sign->octets)});
            auto& signature = std::get<ipc::SignAnswer>(reply);
            return SignAnswer{static_cast<AuthMethod>(signature.method), std::move(signature.data),
                              std::move(signature.chain)};
        }
        auto* const verify = std::get_if<VerifyPeerAsk>(&question);
        WARREN_CHECK(verify != nullptr);
        const ipc::AuthReply reply = table_.answer(
            now, ipc::VerifyPeerAsk{std::move(verify->trusts), static_cast<std::uint8_t>(verify->identity.type),
                                    std::move(verify->identity.value), std::move(verify->chain),
                                    static_cast<std::uint8_t>(verify->method), std::move(verify->data),
                                    std::move(verify->octets)});
        const auto& verdict = std::get<ipc::VerifyPeerAnswer>(reply);
        return VerifyPeerAnswer{verdict.verdict, verdict.trust, verdict.not_after};
    }

  private:
    void put(SecretId id, const test::Made& signer) {
        put(id, SecretKind::kSigner,
            {{ipc::SecretFile::kCertificate, signer.pem()}, {ipc::SecretFile::kPrivateKey, signer.key_pem()}});
    }
    void put(SecretId id, SecretKind kind, std::vector<std::pair<ipc::SecretFile, std::string>> files) {
        auth::Secret secret;
        secret.kind = kind;
        for (const auto& [what, text] : files) secret.files.push_back(file_of(what, text));
        WARREN_CHECK(table_.put(id, std::move(secret)).has_value());
    }

    crypto::RandomSource& random_;
    auth::Table table_;
};

Settings settings() {
    Settings out;
    out.listener = {0};
    return out;
}

// One engine, whose asks are answered in place.
class Side {
  public:
    Side(crypto::RandomSource& random, Answerer& answerer)
        : answerer_(answerer), engine_(std::make_unique<Engine>(settings(), indexes_, random)) {
        engine_->put_customer({}, {CustomerIndex{0}, "acme", {}, {}}, out);
    }

    void put(Now now, Connection connection) {
        engine_->put_connection(now, std::move(connection), out);
        answer_asks(now);
    }
    void begin(Now now) {
        WARREN_CHECK(engine_->initiate(now, ConnectionIndex{0}, out));
        answer_asks(now);
    }
    void deliver(Now now, const Endpoint& from, std::uint16_t to_port, Bytes datagram) {
        engine_->handle_datagram(now, {from, {kHubEndpoint.address, 1}, to_port}, datagram, out);
        answer_asks(now);
    }
    [[nodiscard]] control::OutgoingMessage take_message() {
        WARREN_CHECK(out.messages.size() == 1);
        control::OutgoingMessage message = std::move(out.messages.front());
        out.messages.clear();
        return message;
    }
    Engine& engine() { return *engine_; }
    void end() { engine_.reset(); }

    control::Output out;

  private:
    void answer_asks(Now now) {
        for (std::vector<Ask> asks = engine_->take_asks(); !asks.empty(); asks = engine_->take_asks()) {
            for (Ask& ask : asks)
                engine_->handle_answer(now, ask.id, answerer_.answer(now, std::move(ask.question)), out);
        }
    }

    Answerer& answerer_;
    control::IndexTable indexes_;
    std::unique_ptr<Engine> engine_;
};

class NoAead final : public crypto::PacketAead {
  public:
    void seal(std::span<crypto::AeadJob>) override {}
    void open(std::span<crypto::AeadJob>) override {}
};

// What no responder can leave out.
class Limit {
  public:
    Limit(const Papers& papers, bool has_certificates)
        : theirs_(crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, random_)) {
        if (!has_certificates) return;
        key_.emplace(std::move(*crypto::SigningKey::from_pem(as_bytes(papers.hub.key_pem()))));
        verifying_.emplace(std::move(*crypto::VerifyingKey::from_der(key_->public_key())));
        signature_ = *key_->sign(crypto::kHashesVerified, false, octets_);
    }
    // Does it once. `verified`: how many signatures, with certificates.
    double seconds(int verified) {
        const double begin = thread_seconds();
        const auto ours = crypto::EphemeralKey::generate(crypto::KeyExchangeMethod::kX25519, random_);
        WARREN_CHECK(ours.agree(theirs_.public_value()).has_value());
        if (key_) {
            WARREN_CHECK(key_->sign(crypto::kHashesVerified, false, octets_).has_value());
            for (int i = 0; i < verified; ++i)
                WARREN_CHECK(verifying_->verify(signature_.method, signature_.data, octets_));
        }
        return thread_seconds() - begin;
    }
    // The fastest of several, because disturbance only makes it slower.
    double undisturbed() {
        constexpr int kTimes = 50;
        double best = 1e9;
        for (int batch = 0; batch < 8; ++batch) {
            double sum = 0;
            for (int i = 0; i < kTimes; ++i) sum += seconds(2);
            best = std::min(best, sum / kTimes);
        }
        return best;
    }

  private:
    crypto::SystemRandom random_;
    crypto::EphemeralKey theirs_;
    std::optional<crypto::SigningKey> key_;
    std::optional<crypto::VerifyingKey> verifying_;
    std::vector<std::uint8_t> octets_ = std::vector<std::uint8_t>(600, 1);
    crypto::AuthSignature signature_;
};

// The seconds of all set-ups, and of their public-key operations alone.
struct Seconds {
    double set_up = 0;
    double limit = 0;
};

// A hub with as many connections as peers, and its data worker.
class World {
  public:
    World(const Papers& papers, std::uint32_t peers, bool has_certificates)
        : peers_(peers),
          has_certificates_(has_certificates),
          hubs_(random_, papers, true, has_certificates),
          theirs_(random_, papers, false, has_certificates),
          hub_(random_, hubs_),
          pipeline_(std::make_unique<dataplane::Pipeline>(aead_)) {
        auto view = std::make_unique<dataplane::CustomerView>();
        view->index = {0};
        view->id = "acme";
        for (std::uint32_t i = 0; i < peers; ++i) view->peers.push_back({i});
        pipeline_->put_listener(ListenerIndex{0}, dataplane::kEspFraming);
        pipeline_->swap_customer(std::move(view), {.tcp = true, .udp = true});
        for (std::uint32_t i = 0; i < peers; ++i) hub_.put(now_, connection_of(i, true, has_certificates));
    }

    // The hub's.
    Seconds set_up(Limit& limit, int verified) {
        Seconds seconds;
        for (std::uint32_t first = 0; first < peers_; first += kTogether) {
            const std::uint32_t count = std::min(kTogether, peers_ - first);
            seconds.set_up += set_up(first, count);
            for (std::uint32_t i = 0; i < count; ++i) seconds.limit += limit.seconds(verified);
        }
        WARREN_CHECK(hub_.engine().sizes().ike_sas == peers_);
        return seconds;
    }
    // What the engine and the data worker give back.
    double take_down() {
        const double before = heap_in_use();
        hub_.end();
        pipeline_.reset();
        return before - heap_in_use();
    }

  private:
    // Peers whose messages come together, as after an outage: the hub does not wait for one of them before the next.
    static constexpr std::uint32_t kTogether = 50;

    double set_up(std::uint32_t first, std::uint32_t count) {
        while (hub_.engine().next_deadline() <= now_.instant) hub_.engine().handle_timeout(now_, hub_.out);
        std::vector<std::unique_ptr<Side>> clients;
        for (std::uint32_t peer = first; peer < first + count; ++peer) {
            Side& client = *clients.emplace_back(std::make_unique<Side>(random_, theirs_));
            Connection connection = connection_of(peer, false, has_certificates_);
            connection.index = {0};
            client.put(now_, std::move(connection));
            client.begin(now_);
        }
        double seconds = 0;
        for (int request = 0; request < 2; ++request) {
            std::vector<control::OutgoingMessage> asked;
            std::vector<control::OutgoingMessage> answered;
            for (const auto& client : clients) asked.push_back(client->take_message());
            answered.reserve(count);
            const double begin = thread_seconds();
            for (std::uint32_t i = 0; i < count; ++i) {
                now_ = {now_.instant + 20ms, WallTime{now_.wall.nanoseconds + 20'000'000}};
                Endpoint from = endpoint_of(first + i);
                from.port = asked[i].from_port;
                hub_.out.messages.clear();
                hub_.deliver(now_, from, asked[i].to.port, asked[i].view());
                answered.push_back(hub_.take_message());
            }
            seconds += thread_seconds() - begin;
            for (std::uint32_t i = 0; i < count; ++i) {
                Endpoint hub = kHubEndpoint;
                hub.port = answered[i].from_port;
                clients[i]->deliver(now_, hub, answered[i].to.port, answered[i].view());
            }
        }
        for (const auto& client : clients) WARREN_CHECK(client->engine().sizes().ike_sas == 1);
        dataplane::Output packets;
        for (control::PostedCommand& posted : hub_.out.commands)
            pipeline_->apply(now_.instant, std::move(posted.command), packets);
        hub_.out.clear();
        return seconds;
    }

    std::uint32_t peers_;
    bool has_certificates_;
    crypto::SystemRandom random_;
    Answerer hubs_;
    Answerer theirs_;
    Side hub_;
    NoAead aead_;
    std::unique_ptr<dataplane::Pipeline> pipeline_;
    Now now_{Instant{1'000'000'000'000}, test::kCertificateTime};
};

struct Figure {
    double ratio = 0;
    double set_up_us = 0;
    double limit_us = 0;
};

Figure figure_of(const Seconds& seconds, std::uint32_t peers) {
    return {seconds.limit / seconds.set_up, seconds.set_up / peers * 1e6, seconds.limit / peers * 1e6};
}

// Of all rounds: the median, and between what they are.
void print(const char* name, std::vector<Figure> figures) {
    std::sort(figures.begin(), figures.end(), [](const Figure& a, const Figure& b) { return a.ratio < b.ratio; });
    const Figure& median = figures[figures.size() / 2];
    std::printf(
        "\"%s\": {\"set_ups_per_second\": %.0f, \"set_up_us\": %.1f, \"public_key_us\": %.1f, "
        "\"over_limit\": %.3f, \"lowest\": %.3f, \"highest\": %.3f}",
        name, 1e6 / median.set_up_us, median.set_up_us, median.limit_us, median.ratio, figures.front().ratio,
        figures.back().ratio);
}

void measure(const char* name, const Papers& papers, std::uint32_t peers, std::size_t rounds, bool has_certificates) {
    std::vector<Figure> first;
    std::vector<Figure> again;
    std::vector<double> bytes;
    Limit limit(papers, has_certificates);
    double undisturbed = 1e9;
    for (std::size_t i = 0; i < rounds; ++i) {
        undisturbed = std::min(undisturbed, limit.undisturbed());
        World empty(papers, peers, has_certificates);
        World world(papers, peers, has_certificates);
        first.push_back(figure_of(world.set_up(limit, 2), peers));
        bytes.push_back((world.take_down() - empty.take_down()) / peers);
        World returning(papers, peers, has_certificates);
        (void)returning.set_up(limit, 2);
        again.push_back(figure_of(returning.set_up(limit, 1), peers));
    }
    std::sort(bytes.begin(), bytes.end());
    std::printf(",\n  \"%s\": {\"undisturbed_us\": %.1f, \"bytes_per_ike_sa\": %.0f,\n    ", name, undisturbed * 1e6,
                bytes[bytes.size() / 2]);
    print("first", std::move(first));
    std::printf(",\n    ");
    print("again", std::move(again));
    std::printf("}");
}

}  // namespace
}  // namespace warren::ike

int main(int argc, char** argv) {
    std::uint32_t peers = 300;
    std::size_t rounds = 7;
    std::string_view auth;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        if (name == "--auth") auth = argv[i + 1];
        const unsigned long value = std::strtoul(argv[i + 1], nullptr, 10);
        if (name == "--peers") peers = static_cast<std::uint32_t>(std::clamp(value, 1UL, 60'000UL));
        if (name == "--rounds") rounds = std::max(value, 1UL);
    }
    ::mallopt(M_MMAP_MAX, 0);  // nothing is mapped outside the heap, so that one number includes everything
    warren::auth::load_certificate_algorithms();
    const warren::ike::Papers papers(peers);
    std::printf("{\n  \"peers\": %u, \"rounds\": %zu", peers, rounds);
    if (auth != "certificates") warren::ike::measure("psk", papers, peers, rounds, false);
    if (auth != "psk") warren::ike::measure("certificates", papers, peers, rounds, true);
    std::printf("\n}\n");
    return 0;
}
