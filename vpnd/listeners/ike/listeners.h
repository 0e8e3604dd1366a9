// IKE's listener: its sockets, its engine, and those who answer its asks: a thread that computes key exchanges, authd.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/random.h"
#include "vpnd/customers/listener_service.h"
#include "vpnd/ike/engine.h"
#include "vpnd/ike/sa_keeper.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/io/event_loop.h"
#include "vpnd/listeners/ike/authd_channel.h"
#include "vpnd/listeners/ike/key_exchange_thread.h"
#include "vpnd/listeners/ike/lease_store.h"

namespace warren::vpnd {

// Puts the engine into the control worker, speaks to it in IKE's own words, and brings it the answers to its asks.
// There is one listener of IKE, the appliance's. One thread.
class IkeListeners final : public ListenerService {
  public:
    // The references outlive it. Before the process confines itself: it starts a thread.
    [[nodiscard]] static Result<std::unique_ptr<IkeListeners>> make(io::ControlWorker& control,
                                                                    crypto::RandomSource& random);

    // Who had which address is kept there from now on; before the first open().
    [[nodiscard]] Status keep_leases_in(UniqueFd file) { return leases_.keep_in(std::move(file)); }

    // IKE_SAs are kept there from now on for the next process, instead of where they were; not with a table of another
    // form, until it was wiped. Their children's counters are in the control worker's keeper. The memory outlives this.
    // Returns what was there.
    ike::SaKeeper::Found keep_sas_in(std::span<ike::KeptSa> table, ike::SaKeeper::Lock lock);
    // The first generation is in force: what it did not take over is ended.
    struct Succession {
        std::size_t resumed = 0;
        std::size_t ended = 0;
    };
    [[nodiscard]] Succession end_succession(Now now);

    [[nodiscard]] Status open(const HeldListener& listener, ListenerSockets sockets) override;
    void change(Now now, const HeldListener& listener) override;
    void close(ListenerIndex listener) override;
    // Has connections instead of peers.
    void put_peer(Now now, const HeldCustomer& customer, const HeldPeer& peer) override;
    void put_connection(Now now, const HeldCustomer& customer, const HeldConnection& connection) override;
    void remove_connection(Now now, const Changes::RemoveConnection& gone) override;
    void operate(Now now, ConnectionIndex connection, ipc::ConnectionAction action) override;
    [[nodiscard]] std::string why_unserved(ConnectionIndex connection) const override;
    void forget_peer(Now now, ListenerIndex listener, const PeerIdentity& peer) override;
    void save(Now now, ListenerIndex listener, const control::Record& record) override;
    void note_changed(Now now, ListenerIndex listener, PeerIndex peer) override;
    void flush(Now now) override;

    // To authd, which is asked over it from now on.
    void attach_authd(ipc::Channel channel) { authd_.attach(std::move(channel)); }

    [[nodiscard]] int fd() const override { return loop_.fd(); }
    // Takes the engine's asks and brings it answers; says how many connections are not served, when that changed.
    void run(Now now) override;
    [[nodiscard]] Instant next_deadline() const override { return authd_.has_answered() ? Instant() : kNever; }

  private:
    IkeListeners(io::ControlWorker& control, crypto::RandomSource& random, io::EventLoop loop,
                 std::unique_ptr<KeyExchangeThread> exchanges);

    void drop(Now now, CustomerIndex customer, ConnectionIndex connection);
    void answer(Now now, ike::AskId id, ike::Answer answer);
    // False: nobody has answered anything.
    bool take_answers(Now now);
    void post_asks(Now now);
    void tell_unserved();

    io::ControlWorker& control_;
    crypto::RandomSource& random_;
    io::EventLoop loop_;
    std::unique_ptr<KeyExchangeThread> exchanges_;
    AuthdChannel authd_;
    LeaseStore leases_;
    std::optional<ike::SaKeeper> keeper_;  // nothing: IKE_SAs end with this process
    ListenerIndex listener_;
    ike::Engine* engine_ = nullptr;  // owned by the control worker; null: there is no listener
    std::unordered_map<CustomerIndex, std::unordered_set<ConnectionIndex>> served_;
    std::unordered_map<ConnectionIndex, std::string> unserved_;  // and why
    std::size_t told_ = 0;
};

}  // namespace warren::vpnd
