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

#include <new>

#include "base/check.h"
#include "crypto/cbc_ipsec_mb.h"

namespace warren::crypto {

namespace {

static_assert(kTagSize == crypto_verify_16_BYTES);

struct FreeManager {
    void operator()(IMB_MGR* manager) const { ::free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// What AES-GCM needs of a key: round keys and powers of the hash key.
gcm_key_data* new_gcm_key() {
    return ::new (std::align_val_t{alignof(gcm_key_data)}) gcm_key_data;
}
void delete_gcm_key(void* key) {
    wipe({static_cast<std::uint8_t*>(key), sizeof(gcm_key_data)});
    ::operator delete (key, std::align_val_t{alignof(gcm_key_data)});
}

// The library finishes each job of an AEAD within the call that submits it, so nonce and tag may live on the stack.
// Those of AES-CBC it keeps until there are several, so they come after all others of a batch.
class IpsecMbAead final : public PacketAead {
  public:
    explicit IpsecMbAead(Manager manager) : manager_(std::move(manager)), cbc_(manager_.get()) {}

    [[nodiscard]] bool has(AeadSuite /*suite*/) const override { return true; }

    void prepare(AeadKey& key) override {
        if (key.suite == AeadSuite::kChacha20Poly1305) return;
        if (is_cbc(key.suite)) return cbc_.prepare(key);
        gcm_key_data* const expanded = new_gcm_key();
        key.prepared = {expanded, delete_gcm_key};
        const std::uint8_t* const secret = key.secret.reveal().data();
        if (key.suite == AeadSuite::kAes128Gcm) {
            IMB_AES128_GCM_PRE(manager_.get(), secret, expanded);
        } else {
            IMB_AES256_GCM_PRE(manager_.get(), secret, expanded);
        }
    }

    void seal(std::span<AeadJob> jobs) override {
        bool has_cbc = false;
        for (const AeadJob& job : jobs) has_cbc |= !run(job, IMB_DIR_ENCRYPT, job.text + job.size);
        if (has_cbc) cbc_.seal(jobs);
    }

    void open(std::span<AeadJob> jobs) override {
        std::array<std::uint8_t, kTagSize> tag;
        bool has_cbc = false;
        for (AeadJob& job : jobs) {
            if (!run(job, IMB_DIR_DECRYPT, tag.data())) {
                has_cbc = true;
                continue;
            }
            // The library only computes the tag: to compare it is ours, in constant time.
            job.authentic = ::crypto_verify_16(tag.data(), job.text + job.size) == 0;
            if (!job.authentic) wipe({job.text, job.size});
        }
        wipe(tag);
        if (has_cbc) cbc_.open(jobs);
    }

    void forget_keys() override { cbc_.forget_keys(); }

  private:
    // False when it is none of an AEAD's; nothing is done then.
    [[gnu::always_inline]] bool run(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) {
        if (job.key->suite == AeadSuite::kChacha20Poly1305) {
            run_chacha(job, direction, tag);
            return true;
        }
        if (is_cbc(job.key->suite)) return false;
        run_gcm(job, direction, tag);
        return true;
    }

    void run_gcm(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) {
        const auto* const key = static_cast<const gcm_key_data*>(job.key->prepared.get());
        WARREN_CHECK(key != nullptr);
        const AeadNonce nonce = nonce_of(*job.key, job.iv);
        gcm_context_data context;
        const bool is_128 = job.key->suite == AeadSuite::kAes128Gcm;
        const auto transform = direction == IMB_DIR_ENCRYPT ? (is_128 ? manager_->gcm128_enc : manager_->gcm256_enc)
                                                            : (is_128 ? manager_->gcm128_dec : manager_->gcm256_dec);
        transform(key, &context, job.text, job.text, job.size, nonce.data(), job.associated.data(), job.associated_size,
                  tag, kTagSize);
    }

    void run_chacha(const AeadJob& job, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) {
        const AeadNonce nonce = nonce_of(*job.key, job.iv);
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
        work->u.CHACHA20_POLY1305.aad = job.associated.data();
        work->u.CHACHA20_POLY1305.aad_len_in_bytes = job.associated_size;
        const IMB_JOB* const done = IMB_SUBMIT_JOB_NOCHECK(manager_.get());
        WARREN_CHECK(done == work && done->status == IMB_STATUS_COMPLETED);
    }

    Manager manager_;
    CbcIpsecMb cbc_;
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
