#include "vpnd/ike/keys.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace warren::ike {

namespace {

constexpr std::string_view kKeyPad = "Key Pad for IKEv2";  // RFC 7296 §2.15

// Hands out key material from the front.
class Material {
  public:
    explicit Material(Bytes bytes) : rest_(bytes) {}
    template <std::size_t N>
    void take(std::size_t size, crypto::SecretBytes<N>& out) {
        out = crypto::SecretBytes<N>(rest_.first(size));
        rest_ = rest_.subspan(size);
    }

  private:
    Bytes rest_;
};

std::size_t key_size(const Algorithm* algorithm) {
    return algorithm == nullptr ? 0U : std::size_t{algorithm->key_size} + algorithm->salt_size;
}

crypto::IkeCipherKey empty_key(const IkeSuite& suite) {
    crypto::IkeCipherKey key;
    key.cipher = suite.encryption->cipher;
    if (suite.integrity != nullptr) key.integrity = {suite.integrity->sha, suite.integrity->icv_size};
    return key;
}

std::array<std::uint8_t, 16> spi_bytes(const IkeSpis& spis) {
    std::array<std::uint8_t, 16> out;
    store_be(out.data(), spis.initiator);
    store_be(out.data() + 8, spis.responder);
    return out;
}

// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr), RFC 7296 §2.14
IkeKeys keys_from(const IkeSuite& suite, const crypto::PrfKey& skeyseed, const Nonces& nonces, const IkeSpis& spis) {
    const std::size_t prf_size = crypto::digest_size(suite.prf_hash());
    const std::size_t integrity_size = key_size(suite.integrity);
    const std::size_t encryption_size = key_size(suite.encryption);
    crypto::SecretBytes<5 * crypto::kMostDigest + 2 * 36> all(3 * prf_size + 2 * integrity_size + 2 * encryption_size);
    crypto::prf_plus(suite.prf_hash(), skeyseed.reveal(), {nonces.initiator, nonces.responder, spi_bytes(spis)},
                     all.writable());
    IkeKeys keys;
    keys.sk_i = empty_key(suite);
    keys.sk_r = empty_key(suite);
    Material material(all.reveal());
    material.take(prf_size, keys.sk_d);
    material.take(integrity_size, keys.sk_i.integrity_key);
    material.take(integrity_size, keys.sk_r.integrity_key);
    material.take(encryption_size, keys.sk_i.encryption);
    material.take(encryption_size, keys.sk_r.encryption);
    material.take(prf_size, keys.sk_pi);
    material.take(prf_size, keys.sk_pr);
    return keys;
}

// prf+(PPK, key), as long as the key
void mix(crypto::Sha prf, Bytes ppk, crypto::PrfKey& key) {
    crypto::PrfKey mixed(key.size());
    crypto::prf_plus(prf, ppk, {key.reveal()}, mixed.writable());
    key = std::move(mixed);
}

}  // namespace

IkeKeys derive_ike_keys(const IkeSuite& suite, const crypto::SharedSecret& shared, const Nonces& nonces,
                        const IkeSpis& spis) {
    // SKEYSEED = prf(Ni | Nr, g^ir)
    std::vector<std::uint8_t> both(nonces.initiator.begin(), nonces.initiator.end());
    both.insert(both.end(), nonces.responder.begin(), nonces.responder.end());
    return keys_from(suite, crypto::prf(suite.prf_hash(), both, {shared.reveal()}), nonces, spis);
}

IkeKeys derive_rekeyed_ike_keys(const IkeSuite& suite, crypto::Sha old_prf, const crypto::PrfKey& old_sk_d,
                                const crypto::SharedSecret& shared, const Nonces& nonces, const IkeSpis& spis) {
    // SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr)
    return keys_from(suite,
                     crypto::prf(old_prf, old_sk_d.reveal(), {shared.reveal(), nonces.initiator, nonces.responder}),
                     nonces, spis);
}

void mix_ppk(const IkeSuite& suite, Bytes ppk, IkeKeys& keys) {
    mix(suite.prf_hash(), ppk, keys.sk_d);
    mix(suite.prf_hash(), ppk, keys.sk_pi);
    mix(suite.prf_hash(), ppk, keys.sk_pr);
}

ChildKeys derive_child_keys(const IkeSuite& ike, const crypto::PrfKey& sk_d, const ChildSuite& child,
                            const crypto::SharedSecret* shared, const Nonces& nonces) {
    const std::size_t encryption_size = key_size(child.encryption);
    const std::size_t integrity_size = key_size(child.integrity);
    // KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr)
    crypto::SecretBytes<2 * (crypto::kMostDigest + 36)> keymat(2 * (encryption_size + integrity_size));
    crypto::prf_plus(ike.prf_hash(), sk_d.reveal(),
                     {shared != nullptr ? shared->reveal() : Bytes(), nonces.initiator, nonces.responder},
                     keymat.writable());
    // First the initiator's direction; in each, encryption before integrity (RFC 7296 §2.17).
    ChildKeys keys;
    Material material(keymat.reveal());
    for (ChildKey* const key : {&keys.initiator, &keys.responder}) {
        material.take(encryption_size, key->encryption);
        material.take(integrity_size, key->integrity);
    }
    return keys;
}

std::vector<std::uint8_t> auth_octets(crypto::Sha prf, Bytes first_message, Bytes other_nonce,
                                      const crypto::PrfKey& sk_p, Bytes id_body) {
    const crypto::PrfKey id_mac = crypto::prf(prf, sk_p.reveal(), {id_body});
    std::vector<std::uint8_t> out;
    out.reserve(first_message.size() + other_nonce.size() + id_mac.size());
    for (const Bytes part : {first_message, other_nonce, id_mac.reveal()})
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

std::vector<std::uint8_t> write_digital_signature(const DigitalSignature& value) {
    WARREN_CHECK(!value.algorithm.empty() && value.algorithm.size() <= UINT8_MAX);
    std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(value.algorithm.size())};
    out.insert(out.end(), value.algorithm.begin(), value.algorithm.end());
    out.insert(out.end(), value.signature.begin(), value.signature.end());
    return out;
}

std::optional<DigitalSignature> read_digital_signature(Bytes data) {
    ByteReader reader(data);
    DigitalSignature out;
    out.algorithm = reader.take(reader.u8());
    out.signature = reader.rest();
    if (!reader.ok() || out.algorithm.empty() || out.signature.empty()) return std::nullopt;
    return out;
}

}  // namespace warren::ike
