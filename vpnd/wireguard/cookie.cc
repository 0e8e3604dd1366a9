#include "vpnd/wireguard/cookie.h"

#include <algorithm>

#include "crypto/aead.h"
#include "vpnd/wireguard/constants.h"

namespace warren::wireguard {

namespace {

// MAC(secret, address || port), and the device of a link-local address.
Cookie cookie_for(const crypto::Secret<32>& secret, const Endpoint& from) {
    std::array<std::uint8_t, 2> port{};
    store_be(port.data(), from.port);
    std::array<std::uint8_t, 4> scope{};
    store_be(scope.data(), from.scope_id);
    const Bytes device = Bytes(scope).first(from.scope_id == 0 ? 0 : scope.size());
    return crypto::blake2s_mac(secret.reveal(), {from.address.bytes(), port, device});
}

bool is_mac2_by(const Cookie& cookie, Bytes message) {
    return crypto::equal_constant_time(crypto::blake2s_mac(cookie, {before_mac2(message)}), mac2_of(message));
}

}  // namespace

crypto::Hash mac1_key_of(const crypto::PublicKey& receiver) {
    return crypto::blake2s({as_bytes(kLabelMac1), receiver.bytes});
}

crypto::Hash cookie_key_of(const crypto::PublicKey& receiver) {
    return crypto::blake2s({as_bytes(kLabelCookie), receiver.bytes});
}

CookieChecker::CookieChecker(const crypto::PublicKey& ours, crypto::RandomSource& random) : random_(random) {
    set_public_keys(ours, nullptr);
}

void CookieChecker::set_public_keys(const crypto::PublicKey& ours, const crypto::PublicKey* previous) {
    const auto keys_of = [](const crypto::PublicKey& key) { return Keys{mac1_key_of(key), cookie_key_of(key)}; };
    present_ = keys_of(ours);
    previous_ = previous == nullptr ? std::nullopt : std::optional(keys_of(*previous));
}

std::optional<OurKey> CookieChecker::receiver_of(Bytes message) const {
    const auto is_by = [&message](const Keys& keys) {
        return crypto::equal_constant_time(crypto::blake2s_mac(keys.mac1, {before_mac1(message)}), mac1_of(message));
    };
    if (is_by(present_)) return OurKey::kPresent;
    if (previous_ && is_by(*previous_)) return OurKey::kPrevious;
    return std::nullopt;
}

bool CookieChecker::is_mac2_valid(Instant now, Bytes message, const Endpoint& from) {
    rotate(now);
    return is_mac2_by(cookie_for(secret_, from), message) || is_mac2_by(cookie_for(previous_secret_, from), message);
}

CookieReply CookieChecker::create_reply(Instant now, Bytes message, const Endpoint& from, std::uint32_t receiver,
                                        OurKey ours) {
    rotate(now);
    CookieReply reply;
    reply.receiver = receiver;
    random_.fill(reply.nonce);
    const Keys& keys = ours == OurKey::kPrevious && previous_ ? *previous_ : present_;
    crypto::xaead_seal(keys.cookie, reply.nonce, mac1_of(message), cookie_for(secret_, from), reply.sealed_cookie);
    return reply;
}

void CookieChecker::rotate(Instant now) {
    const Duration age = now - secret_made_;
    if (age < kCookieSecretLife) return;
    // A secret that was out of use for a whole life is not worth keeping: nobody holds a fresh cookie of it.
    if (age < 2 * kCookieSecretLife) {
        previous_secret_ = std::move(secret_);
    } else {
        random_.fill(previous_secret_.writable());
    }
    random_.fill(secret_.writable());
    secret_made_ = now;
}

void MacWriter::sign(Instant now, MutableBytes message, const crypto::PublicKey& receiver) {
    const Mac mac1 = crypto::blake2s_mac(mac1_key_of(receiver), {before_mac1(message)});
    const MutableBytes macs = message.last(2 * mac1.size());
    std::copy(mac1.begin(), mac1.end(), macs.begin());
    last_mac1_ = mac1;

    Mac mac2{};
    if (now - cookie_received_ < kCookieLife) mac2 = crypto::blake2s_mac(cookie_, {before_mac2(message)});
    std::copy(mac2.begin(), mac2.end(), macs.begin() + mac1.size());
}

CookieVerdict MacWriter::consume(Instant now, const CookieReply& reply, const crypto::PublicKey& sender) {
    if (!last_mac1_) return CookieVerdict::kUnexpected;
    Cookie cookie{};
    if (!crypto::xaead_open(cookie_key_of(sender), reply.nonce, *last_mac1_, reply.sealed_cookie, cookie))
        return CookieVerdict::kBad;
    last_mac1_.reset();
    cookie_ = cookie;
    cookie_received_ = now;
    return CookieVerdict::kAccepted;
}

}  // namespace warren::wireguard
