#include <openssl/evp.h>

#include "base/check.h"
#include "crypto/aead_backends.h"

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

// One context for all keys: a new key in a warm context costs less than the cache misses of a context per session. The
// last key stays in it until another comes or forget_keys(); wiping it after every batch would cost half as much again
// as a small packet does.
class OpensslAead final : public PacketAead {
  public:
    OpensslAead(Cipher cipher, Context context) : cipher_(std::move(cipher)), context_(std::move(context)) {}

    void seal(std::span<AeadJob> jobs) override {
        for (const AeadJob& job : jobs) {
            begin(job, kSeal);
            WARREN_CHECK(transform(job));
            WARREN_CHECK(::EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, job.text + job.size) ==
                         1);
        }
    }

    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            begin(job, kOpen);
            WARREN_CHECK(::EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, job.text + job.size) ==
                         1);
            job.authentic = transform(job);
            if (!job.authentic) wipe({job.text, job.size});
        }
    }

    void forget_keys() override {
        const AeadKey none;
        begin({&none, 0, nullptr, 0, false}, kSeal);
    }

  private:
    void begin(const AeadJob& job, int direction) {
        const AeadNonce nonce = nonce_of(job.counter);
        WARREN_CHECK(::EVP_CipherInit_ex2(context_.get(), nullptr, job.key->secret.reveal().data(), nonce.data(),
                                          direction, nullptr) == 1);
    }

    // False when the tag is wrong; the text is transformed then too.
    bool transform(const AeadJob& job) {
        int written = 0;
        if (job.size > 0) {
            WARREN_CHECK(::EVP_CipherUpdate(context_.get(), job.text, &written, job.text, static_cast<int>(job.size)) ==
                         1);
        }
        std::array<std::uint8_t, kTagSize> unused;  // a stream cipher has nothing left to write
        return ::EVP_CipherFinal_ex(context_.get(), unused.data(), &written) == 1;
    }

    Cipher cipher_;
    Context context_;
};

}  // namespace

Result<std::unique_ptr<PacketAead>> make_openssl_aead() {
    Cipher cipher(::EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr));
    if (!cipher) return fail(ErrorCode::kUnsupported, "OpenSSL has no ChaCha20-Poly1305");
    Context context(::EVP_CIPHER_CTX_new());
    if (!context || ::EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, kSeal, nullptr) != 1) {
        return fail(ErrorCode::kFailed, "OpenSSL cannot set up ChaCha20-Poly1305");
    }
    return std::make_unique<OpensslAead>(std::move(cipher), std::move(context));
}

}  // namespace warren::crypto
