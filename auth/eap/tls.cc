#include "auth/eap/tls.h"

#include <algorithm>
#include <utility>

namespace warren::eap {

namespace {

// RFC 5216 §3.1
constexpr std::uint8_t kLengthIncluded = 0x80;
constexpr std::uint8_t kMoreFragments = 0x40;
constexpr std::uint8_t kStart = 0x20;

}  // namespace

Tls::Tls(const TlsServer& server, CertificateCheck check) : session_(server, std::move(check)) {}

Turn Tls::begin() {
    return Turn::request({kStart});
}

Turn Tls::take(Instant /*now*/, Bytes data) {
    if (data.empty()) return Turn::failed(Reason::kMalformed);
    const bool is_acknowledgement = data.size() == 1 && data[0] == 0;
    if (sent_ < output_.size()) {
        if (!is_acknowledgement) return Turn::failed(Reason::kUnexpected);
        return next_fragment();
    }
    switch (state_) {
        case State::kHandshake: break;
        case State::kFinished:
            // An alert instead: the client does not take us.
            return is_acknowledgement ? finish() : Turn::failed(Reason::kTls, "the client refuses the handshake");
        case State::kAlert: return failed();
    }
    return take_fragment(data);
}

Turn Tls::take_fragment(Bytes data) {
    ByteReader reader(data);
    const std::uint8_t flags = reader.u8();
    if ((flags & kStart) != 0) return Turn::failed(Reason::kUnexpected);
    if ((flags & kLengthIncluded) != 0) {
        const std::size_t size = reader.be<std::uint32_t>();
        const bool is_new = flight_.empty() && flight_size_ == 0;
        if (!reader.ok() || size == 0 || size > kMostTlsFlight || (!is_new && size != flight_size_))
            return Turn::failed(Reason::kMalformed);
        flight_size_ = size;
    }
    const Bytes part = reader.rest();
    const std::size_t limit = flight_size_ == 0 ? kMostTlsFlight : flight_size_;
    const bool has_more = (flags & kMoreFragments) != 0;
    if (part.empty() || part.size() > limit - flight_.size()) return Turn::failed(Reason::kMalformed);
    flight_.insert(flight_.end(), part.begin(), part.end());
    if (has_more) return Turn::request({0});
    if (flight_size_ != 0 && flight_.size() != flight_size_) return Turn::failed(Reason::kMalformed);
    return run();
}

Turn Tls::run() {
    const std::vector<std::uint8_t> flight = std::exchange(flight_, {});
    flight_size_ = 0;
    const auto progress = session_.receive(flight);
    output_ = session_.take_output();
    sent_ = 0;
    if (progress == TlsSession::Progress::kFailed) {
        if (output_.empty()) return failed();
        state_ = State::kAlert;
        // Many clients say nothing to an alert.
        Turn turn = next_fragment();
        turn.reason = failed().reason;
        turn.detail = session_.problem();
        return turn;
    }
    if (progress == TlsSession::Progress::kDone) state_ = State::kFinished;
    // The client's flight asks for something in any case.
    if (output_.empty()) return Turn::failed(Reason::kTls, "the client stops in the middle of a message");
    return next_fragment();
}

Turn Tls::next_fragment() {
    const std::size_t size = std::min(kTlsFragment, output_.size() - sent_);
    const bool is_first = sent_ == 0;
    const bool has_more = sent_ + size < output_.size();
    const bool has_length = is_first && has_more;
    std::vector<std::uint8_t> data(1 + (has_length ? sizeof(std::uint32_t) : 0) + size);
    ByteWriter writer(data);
    writer.u8(static_cast<std::uint8_t>((has_length ? kLengthIncluded : 0U) | (has_more ? kMoreFragments : 0U)));
    if (has_length) writer.be(static_cast<std::uint32_t>(output_.size()));
    writer.bytes(Bytes(output_).subspan(sent_, size));
    sent_ += size;
    return Turn::request(std::move(data));
}

Turn Tls::finish() {
    Turn out;
    if (session_.identity().empty() || !session_.export_msk(out.msk)) return Turn::failed(Reason::kTls, "no keys");
    out.kind = Turn::Kind::kDone;
    out.identity = session_.identity();
    return out;
}

Turn Tls::failed() const {
    return Turn::failed(session_.was_certificate_refused() ? Reason::kCertificate : Reason::kTls, session_.problem());
}

}  // namespace warren::eap
