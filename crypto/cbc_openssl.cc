// Hashes by their own calls: EVP's allocate for each.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/cbc_openssl.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <string>

#include "base/check.h"

namespace warren::crypto {

namespace {

struct Free {
    void operator()(EVP_CIPHER* cipher) const { ::EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX* context) const { ::EVP_CIPHER_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr int kSeal = 1;
constexpr int kOpen = 0;
constexpr std::size_t kMostHash = 64;

struct Sha1 {
    using Context = SHA_CTX;
    static constexpr auto init = ::SHA1_Init;
    static constexpr auto update = ::SHA1_Update;
    static constexpr auto final = ::SHA1_Final;
};
struct Sha256 {
    using Context = SHA256_CTX;
    static constexpr auto init = ::SHA256_Init;
    static constexpr auto update = ::SHA256_Update;
    static constexpr auto final = ::SHA256_Final;
};
struct Sha512 {
    using Context = SHA512_CTX;
    static constexpr auto init = ::SHA512_Init;
    static constexpr auto update = ::SHA512_Update;
    static constexpr auto final = ::SHA512_Final;
};

using Hash = std::array<std::uint8_t, kMostHash>;

template <typename Sha>
void hash(std::initializer_list<Bytes> parts, Hash& out) {
    typename Sha::Context context;
    WARREN_CHECK(Sha::init(&context) == 1);
    for (const Bytes part : parts) WARREN_CHECK(Sha::update(&context, part.data(), part.size()) == 1);
    WARREN_CHECK(Sha::final(out.data(), &context) == 1);
    wipe({reinterpret_cast<std::uint8_t*>(&context), sizeof context});
}

// RFC 2104 §2, of which the end is cut off.
template <typename Sha>
void hmac(const AeadJob& job, std::size_t hash_size, MutableBytes tag) {
    Hash result;
    const HmacPad inner(*job.key, HmacPad::kInner);
    const HmacPad outer(*job.key, HmacPad::kOuter);
    hash<Sha>({inner.bytes(), {job.text - kCbcPrefixSize, kCbcPrefixSize + job.size}, job.associated_data()}, result);
    hash<Sha>({outer.bytes(), Bytes(result).first(hash_size)}, result);
    std::copy_n(result.begin(), tag.size(), tag.begin());
    wipe(result);
}

void compute_tag(const AeadJob& job, MutableBytes tag) {
    const std::size_t hash_size = cbc_hmac_of(job.key->suite).hash_size;
    switch (hash_size) {
        case SHA_DIGEST_LENGTH: return hmac<Sha1>(job, hash_size, tag);
        case SHA256_DIGEST_LENGTH: return hmac<Sha256>(job, hash_size, tag);
        default: return hmac<Sha512>(job, hash_size, tag);
    }
}

}  // namespace

// A cipher of each suite: a new key in a warm context costs less than a context for each session.
struct CbcOpenssl::Engines {
    struct Engine {
        Owned<EVP_CIPHER> cipher;
        Owned<EVP_CIPHER_CTX> encryption;
    };
    std::array<Engine, kCbcHmacs.size()> all;

    [[nodiscard]] Engine& of(const AeadJob& job) { return all[cbc_place_of(job.key->suite)]; }
};

CbcOpenssl::CbcOpenssl(std::unique_ptr<Engines> engines) : engines_(std::move(engines)) {}
CbcOpenssl::CbcOpenssl(CbcOpenssl&&) noexcept = default;
CbcOpenssl& CbcOpenssl::operator=(CbcOpenssl&&) noexcept = default;
CbcOpenssl::~CbcOpenssl() = default;

Result<CbcOpenssl> CbcOpenssl::make() {
    auto engines = std::make_unique<Engines>();
    for (const CbcHmac& row : kCbcHmacs) {
        Engines::Engine& engine = engines->all[cbc_place_of(row.suite)];
        engine.cipher.reset(::EVP_CIPHER_fetch(nullptr, row.cipher_name, nullptr));
        if (!engine.cipher) return fail(ErrorCode::kUnsupported, std::string("OpenSSL has no ") + row.cipher_name);
        engine.encryption.reset(::EVP_CIPHER_CTX_new());
        const bool is_ready =
            engine.encryption &&
            ::EVP_CipherInit_ex2(engine.encryption.get(), engine.cipher.get(), nullptr, nullptr, kSeal, nullptr) == 1 &&
            ::EVP_CIPHER_CTX_set_padding(engine.encryption.get(), 0) == 1;
        if (!is_ready) return fail(ErrorCode::kFailed, std::string("OpenSSL cannot set up ") + row.cipher_name);
    }
    return CbcOpenssl(std::move(engines));
}

void CbcOpenssl::seal(const AeadJob& job) {
    const auto begin = cbc_nonce_of(job.iv);
    std::uint8_t* const text = job.text - kAesBlockSize;
    std::copy(begin.begin(), begin.end(), text);
    constexpr std::array<std::uint8_t, kAesBlockSize> kZero{};
    EVP_CIPHER_CTX* const context = engines_->of(job).encryption.get();
    int written = 0;
    WARREN_CHECK(
        ::EVP_CipherInit_ex2(context, nullptr, job.key->secret.reveal().data(), kZero.data(), kSeal, nullptr) == 1);
    WARREN_CHECK(::EVP_CipherUpdate(context, text, &written, text, static_cast<int>(kAesBlockSize + job.size)) == 1);
    WARREN_CHECK(static_cast<std::uint32_t>(written) == kAesBlockSize + job.size);
    compute_tag(job, {job.text + job.size, tag_size_of(job.key->suite)});
}

void CbcOpenssl::open(AeadJob& job) {
    std::array<std::uint8_t, kMostHash> tag;
    const auto used = MutableBytes(tag).first(tag_size_of(job.key->suite));
    compute_tag(job, used);
    job.authentic = equal_constant_time(used, {job.text + job.size, used.size()});
    wipe(tag);
    if (!job.authentic) return wipe({job.text, job.size});
    if (job.size == 0) return;
    EVP_CIPHER_CTX* const context = engines_->of(job).encryption.get();
    int written = 0;
    WARREN_CHECK(::EVP_CipherInit_ex2(context, nullptr, job.key->secret.reveal().data(), job.text - kAesBlockSize,
                                      kOpen, nullptr) == 1);
    WARREN_CHECK(::EVP_CipherUpdate(context, job.text, &written, job.text, static_cast<int>(job.size)) == 1);
    WARREN_CHECK(static_cast<std::uint32_t>(written) == job.size);
}

void CbcOpenssl::forget_keys() {
    constexpr std::array<std::uint8_t, 32> kNone{};
    for (Engines::Engine& engine : engines_->all) {
        WARREN_CHECK(
            ::EVP_CipherInit_ex2(engine.encryption.get(), nullptr, kNone.data(), kNone.data(), kSeal, nullptr) == 1);
    }
}

}  // namespace warren::crypto
