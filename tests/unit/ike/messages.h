// Messages for the tests of this directory.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "crypto/ike_cipher.h"
#include "tests/unit/ike/known_exchange.h"
#include "tests/vectors/hex.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/suite.h"
#include "vpnd/ike/writer.h"

namespace warren::ike::test {

using Buffer = std::vector<std::uint8_t>;
using warren::test::from_hex;
using warren::test::SeededRandom;
using warren::test::to_hex;

// `size` bytes: first, first + 1 and so on.
inline Buffer counting(std::uint8_t first, std::size_t size) {
    Buffer out(size);
    for (std::uint8_t& octet : out) octet = first++;
    return out;
}

inline Buffer copy_of(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

inline const Algorithm* algorithm(TransformType type, std::string_view name) {
    return find_algorithm(type, name);
}

// "" for a part that the suite does not have.
inline IkeSuite ike_suite(std::string_view encryption, std::string_view prf, std::string_view integrity,
                          std::string_view method) {
    return {algorithm(TransformType::kEncryption, encryption), algorithm(TransformType::kPrf, prf),
            algorithm(TransformType::kIntegrity, integrity), algorithm(TransformType::kKeyExchange, method)};
}

inline ChildSuite child_suite(std::string_view encryption, std::string_view integrity = {},
                              std::string_view method = {}, bool esn = false) {
    return {algorithm(TransformType::kEncryption, encryption), algorithm(TransformType::kIntegrity, integrity),
            algorithm(TransformType::kKeyExchange, method), esn};
}

// A key as random bytes make it; integrity: of CBC.
inline crypto::IkeCipherKey random_key(crypto::IkeCipher cipher, SeededRandom& random,
                                       crypto::Integrity integrity = {}) {
    crypto::IkeCipherKey key;
    key.cipher = cipher;
    key.encryption = crypto::SecretBytes<36>(random.bytes(crypto::encryption_key_size(cipher)));
    key.integrity = integrity;
    if (!crypto::is_aead(cipher)) {
        key.integrity_key = crypto::SecretBytes<crypto::kMostDigest>(random.bytes(digest_size(integrity.sha)));
    }
    return key;
}

inline crypto::IkeCipherKey clone_of(const crypto::IkeCipherKey& key) {
    crypto::IkeCipherKey out;
    out.cipher = key.cipher;
    out.encryption = key.encryption.clone();
    out.integrity = key.integrity;
    out.integrity_key = key.integrity_key.clone();
    return out;
}

// A request on an IKE_SA that is there, from its initiator.
inline Header request(ExchangeType exchange, std::uint32_t message_id) {
    return {.spis = {known::kSpiI, known::kSpiR},
            .exchange = exchange,
            .is_initiator = true,
            .is_response = false,
            .message_id = message_id};
}

// What the initiator of the known exchange offers.
inline Proposal known_ike_proposal() {
    return {.number = 1,
            .protocol = ProtocolId::kIke,
            .spi = {},
            .transforms = {{.type = TransformType::kEncryption, .id = 20, .key_bits = 256},
                           {.type = TransformType::kPrf, .id = 6},
                           {.type = TransformType::kKeyExchange, .id = 31}}};
}

}  // namespace warren::ike::test
