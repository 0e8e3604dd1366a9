// The server's side of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02; conformance KA8).
#pragma once

#include <string>

#include "auth/eap/method.h"
#include "auth/eap/users.h"
#include "crypto/legacy_digest.h"
#include "crypto/random.h"

namespace warren::eap {

struct Mschapv2Settings {
    const crypto::LegacyDigest& legacy;
    crypto::RandomSource& random;
    Users& users;
    std::string name;    // the peer's, as it said
    IpAddress source;    // the prefix that it comes from
    std::string server;  // ours, which people may see
};

// What the settings refer to must outlive it. A user that is not there, and one in a pause, is answered as a wrong
// password is.
class Mschapv2 final : public Method {
  public:
    explicit Mschapv2(Mschapv2Settings settings);

    [[nodiscard]] Type type() const override { return Type::kMschapv2; }
    [[nodiscard]] Turn begin() override;
    [[nodiscard]] Turn take(Instant now, Bytes data) override;

  private:
    enum class State : std::uint8_t { kChallenged, kToldRight, kToldWrong };
    enum class Op : std::uint8_t { kChallenge = 1, kResponse = 2, kSuccess = 3, kFailure = 4 };

    [[nodiscard]] Turn take_response(Instant now, ByteReader reader, Bytes whole);
    [[nodiscard]] Turn tell_wrong(Reason reason);
    [[nodiscard]] std::vector<std::uint8_t> message(Op op, std::string_view text) const;
    // Null: nobody.
    [[nodiscard]] Reason check(Instant now, User* user, const NtResponse& response, const Exchange& exchange);

    Mschapv2Settings settings_;
    std::string user_;  // as the file has it; "": nobody
    NtHash nobody_;     // what is checked where there is no user
    State state_ = State::kChallenged;
    std::uint8_t id_;
    Challenge challenge_{};
    unsigned mistakes_ = 0;
    Reason why_ = Reason::kNone;  // of the last mistake
    Msk msk_;
};

}  // namespace warren::eap
