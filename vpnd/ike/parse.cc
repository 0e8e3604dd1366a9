#include "vpnd/ike/parse.h"

#include "vpnd/ike/reader.h"
#include "vpnd/ike/suite.h"

namespace warren::ike {

namespace {

tl::unexpected<Misfit> malformed() {
    return tl::unexpected<Misfit>(Misfit::kMalformed);
}
tl::unexpected<Misfit> too_many() {
    return tl::unexpected<Misfit>(Misfit::kTooManyPayloads);
}

// The length field at offset 2, which all substructures have; 0 when it does not fit.
std::size_t length_of(Bytes rest, std::size_t least) {
    if (rest.size() < least) return 0;
    const std::size_t length = load_be<std::uint16_t>(rest.data() + 2);
    return length >= least && length <= rest.size() ? length : 0;
}

// --- SA ---

constexpr std::size_t kProposalHeaderSize = 8;   // RFC 7296 §3.3.1
constexpr std::size_t kTransformHeaderSize = 8;  // RFC 7296 §3.3.2
constexpr std::uint8_t kMoreProposals = 2;
constexpr std::uint8_t kMoreTransforms = 3;

// The first byte of a substructure: `more` when another one follows, else 0.
bool is_marked(std::uint8_t mark, std::uint8_t more, bool is_last) {
    return mark == (is_last ? 0 : more);
}

bool are_attributes(Bytes bytes) {
    ByteReader reader(bytes);
    while (reader.ok() && !reader.rest().empty()) {
        const auto type = reader.be<std::uint16_t>();
        const auto value = reader.be<std::uint16_t>();
        const bool is_fixed = (type & 0x8000U) != 0;  // the AF bit, RFC 7296 §3.3.5
        if (!is_fixed) (void)reader.take(value);
    }
    return reader.ok();
}

bool are_transforms(Bytes rest, std::size_t count) {
    for (; count > 0; --count) {
        const std::size_t length = length_of(rest, kTransformHeaderSize);
        if (length == 0 || !is_marked(rest[0], kMoreTransforms, count == 1) ||
            !are_attributes(rest.subspan(kTransformHeaderSize, length - kTransformHeaderSize))) {
            return false;
        }
        rest = rest.subspan(length);
    }
    return rest.empty();
}

bool is_proposal(Bytes proposal) {
    const std::size_t spi_size = proposal[6];
    const std::size_t transforms = proposal[7];
    return proposal.size() >= kProposalHeaderSize + spi_size &&
           are_transforms(proposal.subspan(kProposalHeaderSize + spi_size), transforms);
}

// --- traffic selectors ---

constexpr std::size_t kSelectorHeaderSize = 4;  // type, protocol, length: RFC 7296 §3.13.1

bool is_selector(Bytes selector, std::size_t address_size) {
    if (selector.size() != 8 + 2 * address_size) return false;
    Bytes rest = selector;
    const TrafficSelector value = TrafficSelector::take(rest);
    const bool is_opaque = value.first_port == UINT16_MAX && value.last_port == 0;
    return value.first <= value.last && (value.first_port <= value.last_port || is_opaque);
}

template <typename Kind>
Parsed parse_ts(Bytes body) {
    if (body.size() < 4) return malformed();
    const std::size_t count = body[0];
    if (count == 0) return malformed();
    if (count > kMostSelectors) return too_many();
    Bytes rest = body.subspan(4);
    std::size_t known = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t length = length_of(rest, kSelectorHeaderSize);
        if (length == 0) return malformed();
        const auto type = static_cast<TsType>(rest[0]);
        const bool is_v4 = type == TsType::kIpv4AddrRange;
        if (is_v4 || type == TsType::kIpv6AddrRange) {
            if (!is_selector(rest.first(length), is_v4 ? 4 : 16)) return malformed();
            ++known;
        }
        rest = rest.subspan(length);
    }
    if (!rest.empty()) return malformed();
    Kind out;
    out.selectors = {body.subspan(4), known};
    out.has_unknown = known < count;
    return out;
}

// --- identities ---

template <typename Kind>
Parsed parse_id(Bytes body) {
    if (body.size() < 4) return malformed();
    Kind out;
    out.type = static_cast<IdType>(body[0]);
    out.value = body.subspan(4);
    out.body = body;
    if (out.type == IdType::kIpv4Addr && out.value.size() != 4) return malformed();
    if (out.type == IdType::kIpv6Addr && out.value.size() != 16) return malformed();
    return out;
}

}  // namespace

Parsed parse_sa(Bytes body) {
    std::size_t count = 0;
    for (Bytes rest = body; !rest.empty();) {
        const std::size_t length = length_of(rest, kProposalHeaderSize);
        if (length == 0 || !is_marked(rest[0], kMoreProposals, length == rest.size())) return malformed();
        if (++count > kMostProposals) return too_many();
        if (!is_proposal(rest.first(length))) return malformed();
        rest = rest.subspan(length);
    }
    if (count == 0) return malformed();
    return SaPayload{{body, count}};
}

Parsed parse_ke(Bytes body) {
    if (body.size() < 4) return malformed();
    const KePayload out = {static_cast<KeyExchangeId>(load_be<std::uint16_t>(body.data())), body.subspan(4)};
    if (out.public_value.empty()) return malformed();
    const Algorithm* const method = find_method(out.method);
    const bool is_ours = method != nullptr && method->standing != Standing::kRefused;
    if (is_ours && out.public_value.size() != crypto::public_value_size(method->method)) return malformed();
    return out;
}

Parsed parse_idi(Bytes body) {
    return parse_id<IdiPayload>(body);
}

Parsed parse_idr(Bytes body) {
    return parse_id<IdrPayload>(body);
}

Parsed parse_cert(Bytes body) {
    if (body.empty()) return malformed();
    return CertPayload{static_cast<CertEncoding>(body[0]), body.subspan(1)};
}

Parsed parse_certreq(Bytes body) {
    if (body.empty()) return malformed();
    return CertreqPayload{static_cast<CertEncoding>(body[0]), body.subspan(1)};
}

Parsed parse_auth(Bytes body) {
    if (body.size() < 4) return malformed();
    return AuthPayload{static_cast<AuthMethod>(body[0]), body.subspan(4)};
}

Parsed parse_nonce(Bytes body) {
    if (body.size() < kLeastNonce || body.size() > kMostNonce) return malformed();
    return NoncePayload{body};
}

Parsed parse_notify(Bytes body) {
    ByteReader reader(body);
    NotifyPayload out;
    out.protocol = static_cast<ProtocolId>(reader.u8());
    const std::size_t spi_size = reader.u8();
    out.type = static_cast<NotifyType>(reader.be<std::uint16_t>());
    out.spi = reader.take(spi_size);
    out.data = reader.rest();
    if (!reader.ok()) return malformed();
    return out;
}

Parsed parse_delete(Bytes body) {
    ByteReader reader(body);
    DeletePayload out;
    out.protocol = static_cast<ProtocolId>(reader.u8());
    out.spi_size = reader.u8();
    const std::size_t count = reader.be<std::uint16_t>();
    out.spis = reader.rest();
    if (!reader.ok() || out.spis.size() != count * out.spi_size) return malformed();
    if (out.protocol == ProtocolId::kIke && out.spi_size != 0) return malformed();
    if (out.protocol == ProtocolId::kEsp && out.spi_size != 4) return malformed();
    return out;
}

Parsed parse_tsi(Bytes body) {
    return parse_ts<TsiPayload>(body);
}

Parsed parse_tsr(Bytes body) {
    return parse_ts<TsrPayload>(body);
}

Parsed parse_cp(Bytes body) {
    if (body.size() < 4) return malformed();
    ByteReader reader(body.subspan(4));
    std::size_t count = 0;
    while (reader.ok() && !reader.rest().empty()) {
        (void)reader.be<std::uint16_t>();
        (void)reader.take(reader.be<std::uint16_t>());
        ++count;
    }
    if (!reader.ok()) return malformed();
    return CpPayload{static_cast<CfgType>(body[0]), {body.subspan(4), count}};
}

Parsed parse_eap(Bytes body) {
    // RFC 3748 §4: code, identifier, length of all of it.
    if (body.size() < 4 || load_be<std::uint16_t>(body.data() + 2) != body.size()) return malformed();
    return EapPayload{body};
}

Parsed parse_skf(PayloadType first, Bytes associated, Bytes body) {
    ByteReader reader(body);
    SkfPayload out;
    out.number = reader.be<std::uint16_t>();
    out.total = reader.be<std::uint16_t>();
    if (!reader.ok() || out.number == 0 || out.number > out.total) return malformed();
    out.first = out.number == 1 ? first : PayloadType::kNone;
    out.sealed = reader.rest();
    // The body lies right behind `associated`.
    out.associated = {associated.data(), associated.size() + 4};
    return out;
}

}  // namespace warren::ike
