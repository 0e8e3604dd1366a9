// The last attempts to connect, for people who look for the reason of a failure.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/ipsec.h"
#include "vpnd/control/connection_status.h"
#include "vpnd/ike/directory.h"
#include "vpnd/ike/limits.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

using control::Attempt;

// What is noted of one. The sentence is made when somebody reads it: that takes longer than a peer may notice.
struct AttemptNote {
    Attempt attempt;
    CustomerIndex customer;  // as far as it was found
    Missing missing = Missing::kNothing;
    std::string detail;  // what the peer answered, what was not answered
};

// kAttemptsKept, the oldest goes first.
class Attempts {
  public:
    void add(AttemptNote note);
    [[nodiscard]] bool empty() const { return notes_.empty(); }
    [[nodiscard]] const AttemptNote& last() const { return notes_.back(); }
    // With their sentences, oldest first.
    [[nodiscard]] std::vector<Attempt> tell(const Directory& directory, const Connection* of) const;

  private:
    std::deque<AttemptNote> notes_;
};

// One line for people: "203.0.113.2 says it is branch-linz; no connection of acme expects that; nearest: branch-lienz".
[[nodiscard]] std::string sentence_of(const AttemptNote& note, const Directory& directory, const Connection* of);

// What an SA payload offers: "aes256gcm/aes128gcm-prfsha256-x25519/ecp256; aes256-..."; kMostNoteText bytes at most.
[[nodiscard]] std::string text_of(const SaPayload& offer);
[[nodiscard]] std::string text_of(const Policy& policy);
// What is wrong with a peer's certificate; "" for kTrusted.
[[nodiscard]] std::string text_of(PeerVerdict verdict);

}  // namespace warren::ike
