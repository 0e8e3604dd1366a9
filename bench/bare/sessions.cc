#include "bench/bare/sessions.h"

#include "vpnd/wireguard/constants.h"
#include "vpnd/wireguard/cookie.h"
#include "vpnd/wireguard/noise.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::bench {

std::optional<ResponseBytes> Sessions::answer(Bytes initiation, const sockaddr_in& from) {
    const auto message = wireguard::parse_initiation(initiation);
    if (!message) return std::nullopt;
    wireguard::SymmetricState state(as_bytes(wireguard::kIdentifier));
    const auto peer =
        wireguard::consume_first_message_static(state, ours_, {message->ephemeral}, message->sealed_static);
    if (!peer) return std::nullopt;
    const auto static_static = crypto::x25519(ours_.private_key, *peer);
    wireguard::Tai64n timestamp;
    if (!static_static ||
        !wireguard::consume_first_message_payload(state, *static_static, message->sealed_timestamp, timestamp.bytes)) {
        return std::nullopt;
    }
    wireguard::Response response;
    response.sender = last_id_ + 1;
    response.receiver = message->sender;
    const auto ephemeral = crypto::key_pair_of(crypto::generate_private_key(random_));
    if (!wireguard::create_second_message(state, ephemeral, {message->ephemeral}, *peer, {}, {}, response.ephemeral,
                                          response.sealed_nothing)) {
        return std::nullopt;
    }
    ResponseBytes out{};
    wireguard::format(response, out);
    wireguard::MacWriter().sign({}, out, *peer);
    auto [initiator_sends, responder_sends] = state.split();
    last_id_ = response.sender;
    sessions_[last_id_ % 2] = {.local_id = last_id_,
                               .remote_id = message->sender,
                               .remote = from,
                               .send_key = std::move(responder_sends),
                               .receive_key = std::move(initiator_sends)};
    return out;
}

BareSession* Sessions::find(std::uint32_t local_id) {
    BareSession& session = sessions_[local_id % 2];
    return local_id != 0 && session.local_id == local_id ? &session : nullptr;
}

}  // namespace warren::bench
