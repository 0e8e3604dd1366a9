// One authentication by EAP, as its server sees it, from the peer's name on (RFC 3748; conformance KA7). The transport
// is IKE_AUTH: it loses nothing, and repeats only what was said last.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/eap/method.h"

namespace warren::eap {

inline constexpr unsigned kMostRounds = 20;  // requests of ours
inline constexpr std::size_t kMostEapMessage = 16'384;

// Which methods there are for a peer.
struct Offer {
    std::vector<Type> types;  // in our order
    std::function<std::unique_ptr<Method>(Type)> make;
};

struct Answer {
    enum class Verdict : std::uint8_t { kContinue, kSuccess, kFailure };
    Verdict verdict = Verdict::kFailure;
    std::vector<std::uint8_t> message;  // for the peer: a request, a success, a failure
    Type type = Type::kNone;            // of the method, like the next two with kSuccess
    Msk msk;
    std::string identity;
    Reason reason = Reason::kNone;  // kFailure; kContinue: what was wrong, which the peer may correct
    std::string detail;
};

class Conversation {
  public:
    explicit Conversation(Offer offer) : offer_(std::move(offer)) {}

    // First of all the response to the request for an identity, whatever name it has; then one response for each
    // request. The last one once more gets the last answer once more. There is one verdict: after it nothing changes.
    [[nodiscard]] Answer take(Instant now, Bytes message);
    [[nodiscard]] bool is_over() const { return state_ == State::kOver; }
    // The peer has taken up no method yet.
    [[nodiscard]] bool is_only_offered() const { return state_ == State::kIdentity || state_ == State::kOffered; }

  private:
    // kOffered: the method has sent its first request, which the peer may refuse.
    enum class State : std::uint8_t { kIdentity, kOffered, kMethod, kOver };

    [[nodiscard]] Answer step(Instant now, const Message& message);
    [[nodiscard]] Answer take_nak(const Message& message);
    [[nodiscard]] Answer offer(const Message& message, Type type);
    [[nodiscard]] Answer carry_on(const Message& message, Turn turn);
    [[nodiscard]] static Answer failure(std::uint8_t identifier, Reason reason, std::string detail = {});
    [[nodiscard]] static Answer copy_of(const Answer& answer);

    Offer offer_;
    State state_ = State::kIdentity;
    std::unique_ptr<Method> method_;
    unsigned rounds_ = 0;
    std::uint8_t identifier_ = 0;     // of our last request
    std::vector<std::uint8_t> last_;  // what was taken last
    Answer answer_;                   // to it
};

}  // namespace warren::eap
