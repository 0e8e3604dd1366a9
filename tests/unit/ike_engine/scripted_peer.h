// A peer that does what a test says, right or wrong: it has the keys, and no state machine. Without doctest: fuzz
// targets use it too.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/unit/ike_engine/names.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/ike/keys.h"
#include "vpnd/ike/nat_detection.h"
#include "vpnd/ike/notify.h"
#include "vpnd/ike/reader.h"
#include "vpnd/ike/sealed.h"
#include "vpnd/ike/writer.h"

namespace warren::ike::testing {

// What an SK payload held, with what it is a view of.
struct OpenedMessage {
    std::vector<std::uint8_t> bytes;
    Header header;
    std::unique_ptr<Opened> opened;
    Payloads payloads;

    [[nodiscard]] bool has(NotifyType type) const { return payloads.notify(type) != nullptr; }
};

class ScriptedPeer {
  public:
    explicit ScriptedPeer(std::uint64_t seed, bool is_initiator = true);

    // --- IKE_SA_INIT; as initiator ---
    [[nodiscard]] std::vector<std::uint8_t> init_request(Bytes cookie = {});
    // False when it is a refusal.
    bool take_init_response(Bytes message);
    // As responder: the answer to an engine's.
    [[nodiscard]] std::vector<std::uint8_t> answer_init(Bytes request);

    // --- IKE_AUTH ---
    [[nodiscard]] Chain auth_chain(std::string_view psk, const char* own, const char* asked);
    [[nodiscard]] std::vector<std::uint8_t> auth_request(std::string_view psk, const char* own, const char* asked) {
        return sealed(ExchangeType::kIkeAuth, 1, auth_chain(psk, own, asked));
    }
    // As responder, to an engine's request.
    [[nodiscard]] Chain auth_answer(std::string_view psk, const char* own);

    // --- protected ---
    [[nodiscard]] std::vector<std::uint8_t> sealed(ExchangeType exchange, std::uint32_t id, const Chain& chain,
                                                   bool is_response = false);
    [[nodiscard]] OpenedMessage open(Bytes message) const;
    // The SA payload of a child: AES-128-GCM, `group` where it has one.
    [[nodiscard]] static Proposal child_proposal(std::uint32_t spi, KeyExchangeId group = KeyExchangeId::kNone);
    [[nodiscard]] Chain child_chain(std::uint32_t spi, KeyExchangeId group = KeyExchangeId::kNone);
    [[nodiscard]] Header header(ExchangeType exchange, std::uint32_t id, bool is_response) const;

    const bool is_initiator;
    test::SeededRandom random;
    IkeSpis spis;
    IkeSuite suite;
    std::vector<std::uint8_t> nonce;
    std::vector<std::uint8_t> peer_nonce;
    std::vector<std::uint8_t> sent_init;
    std::vector<std::uint8_t> got_init;
    crypto::EphemeralKey key;
    IkeKeys keys;
    std::optional<Sealer> sealer;
    std::uint32_t child_spi = 0xc0ffee01;
    std::vector<TrafficSelector> local{network("10.1.0.0/16")};
    std::vector<TrafficSelector> remote{network("10.2.0.0/16")};
    KeyExchangeId group = KeyExchangeId::kCurve25519;
    std::vector<Proposal> offered;
    std::vector<Notify> more;  // in its IKE_SA_INIT

  private:
    void derive(Bytes peer_value);
};

}  // namespace warren::ike::testing
