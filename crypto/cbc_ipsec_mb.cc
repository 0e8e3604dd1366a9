#include "crypto/cbc_ipsec_mb.h"

#ifdef WARREN_HAVE_IPSEC_MB

#include <new>

#include "base/check.h"

namespace warren::crypto {

namespace {

constexpr std::array<std::uint8_t, kAesBlockSize> kZero{};

// Round keys, and what the hash has come to after the padded key.
struct alignas(64) Prepared {
    std::array<std::uint8_t, 15 * kAesBlockSize> encryption;
    std::array<std::uint8_t, 15 * kAesBlockSize> decryption;
    std::array<std::uint8_t, 64> inner;
    std::array<std::uint8_t, 64> outer;
};

void delete_prepared(void* key) {
    wipe({static_cast<std::uint8_t*>(key), sizeof(Prepared)});
    ::operator delete (key, std::align_val_t{alignof(Prepared)});
}

const Prepared& prepared_of(const AeadKey& key) {
    WARREN_CHECK(key.prepared != nullptr);
    return *static_cast<const Prepared*>(key.prepared.get());
}

IMB_HASH_ALG hash_of(const CbcHmac& row) {
    switch (row.hash_size) {
        case 20: return IMB_AUTH_HMAC_SHA_1;
        case 32: return IMB_AUTH_HMAC_SHA_256;
        default: return IMB_AUTH_HMAC_SHA_512;
    }
}

}  // namespace

void CbcIpsecMb::prepare(AeadKey& key) {
    WARREN_CHECK(key.integrity != nullptr);
    const CbcHmac& row = cbc_hmac_of(key.suite);
    auto* const prepared = ::new (std::align_val_t{alignof(Prepared)}) Prepared;
    key.prepared = {prepared, delete_prepared};
    const std::uint8_t* const secret = key.secret.reveal().data();
    if (row.key_size == 16) {
        IMB_AES_KEYEXP_128(manager_, secret, prepared->encryption.data(), prepared->decryption.data());
    } else {
        IMB_AES_KEYEXP_256(manager_, secret, prepared->encryption.data(), prepared->decryption.data());
    }
    const HmacPad inner(key, HmacPad::kInner);
    const HmacPad outer(key, HmacPad::kOuter);
    const auto hash = row.hash_size == 20   ? manager_->sha1_one_block
                      : row.hash_size == 32 ? manager_->sha256_one_block
                                            : manager_->sha512_one_block;
    hash(inner.bytes().data(), prepared->inner.data());
    hash(outer.bytes().data(), prepared->outer.data());
}

void CbcIpsecMb::run(std::span<AeadJob> jobs, IMB_CIPHER_DIRECTION direction) {
    has_run_ = true;
    std::size_t used = 0;
    for (AeadJob& job : jobs) {
        if (!is_cbc(job.key->suite)) continue;
        tags_[used].job = &job;
        submit(tags_[used], direction);
        if (++used < kMostJobs) continue;
        finish(std::span(tags_).first(used), direction);
        used = 0;
    }
    finish(std::span(tags_).first(used), direction);
}

// What is authentic behind the text is written where the tag is, so that all of it lies in one piece.
void CbcIpsecMb::submit(Tag& tag, IMB_CIPHER_DIRECTION direction) {
    AeadJob& job = *tag.job;
    const AeadKey& key = *job.key;
    const CbcHmac& row = cbc_hmac_of(key.suite);
    const Prepared& prepared = prepared_of(key);
    const bool seals = direction == IMB_DIR_ENCRYPT;
    std::uint8_t* const iv = job.text - kAesBlockSize;
    const std::size_t tag_size = tag_size_of(key.suite);
    WARREN_CHECK(job.associated_size <= tag_size && job.size % kAesBlockSize == 0);
    if (seals) {
        const auto begin = cbc_nonce_of(job.iv);
        std::copy(begin.begin(), begin.end(), iv);
    } else {
        std::copy_n(job.text + job.size, tag_size, tag.received.begin());
    }
    std::copy_n(job.associated.begin(), job.associated_size, job.text + job.size);

    IMB_JOB* const work = IMB_GET_NEXT_JOB(manager_);
    work->cipher_mode = IMB_CIPHER_CBC;
    work->hash_alg = hash_of(row);
    work->cipher_direction = direction;
    work->chain_order = seals ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    work->enc_keys = prepared.encryption.data();
    work->dec_keys = prepared.decryption.data();
    work->key_len_in_bytes = row.key_size;
    work->iv = seals ? kZero.data() : iv;
    work->iv_len_in_bytes = kAesBlockSize;
    work->src = job.text - kCbcPrefixSize;
    work->dst = seals ? iv : job.text;
    work->cipher_start_src_offset_in_bytes = seals ? kCbcHeaderSize : kCbcPrefixSize;
    work->msg_len_to_cipher_in_bytes = seals ? kAesBlockSize + job.size : job.size;
    work->hash_start_src_offset_in_bytes = 0;
    work->msg_len_to_hash_in_bytes = kCbcPrefixSize + job.size + job.associated_size;
    work->auth_tag_output = tag.computed.data();
    work->auth_tag_output_len_in_bytes = tag_size;
    work->u.HMAC._hashed_auth_key_xor_ipad = prepared.inner.data();
    work->u.HMAC._hashed_auth_key_xor_opad = prepared.outer.data();
    const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(manager_);
    for (; done != nullptr; done = IMB_GET_COMPLETED_JOB(manager_)) WARREN_CHECK(done->status == IMB_STATUS_COMPLETED);
}

void CbcIpsecMb::finish(std::span<Tag> tags, IMB_CIPHER_DIRECTION direction) {
    while (const IMB_JOB* const done = IMB_FLUSH_JOB(manager_)) WARREN_CHECK(done->status == IMB_STATUS_COMPLETED);
    for (Tag& tag : tags) {
        AeadJob& job = *tag.job;
        const std::size_t size = tag_size_of(job.key->suite);
        if (direction == IMB_DIR_ENCRYPT) {
            std::copy_n(tag.computed.begin(), size, job.text + job.size);
            continue;
        }
        job.authentic = equal_constant_time(Bytes(tag.computed).first(size), Bytes(tag.received).first(size));
        if (!job.authentic) wipe({job.text, job.size});
        wipe(tag.computed);
    }
}

// Each lane keeps the state of its last packet until another takes it: as many packets of nobody's go through all.
void CbcIpsecMb::forget_keys() {
    if (!std::exchange(has_run_, false)) return;
    constexpr std::size_t kPacket = kCbcPrefixSize + kAesBlockSize + kMostTag;
    std::array<std::uint8_t, kMostJobs * kPacket> packets{};
    std::array<AeadJob, kMostJobs> jobs;
    for (const CbcHmac& row : kCbcHmacs) {
        AeadKey none;
        none.suite = row.suite;
        none.integrity = std::make_unique<Secret<64>>();
        prepare(none);
        for (std::size_t i = 0; i < jobs.size(); ++i)
            jobs[i] = {.key = &none, .text = &packets[i * kPacket + kCbcPrefixSize], .size = kAesBlockSize};
        seal(jobs);
    }
    has_run_ = false;
}

}  // namespace warren::crypto

#endif
