#include "crypto/ike_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/hmac_sha.h"
#include "crypto/openssl_objects.h"

namespace warren::crypto {

namespace {

constexpr std::size_t kSaltSize = 4;  // RFC 5282 §4
constexpr int kSeal = 1;
constexpr int kOpen = 0;

AeadKey aead_key_of(const IkeCipherKey& key) {
    AeadKey out;
    out.suite = key.cipher == IkeCipher::kAes128Gcm   ? AeadSuite::kAes128Gcm
                : key.cipher == IkeCipher::kAes256Gcm ? AeadSuite::kAes256Gcm
                                                      : AeadSuite::kChacha20Poly1305;
    const Bytes secret = key.encryption.reveal();
    WARREN_CHECK(secret.size() == encryption_key_size(key.cipher));
    std::copy(secret.begin(), secret.end() - kSaltSize, out.secret.writable().begin());
    std::copy(secret.end() - kSaltSize, secret.end(), out.salt.begin());
    return out;
}

// Whole blocks, from one place to another.
void cbc(const IkeCipherKey& key, int direction, Bytes iv, Bytes in, MutableBytes out) {
    const bool is_128 = key.cipher == IkeCipher::kAes128Cbc;
    const EVP_CIPHER* const cipher = is_128 ? ::EVP_aes_128_cbc() : ::EVP_aes_256_cbc();
    WARREN_CHECK(key.encryption.size() == encryption_key_size(key.cipher) && in.size() % 16 == 0);
    const Openssl<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    int written = 0;
    WARREN_CHECK(context != nullptr &&
                 ::EVP_CipherInit_ex2(context.get(), cipher, key.encryption.reveal().data(), iv.data(), direction,
                                      nullptr) == 1 &&
                 ::EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
                 ::EVP_CipherUpdate(context.get(), out.data(), &written, in.data(), static_cast<int>(in.size())) == 1);
    WARREN_CHECK(static_cast<std::size_t>(written) == in.size());
}

HmacSha integrity_of(const IkeCipherKey& key) {
    WARREN_CHECK(key.integrity_key.size() == digest_size(key.integrity.sha));
    return {key.integrity.sha, key.integrity_key.reveal()};
}

}  // namespace

void seal(const IkeCipherKey& key, Bytes iv, Bytes associated, Bytes text, MutableBytes out) {
    WARREN_CHECK(iv.size() == key.iv_size() && text.size() % key.block_size() == 0 &&
                 out.size() == iv.size() + text.size() + key.icv_size());
    std::copy(iv.begin(), iv.end(), out.begin());
    const MutableBytes behind_iv = out.subspan(iv.size());
    if (is_aead(key.cipher)) {
        suite_seal(aead_key_of(key), load_le<std::uint64_t>(iv.data()), associated, text, behind_iv);
        return;
    }
    cbc(key, kSeal, iv, text, behind_iv.first(text.size()));
    integrity_of(key).compute({associated, Bytes(out).first(iv.size() + text.size())}, out.last(key.icv_size()));
}

bool open(const IkeCipherKey& key, Bytes associated, Bytes sealed, MutableBytes out) {
    const std::size_t least = key.iv_size() + key.icv_size();
    if (sealed.size() < least || (sealed.size() - least) % key.block_size() != 0) {
        wipe(out);
        return false;
    }
    WARREN_CHECK(out.size() == sealed.size() - least);
    const Bytes iv = sealed.first(key.iv_size());
    if (is_aead(key.cipher)) {
        return suite_open(aead_key_of(key), load_le<std::uint64_t>(iv.data()), associated, sealed.subspan(iv.size()),
                          out);
    }
    const Bytes covered = sealed.first(iv.size() + out.size());
    if (!integrity_of(key).matches({associated, covered}, sealed.subspan(covered.size()))) {
        wipe(out);
        return false;
    }
    cbc(key, kOpen, iv, covered.subspan(iv.size()), out);
    return true;
}

}  // namespace warren::crypto
