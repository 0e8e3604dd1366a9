#include "crypto/aead_backends.h"

#ifndef WARREN_HAVE_IPSEC_MB

namespace warren::crypto {

Result<std::unique_ptr<PacketAead>> make_ipsec_mb_aead() {
    return fail(ErrorCode::kUnsupported, "built without intel-ipsec-mb");
}

}  // namespace warren::crypto

#else

#include <intel-ipsec-mb.h>
#include <sodium/crypto_verify_16.h>

#include "base/check.h"

namespace warren::crypto {

namespace {

static_assert(kTagSize == crypto_verify_16_BYTES);

struct FreeManager {
    void operator()(IMB_MGR* manager) const { ::free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// The library finishes each ChaCha20-Poly1305 job within the call that submits it, so nonce and tag may live on the
// stack.
class IpsecMbAead final : public PacketAead {
  public:
    explicit IpsecMbAead(Manager manager) : manager_(std::move(manager)) {}

    void seal(std::span<AeadJob> jobs) override {
        for (const AeadJob& job : jobs) run(job, IMB_DIR_ENCRYPT, job.text + job.size);
    }

    void open(std::span<AeadJob> jobs) override {
        std::array<std::uint8_t, kTagSize> tag;
        for (AeadJob& job : jobs) {
            run(job, IMB_DIR_DECRYPT, tag.data());
            // The library only computes the tag: to compare it is ours, in constant time.
            job.authentic = ::crypto_verify_16(tag.data(), job.text + job.size) == 0;
            if (!job.authentic) wipe({job.text, job.size});
        }
        wipe(tag);
    }

  private:
    void run(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) {
        const AeadNonce nonce = nonce_of(job.counter);
        IMB_JOB* const work = IMB_GET_NEXT_JOB(manager_.get());
        work->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        work->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        work->cipher_direction = direction;
        work->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        work->enc_keys = job.key->secret.reveal().data();
        work->dec_keys = work->enc_keys;
        work->key_len_in_bytes = IMB_KEY_256_BYTES;
        work->iv = nonce.data();
        work->iv_len_in_bytes = nonce.size();
        work->src = job.text;
        work->dst = job.text;
        work->cipher_start_src_offset_in_bytes = 0;
        work->hash_start_src_offset_in_bytes = 0;
        work->msg_len_to_cipher_in_bytes = job.size;
        work->msg_len_to_hash_in_bytes = job.size;
        work->auth_tag_output = tag;
        work->auth_tag_output_len_in_bytes = kTagSize;
        work->u.CHACHA20_POLY1305.aad = nonce.data();  // of which no byte is read
        work->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
        const IMB_JOB* const done = IMB_SUBMIT_JOB_NOCHECK(manager_.get());
        WARREN_CHECK(done == work && done->status == IMB_STATUS_COMPLETED);
    }

    Manager manager_;
};

}  // namespace

Result<std::unique_ptr<PacketAead>> make_ipsec_mb_aead() {
    Manager manager(::alloc_mb_mgr(0));
    if (!manager) return fail(ErrorCode::kFailed, "intel-ipsec-mb: no memory for a manager");
    ::init_mb_mgr_auto(manager.get(), nullptr);
    if (const int error = ::imb_get_errno(manager.get()); error != 0) {
        return fail(ErrorCode::kUnsupported, std::string("intel-ipsec-mb: ") + ::imb_get_strerror(error));
    }
    return std::make_unique<IpsecMbAead>(std::move(manager));
}

}  // namespace warren::crypto

#endif
