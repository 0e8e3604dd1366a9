#include <sodium.h>

#include "crypto/aead_backends.h"
#include "crypto/sodium_ready.h"

namespace warren::crypto {

namespace {

class SodiumAead final : public PacketAead {
  public:
    void seal(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            const AeadNonce nonce = nonce_of(*job.key, job.iv);
            ::crypto_aead_chacha20poly1305_ietf_encrypt_detached(
                job.text, job.text + job.size, nullptr, job.text, job.size, job.associated.data(), job.associated_size,
                nullptr, nonce.data(), job.key->secret.reveal().data());
        }
    }

    void open(std::span<AeadJob> jobs) override {
        for (AeadJob& job : jobs) {
            const AeadNonce nonce = nonce_of(*job.key, job.iv);
            const int status = ::crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                job.text, nullptr, job.text, job.size, job.text + job.size, job.associated.data(), job.associated_size,
                nonce.data(), job.key->secret.reveal().data());
            job.authentic = status == 0;
            if (!job.authentic) wipe({job.text, job.size});
        }
    }
};

}  // namespace

Result<std::unique_ptr<PacketAead>> make_sodium_aead() {
    ensure_sodium_ready();
    return std::make_unique<SodiumAead>();
}

}  // namespace warren::crypto
