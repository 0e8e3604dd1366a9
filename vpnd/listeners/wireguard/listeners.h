// WireGuard's listeners: their engines, keys, UAPI sockets, and what outlives a crash: timestamps, and where peers are.
#pragma once

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/log_gate.h"
#include "base/result.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "crypto/random.h"
#include "vpnd/customers/listener_service.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/listeners/wireguard/peer_store.h"
#include "vpnd/listeners/wireguard/timestamp_store.h"
#include "vpnd/listeners/wireguard/uapi_server.h"
#include "vpnd/show/counters.h"
#include "vpnd/wireguard/engine.h"
#include "vpnd/wireguard/ephemeral_pool.h"

namespace warren::vpnd {

// Puts engines into the control worker and speaks to them in WireGuard's own words. One thread.
class WireguardListeners final : public ListenerService {
  public:
    // The references outlive it.
    [[nodiscard]] static Result<std::unique_ptr<WireguardListeners>> make(io::ControlWorker& control,
                                                                          const CustomerSet& customers,
                                                                          Counters& counters,
                                                                          crypto::RandomSource& random);
    ~WireguardListeners() override;
    WireguardListeners(const WireguardListeners&) = delete;
    WireguardListeners& operator=(const WireguardListeners&) = delete;

    // Timestamps are kept there; without a call, in memory only. Before the first listener.
    [[nodiscard]] Status keep_timestamps_in(UniqueFd file);
    // Where peers are is kept there; without a call, nowhere. Before the first listener.
    [[nodiscard]] Status keep_peers_in(UniqueFd file);

    [[nodiscard]] Status open(const HeldListener& listener, ListenerSockets sockets) override;
    void change(Now now, const HeldListener& listener) override;
    void close(ListenerIndex listener) override;
    // What is kept of the peer is filled in here.
    void put_peer(Now now, const HeldCustomer& customer, const HeldPeer& peer) override;
    void forget_peer(Now now, ListenerIndex listener, const PeerIdentity& peer) override;
    void save(Now now, ListenerIndex listener, const control::Record& record) override;
    void note_changed(Now now, ListenerIndex listener, PeerIndex peer) override;
    void flush(Now now) override;

    [[nodiscard]] int fd() const override { return uapi_.fd(); }
    void run(Now now) override;
    [[nodiscard]] Instant next_deadline() const override { return std::min(uapi_.next_deadline(), flush_at_); }

  private:
    static constexpr Duration kFlushInterval = std::chrono::seconds(1);

    WireguardListeners(io::ControlWorker& control, const CustomerSet& customers, UapiServer uapi,
                       crypto::RandomSource& random);
    void check_written(Now now, const char* event, const Status& written);
    [[nodiscard]] wireguard::Engine* find(ListenerIndex listener) const;
    [[nodiscard]] std::vector<control::SessionRecord> fill_in_kept(const wireguard::Engine& engine,
                                                                   wireguard::PeerConfig& config) const;
    void forget_other_keys(Now now, const wireguard::Engine& engine, PeerIndex peer,
                           const wireguard::Engine::ToKeep& kept);

    io::ControlWorker& control_;
    const CustomerSet& customers_;
    crypto::RandomSource& random_;
    wireguard::EphemeralPool ephemerals_;
    TokenBucket pace_;                                               // of our initiations
    std::unordered_map<ListenerIndex, wireguard::Engine*> engines_;  // owned by the control worker
    UapiServer uapi_;
    TimestampStore timestamps_;
    PeerStore peers_;
    std::unordered_map<PeerIndex, ListenerIndex> changed_;
    Instant flush_at_ = kNever;
    LogGate writes_failed_;
};

}  // namespace warren::vpnd
