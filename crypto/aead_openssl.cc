#include <openssl/evp.h>

#include "base/check.h"
#include "crypto/aead_backends.h"
#include "crypto/cbc_openssl.h"

namespace warren::crypto {

namespace {

struct FreeCipher {
    void operator()(EVP_CIPHER* cipher) const { ::EVP_CIPHER_free(cipher); }
};
struct FreeContext {
    void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER, FreeCipher>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

constexpr int kSeal = 1;
constexpr int kOpen = 0;

constexpr std::size_t kSuites = 3;  // AEADs

std::size_t place_of(AeadSuite suite) {
    return static_cast<std::size_t>(suite);
}

// One context a suite, for all keys: a new key in a warm context costs less than the cache misses of a context per
// session. The last key stays in it until another comes or forget_keys(); wiping it after every batch would cost half
// as much again as a small packet does.
class OpensslAead final : public PacketAead {
  public:
    struct Engine {
        Cipher cipher;
        Context context;
    };
    OpensslAead(std::array<Engine, kSuites> engines, CbcOpenssl cbc)
        : engines_(std::move(engines)), cbc_(std::move(cbc)) {}

    [[nodiscard]] bool has(AeadSuite /*suite*/) const override { return true; }

    void seal(std::span<AeadJob> jobs) override {
        for (const AeadJob& job : jobs) {
            if (is_cbc(job.key->suite)) {
                cbc_.seal(job);
                continue;
            }
            EVP_CIPHER_CTX* const context = begin(job, kSeal);
            WARREN_CHECK(transform(context, job));
            WARREN_CHECK(::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, job.text + job.size) == 1);
        }
    }

    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            if (is_cbc(job.key->suite)) {
                cbc_.open(job);
                continue;
            }
            EVP_CIPHER_CTX* const context = begin(job, kOpen);
            WARREN_CHECK(::EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, job.text + job.size) == 1);
            job.authentic = transform(context, job);
            if (!job.authentic) wipe({job.text, job.size});
        }
    }

    void forget_keys() override {
        for (std::size_t i = 0; i < kSuites; ++i) {
            AeadKey none;
            none.suite = static_cast<AeadSuite>(i);
            (void)begin({.key = &none}, kSeal);
        }
        cbc_.forget_keys();
    }

  private:
    [[nodiscard]] EVP_CIPHER_CTX* begin(const AeadJob& job, int direction) {
        EVP_CIPHER_CTX* const context = engines_[place_of(job.key->suite)].context.get();
        const AeadNonce nonce = nonce_of(*job.key, job.iv);
        const std::uint8_t* const key = job.key->secret.reveal().data();
        WARREN_CHECK(::EVP_CipherInit_ex2(context, nullptr, key, nonce.data(), direction, nullptr) == 1);
        return context;
    }

    // False when the tag is wrong; the text is transformed then too.
    static bool transform(EVP_CIPHER_CTX* context, const AeadJob& job) {
        int written = 0;
        if (job.associated_size > 0) {
            WARREN_CHECK(::EVP_CipherUpdate(context, nullptr, &written, job.associated.data(), job.associated_size) ==
                         1);
        }
        if (job.size > 0) {
            WARREN_CHECK(::EVP_CipherUpdate(context, job.text, &written, job.text, static_cast<int>(job.size)) == 1);
        }
        std::array<std::uint8_t, kTagSize> unused;  // a stream cipher has nothing left to write
        return ::EVP_CipherFinal_ex(context, unused.data(), &written) == 1;
    }

    std::array<Engine, kSuites> engines_;
    CbcOpenssl cbc_;
};

}  // namespace

Result<std::unique_ptr<PacketAead>> make_openssl_aead() {
    constexpr std::array<const char*, kSuites> names = {"ChaCha20-Poly1305", "AES-128-GCM", "AES-256-GCM"};
    std::array<OpensslAead::Engine, kSuites> engines;
    for (std::size_t i = 0; i < kSuites; ++i) {
        Cipher cipher(::EVP_CIPHER_fetch(nullptr, names[i], nullptr));
        if (!cipher) return fail(ErrorCode::kUnsupported, std::string("OpenSSL has no ") + names[i]);
        Context context(::EVP_CIPHER_CTX_new());
        if (!context || ::EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, kSeal, nullptr) != 1) {
            return fail(ErrorCode::kFailed, std::string("OpenSSL cannot set up ") + names[i]);
        }
        engines[i] = {std::move(cipher), std::move(context)};
    }
    auto cbc = CbcOpenssl::make();
    if (!cbc) return tl::unexpected<Error>(cbc.error());
    return std::make_unique<OpensslAead>(std::move(engines), std::move(*cbc));
}

}  // namespace warren::crypto
