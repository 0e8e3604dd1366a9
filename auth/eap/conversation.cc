#include "auth/eap/conversation.h"

#include <algorithm>
#include <utility>

namespace warren::eap {

Answer Conversation::take(Instant now, Bytes message) {
    if (!last_.empty() && std::equal(last_.begin(), last_.end(), message.begin(), message.end()))
        return copy_of(answer_);
    const auto read = message.size() <= kMostEapMessage ? read_message(message) : std::nullopt;
    const std::uint8_t identifier = read ? read->identifier : identifier_;
    if (state_ == State::kOver) return failure(identifier, Reason::kOver);
    Answer out = read ? step(now, *read) : failure(identifier, Reason::kMalformed);
    if (out.verdict != Answer::Verdict::kContinue) {
        state_ = State::kOver;
        method_.reset();
    }
    answer_ = copy_of(out);
    last_.assign(message.begin(), message.end());
    return out;
}

Answer Conversation::step(Instant now, const Message& message) {
    if (message.code != Code::kResponse) return failure(message.identifier, Reason::kUnexpected);
    if (state_ == State::kIdentity) {
        if (message.type != Type::kIdentity) return failure(message.identifier, Reason::kUnexpected);
        if (offer_.types.empty()) return failure(message.identifier, Reason::kNoMethod);
        return offer(message, offer_.types.front());
    }
    if (message.identifier != identifier_) return failure(message.identifier, Reason::kUnexpected);
    if (message.type == Type::kNak && state_ == State::kOffered) return take_nak(message);
    if (message.type != method_->type()) return failure(message.identifier, Reason::kUnexpected);
    state_ = State::kMethod;
    return carry_on(message, method_->take(now, message.data));
}

// The peer says which methods it takes instead, in its order (RFC 3748 §5.3.1). One of ours that it has refused already
// is not offered again.
Answer Conversation::take_nak(const Message& message) {
    std::erase(offer_.types, method_->type());
    const auto wanted = std::find_if(message.data.begin(), message.data.end(), [&](std::uint8_t type) {
        return std::find(offer_.types.begin(), offer_.types.end(), static_cast<Type>(type)) != offer_.types.end();
    });
    if (wanted == message.data.end()) return failure(message.identifier, Reason::kNoMethod);
    return offer(message, static_cast<Type>(*wanted));
}

Answer Conversation::offer(const Message& message, Type type) {
    method_ = offer_.make(type);
    if (method_ == nullptr) return failure(message.identifier, Reason::kNoMethod);
    state_ = State::kOffered;
    return carry_on(message, method_->begin());
}

Answer Conversation::carry_on(const Message& message, Turn turn) {
    switch (turn.kind) {
        case Turn::Kind::kFailed: return failure(message.identifier, turn.reason, std::move(turn.detail));
        case Turn::Kind::kDone: {
            Answer out;
            out.verdict = Answer::Verdict::kSuccess;
            out.message = write_message({Code::kSuccess, message.identifier, Type::kNone, {}});
            out.type = method_->type();
            out.msk = std::move(turn.msk);
            out.identity = std::move(turn.identity);
            return out;
        }
        case Turn::Kind::kRequest: break;
    }
    if (++rounds_ > kMostRounds) return failure(message.identifier, Reason::kTooManyRounds);
    identifier_ = static_cast<std::uint8_t>(message.identifier + 1);
    Answer out;
    out.verdict = Answer::Verdict::kContinue;
    out.message = write_message({Code::kRequest, identifier_, method_->type(), turn.data});
    out.reason = turn.reason;
    out.detail = std::move(turn.detail);
    return out;
}

Answer Conversation::failure(std::uint8_t identifier, Reason reason, std::string detail) {
    Answer out;
    out.message = write_message({Code::kFailure, identifier, Type::kNone, {}});
    out.reason = reason;
    out.detail = std::move(detail);
    return out;
}

Answer Conversation::copy_of(const Answer& answer) {
    Answer out;
    out.verdict = answer.verdict;
    out.message = answer.message;
    out.type = answer.type;
    out.msk = answer.msk.clone();
    out.identity = answer.identity;
    out.reason = answer.reason;
    out.detail = answer.detail;
    return out;
}

}  // namespace warren::eap
