#include "crypto/signature_algorithm.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "crypto/openssl_objects.h"
#include "crypto/signature.h"

namespace warren::crypto {

namespace {

using Kind = SignatureAlgorithm::Kind;

// RFC 7427 App. A.1, parameters NULL.
constexpr std::array<std::uint8_t, 15> kSha256WithRsa = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                         0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
constexpr std::array<std::uint8_t, 15> kSha384WithRsa = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                         0xf7, 0x0d, 0x01, 0x01, 0x0c, 0x05, 0x00};
constexpr std::array<std::uint8_t, 15> kSha512WithRsa = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                         0xf7, 0x0d, 0x01, 0x01, 0x0d, 0x05, 0x00};
// RFC 7427 App. A.3
constexpr std::array<std::uint8_t, 12> kEcdsaWithSha256 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                           0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
constexpr std::array<std::uint8_t, 12> kEcdsaWithSha384 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                           0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
constexpr std::array<std::uint8_t, 12> kEcdsaWithSha512 = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                           0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
// RFC 8420 App. A
constexpr std::array<std::uint8_t, 7> kEd25519 = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

// RSASSA-PSS (RFC 4055 §3.1): hash and MGF1 with the same one, a salt of its length, the trailer field left out as DER
// has it for a default.
constexpr std::size_t kPssSize = 67;
constexpr std::array<std::uint8_t, kPssSize> pss(std::uint8_t hash, std::uint8_t salt) {
    return {0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a,  // id-RSASSA-PSS
            0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,  // SHA-2
            0x03, 0x04, 0x02, hash, 0x05, 0x00,                                            //
            0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,  // id-mgf1
            0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,  //
            0x02, hash, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, salt};
}
constexpr auto kPssSha256 = pss(1, 32);
constexpr auto kPssSha384 = pss(2, 48);
constexpr auto kPssSha512 = pss(3, 64);
// The same with the trailer field spelled out, as in RFC 7427 App. A.4.3: five bytes more in each sequence.
constexpr std::array<std::uint8_t, 5> kTrailer = {0xa3, 0x03, 0x02, 0x01, 0x01};

struct Row {
    SignatureAlgorithm algorithm;
    Bytes identifier;
};
constexpr std::array kRows = std::to_array<Row>({
    {{Kind::kRsa, Sha::kSha256}, kSha256WithRsa},
    {{Kind::kRsa, Sha::kSha384}, kSha384WithRsa},
    {{Kind::kRsa, Sha::kSha512}, kSha512WithRsa},
    {{Kind::kEcdsa, Sha::kSha256}, kEcdsaWithSha256},
    {{Kind::kEcdsa, Sha::kSha384}, kEcdsaWithSha384},
    {{Kind::kEcdsa, Sha::kSha512}, kEcdsaWithSha512},
    {{Kind::kRsaPss, Sha::kSha256}, kPssSha256},
    {{Kind::kRsaPss, Sha::kSha384}, kPssSha384},
    {{Kind::kRsaPss, Sha::kSha512}, kPssSha512},
    {{Kind::kEd25519, Sha::kSha512}, kEd25519},
});

bool equal(Bytes a, Bytes b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Whether it is `ours` with what DER leaves out: NULL parameters of RSA, the trailer field of PSS.
bool is_same(Bytes theirs, const Row& row) {
    const Bytes ours = row.identifier;
    if (equal(theirs, ours)) return true;
    if (row.algorithm.kind == Kind::kRsa && theirs.size() + 2 == ours.size())
        return theirs[1] + 2 == ours[1] && theirs[0] == ours[0] && equal(theirs.subspan(2), ours.subspan(2, 11));
    if (row.algorithm.kind != Kind::kRsaPss || theirs.size() != ours.size() + kTrailer.size()) return false;
    std::array<std::uint8_t, kPssSize> shorter{};
    std::copy_n(theirs.begin(), kPssSize, shorter.begin());
    constexpr std::size_t kInner = 14;  // the length of the parameters
    shorter[1] = static_cast<std::uint8_t>(shorter[1] - kTrailer.size());
    shorter[kInner] = static_cast<std::uint8_t>(shorter[kInner] - kTrailer.size());
    return equal(shorter, ours) && equal(theirs.last(kTrailer.size()), kTrailer);
}

}  // namespace

Bytes identifier_of(const SignatureAlgorithm& algorithm) {
    const auto* const row =
        std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) { return one.algorithm == algorithm; });
    WARREN_CHECK(row != kRows.end());
    return row->identifier;
}

std::optional<SplitSignature> split_identifier(Bytes data) {
    ByteReader reader(data);
    const Bytes identifier = reader.take(reader.u8());
    if (!reader.ok()) return std::nullopt;
    for (const Row& row : kRows) {
        if (is_same(identifier, row)) return SplitSignature{row.algorithm, reader.rest()};
    }
    return std::nullopt;
}

std::size_t field_size_of(std::uint8_t method) {
    if (method == kAuthEcdsaSha256) return 32;
    return method == kAuthEcdsaSha384 ? 48 : 66;
}

std::vector<std::uint8_t> plain_ecdsa(Bytes der, std::size_t field_size) {
    const std::uint8_t* at = der.data();
    const Openssl<ECDSA_SIG> signature(::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    std::vector<std::uint8_t> out(2 * field_size);
    const int size = static_cast<int>(field_size);
    const bool is_done = signature != nullptr &&
                         ::BN_bn2binpad(::ECDSA_SIG_get0_r(signature.get()), out.data(), size) == size &&
                         ::BN_bn2binpad(::ECDSA_SIG_get0_s(signature.get()), out.data() + field_size, size) == size;
    ::ERR_clear_error();
    if (!is_done) out.clear();
    return out;
}

std::vector<std::uint8_t> der_ecdsa(Bytes plain, std::size_t field_size) {
    if (plain.size() != 2 * field_size) return {};
    const int size = static_cast<int>(field_size);
    const Openssl<ECDSA_SIG> signature(::ECDSA_SIG_new());
    Openssl<BIGNUM> r(::BN_bin2bn(plain.data(), size, nullptr));
    Openssl<BIGNUM> s(::BN_bin2bn(plain.data() + field_size, size, nullptr));
    WARREN_CHECK(signature != nullptr && r != nullptr && s != nullptr);
    WARREN_CHECK(::ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
    std::uint8_t* der = nullptr;
    const int length = ::i2d_ECDSA_SIG(signature.get(), &der);
    WARREN_CHECK(length > 0);
    std::vector<std::uint8_t> out(der, der + length);
    ::OPENSSL_free(der);
    return out;
}

}  // namespace warren::crypto
