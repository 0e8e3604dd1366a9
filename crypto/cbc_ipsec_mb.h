// AES-CBC with an HMAC by intel-ipsec-mb; used inside crypto/ only, where the library is.
#pragma once

#ifdef WARREN_HAVE_IPSEC_MB

#include <intel-ipsec-mb.h>

#include "crypto/aead.h"
#include "crypto/cbc_hmac.h"

namespace warren::crypto {

// The packets of a batch side by side: one alone is no faster than the cipher's and the hash's own chains of blocks.
// One thread.
class CbcIpsecMb {
  public:
    // `manager` outlives it; no job of its is under way during a call.
    explicit CbcIpsecMb(IMB_MGR* manager) : manager_(manager) {}

    // Once for a key, before its first packet.
    void prepare(AeadKey& key);
    // Those of the jobs that are AES-CBC's.
    void seal(std::span<AeadJob> jobs) { run(jobs, IMB_DIR_ENCRYPT); }
    void open(std::span<AeadJob> jobs) { run(jobs, IMB_DIR_DECRYPT); }
    // The library's own copies of what keys began with.
    void forget_keys();

  private:
    static constexpr std::size_t kMostTag = 32;
    static constexpr std::size_t kMostJobs = 64;
    struct Tag {
        AeadJob* job = nullptr;
        std::array<std::uint8_t, kMostTag> computed;
        std::array<std::uint8_t, kMostTag> received;
    };

    void run(std::span<AeadJob> jobs, IMB_CIPHER_DIRECTION direction);
    void submit(Tag& tag, IMB_CIPHER_DIRECTION direction);
    void finish(std::span<Tag> tags, IMB_CIPHER_DIRECTION direction);

    IMB_MGR* manager_;
    std::array<Tag, kMostJobs> tags_;
    bool has_run_ = false;  // since keys were forgotten
};

}  // namespace warren::crypto

#endif
