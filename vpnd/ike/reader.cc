#include "vpnd/ike/reader.h"

#include <optional>
#include <utility>

#include "vpnd/ike/parse.h"

namespace warren::ike {

namespace {

bool is_encrypted(PayloadType type) {
    return type == PayloadType::kSk || type == PayloadType::kSkf;
}

bool is_once(PayloadType type) {
    switch (type) {
        case PayloadType::kSa:
        case PayloadType::kKe:
        case PayloadType::kIdi:
        case PayloadType::kIdr:
        case PayloadType::kAuth:
        case PayloadType::kNonce:
        case PayloadType::kTsi:
        case PayloadType::kTsr:
        case PayloadType::kCp:
        case PayloadType::kEap: return true;
        default: return false;
    }
}

// A payload of a chain.
struct Found {
    PayloadType type;
    PayloadType next;
    Bytes before;  // the message up to the body
    Bytes body;    // behind the generic header
};

// std::monostate: a type that we do not know.
Parsed parse(const Found& found) {
    switch (found.type) {
        case PayloadType::kNone: break;
        case PayloadType::kSa: return parse_sa(found.body);
        case PayloadType::kKe: return parse_ke(found.body);
        case PayloadType::kIdi: return parse_idi(found.body);
        case PayloadType::kIdr: return parse_idr(found.body);
        case PayloadType::kCert: return parse_cert(found.body);
        case PayloadType::kCertreq: return parse_certreq(found.body);
        case PayloadType::kAuth: return parse_auth(found.body);
        case PayloadType::kNonce: return parse_nonce(found.body);
        case PayloadType::kNotify: return parse_notify(found.body);
        case PayloadType::kDelete: return parse_delete(found.body);
        case PayloadType::kVendorId: return VendorIdPayload{found.body};
        case PayloadType::kTsi: return parse_tsi(found.body);
        case PayloadType::kTsr: return parse_tsr(found.body);
        case PayloadType::kCp: return parse_cp(found.body);
        case PayloadType::kEap: return parse_eap(found.body);
        case PayloadType::kSk: return SkPayload{found.next, found.body, found.before};
        case PayloadType::kSkf: return parse_skf(found.next, found.before, found.body);
    }
    return Payload{};
}

// Walks over the payloads of `whole` that begin at `at`.
class Walk {
  public:
    Walk(Bytes whole, std::size_t at, PayloadType first, bool may_be_encrypted)
        : whole_(whole), at_(at), type_(first), may_be_encrypted_(may_be_encrypted) {}

    // Nothing when all of it is right.
    std::optional<Flaw> run(Payloads& out) {
        while (type_ != PayloadType::kNone) {
            if (const auto misfit = step(out)) return Flaw{*misfit, type_};
        }
        if (at_ != whole_.size()) return Flaw{Misfit::kPayloadLength};
        return std::nullopt;
    }

  private:
    std::optional<Misfit> step(Payloads& out) {
        const Bytes rest = whole_.subspan(at_);
        if (rest.size() < kPayloadHeaderSize) return Misfit::kPayloadLength;
        const std::size_t length = load_be<std::uint16_t>(rest.data() + 2);
        if (length < kPayloadHeaderSize || length > rest.size()) return Misfit::kPayloadLength;
        if (const auto misfit = check_count()) return misfit;
        if (is_encrypted(type_) && !may_be_encrypted_) return Misfit::kMalformed;
        if (is_encrypted(type_) && length != rest.size()) return Misfit::kNotLast;

        const Found found = {.type = type_,
                             .next = static_cast<PayloadType>(rest[0]),
                             .before = whole_.first(at_ + kPayloadHeaderSize),
                             .body = rest.subspan(kPayloadHeaderSize, length - kPayloadHeaderSize)};
        const Parsed payload = parse(found);
        if (!payload) return payload.error();
        const bool is_known = !std::holds_alternative<std::monostate>(*payload);
        const bool is_critical = (rest[1] & 0x80U) != 0;  // RFC 7296 §3.2
        if (!is_known && is_critical) return Misfit::kCritical;
        if (is_known && !out.add(*payload)) return Misfit::kTooManyPayloads;
        at_ += length;
        type_ = is_encrypted(type_) ? PayloadType::kNone : found.next;
        return std::nullopt;
    }

    std::optional<Misfit> check_count() {
        if (++payloads_ > kMostPayloads) return Misfit::kTooManyPayloads;
        if (type_ == PayloadType::kCert && ++certificates_ > kMostCertificates) return Misfit::kTooManyPayloads;
        if (!is_once(type_)) return std::nullopt;
        const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(type_);
        if ((std::exchange(seen_, seen_ | bit) & bit) != 0) return Misfit::kRepeated;
        return std::nullopt;
    }

    Bytes whole_;
    std::size_t at_;
    PayloadType type_;  // of the payload at at_
    bool may_be_encrypted_;
    std::size_t payloads_ = 0;
    std::size_t certificates_ = 0;
    std::uint64_t seen_ = 0;  // a bit for each type that may be there once
};

}  // namespace

const NotifyPayload* Payloads::notify(NotifyType type) const {
    for (const Payload& payload : *this) {
        const auto* const found = std::get_if<NotifyPayload>(&payload);
        if (found != nullptr && found->type == type) return found;
    }
    return nullptr;
}

const NotifyPayload* Payloads::error() const {
    for (const Payload& payload : *this) {
        const auto* const found = std::get_if<NotifyPayload>(&payload);
        if (found != nullptr && is_error(found->type)) return found;
    }
    return nullptr;
}

Read<Message> read_message(Bytes datagram) {
    const Read<Header> header = read_header(datagram);
    if (!header) return tl::unexpected<Flaw>(header.error());
    Read<Message> out(tl::in_place);
    out->bytes = datagram;
    out->header = *header;
    if (const auto flaw = Walk(datagram, kHeaderSize, header->next_payload, true).run(out->payloads)) {
        return tl::unexpected<Flaw>(*flaw);
    }
    return out;
}

Read<Payloads> read_payloads(PayloadType first, Bytes chain) {
    Read<Payloads> out(tl::in_place);
    if (const auto flaw = Walk(chain, 0, first, false).run(*out)) return tl::unexpected<Flaw>(*flaw);
    return out;
}

}  // namespace warren::ike
