#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/aead_backends.h"
#include "crypto/cbc_hmac.h"
#include "crypto/sodium_ready.h"

namespace warren::crypto {

namespace {

// False, and `out` all zero, when `sealed` is too short to hold a tag.
bool may_be_sealed(Bytes sealed, MutableBytes out) {
    if (sealed.size() < kTagSize) {
        wipe(out);
        return false;
    }
    WARREN_CHECK(out.size() == sealed.size() - kTagSize);
    return true;
}

struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }
};

constexpr int kSeal = 1;
constexpr int kOpen = 0;

// Looking a cipher up takes longer than a short message, so each is looked up once.
const EVP_CIPHER* gcm_cipher(AeadSuite suite) {
    static const EVP_CIPHER* const aes128 = ::EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
    static const EVP_CIPHER* const aes256 = ::EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    const EVP_CIPHER* const cipher = suite == AeadSuite::kAes128Gcm ? aes128 : aes256;
    WARREN_CHECK(cipher != nullptr);
    return cipher;
}

// In place. Writes the tag when it seals; else returns whether it is right.
bool gcm(const AeadKey& key, const AeadNonce& nonce, int direction, Bytes associated, MutableBytes text,
         MutableBytes tag) {
    const EVP_CIPHER* const cipher = gcm_cipher(key.suite);
    const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(::EVP_CIPHER_CTX_new());
    int written = 0;
    const auto update = [&](std::uint8_t* out, Bytes in) {
        return in.empty() ||
               ::EVP_CipherUpdate(context.get(), out, &written, in.data(), static_cast<int>(in.size())) == 1;
    };
    WARREN_CHECK(context != nullptr && ::EVP_CipherInit_ex2(context.get(), cipher, key.secret.reveal().data(),
                                                            nonce.data(), direction, nullptr) == 1);
    WARREN_CHECK(update(nullptr, associated) && update(text.data(), text));
    if (direction == kOpen) {
        WARREN_CHECK(::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
    }
    std::array<std::uint8_t, kTagSize> unused;
    if (::EVP_CipherFinal_ex(context.get(), unused.data(), &written) != 1) return false;
    if (direction == kOpen) return true;
    return ::EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag.data()) == 1;
}

// AES-CBC without padding, from `in` to `out`.
void cbc(const AeadKey& key, const std::uint8_t* iv, int direction, Bytes in, std::uint8_t* out) {
    const EVP_CIPHER* const cipher = cbc_hmac_of(key.suite).key_size == 16 ? ::EVP_aes_128_cbc() : ::EVP_aes_256_cbc();
    const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(::EVP_CIPHER_CTX_new());
    int written = 0;
    WARREN_CHECK(context != nullptr &&
                 ::EVP_CipherInit_ex2(context.get(), cipher, key.secret.reveal().data(), iv, direction, nullptr) == 1);
    WARREN_CHECK(::EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
    WARREN_CHECK(::EVP_CipherUpdate(context.get(), out, &written, in.data(), static_cast<int>(in.size())) == 1);
    WARREN_CHECK(static_cast<std::size_t>(written) == in.size());
}

// Over the header, what follows it in the packet, and what the peer adds in thought.
std::array<std::uint8_t, 32> cbc_tag(const AeadKey& key, Bytes associated, Bytes packet) {
    const CbcHmac& row = cbc_hmac_of(key.suite);
    const EVP_MD* const hash = row.hash_size == 20   ? ::EVP_sha1()
                               : row.hash_size == 32 ? ::EVP_sha256()
                                                     : ::EVP_sha512();
    std::vector<std::uint8_t> all(associated.begin(), associated.begin() + kCbcHeaderSize);
    all.insert(all.end(), packet.begin(), packet.end());
    all.insert(all.end(), associated.begin() + kCbcHeaderSize, associated.end());
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
    WARREN_CHECK(key.integrity != nullptr && ::HMAC(hash, key.integrity->reveal().data(), row.hash_size, all.data(),
                                                    all.size(), mac.data(), nullptr) != nullptr);
    std::array<std::uint8_t, 32> out{};
    std::copy_n(mac.begin(), tag_size_of(key.suite), out.begin());
    return out;
}

void cbc_seal(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes plaintext, MutableBytes out) {
    const std::size_t tag_size = tag_size_of(key.suite);
    WARREN_CHECK(associated.size() >= kCbcHeaderSize && plaintext.size() % kAesBlockSize == 0);
    WARREN_CHECK(out.size() == kAesBlockSize + plaintext.size() + tag_size);
    constexpr std::array<std::uint8_t, kAesBlockSize> kZero{};
    cbc(key, kZero.data(), kSeal, cbc_nonce_of(iv), out.data());
    cbc(key, out.data(), kSeal, plaintext, out.data() + kAesBlockSize);
    const auto tag = cbc_tag(key, associated, out.first(out.size() - tag_size));
    std::copy_n(tag.begin(), tag_size, out.end() - static_cast<std::ptrdiff_t>(tag_size));
}

bool cbc_open(const AeadKey& key, Bytes associated, Bytes sealed, MutableBytes out) {
    const std::size_t tag_size = tag_size_of(key.suite);
    const bool may_be_sealed = associated.size() >= kCbcHeaderSize && sealed.size() >= kAesBlockSize + tag_size &&
                               (sealed.size() - tag_size) % kAesBlockSize == 0;
    const auto is_authentic = [&] {
        const auto tag = cbc_tag(key, associated, sealed.first(sealed.size() - tag_size));
        return equal_constant_time(Bytes(tag).first(tag_size), sealed.last(tag_size));
    };
    if (!may_be_sealed || !is_authentic()) {
        wipe(out);
        return false;
    }
    const Bytes text = sealed.subspan(kAesBlockSize, sealed.size() - kAesBlockSize - tag_size);
    WARREN_CHECK(out.size() == text.size());
    cbc(key, sealed.data(), kOpen, text, out.data());
    return true;
}

}  // namespace

void aead_seal(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes plaintext, MutableBytes out) {
    WARREN_CHECK(out.size() == plaintext.size() + kTagSize);
    ensure_sodium_ready();
    const AeadNonce nonce = nonce_of(counter);
    ::crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                associated.data(), associated.size(), nullptr, nonce.data(),
                                                key.reveal().data());
}

bool aead_open(const Secret<32>& key, std::uint64_t counter, Bytes associated, Bytes sealed, MutableBytes out) {
    if (!may_be_sealed(sealed, out)) return false;
    ensure_sodium_ready();
    const AeadNonce nonce = nonce_of(counter);
    const int status = ::crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                                   sealed.size(), associated.data(), associated.size(),
                                                                   nonce.data(), key.reveal().data());
    if (status != 0) wipe(out);
    return status == 0;
}

void xaead_seal(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes plaintext,
                MutableBytes out) {
    WARREN_CHECK(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                 out.size() == plaintext.size() + kTagSize);
    ensure_sodium_ready();
    ::crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                 associated.data(), associated.size(), nullptr, nonce.data(),
                                                 key.data());
}

bool xaead_open(Bytes key, const std::array<std::uint8_t, 24>& nonce, Bytes associated, Bytes sealed,
                MutableBytes out) {
    WARREN_CHECK(key.size() == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
    if (!may_be_sealed(sealed, out)) return false;
    ensure_sodium_ready();
    const int status =
        ::crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                     associated.data(), associated.size(), nonce.data(), key.data());
    if (status != 0) wipe(out);
    return status == 0;
}

void suite_seal(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes plaintext, MutableBytes out) {
    if (is_cbc(key.suite)) return cbc_seal(key, iv, associated, plaintext, out);
    WARREN_CHECK(out.size() == plaintext.size() + kTagSize);
    const AeadNonce nonce = nonce_of(key, iv);
    if (key.suite == AeadSuite::kChacha20Poly1305) {
        ensure_sodium_ready();
        ::crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plaintext.data(), plaintext.size(),
                                                    associated.data(), associated.size(), nullptr, nonce.data(),
                                                    key.secret.reveal().data());
        return;
    }
    std::copy(plaintext.begin(), plaintext.end(), out.begin());
    gcm(key, nonce, kSeal, associated, out.first(plaintext.size()), out.last(kTagSize));
}

bool suite_open(const AeadKey& key, std::uint64_t iv, Bytes associated, Bytes sealed, MutableBytes out) {
    if (is_cbc(key.suite)) return cbc_open(key, associated, sealed, out);
    if (!may_be_sealed(sealed, out)) return false;
    const AeadNonce nonce = nonce_of(key, iv);
    bool is_authentic = false;
    if (key.suite == AeadSuite::kChacha20Poly1305) {
        ensure_sodium_ready();
        is_authentic = ::crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(),
                                                                   sealed.size(), associated.data(), associated.size(),
                                                                   nonce.data(), key.secret.reveal().data()) == 0;
    } else {
        std::copy(sealed.begin(), sealed.end() - kTagSize, out.begin());
        std::array<std::uint8_t, kTagSize> tag;
        std::copy(sealed.end() - kTagSize, sealed.end(), tag.begin());
        is_authentic = gcm(key, nonce, kOpen, associated, out, tag);
    }
    if (!is_authentic) wipe(out);
    return is_authentic;
}

}  // namespace warren::crypto
