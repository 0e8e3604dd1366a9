// What the engine keeps of one IKE_SA and of its CHILD_SAs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/ike_cipher.h"
#include "crypto/key_exchange.h"
#include "crypto/prf.h"
#include "vpnd/control/engine.h"
#include "vpnd/ike/ask.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/fragment.h"
#include "vpnd/ike/header.h"
#include "vpnd/ike/keys.h"
#include "vpnd/ike/narrow.h"
#include "vpnd/ike/sealed.h"
#include "vpnd/ike/states.h"
#include "vpnd/ike/suite.h"
#include "vpnd/ike/window.h"

namespace warren::ike {

// The lower of the two nonces of an exchange, its first bytes: of SAs that were made twice, the one with the lowest
// goes (RFC 7296 §2.8.1, §2.8.2).
using LowestNonce = std::array<std::uint8_t, 32>;
[[nodiscard]] LowestNonce lowest_nonce(Bytes one, Bytes other);

struct ChildSa {
    SessionId ours;            // in packets to us
    std::uint32_t theirs = 0;  // in packets from us
    std::string name;          // of its configuration
    PeerIndex peer;
    std::uint32_t worker = 0;
    std::uint8_t flow = 0;
    ChildSuite suite;
    ChildSelectors selectors;
    LowestNonce nonce{};
    Instant created;
    Instant rekey_at = kNever;
    Instant expires_at = kNever;
    Instant delete_at = kNever;   // the peer should have deleted it by then; we do
    Instant confirm_at = kNever;  // it is received on; then it is sent on too, whatever the peer does
    bool is_sent_on = false;      // of its flow, as far as we know: the data plane may be ahead
    bool was_sent_on = false;
    SessionId replaced_by;  // valid: that carries the packets now, and this one is received on until it is deleted
    // For a successor of this process.
    std::uint64_t config = 0;  // digest_of() its configuration
    bool we_asked = false;
    ChildKey send_key;
    ChildKey receive_key;
};

// A datagram that waits.
struct Waiting {
    control::Arrival arrival;
    std::vector<std::uint8_t> bytes;  // without non-ESP marker
};

// Until an IKE_SA is authentic.
struct Setup {
    std::vector<std::uint8_t> init_request;  // as they were on the wire
    std::vector<std::uint8_t> init_response;
    std::vector<std::uint8_t> our_nonce;
    std::vector<std::uint8_t> peer_nonce;
    crypto::EphemeralKey key;
    std::vector<std::uint8_t> peer_value;
    crypto::PrfKey sk_pi;
    crypto::PrfKey sk_pr;
    bool uses_ppk = false;  // both said so (RFC 8784)

    // As responder.
    std::array<std::uint8_t, 16> init_key{};  // under which repetitions of the request are found
    Proposal answer;                          // the chosen one
    bool has_cookie = false;
    std::vector<Waiting> waiting;  // for the keys
    std::size_t waiting_bytes = 0;
    ConnectionIndex asked_for;  // whose key its AUTH is checked with
    SecretId asked_psk = kNoSecret;
    bool is_mixed = false;            // the keys are those with a PPK,
    SecretId mixed_with = kNoSecret;  // with that one
    // Whom a peer with a certificate may be, as authd was asked, and whom it is.
    struct Candidate {
        ConnectionIndex connection;
        SecretId trust = kNoSecret;
        SecretId signer = kNoSecret;
        bool operator==(const Candidate&) const = default;
    };
    std::vector<Candidate> candidates;
    std::optional<std::size_t> proven;  // its place among them
    WallTime proven_until;              // when the first of its certificates ends

    // As initiator.
    std::vector<Proposal> offered;
    std::vector<std::uint8_t> cookie;
    unsigned cookies = 0;
    bool group_was_changed = false;
    std::string hint;                          // an answer that nobody has to believe
    std::string name;                          // of the child that comes with IKE_AUTH
    std::optional<dataplane::FlowKey> packet;  // that it is for
    std::unique_ptr<PpkMixAnswer> mixed;       // the keys with the PPK that we name
    crypto::PrfKey no_ppk_auth;                // what proves us without it; empty: we do not go without
};

// A request that is to be sent when it may.
struct Wish {
    Task task = Task::kNone;
    SessionId child{};  // kCreateChild: takes its place, and does not say so; invalid: nothing's
    PeerIndex peer{};
    std::string name{};  // of the child that is made
    std::optional<dataplane::FlowKey> packet{};
    Instant not_before = kLongAgo;
    unsigned tries = 0;
    bool is_forgotten = false;  // the peer alone has the child that is to be deleted
};

// Our request. Until it was sent, its ephemeral key is being made.
struct Request {
    Task task = Task::kNone;
    bool is_sent = false;
    SessionId child;           // that is rekeyed or deleted
    PeerIndex peer;            // whose child is made
    std::string name;          // of that child
    std::uint32_t worker = 0;  // that has the peer
    std::optional<dataplane::FlowKey> packet;
    unsigned tries = 0;
    bool group_was_changed = false;
    const Algorithm* group = nullptr;  // null: no key exchange
    std::vector<std::uint8_t> nonce;
    crypto::EphemeralKey key;
    std::vector<Proposal> offered;
    ChildSelectors selectors;  // offered
    SessionId new_child;
    std::uint64_t new_spi = 0;  // of the new IKE_SA
    Endpoint tests;             // kTestPath: where the peer was
    SessionId rival;            // what took the place of `child`, which the peer has deleted since
    bool is_orphan = false;     // of an earlier process, which had its ephemeral key: what comes of it is of no use

    // That the same is asked for once more.
    [[nodiscard]] Wish again() const {
        return {.task = task, .child = child, .peer = peer, .name = name, .packet = packet, .tries = tries};
    }
};

// An authentic message that waits for the answer to an ask.
struct Held {
    control::Arrival arrival;
    Header header;
    Opened opened;
};

// A peer that shows by EAP who it is (RFC 7296 §2.16): from our signature to the AUTH with the key that EAP has made.
struct EapRelay {
    std::unique_ptr<Held> first;  // its first IKE_AUTH request, with what it wants
    std::vector<std::uint8_t> idi_body;
    std::uint8_t identifier = 0;  // of our request for its name
    bool has_name = false;
    std::string name;          // that it says it has
    CustomerIndex customer;    // invalid: whose it is, nobody knows
    ConnectionIndex mschapv2;  // what it may be, by the method that it takes; invalid: none
    ConnectionIndex tls;
    SecretId users = kNoSecret;  // theirs, when it began
    SecretId trust = kNoSecret;
    SecretId signer = kNoSecret;
    unsigned rounds = 0;
    bool is_noted = false;  // that it failed
    // When EAP has succeeded.
    crypto::PrfKey msk;
    ConnectionIndex connection;
    Identity identity;
};

// What authd is asked again when a customer's CAs, revocation lists or users are others: a certificate as it was shown,
// a user by its name.
using Proof = std::variant<VerifyPeerAsk, UserAsk>;

enum class AskFor : std::uint8_t {
    kNothing,
    kInitKey,     // the ephemeral key of IKE_SA_INIT
    kInitSecret,  // what it agrees on
    kOurPpk,      // as initiator: keys with the PPK
    kOurAuth,     // as initiator
    kRequestKey,  // the ephemeral key of a request
    kHeld,        // what a message needs
    kProof,       // whether the peer may still come in
};

struct IkeSa {
    std::uint32_t slot = 0;
    IkeState state = IkeState::kNone;
    bool is_initiator = false;
    bool is_gone = false;  // it is in no table any more
    IkeSpis spis;
    ConnectionIndex connection;  // invalid: not known yet, or it was removed
    std::uint32_t session = 0;   // of the connection
    CustomerIndex customer;      // half-open: that the peer says it wants
    Identity our_identity;
    Identity peer_identity;  // authentic
    IkeSuite suite;
    LowestNonce nonce{};

    // --- where the peer is ---
    Endpoint remote;
    LocalAddress local;
    std::uint16_t local_port = 0;
    IpAddress prefix;       // of the peer, as limits count it
    bool is_known = false;  // an IKE_SA from there was authentic in the last hour
    bool peer_is_behind_nat = false;
    bool we_are_behind_nat = false;
    bool has_nat_traversal = false;  // the peer knows of it
    bool takes_fragments = false;    // both do
    bool has_mobike = false;         // only UPDATE_SA_ADDRESSES moves it (RFC 4555)
    struct Place {
        Endpoint remote;
        LocalAddress local;
    };
    std::optional<Place> data_at;   // where packets go until `remote` is tested; nothing: there
    std::vector<IpAddress> tested;  // where it has answered from, with MOBIKE

    // --- messages ---
    std::optional<Sealer> sealer;  // with keys
    crypto::IkeCipherKey receive_key;
    crypto::PrfKey sk_d;
    Window window;
    Reassembly reassembly;
    std::unique_ptr<Setup> setup;
    std::unique_ptr<EapRelay> eap;       // kEap
    std::shared_ptr<const Proof> proof;  // null: a preshared key, or a certificate in EAP
    SecretId proved_by = kNoSecret;      // the trust or the users that are being asked
    std::unique_ptr<Request> request;
    std::vector<Wish> wishes;  // few or none: an empty deque would take 600 bytes
    AskId ask = 0;
    AskFor ask_for = AskFor::kNothing;
    Instant ask_until = kNever;
    std::unique_ptr<Held> held;
    std::unique_ptr<Held> response_waiting;  // an authentic one that came while an ask was open

    bool is_changed = false;               // since it was kept
    std::optional<std::uint32_t> kept_at;  // its place in the table that a successor of this process finds

    // --- children ---
    std::vector<ChildSa> children;
    std::uint64_t replaced_by = 0;  // our SPI of the IKE_SA that the peer made of it
    std::uint64_t loses_to = 0;     // our SPI of the one that both sides keep, where they called each other

    // --- times ---
    Instant created;
    Instant rekey_at = kNever;
    Instant expires_at = kNever;
    Instant reauth_at = kNever;     // we begin anew, in its place
    Instant proven_until = kNever;  // it is over then, over all rekeys: the peer has to begin anew
    Instant prove_at = kNever;      // `proof` is asked again
    Instant ends_at = kNever;       // half-open, childless, replaced, closed: then it is over
    Instant last_heard = kLongAgo;
    Instant last_sent = kLongAgo;
    Instant probe_at = kNever;  // a hint says that the peer may be gone
    Instant last_hint = kLongAgo;

    [[nodiscard]] std::uint64_t our_spi() const { return is_initiator ? spis.initiator : spis.responder; }
    [[nodiscard]] std::uint64_t peer_spi() const { return is_initiator ? spis.responder : spis.initiator; }
    [[nodiscard]] Role role() const { return is_initiator ? Role::kInitiator : Role::kResponder; }
    [[nodiscard]] bool is_established() const { return state == IkeState::kEstablished; }
    // Nobody knows who it is, nor was anybody there in the last hour whom we know.
    [[nodiscard]] bool is_stranger() const { return !is_authentic() && !is_known; }
    // The peer has shown who it is, or we began.
    [[nodiscard]] bool is_authentic() const { return state != IkeState::kHalfOpen && state != IkeState::kEap; }
    // We delete it, or shall when the peer has answered something else.
    [[nodiscard]] bool is_going() const;
    // It may carry requests of ours.
    [[nodiscard]] bool is_usable() const { return is_established() && !is_gone; }
    [[nodiscard]] ChildSa* find_ours(SessionId spi);
    [[nodiscard]] ChildSa* find_theirs(std::uint32_t spi);
    // Of our request that waits for its response.
    [[nodiscard]] Task task() const { return request != nullptr && request->is_sent ? request->task : Task::kNone; }
};

}  // namespace warren::ike
