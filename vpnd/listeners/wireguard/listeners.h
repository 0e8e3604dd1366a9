// WireGuard's listeners: their engines, keys, and the timestamps that outlive a crash.
#pragma once

#include <unordered_map>

#include "base/fd.h"
#include "base/ids.h"
#include "base/log_gate.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "crypto/random.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/listeners/wireguard/timestamp_store.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/ephemeral_pool.h"

namespace warren::vpnd {

// Puts engines into the control worker and speaks to them in WireGuard's own words. One thread.
class WireguardListeners {
  public:
    // Both outlive it.
    WireguardListeners(io::ControlWorker& control, crypto::RandomSource& random);
    ~WireguardListeners();
    WireguardListeners(const WireguardListeners&) = delete;
    WireguardListeners& operator=(const WireguardListeners&) = delete;

    // Timestamps are kept there; without a call, in memory only.
    [[nodiscard]] Status keep_timestamps_in(UniqueFd file);

    // A new listener, or new sockets of a present one. As ControlWorker::open_listener.
    [[nodiscard]] Status open(ListenerIndex listener, crypto::PrivateKey private_key,
                              io::ControlWorker::Sockets sockets);
    // Its peers were removed before.
    void close(ListenerIndex listener);
    void change_private_key(Now now, ListenerIndex listener, crypto::PrivateKey private_key);
    // The timestamp floor is filled in here.
    void put_peer(Now now, ListenerIndex listener, wireguard::PeerConfig config);

    // Stores a record of an engine. One of another protocol's listener is ignored.
    void save(Now now, ListenerIndex listener, const control::Record& record);

  private:
    [[nodiscard]] wireguard::Engine* find(ListenerIndex listener) const;

    io::ControlWorker& control_;
    crypto::RandomSource& random_;
    wireguard::EphemeralPool ephemerals_;
    std::unordered_map<ListenerIndex, wireguard::Engine*> engines_;  // owned by the control worker
    TimestampStore timestamps_;
    LogGate timestamps_failed_;
};

}  // namespace warren::vpnd
