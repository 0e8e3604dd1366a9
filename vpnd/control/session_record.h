// What a process leaves to its successor of one session, as a value and as the bytes of a slot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "vpnd/dataplane/install.h"

namespace warren::control {

// Names a peer and the listener that serves it in every process: a hash over the protocol and both sides' identities.
using PeerName = std::array<std::uint8_t, 16>;

struct PeerPlace {
    std::optional<Endpoint> remote;
    LocalAddress local;            // unspecified address: the kernel chooses
    std::uint64_t configured = 0;  // digest_of() the endpoint that the configuration had then

    bool operator==(const PeerPlace&) const = default;
};

// Keys are wiped with it.
struct SessionRecord {
    PeerName peer{};
    SessionId local_id;
    std::uint32_t remote_id = 0;
    crypto::AeadKey send_key;
    crypto::AeadKey receive_key;
    Instant created;  // on CLOCK_BOOTTIME, which both processes read
    bool is_initiator = false;

    std::uint64_t first_counter = 0;  // that may be sent with
    bool has_received = false;        // something authentic
    PeerPlace place;                  // empty when it was being written
    dataplane::KeptSession* kept = nullptr;
};

// The form of the slots: another number with every change of a field. A successor ignores every other form.
inline constexpr std::uint32_t kSessionForm = 2;

// Of the endpoint in a peer's configuration: where it is another one than was kept, the operator moved the peer since.
[[nodiscard]] std::uint64_t digest_of(const std::optional<Endpoint>& configured);

// Fills in a free slot for a session that begins, with its keys or without; the state is written last. The HMAC's key
// of AES-CBC has no room there.
void write(const PeerName& peer, const dataplane::InstallSession& session, const PeerPlace& place,
           dataplane::KeptSession& slot, bool with_keys = true);
// Where the peer is now.
void write_place(const PeerPlace& place, dataplane::KeptSession& slot);
// Nothing when the slot is free, half written or damaged.
[[nodiscard]] std::optional<SessionRecord> read(dataplane::KeptSession& slot);

}  // namespace warren::control
