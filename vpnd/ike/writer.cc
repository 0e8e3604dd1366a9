#include "vpnd/ike/writer.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace warren::ike {

namespace {

constexpr std::uint8_t kMoreProposals = 2;                    // RFC 7296 §3.3.1
constexpr std::uint8_t kMoreTransforms = 3;                   // RFC 7296 §3.3.2
constexpr std::uint16_t kKeyLengthAttribute = 0x8000U | 14U;  // RFC 7296 §3.3.5

std::uint8_t mark(bool is_last, std::uint8_t more) {
    return is_last ? 0 : more;
}

std::size_t size_of(const Transform& transform) {
    return transform.key_bits != 0 ? 12 : 8;
}

std::size_t size_of(const Proposal& proposal) {
    std::size_t size = 8 + proposal.spi.size();
    for (const Transform& transform : proposal.transforms) size += size_of(transform);
    return size;
}

}  // namespace

void Chain::begin(PayloadType type, bool is_critical) {
    if (first_ == PayloadType::kNone) {
        first_ = type;
    } else {
        bytes_[last_] = static_cast<std::uint8_t>(type);
    }
    last_ = bytes_.size();
    put_be<std::uint8_t>(0);
    put_be<std::uint8_t>(is_critical ? 0x80 : 0);  // RFC 7296 §3.2
    put_be<std::uint16_t>(0);
}

void Chain::end() {
    const std::size_t size = bytes_.size() - last_;
    ok_ = ok_ && size <= UINT16_MAX && bytes_.size() <= kMostChain;
    store_be(bytes_.data() + last_ + 2, static_cast<std::uint16_t>(size));
}

void Chain::put(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

template <typename T>
void Chain::put_be(T value) {
    bytes_.resize(bytes_.size() + sizeof(T));
    store_be(bytes_.data() + bytes_.size() - sizeof(T), value);
}

template <typename T>
void Chain::put_count(std::size_t value) {
    ok_ = ok_ && value <= std::numeric_limits<T>::max();
    put_be(static_cast<T>(value));
}

Chain& Chain::sa(std::span<const Proposal> proposals) {
    begin(PayloadType::kSa);
    for (const Proposal& proposal : proposals) {
        put_be<std::uint8_t>(mark(&proposal == &proposals.back(), kMoreProposals));
        put_be<std::uint8_t>(0);
        put_count<std::uint16_t>(size_of(proposal));
        put_be(proposal.number);
        put_be(static_cast<std::uint8_t>(proposal.protocol));
        put_count<std::uint8_t>(proposal.spi.size());
        put_count<std::uint8_t>(proposal.transforms.size());
        put(proposal.spi);
        for (const Transform& transform : proposal.transforms) {
            put_be<std::uint8_t>(mark(&transform == &proposal.transforms.back(), kMoreTransforms));
            put_be<std::uint8_t>(0);
            put_count<std::uint16_t>(size_of(transform));
            put_be(static_cast<std::uint8_t>(transform.type));
            put_be<std::uint8_t>(0);
            put_be(transform.id);
            if (transform.key_bits == 0) continue;
            put_be(kKeyLengthAttribute);
            put_be(transform.key_bits);
        }
    }
    end();
    return *this;
}

Chain& Chain::ke(KeyExchangeId method, Bytes public_value) {
    begin(PayloadType::kKe);
    put_be(static_cast<std::uint16_t>(method));
    put_be<std::uint16_t>(0);
    put(public_value);
    end();
    return *this;
}

Chain& Chain::nonce(Bytes nonce) {
    return raw(PayloadType::kNonce, nonce);
}

Chain& Chain::id(PayloadType type, IdType id_type, Bytes value) {
    return raw(type, id_body(id_type, value));
}

Chain& Chain::cert(CertEncoding encoding, Bytes data) {
    begin(PayloadType::kCert);
    put_be(static_cast<std::uint8_t>(encoding));
    put(data);
    end();
    return *this;
}

Chain& Chain::certreq(CertEncoding encoding, Bytes authorities) {
    begin(PayloadType::kCertreq);
    put_be(static_cast<std::uint8_t>(encoding));
    put(authorities);
    end();
    return *this;
}

Chain& Chain::auth(AuthMethod method, Bytes data) {
    begin(PayloadType::kAuth);
    put_be(static_cast<std::uint32_t>(method) << 24U);
    put(data);
    end();
    return *this;
}

Chain& Chain::notify(const Notify& notify) {
    begin(PayloadType::kNotify);
    put_be(static_cast<std::uint8_t>(notify.protocol));
    put_count<std::uint8_t>(notify.spi.size());
    put_be(static_cast<std::uint16_t>(notify.type));
    put(notify.spi);
    put(notify.data);
    end();
    return *this;
}

Chain& Chain::delete_ike() {
    begin(PayloadType::kDelete);
    put_be(static_cast<std::uint8_t>(ProtocolId::kIke));
    put_be<std::uint8_t>(0);
    put_be<std::uint16_t>(0);
    end();
    return *this;
}

Chain& Chain::delete_esp(std::span<const std::uint32_t> spis) {
    begin(PayloadType::kDelete);
    put_be(static_cast<std::uint8_t>(ProtocolId::kEsp));
    put_be<std::uint8_t>(sizeof(std::uint32_t));
    put_count<std::uint16_t>(spis.size());
    for (const std::uint32_t spi : spis) put_be(spi);
    end();
    return *this;
}

Chain& Chain::vendor_id(Bytes id) {
    return raw(PayloadType::kVendorId, id);
}

Chain& Chain::ts(PayloadType type, std::span<const TrafficSelector> selectors) {
    begin(type);
    put_count<std::uint8_t>(selectors.size());
    put_be<std::uint8_t>(0);
    put_be<std::uint16_t>(0);
    for (const TrafficSelector& selector : selectors) {
        const Bytes first = selector.first.bytes();
        put_be(static_cast<std::uint8_t>(selector.first.is_v4() ? TsType::kIpv4AddrRange : TsType::kIpv6AddrRange));
        put_be(selector.protocol);
        put_count<std::uint16_t>(8 + 2 * first.size());
        put_be(selector.first_port);
        put_be(selector.last_port);
        put(first);
        put(Bytes(selector.last.octets).first(first.size()));
    }
    end();
    return *this;
}

Chain& Chain::cp(CfgType type, std::span<const ConfigAttribute> attributes) {
    begin(PayloadType::kCp);
    put_be(static_cast<std::uint32_t>(type) << 24U);
    for (const ConfigAttribute& attribute : attributes) {
        put_be(static_cast<std::uint16_t>(attribute.type));
        put_count<std::uint16_t>(attribute.value.size());
        put(attribute.value);
    }
    end();
    return *this;
}

Chain& Chain::eap(Bytes message) {
    return raw(PayloadType::kEap, message);
}

Chain& Chain::raw(PayloadType type, Bytes body, bool is_critical) {
    begin(type, is_critical);
    put(body);
    end();
    return *this;
}

std::vector<std::uint8_t> write_message(const Header& header, const Chain& chain) {
    WARREN_CHECK(chain.ok());
    std::vector<std::uint8_t> out(kHeaderSize + chain.bytes().size());
    Header whole = header;
    whole.next_payload = chain.first();
    whole.length = static_cast<std::uint32_t>(out.size());
    write_header(whole, MutableBytes(out).first<kHeaderSize>());
    std::copy(chain.bytes().begin(), chain.bytes().end(), out.begin() + kHeaderSize);
    return out;
}

std::vector<std::uint8_t> id_body(IdType type, Bytes value) {
    std::vector<std::uint8_t> out = {static_cast<std::uint8_t>(type), 0, 0, 0};
    out.insert(out.end(), value.begin(), value.end());
    return out;
}

}  // namespace warren::ike
