#include "vpnd/wireguard/noise.h"

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/x25519.h"
#include "vpnd/wireguard/constants.h"

namespace warren::wireguard {

namespace {

// Whether anything is sealed with the key that a MixKey gives before the next MixKey gives another.
enum class KeyIs { kUsed, kUnused };

void mix_key(SymmetricState& state, KeyIs key, Bytes input) {
    key == KeyIs::kUsed ? state.mix_key(input) : state.mix_chaining_key(input);
}

// MixKey(DH(ours, theirs)). False when the result is zero.
bool mix_shared_secret(SymmetricState& state, KeyIs key, const crypto::PrivateKey& ours,
                       const crypto::PublicKey& theirs) {
    const auto shared = crypto::x25519(ours, theirs);
    if (!shared) return false;
    mix_key(state, key, shared->reveal());
    return true;
}

// The token e: in a handshake with a preshared key the ephemeral is mixed into the key as well (Noise §9.2). A DH token
// follows.
void mix_ephemeral(SymmetricState& state, const crypto::PublicKey& ephemeral) {
    state.mix_hash(ephemeral.bytes);
    state.mix_chaining_key(ephemeral.bytes);
}

}  // namespace

SymmetricState::SymmetricState(Bytes prologue) {
    // The name is longer than a hash, so it is hashed (Noise §5.2).
    hash_ = crypto::blake2s({as_bytes(kConstruction)});
    chaining_key_ = crypto::Secret<32>(std::span<const std::uint8_t, 32>(hash_));
    mix_hash(prologue);
}

SymmetricState::~SymmetricState() {
    crypto::wipe(hash_);
}

SymmetricState SymmetricState::clone() const {
    SymmetricState copy;
    copy.hash_ = hash_;
    copy.chaining_key_ = chaining_key_.clone();
    copy.key_ = key_.clone();
    return copy;
}

void SymmetricState::mix_hash(Bytes data) {
    hash_ = crypto::blake2s({hash_, data});
}

void SymmetricState::mix_key(Bytes input) {
    crypto::Secret<32> next;
    crypto::blake2s_kdf(next.writable(), key_.writable(), {}, chaining_key_.reveal(), input);
    chaining_key_ = std::move(next);
}

void SymmetricState::mix_chaining_key(Bytes input) {
    crypto::Secret<32> next;
    crypto::blake2s_kdf(next.writable(), {}, {}, chaining_key_.reveal(), input);
    chaining_key_ = std::move(next);
    key_ = {};
}

void SymmetricState::mix_key_and_hash(Bytes preshared_key) {
    crypto::Secret<32> next;
    crypto::Secret<32> to_hash;
    crypto::blake2s_kdf(next.writable(), to_hash.writable(), key_.writable(), chaining_key_.reveal(), preshared_key);
    chaining_key_ = std::move(next);
    mix_hash(to_hash.reveal());
}

void SymmetricState::encrypt_and_hash(Bytes plaintext, MutableBytes out) {
    crypto::aead_seal(key_, 0, hash_, plaintext, out);
    mix_hash(out);
}

bool SymmetricState::decrypt_and_hash(Bytes sealed, MutableBytes out) {
    if (!crypto::aead_open(key_, 0, hash_, sealed, out)) return false;
    mix_hash(sealed);
    return true;
}

SymmetricState::Keys SymmetricState::split() {
    Keys keys;
    crypto::blake2s_kdf(keys.initiator_sends.secret.writable(), keys.responder_sends.secret.writable(), {},
                        chaining_key_.reveal(), {});
    chaining_key_ = {};
    key_ = {};
    return keys;
}

bool create_first_message(SymmetricState& state, const crypto::KeyPair& ours, const crypto::KeyPair& ephemeral,
                          const crypto::PublicKey& responder, const crypto::Secret<32>& static_static, Bytes payload,
                          std::span<std::uint8_t, 32> out_ephemeral, std::span<std::uint8_t, 48> out_static,
                          MutableBytes out_payload) {
    state.mix_hash(responder.bytes);  // <- s, known before
    std::copy(ephemeral.public_key.bytes.begin(), ephemeral.public_key.bytes.end(), out_ephemeral.begin());
    mix_ephemeral(state, ephemeral.public_key);                                                   // e
    if (!mix_shared_secret(state, KeyIs::kUsed, ephemeral.private_key, responder)) return false;  // es
    state.encrypt_and_hash(ours.public_key.bytes, out_static);                                    // s
    state.mix_key(static_static.reveal());                                                        // ss
    state.encrypt_and_hash(payload, out_payload);
    return true;
}

std::optional<crypto::PublicKey> consume_first_message_static(SymmetricState& state, const crypto::KeyPair& ours,
                                                              const crypto::PublicKey& ephemeral, Bytes sealed_static) {
    state.mix_hash(ours.public_key.bytes);  // <- s, known before
    mix_ephemeral(state, ephemeral);        // e
    if (!mix_shared_secret(state, KeyIs::kUsed, ours.private_key, ephemeral)) return std::nullopt;  // es
    crypto::PublicKey initiator;
    if (!state.decrypt_and_hash(sealed_static, initiator.bytes)) return std::nullopt;  // s
    return initiator;
}

bool consume_first_message_payload(SymmetricState& state, const crypto::Secret<32>& static_static, Bytes sealed_payload,
                                   MutableBytes payload) {
    state.mix_key(static_static.reveal());  // ss
    return state.decrypt_and_hash(sealed_payload, payload);
}

bool create_second_message(SymmetricState& state, const crypto::KeyPair& ephemeral,
                           const crypto::PublicKey& initiator_ephemeral, const crypto::PublicKey& initiator_static,
                           const crypto::PresharedKey& preshared_key, Bytes payload,
                           std::span<std::uint8_t, 32> out_ephemeral, MutableBytes out_payload) {
    std::copy(ephemeral.public_key.bytes.begin(), ephemeral.public_key.bytes.end(), out_ephemeral.begin());
    mix_ephemeral(state, ephemeral.public_key);                                                               // e
    if (!mix_shared_secret(state, KeyIs::kUnused, ephemeral.private_key, initiator_ephemeral)) return false;  // ee
    if (!mix_shared_secret(state, KeyIs::kUnused, ephemeral.private_key, initiator_static)) return false;     // se
    state.mix_key_and_hash(preshared_key.secret.reveal());                                                    // psk
    state.encrypt_and_hash(payload, out_payload);
    return true;
}

bool consume_second_message(SymmetricState& state, const crypto::KeyPair& ours, const crypto::PrivateKey& ephemeral,
                            const crypto::PublicKey& responder_ephemeral, const crypto::PresharedKey& preshared_key,
                            Bytes sealed_payload, MutableBytes payload) {
    mix_ephemeral(state, responder_ephemeral);                                                           // e
    if (!mix_shared_secret(state, KeyIs::kUnused, ephemeral, responder_ephemeral)) return false;         // ee
    if (!mix_shared_secret(state, KeyIs::kUnused, ours.private_key, responder_ephemeral)) return false;  // se
    state.mix_key_and_hash(preshared_key.secret.reveal());                                               // psk
    return state.decrypt_and_hash(sealed_payload, payload);
}

}  // namespace warren::wireguard
