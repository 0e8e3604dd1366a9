#include "crypto/ecp_group.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace warren::crypto {

namespace {

constexpr std::uint8_t kUncompressed = 4;  // SEC 1 §2.3.3: the byte before x || y
constexpr std::size_t kMostField = 66;

Openssl<BN_CTX> new_context() {
    Openssl<BN_CTX> context(::BN_CTX_new());
    WARREN_CHECK(context != nullptr);
    return context;
}

}  // namespace

EcpGroup::EcpGroup(int nid) : group_(::EC_GROUP_new_by_curve_name(nid)), field_size_(0), top_mask_(0) {
    WARREN_CHECK(group_ != nullptr);
    const auto field_bits = static_cast<std::size_t>(::EC_GROUP_get_degree(group_.get()));
    field_size_ = (field_bits + 7) / 8;
    const auto order_bits = static_cast<std::size_t>(::EC_GROUP_order_bits(group_.get()));
    WARREN_CHECK(order_bits == field_bits && field_size_ <= kMostField);
    top_mask_ = static_cast<std::uint8_t>(0xffU >> (8 * field_size_ - order_bits));
}

SecretBytes<66> EcpGroup::private_value(RandomSource& random) const {
    // Each try fails with a probability of 2^-32 at most, so a generator that works never gets far.
    for (int tries = 0; tries < 16; ++tries) {
        SecretBytes<66> scalar(field_size_);
        random.fill(scalar.writable());
        scalar.writable()[0] &= top_mask_;
        if (scalar_of(scalar.reveal()) != nullptr) return scalar;
    }
    WARREN_CHECK(false);
    return {};
}

Openssl<BIGNUM> EcpGroup::scalar_of(Bytes scalar) const {
    Openssl<BIGNUM> number(::BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
    WARREN_CHECK(number != nullptr);
    if (::BN_is_zero(number.get()) || ::BN_cmp(number.get(), ::EC_GROUP_get0_order(group_.get())) >= 0) return nullptr;
    ::BN_set_flags(number.get(), BN_FLG_CONSTTIME);
    return number;
}

std::vector<std::uint8_t> EcpGroup::multiple_of_generator(Bytes scalar) const {
    const Openssl<BIGNUM> number = scalar_of(scalar);
    if (number == nullptr) return {};
    const Openssl<BN_CTX> context = new_context();
    const Openssl<EC_POINT> point(::EC_POINT_new(group_.get()));
    WARREN_CHECK(point != nullptr &&
                 ::EC_POINT_mul(group_.get(), point.get(), number.get(), nullptr, nullptr, context.get()) == 1);
    std::array<std::uint8_t, 1 + 2 * kMostField> encoded;
    const std::size_t size = 1 + 2 * field_size_;
    WARREN_CHECK(::EC_POINT_point2oct(group_.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), size,
                                      context.get()) == size);
    return {encoded.begin() + 1, encoded.begin() + static_cast<std::ptrdiff_t>(size)};
}

SharedSecret EcpGroup::multiple(Bytes point, Bytes scalar) const {
    WARREN_CHECK(point.size() == 2 * field_size_);
    std::array<std::uint8_t, 1 + 2 * kMostField> encoded{kUncompressed};
    std::copy(point.begin(), point.end(), encoded.begin() + 1);
    const Openssl<BN_CTX> context = new_context();
    const Openssl<EC_POINT> theirs(::EC_POINT_new(group_.get()));
    const Openssl<EC_POINT> product(::EC_POINT_new(group_.get()));
    const Openssl<BIGNUM> number = scalar_of(scalar);
    const Openssl<BIGNUM> x(::BN_new());
    WARREN_CHECK(theirs != nullptr && product != nullptr && number != nullptr && x != nullptr);
    // It refuses coordinates beyond the field and points that are not on the curve. The cofactor is 1, so every other
    // point has the group's order.
    if (::EC_POINT_oct2point(group_.get(), theirs.get(), encoded.data(), 1 + point.size(), context.get()) != 1) {
        ::ERR_clear_error();
        return {};
    }
    WARREN_CHECK(::EC_POINT_mul(group_.get(), product.get(), nullptr, theirs.get(), number.get(), context.get()) == 1 &&
                 ::EC_POINT_get_affine_coordinates(group_.get(), product.get(), x.get(), nullptr, context.get()) == 1);
    SharedSecret out(field_size_);
    WARREN_CHECK(::BN_bn2binpad(x.get(), out.writable().data(), static_cast<int>(field_size_)) ==
                 static_cast<int>(field_size_));
    return out;
}

const EcpGroup& ecp_group(KeyExchangeMethod method) {
    static const EcpGroup ecp256(NID_X9_62_prime256v1);
    static const EcpGroup ecp384(NID_secp384r1);
    static const EcpGroup ecp521(NID_secp521r1);
    if (method == KeyExchangeMethod::kEcp256) return ecp256;
    if (method == KeyExchangeMethod::kEcp384) return ecp384;
    WARREN_CHECK(method == KeyExchangeMethod::kEcp521);
    return ecp521;
}

}  // namespace warren::crypto
