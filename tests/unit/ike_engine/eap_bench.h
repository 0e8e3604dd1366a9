// A hub whose customers' peers use EAP, a fake holder of their secrets, and a client.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/eap.h"
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike::testing {

inline constexpr SecretId kUsers = 70;
inline constexpr SecretId kTrust = 71;
inline constexpr SecretId kSigner = 72;
inline constexpr SecretId kGatewaySigner = 73;
inline constexpr SecretId kBetaUsers = 80;

// Signs with the number of the signer. Its EAP has one round: {1} is right, all else wrong; and whoever it is asked of
// without users or a trust is nobody.
struct FakeHolder {
    Answer operator()(const Question& question);

    crypto::PrfKey msk{std::size_t{64}};
    eap::Type type = eap::Type::kMschapv2;
    std::string identity = "alice";
    bool can_sign = true;
    std::map<SecretId, std::string> gone;  // a user that these users do not have
    std::vector<UserAsk> users_asked;
    std::vector<SignAsk> signatures;
    std::vector<EapStepAsk> steps;
};

inline std::vector<std::uint8_t> octets_of(std::string_view text) {
    return {text.begin(), text.end()};
}

struct EapBench : Bench {
    explicit EapBench(const std::function<void(Connection&)>& change = {});

    [[nodiscard]] std::vector<std::uint8_t> request(const Chain& chain,
                                                    ExchangeType exchange = ExchangeType::kIkeAuth) {
        return peer.sealed(exchange, next_id++, chain);
    }
    // The first request of IKE_AUTH, as Windows sends it: IDi is an address; null: no IDr.
    [[nodiscard]] Chain first_chain(const char* asked);
    // Up to our request for a name.
    OpenedMessage begin(const char* asked = "right.example.net");
    OpenedMessage say(eap::Type type, std::vector<std::uint8_t> data);
    OpenedMessage say_name(std::string_view name) { return say(eap::Type::kIdentity, octets_of(name)); }
    OpenedMessage say_password(std::uint8_t which = 1) { return say(eap::Type::kMschapv2, {which}); }
    [[nodiscard]] std::vector<std::uint8_t> auth_data(Bytes key) const;
    OpenedMessage say_auth(Bytes key);
    // Whether its AUTH is made with the key of EAP.
    [[nodiscard]] bool is_hubs(Bytes auth) const;

    FakeHolder holder;
    std::uint32_t next_id = 1;
    std::uint8_t identifier = 0;
    Identity own = identity("10.20.30.40");
};

// A second customer with users of its own and the realm "beta.example".
void put_beta(Hub& hub);

}  // namespace warren::ike::testing
