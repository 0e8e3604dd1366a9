// The Noise IKpsk2 handshake with Curve25519, ChaCha20-Poly1305 and BLAKE2s (The Noise Protocol Framework, revision 34,
// §5, §7.5, §9; WireGuard whitepaper §5.4.2, §5.4.3). Payload and prologue are parameters, so that the framework's own
// test vectors run against it.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.h"
#include "crypto/blake2s.h"
#include "crypto/keys.h"
#include "crypto/secret.h"
#include "crypto/x25519.h"

namespace warren::wireguard {

// The hash `h`, the chaining key `ck` and the key `k` of one handshake (Noise §5.2). Each key seals once, so the nonce
// is always 0. Wiped at the end.
class SymmetricState {
  public:
    explicit SymmetricState(Bytes prologue);
    SymmetricState(SymmetricState&&) = default;
    SymmetricState& operator=(SymmetricState&&) = default;
    ~SymmetricState();

    // A second one, to try a message on that may not be authentic.
    [[nodiscard]] SymmetricState clone() const;

    void mix_hash(Bytes data);
    void mix_key(Bytes input);
    // MixKey where nothing is sealed before the next MixKey: half the work, and `k` is no key until then.
    void mix_chaining_key(Bytes input);
    void mix_key_and_hash(Bytes preshared_key);
    // out.size() == plaintext.size() + 16
    void encrypt_and_hash(Bytes plaintext, MutableBytes out);
    // out.size() == sealed.size() - 16. False when it is not authentic: then the handshake is over.
    [[nodiscard]] bool decrypt_and_hash(Bytes sealed, MutableBytes out);

    struct Keys {
        crypto::AeadKey initiator_sends;
        crypto::AeadKey responder_sends;
    };
    // The keys of the session. The chaining key is wiped.
    [[nodiscard]] Keys split();
    [[nodiscard]] const crypto::Hash& handshake_hash() const { return hash_; }

  private:
    SymmetricState() = default;
    crypto::Hash hash_{};
    crypto::Secret<32> chaining_key_;
    crypto::Secret<32> key_;
};

// One side's Diffie-Hellman results must not be zero (conformance H4): every function that may find one returns false
// or nothing, and then the handshake is over.

// `ours` are static keys. <- s, then the first message: -> e, es, s, ss, payload. `static_static` is DH(ours, theirs).
// Out: what is sent.
[[nodiscard]] bool create_first_message(SymmetricState& state, const crypto::KeyPair& ours,
                                        const crypto::KeyPair& ephemeral, const crypto::PublicKey& responder,
                                        const crypto::Secret<32>& static_static, Bytes payload,
                                        std::span<std::uint8_t, 32> out_ephemeral,
                                        std::span<std::uint8_t, 48> out_static, MutableBytes out_payload);

// The same at the responder, up to where the initiator's name is known: -> e, es, s.
[[nodiscard]] std::optional<crypto::PublicKey> consume_first_message_static(SymmetricState& state,
                                                                            const crypto::KeyPair& ours,
                                                                            const crypto::PublicKey& ephemeral,
                                                                            Bytes sealed_static);
// And the rest: ss, payload.
[[nodiscard]] bool consume_first_message_payload(SymmetricState& state, const crypto::Secret<32>& static_static,
                                                 Bytes sealed_payload, MutableBytes payload);

// The second message: <- e, ee, se, psk, payload.
[[nodiscard]] bool create_second_message(SymmetricState& state, const crypto::KeyPair& ephemeral,
                                         const crypto::PublicKey& initiator_ephemeral,
                                         const crypto::PublicKey& initiator_static,
                                         const crypto::PresharedKey& preshared_key, Bytes payload,
                                         std::span<std::uint8_t, 32> out_ephemeral, MutableBytes out_payload);
[[nodiscard]] bool consume_second_message(SymmetricState& state, const crypto::KeyPair& ours,
                                          const crypto::PrivateKey& ephemeral,
                                          const crypto::PublicKey& responder_ephemeral,
                                          const crypto::PresharedKey& preshared_key, Bytes sealed_payload,
                                          MutableBytes payload);

}  // namespace warren::wireguard
