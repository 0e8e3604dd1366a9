#include "auth/eap/mschapv2.h"

#include <algorithm>
#include <utility>

namespace warren::eap {

namespace {

constexpr std::size_t kHeader = 4;          // operation, identifier, length
constexpr std::uint8_t kResponseSize = 49;  // peer's challenge, 8 reserved, response, flags
constexpr std::string_view kDigits = "0123456789ABCDEF";
// RFC 2759 §6: ERROR_AUTHENTICATION_FAILURE, whether the peer may try again, a new challenge, the version.
constexpr std::string_view kWrong = "E=691 R=";
constexpr std::string_view kVersion = " V=3 M=Authentication failed";
constexpr unsigned kTries = 2;

}  // namespace

Mschapv2::Mschapv2(Mschapv2Settings settings)
    : settings_(std::move(settings)), user_(settings_.users.name_of(settings_.name)) {
    settings_.random.fill(nobody_.writable());
    std::array<std::uint8_t, 1> id{};
    settings_.random.fill(id);
    id_ = id[0];
}

std::vector<std::uint8_t> Mschapv2::message(Op op, std::string_view text) const {
    std::vector<std::uint8_t> out(kHeader + text.size());
    ByteWriter writer(out);
    writer.u8(static_cast<std::uint8_t>(op));
    writer.u8(id_);
    writer.be(static_cast<std::uint16_t>(out.size()));
    writer.bytes(as_bytes(text));
    return out;
}

Turn Mschapv2::begin() {
    settings_.random.fill(challenge_);
    std::string text(1, static_cast<char>(challenge_.size()));
    text.append(challenge_.begin(), challenge_.end());
    text += settings_.server;
    return Turn::request(message(Op::kChallenge, text));
}

Turn Mschapv2::take(Instant now, Bytes data) {
    ByteReader reader(data);
    const auto op = static_cast<Op>(reader.u8());
    if (!reader.ok()) return Turn::failed(Reason::kMalformed);
    switch (state_) {
        case State::kChallenged: break;
        case State::kToldRight: {
            if (op != Op::kSuccess) return Turn::failed(Reason::kUnexpected);
            Turn out;
            out.kind = Turn::Kind::kDone;
            out.msk = std::move(msk_);
            out.identity = user_;
            return out;
        }
        // A peer that does not try again says so, or anything else.
        case State::kToldWrong:
            if (op != Op::kResponse || mistakes_ == kTries) return Turn::failed(why_);
    }
    if (op != Op::kResponse) return Turn::failed(Reason::kUnexpected);
    return take_response(now, reader, data);
}

Turn Mschapv2::take_response(Instant now, ByteReader reader, Bytes whole) {
    (void)reader.u8();  // the identifier: EAP's has told already which request this answers
    const std::size_t length = reader.be<std::uint16_t>();
    const std::uint8_t size = reader.u8();
    Exchange exchange;
    exchange.authenticator = challenge_;
    exchange.peer = reader.array<16>();
    (void)reader.take(8);
    const NtResponse response = reader.array<24>();
    (void)reader.u8();  // flags
    const std::size_t read = whole.size() - reader.rest().size();
    if (!reader.ok() || size != kResponseSize || length < read || length > whole.size())
        return Turn::failed(Reason::kMalformed);
    const auto name = name_in(reader.rest().first(length - read));
    if (!name) return Turn::failed(Reason::kMalformed);
    // The same user as at the beginning: by that the connection was found.
    exchange.name = name->substr(name->find('\\') + 1);
    User* const user = settings_.users.name_of(*name) == user_ ? settings_.users.find(user_) : nullptr;
    const Reason why = check(now, user, response, exchange);
    if (why != Reason::kNone) return tell_wrong(why);

    msk_ = ms_chap_msk(settings_.legacy, user->hash, response);
    state_ = State::kToldRight;
    const auto proof = authenticator_response(settings_.legacy, user->hash, response, exchange);
    return Turn::request(message(Op::kSuccess, "S=" + std::string(proof.begin(), proof.end()) + " M=OK"));
}

// The same work for everybody.
Reason Mschapv2::check(Instant now, User* user, const NtResponse& response, const Exchange& exchange) {
    const NtResponse right = nt_response(settings_.legacy, user == nullptr ? nobody_ : user->hash, exchange);
    const bool is_right = crypto::equal_constant_time(right, response);
    if (user == nullptr) return Reason::kUnknownUser;
    Mistakes& mistakes = user->mistakes_from(settings_.source);
    if (mistakes.is_paused(now)) return Reason::kPaused;
    if (!is_right) {
        mistakes.note(now, kFreeMistakes);
        return Reason::kWrongPassword;
    }
    user->was_right(settings_.source);
    return Reason::kNone;
}

Turn Mschapv2::tell_wrong(Reason reason) {
    why_ = reason;
    state_ = State::kToldWrong;
    ++mistakes_;
    settings_.random.fill(challenge_);  // of the next try; the last one is worth nothing any more
    std::string text(kWrong);
    text += mistakes_ < kTries ? '1' : '0';
    text += " C=";
    for (const std::uint8_t byte : challenge_) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15U];
    }
    text += kVersion;
    auto out = message(Op::kFailure, text);
    ++id_;
    Turn turn = Turn::request(std::move(out));
    turn.reason = reason;
    return turn;
}

}  // namespace warren::eap
