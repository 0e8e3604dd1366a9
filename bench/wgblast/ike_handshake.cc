#include "bench/wgblast/ike_handshake.h"

#include <utility>
#include <variant>

#include "crypto/prf.h"
#include "vpnd/ike/exchange.h"

namespace warren::bench {

namespace {

constexpr std::size_t kMarker = 4;           // RFC 3948 §2.2
constexpr std::size_t kExchangeTypeAt = 18;  // RFC 7296 §3.1
constexpr std::uint8_t kIkeSaInit = 34;

ike::Identity name(const std::string& text) {
    return {ike::IdType::kFqdn, {text.begin(), text.end()}};
}

IpAddress v4(std::uint32_t address) {
    IpAddress out = IpAddress::v4(0, 0, 0, 0);
    store_be(out.octets.data(), address);
    return out;
}

}  // namespace

ike::Connection IkeHandshake::connection() const {
    ike::Connection out;
    out.index = {0};
    out.customer = {0};
    out.name = "hub";
    out.psk = 1;
    out.local_identity = name("p" + std::to_string(peer_) + ".bench.example");
    out.remote_identity.identity = name("c" + std::to_string(peer_ / roster_.peers_per_customer) + ".bench.example");
    out.remote_address = common_.hub.address;
    ike::ChildConfig child;
    child.name = "all";
    child.peer = {0};
    ike::TrafficSelector ours;
    ours.first = ours.last = v4(roster_.address_of(peer_));
    ike::TrafficSelector theirs;
    theirs.first = v4(kStackAddress & 0xff000000U);
    theirs.last = v4(kStackAddress | 0x00ffffffU);
    child.local = {ours};
    child.remote = {theirs};
    out.children = {child};
    return out;
}

std::vector<std::uint8_t> IkeHandshake::begin(Now now, std::uint32_t /*index*/) {
    engine_ = std::make_unique<ike::Engine>(ike::Settings{}, common_.indexes, common_.random);
    out_.clear();
    engine_->put_customer(now, {{0}, "bench", {}, {}}, out_);
    engine_->put_connection(now, connection(), out_);
    if (!engine_->initiate(now, {0}, out_)) return {};
    Reaction reaction = collect(now);
    return reaction.messages.empty() ? std::vector<std::uint8_t>() : std::move(reaction.messages.front());
}

Handshake::Reaction IkeHandshake::take(Now now, Bytes datagram) {
    if (engine_ == nullptr || datagram.size() < kMarker + ike::kHeaderSize) return {};
    const bool is_init = datagram[kMarker + kExchangeTypeAt] == kIkeSaInit;
    const std::uint16_t port = is_init ? ike::kIkePort : ike::kNatPort;
    Endpoint from = common_.hub;
    from.port = port;
    engine_->handle_datagram(now, {from, {}, port}, is_init ? datagram.subspan(kMarker) : datagram, out_);
    return collect(now);
}

Handshake::Reaction IkeHandshake::collect(Now now) {
    for (std::vector<ike::Ask> asks = engine_->take_asks(); !asks.empty(); asks = engine_->take_asks()) {
        for (ike::Ask& ask : asks) engine_->handle_answer(now, ask.id, answer(std::move(ask.question)), out_);
    }
    Reaction reaction;
    for (control::OutgoingMessage& message : out_.messages) {
        std::vector<std::uint8_t> bytes;
        if (message.from_port == ike::kIkePort) bytes.assign(kMarker, 0);
        bytes.insert(bytes.end(), message.bytes.begin(), message.bytes.end());
        reaction.messages.push_back(std::move(bytes));
    }
    for (control::PostedCommand& posted : out_.commands) {
        auto* const install = std::get_if<dataplane::InstallSession>(&posted.command);
        if (install == nullptr) continue;
        reaction.session = Session{std::move(install->send_key),  std::move(install->receive_key),
                                   install->local_id.value,       install->remote_id,
                                   install->first_counter,        now.instant,
                                   install->has_extended_sequence};
    }
    out_.clear();
    return reaction;
}

ike::Answer IkeHandshake::answer(ike::Question question) {
    if (auto* const keys = std::get_if<ike::KeyExchangeAsk>(&question))
        return ike::exchange(std::move(*keys), common_.random);
    const auto* const mac = std::get_if<ike::PskMacAsk>(&question);
    if (mac == nullptr) return ike::AskFailed{};
    const Bytes psk = as_bytes(common_.psk);
    ike::PskMacAnswer made;
    if (!mac->peer_octets.empty()) made.peer_mac = crypto::shared_key_mic(mac->prf, psk, mac->peer_octets);
    if (!mac->our_octets.empty()) made.our_mac = crypto::shared_key_mic(mac->prf, psk, mac->our_octets);
    return made;
}

}  // namespace warren::bench
