// MOBIKE as responder (RFC 4555): the peer says where it is, and data follow when it has shown that it receives there.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

constexpr std::size_t kCookie2Size = 16;  // RFC 4555 §4.2.5: 8 to 64

// RFC 4555 §4.2.6: from where to where the peer sent it, addresses then ports. Another length is no such place.
bool is_as_sent(const NotifyPayload& no_nats, const control::Arrival& arrival) {
    std::vector<std::uint8_t> seen;
    for (const IpAddress& address : {arrival.from.address, arrival.to.address}) {
        const Bytes bytes = address.bytes();
        seen.insert(seen.end(), bytes.begin(), bytes.end());
    }
    for (const std::uint16_t port : {arrival.from.port, arrival.to_port}) {
        seen.push_back(static_cast<std::uint8_t>(port >> 8U));
        seen.push_back(static_cast<std::uint8_t>(port));
    }
    return std::equal(seen.begin(), seen.end(), no_nats.data.begin(), no_nats.data.end());
}

}  // namespace

bool Engine::State::agree_on_mobike(IkeSa& sa, const Connection& connection, const Payloads& payloads) {
    sa.has_mobike = connection.mobike && payloads.notify(NotifyType::kMobikeSupported) != nullptr;
    sa.tested = {sa.remote.address};  // it has answered from there
    return sa.has_mobike;
}

// What a peer with MOBIKE asks with an INFORMATIONAL request, beside all else; other addresses that it tells of are not
// used: it is the initiator, and says where it is (RFC 4555 §3.1).
void Engine::State::answer_mobike(Call& call, IkeSa& sa, const Incoming& in, Chain& chain) {
    if (!sa.has_mobike) return;
    const NotifyPayload* const no_nats = in.payloads.notify(NotifyType::kNoNatsAllowed);
    const bool is_update = in.payloads.notify(NotifyType::kUpdateSaAddresses) != nullptr;
    if (no_nats != nullptr && !is_as_sent(*no_nats, in.arrival)) {
        chain.notify(notify_of(NotifyType::kUnexpectedNatDetected));
    } else if (is_update && !may_be_at(sa, in.arrival)) {
        chain.notify(notify_of(NotifyType::kUnacceptableAddresses));
    } else if (is_update) {
        detect_nat(sa, in.payloads, sa.spis, in.arrival);
        move_to(call, sa, in.arrival);
    }
    if (in.payloads.notify(NotifyType::kNatDetectionSourceIp) != nullptr ||
        in.payloads.notify(NotifyType::kNatDetectionDestinationIp) != nullptr)
        add_nat_detection(chain, sa.spis, in.arrival.to, in.arrival.to_port, in.arrival.from);
    const NotifyPayload* const cookie = in.payloads.notify(NotifyType::kCookie2);
    const auto value = cookie == nullptr ? std::nullopt : cookie_of(*cookie);
    if (value) chain.notify(notify_of(NotifyType::kCookie2, *value));
}

bool Engine::State::may_be_at(const IkeSa& sa, const control::Arrival& arrival) {
    const Connection* const connection = directory.find(sa.connection);
    const IpAddress& address = arrival.from.address;
    return sa.is_usable() && connection != nullptr && arrival.to_port == settings.nat_port &&
           (!connection->remote_address || *connection->remote_address == address) && !address.is_unspecified() &&
           !address.is_multicast() && !address.is_loopback();
}

// IKE's messages go there at once. An authentic peer may name somebody else's address, whom its packets would flood
// (RFC 4555 §5.3): they wait for an answer from there, unless there was one before.
void Engine::State::move_to(Call& call, IkeSa& sa, const control::Arrival& arrival) {
    const bool is_elsewhere = sa.remote != arrival.from || sa.local != arrival.to || sa.local_port != arrival.to_port;
    if (!is_elsewhere) return;
    if (!sa.data_at) sa.data_at = {sa.remote, sa.local};
    // A test under way is repeated to where the peer is by then: its answer shows nothing any more.
    if (sa.request != nullptr && sa.request->task == Task::kTestPath) sa.request->tests = {};
    sa.remote = arrival.from;
    sa.local = arrival.to;
    sa.local_port = arrival.to_port;
    sa.prefix = control::source_prefix_of(sa.remote.address);
    if (std::find(sa.tested.begin(), sa.tested.end(), sa.remote.address) != sa.tested.end()) {
        sa.data_at.reset();
        return move_endpoint(call, sa);
    }
    want(sa, {.task = Task::kTestPath});
}

// RFC 4555 §3.7.
void Engine::State::send_path_test(Call& call, IkeSa& sa) {
    Request& request = *sa.request;
    request.nonce.resize(kCookie2Size);
    random.fill(request.nonce);
    request.tests = sa.remote;
    request.is_sent = true;
    send_request(call, sa, ExchangeType::kInformational,
                 Chain().notify(notify_of(NotifyType::kCookie2, request.nonce)));
}

// It may have moved on since: then this says nothing of where it is now.
void Engine::State::take_path_test(Call& call, IkeSa& sa, const Request& request, const Payloads& payloads) {
    const NotifyPayload* const cookie = payloads.notify(NotifyType::kCookie2);
    if (cookie == nullptr || !crypto::equal_constant_time(cookie->data, request.nonce)) {
        count(DropReason::kIkePathWrong);
        return end_sa(call, sa, control::LostBecause::kDeleted);
    }
    if (!sa.data_at) return;
    if (request.tests != sa.remote) return want(sa, {.task = Task::kTestPath});
    if (sa.tested.size() == kMostTested) sa.tested.erase(sa.tested.begin());
    sa.tested.push_back(sa.remote.address);
    sa.data_at.reset();
    move_endpoint(call, sa);
}

}  // namespace warren::ike
