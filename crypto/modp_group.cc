#include "crypto/modp_group.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace warren::crypto {

namespace {

// A number that OpenSSL treats in constant time.
Openssl<BIGNUM> secret_number(Bytes bytes) {
    Openssl<BIGNUM> number(::BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    WARREN_CHECK(number != nullptr);
    ::BN_set_flags(number.get(), BN_FLG_CONSTTIME);
    return number;
}

Openssl<BN_CTX> new_context() {
    Openssl<BN_CTX> context(::BN_CTX_new());
    WARREN_CHECK(context != nullptr);
    return context;
}

}  // namespace

ModpGroup::ModpGroup(Openssl<BIGNUM> prime, int exponent_bits)
    : prime_(std::move(prime)), exponent_size_(static_cast<std::size_t>(exponent_bits) / 8) {
    WARREN_CHECK(prime_ != nullptr);
    prime_less_1_.reset(::BN_dup(prime_.get()));
    montgomery_.reset(::BN_MONT_CTX_new());
    WARREN_CHECK(prime_less_1_ != nullptr && ::BN_sub_word(prime_less_1_.get(), 1) == 1 && montgomery_ != nullptr &&
                 ::BN_MONT_CTX_set(montgomery_.get(), prime_.get(), new_context().get()) == 1);
}

SecretBytes<66> ModpGroup::private_value(RandomSource& random) const {
    SecretBytes<66> exponent(exponent_size_);
    random.fill(exponent.writable());
    // All have the same length, which shows in the time that a power takes.
    exponent.writable()[0] |= 0x80U;
    return exponent;
}

std::vector<std::uint8_t> ModpGroup::power_of_generator(Bytes exponent) const {
    if (std::all_of(exponent.begin(), exponent.end(), [](std::uint8_t octet) { return octet == 0; })) return {};
    const Openssl<BIGNUM> two(::BN_new());
    WARREN_CHECK(two != nullptr && ::BN_set_word(two.get(), 2) == 1);
    std::vector<std::uint8_t> out(static_cast<std::size_t>(BN_num_bytes(prime_.get())));
    power(two.get(), exponent, new_context().get(), out);
    return out;
}

SharedSecret ModpGroup::power(Bytes base, Bytes exponent) const {
    const Openssl<BIGNUM> number(::BN_bin2bn(base.data(), static_cast<int>(base.size()), nullptr));
    WARREN_CHECK(number != nullptr);
    if (::BN_cmp(number.get(), ::BN_value_one()) <= 0 || ::BN_cmp(number.get(), prime_less_1_.get()) >= 0) return {};
    SharedSecret out(static_cast<std::size_t>(BN_num_bytes(prime_.get())));
    power(number.get(), exponent, new_context().get(), out.writable());
    return out;
}

void ModpGroup::power(const BIGNUM* base, Bytes exponent, BN_CTX* context, MutableBytes out) const {
    const Openssl<BIGNUM> secret = secret_number(exponent);
    const Openssl<BIGNUM> result(::BN_new());
    WARREN_CHECK(result != nullptr && ::BN_mod_exp_mont_consttime(result.get(), base, secret.get(), prime_.get(),
                                                                  context, montgomery_.get()) == 1);
    WARREN_CHECK(::BN_bn2binpad(result.get(), out.data(), static_cast<int>(out.size())) ==
                 static_cast<int>(out.size()));
}

const ModpGroup& modp_group(KeyExchangeMethod method) {
    // Exponents of twice the strength that RFC 3526 §8 gives the group at most. 1024 bits: as strong as can be.
    static const std::array<ModpGroup, 4> groups = {
        ModpGroup(Openssl<BIGNUM>(::BN_get_rfc2409_prime_1024(nullptr)), 256),
        ModpGroup(Openssl<BIGNUM>(::BN_get_rfc3526_prime_2048(nullptr)), 320),
        ModpGroup(Openssl<BIGNUM>(::BN_get_rfc3526_prime_3072(nullptr)), 424),
        ModpGroup(Openssl<BIGNUM>(::BN_get_rfc3526_prime_4096(nullptr)), 480),
    };
    return groups.at(static_cast<std::size_t>(method));
}

}  // namespace warren::crypto
