// Messages out: the non-ESP marker, SK payloads, fragments, the window.
#include "vpnd/ike/engine_state.h"
#include "vpnd/ike/nat_detection.h"

namespace warren::ike {

namespace {

constexpr std::size_t kMarkerSize = 4;                   // RFC 3948 §2.2
constexpr std::size_t kUnfragmented = 2 * kMostMessage;  // larger than any IP packet

}  // namespace

void Engine::State::send(Call& call, const Endpoint& to, const LocalAddress& from, std::uint16_t from_port,
                         Bytes message) {
    control::OutgoingMessage out;
    out.to = to;
    out.from = from;
    out.from_port = from_port;
    if (from_port == settings.nat_port) out.bytes.assign(kMarkerSize, 0);
    out.bytes.insert(out.bytes.end(), message.begin(), message.end());
    call.out.messages.push_back(std::move(out));
}

void Engine::State::send_all(Call& call, IkeSa& sa, const Datagrams& datagrams) {
    for (const auto& datagram : datagrams) send(call, sa.remote, sa.local, sa.local_port, datagram);
    sa.last_sent = call.instant();
}

Datagrams Engine::State::sealed(IkeSa& sa, ExchangeType exchange, bool is_response, std::uint32_t id,
                                const Chain& chain) {
    Header header;
    header.spis = sa.spis;
    header.exchange = exchange;
    header.is_initiator = sa.is_initiator;
    header.is_response = is_response;
    header.message_id = id;
    std::size_t fragment_size = kUnfragmented;
    if (sa.takes_fragments) {
        const Connection* const connection = directory.find(sa.connection);
        fragment_size = connection != nullptr ? connection->fragment_size : Connection().fragment_size;
    }
    return seal_in_fragments(*sa.sealer, header, chain, fragment_size, sa.remote.address.family, random);
}

void Engine::State::send_request(Call& call, IkeSa& sa, ExchangeType exchange, const Chain& chain) {
    Datagrams datagrams = sealed(sa, exchange, false, sa.window.next_id(), chain);
    send_all(call, sa, datagrams);
    sa.window.sent(call.instant(), exchange, std::move(datagrams), random);
    touch(sa);
}

void Engine::State::respond(Call& call, IkeSa& sa, const Incoming& in, const Chain& chain) {
    sa.window.answered(sealed(sa, in.header.exchange, true, in.header.message_id, chain));
    repeat_response(call, sa, in.arrival);
    touch(sa);
}

void Engine::State::respond(Call& call, IkeSa& sa, const Incoming& in, const Notify& notify) {
    respond(call, sa, in, Chain().notify(notify));
}

void Engine::State::repeat_response(Call& call, IkeSa& sa, const control::Arrival& arrival) {
    for (const auto& datagram : sa.window.last_response())
        send(call, arrival.from, arrival.to, arrival.to_port, datagram);
    sa.last_sent = call.instant();
}

void Engine::State::answer_unprotected(Call& call, const control::Arrival& arrival, const Header& to,
                                       const Notify& notify) {
    const bool is_cookie = notify.type == NotifyType::kCookie;
    const bool may_answer = is_cookie ? cookie_answers.take(call.instant(), kCookieAnswers)
                                      : unprotected_answers.take(call.instant(), kUnprotectedAnswers);
    if (!may_answer) return;
    Header header = to;
    header.is_initiator = !to.is_initiator;
    header.is_response = true;
    send(call, arrival.from, arrival.to, arrival.to_port, write_message(header, Chain().notify(notify)));
}

// RFC 7296 §2.23. A hash of no address is nobody's: then the peer takes us for one behind a NAT, and encapsulates.
void Engine::State::add_nat_detection(Chain& chain, const IkeSpis& spis, const LocalAddress& ours,
                                      std::uint16_t our_port, const Endpoint& peer) const {
    const bool is_hidden = settings.forces_encapsulation || ours.address.is_unspecified();
    const NatHash source = is_hidden ? nat_hash(spis, IpAddress{}, 0) : nat_hash(spis, ours.address, our_port);
    chain.notify(notify_of(NotifyType::kNatDetectionSourceIp, source));
    chain.notify(notify_of(NotifyType::kNatDetectionDestinationIp, nat_hash(spis, peer.address, peer.port)));
}

// A peer that has several addresses sends several sources.
void Engine::State::detect_nat(IkeSa& sa, const Payloads& payloads, const IkeSpis& spis,
                               const control::Arrival& arrival) const {
    const NatHash from = nat_hash(spis, arrival.from.address, arrival.from.port);
    const NatHash to = nat_hash(spis, arrival.to.address, arrival.to_port);
    bool has_source = false;
    bool has_destination = false;
    bool is_source_seen = false;
    bool is_destination_seen = false;
    for (const Payload& payload : payloads) {
        const auto* const notify = std::get_if<NotifyPayload>(&payload);
        if (notify == nullptr) continue;
        const bool is_source = notify->type == NotifyType::kNatDetectionSourceIp;
        if (!is_source && notify->type != NotifyType::kNatDetectionDestinationIp) continue;
        const auto hash = nat_hash_of(*notify);
        if (!hash) continue;
        (is_source ? has_source : has_destination) = true;
        if (*hash == (is_source ? from : to)) (is_source ? is_source_seen : is_destination_seen) = true;
    }
    sa.has_nat_traversal = has_source && has_destination;
    sa.peer_is_behind_nat = has_source && !is_source_seen;
    sa.we_are_behind_nat = has_destination && !is_destination_seen;
}

}  // namespace warren::ike
