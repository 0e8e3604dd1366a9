// Key material: of an IKE_SA, of its children, and what AUTH covers (RFC 7296 §2.13 to §2.18).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "crypto/ike_cipher.h"
#include "crypto/key_exchange.h"
#include "crypto/prf.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/suite.h"

namespace warren::ike {

// The nonces of the exchange, without payload headers.
struct Nonces {
    Bytes initiator;
    Bytes responder;
};

// What an IKE_SA is made of. Suffix i: the initiator of the exchange that made the SA; r: its responder.
struct IkeKeys {
    crypto::PrfKey sk_d;
    crypto::IkeCipherKey sk_i;  // SK_ei and SK_ai: for messages of the initiator
    crypto::IkeCipherKey sk_r;  // SK_er and SK_ar
    crypto::PrfKey sk_pi;
    crypto::PrfKey sk_pr;
};

// RFC 7296 §2.14. `suite` is whole.
[[nodiscard]] IkeKeys derive_ike_keys(const IkeSuite& suite, const crypto::SharedSecret& shared, const Nonces& nonces,
                                      const IkeSpis& spis);
// RFC 7296 §2.18: SKEYSEED by the old IKE_SA's PRF and SK_d, the rest by the new suite. The new nonces and SPIs.
[[nodiscard]] IkeKeys derive_rekeyed_ike_keys(const IkeSuite& suite, crypto::Sha old_prf,
                                              const crypto::PrfKey& old_sk_d, const crypto::SharedSecret& shared,
                                              const Nonces& nonces, const IkeSpis& spis);
// RFC 8784 §3: SK_d, SK_pi and SK_pr of IKE_SA_INIT become those with the PPK.
void mix_ppk(const IkeSuite& suite, Bytes ppk, IkeKeys& keys);

// The key of one direction of a child.
struct ChildKey {
    crypto::SecretBytes<36> encryption;                  // AEAD: the key, then the salt
    crypto::SecretBytes<crypto::kMostDigest> integrity;  // empty with an AEAD
};
struct ChildKeys {
    ChildKey initiator;  // for packets from the initiator of the exchange that made the child (RFC 7296 §2.17)
    ChildKey responder;
};
// `shared`: of the child's own key exchange; null without. The nonces are those of the exchange that made the child:
// IKE_SA_INIT's for the child of IKE_AUTH.
[[nodiscard]] ChildKeys derive_child_keys(const IkeSuite& ike, const crypto::PrfKey& sk_d, const ChildSuite& child,
                                          const crypto::SharedSecret* shared, const Nonces& nonces);

// --- AUTH, RFC 7296 §2.15 ------------------------------------------------------------------------

// What the sender of an AUTH payload signs or MACs: its first message as it was on the wire (without non-ESP marker),
// the other side's nonce, and prf(SK_p, the body of its ID payload), SK_p being its own: SK_pi or SK_pr.
[[nodiscard]] std::vector<std::uint8_t> auth_octets(crypto::Sha prf, Bytes first_message, Bytes other_nonce,
                                                    const crypto::PrfKey& sk_p, Bytes id_body);
using crypto::shared_key_mic;

// --- AUTH data of method 14, RFC 7427 §3 ---------------------------------------------------------

struct DigitalSignature {
    Bytes algorithm;  // the DER of an AlgorithmIdentifier
    Bytes signature;
};
// algorithm.size() is 1..255.
[[nodiscard]] std::vector<std::uint8_t> write_digital_signature(const DigitalSignature& value);
// Views of `data`. Nothing when the length is wrong or something is empty.
[[nodiscard]] std::optional<DigitalSignature> read_digital_signature(Bytes data);

}  // namespace warren::ike
