// What we offer, and what we choose of an offer (RFC 7296 §2.7, §3.3).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "vpnd/ike/payload.h"
#include "vpnd/ike/suite.h"
#include "vpnd/ike/writer.h"

namespace warren::ike {

// One line of a policy: of each type the algorithms that are taken, in order of preference. Encryption is all AEAD, or
// none is.
struct Acceptable {
    std::vector<const Algorithm*> encryption;
    std::vector<const Algorithm*> integrity;     // empty with AEADs
    std::vector<const Algorithm*> prf;           // IKE only
    std::vector<const Algorithm*> key_exchange;  // child: empty when it has no key exchange of its own
    std::vector<EsnId> esn;                      // child only
    bool operator==(const Acceptable&) const = default;
};

// Lines in order of preference.
struct Policy {
    std::vector<Acceptable> lines;
    bool operator==(const Policy&) const = default;
};

// What is offered and taken where the operator says nothing (conformance KN1; RFC 8247, RFC 8221).
[[nodiscard]] const Policy& default_ike_policy();
[[nodiscard]] const Policy& default_child_policy();
// The first with what Windows' own defaults need behind it: MODP-1024 and SHA-1 (conformance KN4).
[[nodiscard]] const Policy& windows_ike_policy();

// A line of the operator's, one algorithm or several of each type; a child's takes ESN and no ESN. Nothing when there
// is one that is refused, unknown or not for this protocol, an AEAD beside another cipher or an integrity, a type too
// few or one that does not belong. protocol: kIke or kEsp.
[[nodiscard]] std::optional<Acceptable> acceptable_of(ProtocolId protocol, std::span<const Transform> transforms);

// --- responder -----------------------------------------------------------------------------------

struct IkeChoice {
    std::uint8_t number = 0;  // of the chosen proposal
    IkeSuite suite;
    std::uint64_t spi = 0;            // the peer's, in a rekey (RFC 7296 §2.18); else 0
    bool has_integrity_none = false;  // the proposal named NONE, so the answer does
    // What we answer; our_spi in a rekey, else 0.
    [[nodiscard]] Proposal answer(std::uint64_t our_spi = 0) const;
};

// The choice is ours: the earliest line of the policy that fits, within it the best encryption, then key exchange, PRF
// and integrity; the earlier proposal of two that are equally good. So the group may be another than that of the peer's
// KE payload: that is INVALID_KE_PAYLOAD (RFC 7296 §1.2). Nothing: NO_PROPOSAL_CHOSEN. `is_rekey`: proposals have an
// SPI of eight bytes, else none.
[[nodiscard]] std::optional<IkeChoice> choose_ike(const SaPayload& offer, const Policy& policy, bool is_rekey);

// Whether a child has a key exchange of its own.
enum class Pfs : std::uint8_t {
    kNone,      // the child of IKE_AUTH: never, and groups in the offer mean nothing (RFC 7296 §1.2)
    kOff,       // no; an offer that insists on one is not taken
    kOptional,  // as the peer likes
    kRequired,
};

struct ChildChoice {
    std::uint8_t number = 0;
    ChildSuite suite;
    std::uint32_t spi = 0;  // the peer's
    // What the proposal named, so the answer does.
    bool has_integrity_none = false;
    bool has_key_exchange_none = false;
    bool has_esn = true;  // a proposal without that type means no ESN
    [[nodiscard]] Proposal answer(std::uint32_t our_spi) const;
};

// As choose_ike. `has_ke`: the peer's message has a KE payload. The suite has a key exchange with kRequired, and with
// kOptional when the peer sent KE and a group that is taken. With kRequired it may have one though the peer sent no KE:
// that is INVALID_KE_PAYLOAD as well.
[[nodiscard]] std::optional<ChildChoice> choose_child(const SaPayload& offer, const Policy& policy, Pfs pfs,
                                                      bool has_ke);

// --- initiator -----------------------------------------------------------------------------------

// A proposal for each line, numbered from 1. `spi`: ours, in a rekey; 0: none. `first`: this method before all others
// where a line has it (after INVALID_KE_PAYLOAD, or the one agreed on before); null: as the policy says.
[[nodiscard]] std::vector<Proposal> offer_ike(const Policy& policy, std::uint64_t spi = 0,
                                              const Algorithm* first = nullptr);
// `spi`: the one that we receive on. kNone, kOff: without groups. kRequired: with them. kOptional: with them, then the
// same without.
[[nodiscard]] std::vector<Proposal> offer_child(const Policy& policy, Pfs pfs, std::uint32_t spi,
                                                const Algorithm* first = nullptr);
// The group of the KE payload that goes with an offer: the first one named. Null: none.
[[nodiscard]] const Algorithm* first_method(std::span<const Proposal> offered);

// What the peer chose of `offered`. Nothing unless it is one proposal, of a number that was offered, with one transform
// of each type that the offer has, all of them offered (RFC 7296 §3.3.6).
[[nodiscard]] std::optional<IkeChoice> accept_ike(const SaPayload& answer, std::span<const Proposal> offered);
[[nodiscard]] std::optional<ChildChoice> accept_child(const SaPayload& answer, std::span<const Proposal> offered);

}  // namespace warren::ike
