// AES-CBC with an HMAC by OpenSSL; used inside crypto/ only.
#pragma once

#include <array>
#include <memory>

#include "base/result.h"
#include "crypto/aead.h"
#include "crypto/cbc_hmac.h"

namespace warren::crypto {

// One packet at a time, without allocation. One thread.
class CbcOpenssl {
  public:
    // kUnsupported when OpenSSL lacks a cipher.
    [[nodiscard]] static Result<CbcOpenssl> make();
    CbcOpenssl(CbcOpenssl&&) noexcept;
    CbcOpenssl& operator=(CbcOpenssl&&) noexcept;
    ~CbcOpenssl();

    void seal(const AeadJob& job);
    // job.authentic is the result; the text is all zero when it is false.
    void open(AeadJob& job);
    void forget_keys();

  private:
    struct Engines;
    explicit CbcOpenssl(std::unique_ptr<Engines> engines);

    std::unique_ptr<Engines> engines_;
};

}  // namespace warren::crypto
